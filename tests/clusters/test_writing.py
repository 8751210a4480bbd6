"""A cluster makes each shard once, even if workers or the caller die, and shards become one
archive.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client
from numpy.typing import NDArray

import bitsback
from bitsback.dask import from_archive, to_archive, to_shards, writing
from bitsback.io.file_lock import open_locked
from folders import contents_of, save
from waiting import PATIENCE, until

MODEL = "mnist-binary"


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """The inode and the times of each file, which show whether it was written anew."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.bb")
    }


def contents(shards: list[str]) -> NDArray[Any]:
    return np.concatenate([bitsback.decompress(path) for path in shards])


def test_an_array_becomes_one_archive_and_comes_back(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    to_archive(lazy, tmp_path / "digits.bb", model=MODEL, shard=100, block=25)
    assert [path.name for path in tmp_path.iterdir()] == ["digits.bb"]
    array = from_archive(tmp_path / "digits.bb")
    assert array.chunks[0] == (25,) * 16
    assert np.array_equal(array.compute(), digits)


def test_shards_follow_one_another(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    shards = to_shards(lazy, tmp_path, model=MODEL, shard=150)
    assert [Path(shard).name.partition("-")[0] for shard in shards] == ["0", "1", "2"]
    assert {Path(shard).parent for shard in shards} == {tmp_path}
    assert np.array_equal(contents(shards), digits)
    assert len(to_shards(lazy, tmp_path / "whole", model=MODEL)) == 1


@pytest.mark.parametrize("length", [2, 3])
@pytest.mark.parametrize("shape", [(40,), (0, 4, 4), (5, 70, 90), (4, 70, 90, 3)])
def test_arrays_of_any_shape(shape: tuple[int, ...], length: int, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with dask.config.set(scheduler="sync"):
        to_archive(da.from_array(array, chunks=2), tmp_path / "x.bb", shard=length, tile=32)
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert np.array_equal(archive, array)


def test_files_keep_their_names_below_the_folder(cluster: Client, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(7):
        shape = (9, 11) if number % 3 else (6, 5, 3)
        place = tmp_path / "scans" / ("deep/er" if number % 2 else "deep") / f"{number}.png"
        save(random.integers(0, 256, shape, np.uint8), place)
    (tmp_path / "scans" / "readme.txt").write_text("about them")
    to_archive(tmp_path / "scans", tmp_path / "scans.bb", shard=3)
    bitsback.decompress(tmp_path / "scans.bb", tmp_path / "back")
    files = contents_of(tmp_path / "scans")
    assert len(files) == 8 and contents_of(tmp_path / "back") == files
    listed = sorted((tmp_path / "scans").rglob("*.png"))
    to_archive(listed, tmp_path / "listed.bb", shard=2)
    with bitsback.open(tmp_path / "listed.bb") as archive:
        assert sorted(archive.names) == sorted(
            path.relative_to(tmp_path / "scans" / "deep").as_posix() for path in listed
        )
    with pytest.warns(bitsback.InputWarning, match=r"left out: \*\.txt: readme\.txt"):
        to_archive(tmp_path / "scans", tmp_path / "pictures.bb", pictures_only=True)


def test_copies_of_files_in_one_shard_and_in_two(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    content = [np.random.default_rng(number).bytes(3000) for number in range(2)]
    for number, name in enumerate("abcdef"):
        (tmp_path / "in" / name).write_bytes(content[number // 3])
    to_archive(tmp_path / "in", tmp_path / "x.bb", shard=2)
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.verify() == []
        for number, name in enumerate("abcdef"):
            assert archive.open(name).getvalue() == content[number // 3]


def test_a_worker_that_is_killed_loses_nothing(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    workers = set(cluster.run(os.getpid).values())
    killed = tmp_path / "killed"

    def kill_once(block: NDArray[Any]) -> NDArray[Any]:
        try:
            killed.touch(exist_ok=False)
        except FileExistsError:
            return block
        os.kill(os.getpid(), signal.SIGKILL)
        return block

    deadly = lazy.map_blocks(kill_once, dtype=bool, meta=lazy._meta)
    shards = to_shards(deadly, tmp_path / "shards", model=MODEL, shard=25)
    assert set(cluster.run(os.getpid).values()) != workers
    assert np.array_equal(contents(shards), digits)


def test_results_that_have_arrived_survive_their_worker(
    cluster: Client, lazy: Any, tmp_path: Path
) -> None:
    """The input of their shards is not read again."""
    read = tmp_path / "read"

    def record(block: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        with read.open("a") as file:
            file.write(f"{block_info[0]['chunk-location'][0]}\n")
        return block

    def addresses() -> set[str]:
        return cluster.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.workers))

    def kill_worker(done: int, total: int) -> None:
        if done == total - 1:
            address, pid = cluster.run(os.getpid).popitem()
            os.kill(pid, signal.SIGKILL)
            until(lambda: len(addresses() - {address}) == 2)

    blocks = lazy.map_blocks(record, dtype=bool, meta=lazy._meta)
    to_shards(blocks, tmp_path / "shards", model=MODEL, shard=50, progress=kill_worker)
    runs = Counter(read.read_text().split())
    assert len(runs) == 8
    assert list(runs.values()).count(1) >= 7


def test_a_run_that_died_does_what_is_missing_when_it_is_started_again(
    cluster: Client, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    """The process that requested the shards is killed, as if its machine had failed."""
    np.save(tmp_path / "digits.npy", digits)
    folder = tmp_path / "digits.bb.shards"
    script = (
        "import dask.array as da, numpy as np\n"
        "from distributed import Client\n"
        "from bitsback.dask import to_archive\n"
        f"with Client({cluster.scheduler.address!r}):\n"
        "    array = da.from_array(np.load('digits.npy'), chunks=(50, 28, 28))\n"
        f"    to_archive(array, 'digits.bb', model={MODEL!r}, shard=10)\n"
    )
    command = [sys.executable, "-c", script]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    until(lambda: len(list(folder.glob("*.bb"))) >= 3, first)
    first.kill()
    first.communicate(timeout=PATIENCE)
    # The cluster drops tasks that nobody waits for, but workers finish tasks that they have begun.
    until(lambda: not cluster.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
    until(lambda: not any(cluster.run(lambda dask_worker: len(dask_worker.state.tasks)).values()))
    before = stamps(folder)
    array = da.from_array(digits, chunks=50)
    shards = to_shards(array, folder, model=MODEL, shard=10)
    after = stamps(folder)
    assert len(after) == 40 > len(before)
    assert before.items() <= after.items()
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=PATIENCE)
    assert not any(Path(shard).exists() for shard in shards)
    with bitsback.open(tmp_path / "digits.bb") as archive:
        assert np.array_equal(archive, digits)


def test_a_shard_that_is_damaged_or_gone_is_made_again(
    cluster: Client, lazy: Any, tmp_path: Path
) -> None:
    shards = to_shards(lazy, tmp_path, model=MODEL, shard=50)
    before = stamps(tmp_path)
    cut, gone = Path(shards[1]), Path(shards[5])
    cut.write_bytes(cut.read_bytes()[:-20])
    gone.unlink()
    assert to_shards(lazy, tmp_path, model=MODEL, shard=50) == shards
    changed = {name for name, stamp in stamps(tmp_path).items() if before[name] != stamp}
    assert changed == {cut.name, gone.name}


def test_another_input_or_option_is_another_shard(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    """One differing element is enough."""
    first = to_shards(lazy, tmp_path, model=MODEL, shard=100)
    changed = digits.copy()
    changed[250, 3, 3] ^= True
    second = to_shards(da.from_array(changed, chunks=100), tmp_path, model=MODEL, shard=100)
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, True, False, True]
    assert np.array_equal(contents(second), changed)
    assert not {*first} & {*to_shards(lazy, tmp_path, model=MODEL, shard=100, block=10)}
    assert first == to_shards(lazy, tmp_path, model=MODEL, shard=100, threads=2)


def test_changes_beside_the_bytes_of_files_are_another_shard(tmp_path: Path) -> None:
    source, shards = tmp_path / "scans", tmp_path / "shards"
    (source / "a").mkdir(parents=True)
    for number in range(4):
        (source / f"a/{number}").write_bytes(bytes(9))
    changes = [
        lambda: os.utime(source / "a/0", (5, 5)),
        lambda: (source / "a/1").chmod(0o600),
        lambda: (source / "link").symlink_to("a/0"),
        lambda: (source / "empty").mkdir(),
    ]
    with dask.config.set(scheduler="sync"):
        before = to_shards(source, shards, shard=2)
        for change in changes:
            change()
            after = to_shards(source, shards, shard=2)
            assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]
            before = after
    bitsback.merge(before, tmp_path / "scans.bb")
    bitsback.decompress(tmp_path / "scans.bb", tmp_path / "back")
    assert (tmp_path / "back/a/0").stat().st_mtime == 5
    assert stat.S_IMODE((tmp_path / "back/a/1").stat().st_mode) == 0o600
    assert (tmp_path / "back/link").readlink() == Path("a/0")
    assert (tmp_path / "back/empty").is_dir()


@pytest.mark.parametrize("on_cluster", [False, True])
def test_progress_counts_shards(
    on_cluster: bool, request: pytest.FixtureRequest, lazy: Any, tmp_path: Path
) -> None:
    if on_cluster:
        request.getfixturevalue("cluster")
    reports: list[Any] = []

    class Progress:
        def __call__(self, done: int, total: int) -> None:
            reports.append((done, total))

        def stage(self, name: str) -> None:
            reports.append(name)

    to_archive(lazy, tmp_path / "x.bb", model=MODEL, shard=100, progress=Progress())
    assert reports[:6] == ["compressing", (1, 4), (2, 4), (3, 4), (4, 4), "merging"]
    assert reports.index("verifying") > 6


def test_tasks_may_make_shards_on_their_own_cluster(cluster: Client, tmp_path: Path) -> None:
    """They do not keep the threads of all workers while they wait."""
    array = da.zeros((4, 2, 2), dtype=np.uint8)
    futures = [cluster.submit(to_shards, array, tmp_path / name, shard=2) for name in "ab"]
    for future in futures:
        assert len(future.result(timeout=PATIENCE)) == 2


def test_two_runs_at_once_do_not_tear_a_shard(
    cluster: Client, lazy: Any, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    from threading import Thread

    def run() -> None:
        with cluster.as_current():
            to_shards(lazy, tmp_path, model=MODEL, shard=25)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(contents(sorted(map(str, tmp_path.glob("*.bb")))), digits)


def test_a_shard_that_another_run_is_putting_in_place_counts_as_made(
    lazy: Any, digits: NDArray[np.bool_], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = writing.write_archive

    def write_first_elsewhere(content: Any, place: Any, options: Any) -> None:
        write(content, place, options)
        with open_locked(place, "r+b", place.name):
            write(content, place, options)

    monkeypatch.setattr(writing, "write_archive", write_first_elsewhere)
    with dask.config.set(scheduler="synchronous"):
        shards = to_shards(lazy, tmp_path, model=MODEL, shard=25)
    assert np.array_equal(contents(shards), digits)


def test_a_shard_that_cannot_be_made_is_an_error(
    lazy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(content: Any, place: Any, options: Any) -> None:
        raise bitsback.InputError("full disk")

    monkeypatch.setattr(writing, "write_archive", refuse)
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.raises(bitsback.InputError, match="full disk"),
    ):
        to_shards(lazy, tmp_path, model=MODEL, shard=25)


def test_an_existing_archive_is_replaced_only_on_request(tmp_path: Path) -> None:
    array = da.zeros((4, 2, 2), dtype=np.uint8)
    (tmp_path / "x.bb").write_text("mine")
    with pytest.raises(bitsback.InputError, match=r"x\.bb: exists already.*force=True"):
        to_archive(array, tmp_path / "x.bb")
    to_archive(array, tmp_path / "x.bb", force=True)
    assert from_archive(tmp_path / "x.bb").shape == (4, 2, 2)


def test_an_input_that_fails_stops_the_run_with_its_own_error(
    cluster: Client, lazy: Any, tmp_path: Path
) -> None:
    def fail(block: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        if block_info[0]["chunk-location"][0] == 3:
            raise ZeroDivisionError("of the input")
        return block

    broken = lazy.map_blocks(fail, dtype=bool)
    with pytest.raises(ZeroDivisionError, match="of the input"):
        to_archive(broken, tmp_path / "x.bb", model=MODEL, shard=50)
    assert not (tmp_path / "x.bb").exists()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (da.zeros((90, 70), dtype=np.uint8), "is one picture"),
        (da.zeros((), dtype=np.uint8), "is one number"),
        (da.zeros((4, 2), dtype=complex), "its dtype is complex128"),
        (da.arange(9)[da.arange(9) > 3], "compute_chunk_sizes"),
        ("nowhere", "nowhere: is no folder on a disk"),
        ([], "list of no files"),
    ],
)
def test_inputs_that_cannot_be_shards(source: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(bitsback.InputError, match=said):
        to_archive(source, tmp_path / "x.bb", shard=30)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option",
    [
        {"unordered": True}, {"labels": "y"}, {"resume": True}, {"parity": 5}, {"skip_bad": True},
        {"shard": 0},
    ],
)  # fmt: skip
def test_options_of_one_archive_are_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    [name] = option
    with pytest.raises(bitsback.InputError, match=name):
        to_archive(da.zeros((4, 2, 2), dtype=np.uint8), tmp_path / "x.bb", **option)
    assert not list(tmp_path.iterdir())


def test_previews_and_hashes_are_merged(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(4):
        pixels = random.integers(0, 256, (300, 300, 3), np.uint8)
        save(pixels, tmp_path / "scans" / f"{number}.png")
    to_archive(
        tmp_path / "scans", tmp_path / "scans.bb",
        shard=2, previews=True, hashes="sha256",
    )  # fmt: skip
    with bitsback.open(tmp_path / "scans.bb") as archive:
        assert all(archive.preview(number) for number in range(4))
        assert archive.hashes is not None
        assert len(archive.hashes) == 4
