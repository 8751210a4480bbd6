"""A cluster makes each shard once, even if workers or the caller die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dask.array as da
import dask.bag as db
import numpy as np
import pytest
from distributed import Client
from numpy.typing import NDArray

import bitsback
from bitsback.dask import from_archive, to_archives
from waiting import PATIENCE, until

MODEL = "mnist-binary"


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_bytes())


def same(manifest: str, array: NDArray[Any]) -> bool:
    return np.array_equal(np.asarray(from_archive(manifest)), array)


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """The inode and the times of each file, which show whether it was written anew."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.bb")
    }


def test_an_array_becomes_shards_and_comes_back(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    calls: list[tuple[int, int]] = []
    done = to_archives(
        lazy,
        tmp_path / "digits-{i}.bb",
        model=MODEL,
        shard=50,
        block=25,
        progress=lambda *call: calls.append(call),
    )
    assert (done.shape, done.shards, done.new) == ((400, 28, 28), 8, 8)
    assert calls == [(number, 8) for number in range(1, 9)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"digits-{number}.bb" for number in range(8)),
        "manifest.json",
    ]
    array = from_archive(done.manifest)
    assert array.chunks[0] == (25,) * 16
    assert np.array_equal(array.compute(), digits)
    whole = bitsback.decompress(tmp_path / "digits-3.bb")
    assert whole is not None
    assert np.array_equal(whole, digits[150:200])


def test_the_manifest_says_what_there_is(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    from hashlib import sha256

    to_archives(lazy, tmp_path, model=MODEL, shard=150)
    manifest = manifest_of(tmp_path)
    assert (manifest["kind"], manifest["shape"], manifest["dtype"]) == (
        "array",
        [400, 28, 28],
        "|b1",
    )
    assert manifest["bitsback"] == bitsback.__version__
    identity = bitsback.load_model(MODEL).identity.hex()
    assert manifest["model"] == {"identity": identity, "file": None}
    for number, shard in enumerate(manifest["shards"]):
        data = (tmp_path / shard["file"]).read_bytes()
        part = digits[150 * number : 150 * (number + 1)]
        assert (shard["bytes"], shard["sha256"]) == (len(data), sha256(data).hexdigest())
        assert (shard["shape"], shard["input_bytes"]) == (list(part.shape), part.nbytes)


def test_a_worker_that_is_killed_loses_nothing(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    workers = cluster.run(os.getpid)
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if not killed:
            killed.append(next(iter(workers.values())))
            os.kill(killed[0], signal.SIGKILL)

    # A slow input, so that the worker is busy.
    slow = lazy.map_blocks(lambda block: (time.sleep(0.1), block)[1], dtype=bool)
    done = to_archives(slow, tmp_path, model=MODEL, shard=25, progress=kill)
    assert killed
    assert killed[0] not in cluster.run(os.getpid).values()
    assert (done.shards, len(manifest_of(tmp_path)["shards"])) == (16, 16)
    assert same(done.manifest, digits)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".bb", ".json", ".tmp"}


def test_a_run_that_died_does_what_is_missing_when_it_is_started_again(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    """The process that requested the shards is killed, as if its machine had failed."""
    np.save(tmp_path / "digits.npy", digits)
    folder = tmp_path / "shards"
    command = [
        *(sys.executable, "-m", "bitsback", "compress", "digits.npy", "-o", "shards"),
        *("-m", MODEL, "--shard", "10", "--scheduler", cluster.scheduler.address),
    ]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    until(lambda: len(list(folder.glob("*.bb"))) >= 3, first)
    first.kill()
    first.communicate(timeout=PATIENCE)
    # The cluster drops tasks that nobody waits for, but workers finish tasks that they have begun.
    until(lambda: not cluster.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
    until(lambda: not any(cluster.run(lambda dask_worker: len(dask_worker.state.tasks)).values()))
    before = stamps(folder)
    assert not (folder / "manifest.json").exists()
    again = subprocess.run(
        [*command, "--json"], cwd=tmp_path, capture_output=True, check=True, timeout=120
    )
    figures = json.loads(again.stdout)
    after = stamps(folder)
    assert figures["shards"] == len(after) == 40
    assert figures["new"] == 40 - len(before)
    assert before.items() <= after.items()
    assert same(str(folder / "manifest.json"), digits)


def test_a_set_that_is_complete_is_not_made_again(
    cluster: Client, lazy: Any, tmp_path: Path
) -> None:
    to_archives(lazy, tmp_path, model=MODEL, shard=100)
    before, manifest = stamps(tmp_path), manifest_of(tmp_path)
    again = to_archives(lazy, tmp_path, model=MODEL, shard=100)
    assert (again.new, stamps(tmp_path), manifest_of(tmp_path)) == (0, before, manifest)


def test_a_shard_that_is_damaged_or_gone_is_made_again(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    done = to_archives(lazy, tmp_path, model=MODEL, shard=50)
    before = stamps(tmp_path)
    cut, gone = tmp_path / "part-1.bb", tmp_path / "part-5.bb"
    cut.write_bytes(cut.read_bytes()[:-20])
    gone.unlink()
    assert to_archives(lazy, tmp_path, model=MODEL, shard=50, assume_unchanged=True).new == 2
    changed = {name for name, stamp in stamps(tmp_path).items() if before[name] != stamp}
    assert changed == {"part-1.bb", "part-5.bb"}
    assert same(done.manifest, digits)


def test_another_input_does_not_pass_for_the_same(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    """One differing element is enough; existing shards are replaced only on request."""
    to_archives(lazy, tmp_path, model=MODEL, shard=100)
    before, changed = stamps(tmp_path), digits.copy()
    changed[250, 3, 3] ^= True
    other = da.from_array(changed, chunks=100)
    with pytest.raises(bitsback.InputError, match=r"part-2\.bb: exists already.*--force"):
        to_archives(other, tmp_path, model=MODEL, shard=100)
    assert stamps(tmp_path) == before
    assert to_archives(other, tmp_path, model=MODEL, shard=100, force=True).new == 1
    assert same(str(tmp_path / "manifest.json"), changed)
    with pytest.raises(bitsback.InputError, match="exists already"):
        to_archives(other, tmp_path, model="mnist-binary-paper", shard=100)
    with pytest.raises(bitsback.InputError, match="is of other shards"):
        to_archives(other, tmp_path, model=MODEL, shard=30)


def test_two_runs_at_once_do_not_tear_a_shard(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    from threading import Thread

    def run() -> None:
        with cluster.as_current():
            to_archives(lazy, tmp_path, model=MODEL, shard=25)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(str(tmp_path / "manifest.json"), digits)
    with bitsback.open(tmp_path / "part-07.bb") as archive:
        assert archive.verify() == []


def test_a_bag_of_arrays_is_a_shard_for_each_partition(
    cluster: Client, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    bag = db.from_sequence(list(digits[:60]), npartitions=3)
    done = to_archives(bag, tmp_path, model=MODEL)
    assert (done.shape, done.shards) == ((60, 28, 28), 3)
    assert same(done.manifest, digits[:60])
    with pytest.raises(bitsback.InputError, match="a bag is one of arrays of one shape"):
        to_archives(db.from_sequence([("a", digits[0])]), tmp_path / "pairs")


def test_an_input_that_fails_stops_the_run_with_its_own_error(
    cluster: Client, lazy: Any, tmp_path: Path
) -> None:
    def fail(block: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        if block_info[0]["chunk-location"][0] == 3:
            raise ZeroDivisionError("of the input")
        return block

    with pytest.raises(ZeroDivisionError, match="of the input"):
        to_archives(lazy.map_blocks(fail, dtype=bool), tmp_path, model=MODEL, shard=50)
    assert not (tmp_path / "manifest.json").exists()


def test_a_shard_that_kills_its_workers_is_named(
    cluster: Client, lazy: Any, tmp_path: Path
) -> None:
    deadly = lazy.map_blocks(
        lambda block: os.kill(os.getpid(), signal.SIGKILL) or block, dtype=bool, meta=lazy._meta
    )
    cluster.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    try:
        with pytest.raises(bitsback.InputError, match="make smaller shards"):
            to_archives(deadly[:50], tmp_path, model=MODEL)
    finally:
        cluster.run_on_scheduler(
            lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 3)
        )
