"""`bitsback compress --scheduler`: inputs, outputs and messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result
from distributed import Client
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.cli.main import bitsback as command
from bitsback.dask import from_archive
from waiting import PATIENCE

Run = Callable[..., Result]


@pytest.fixture
def compress(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in its own folder, on the cluster of the tests."""
    monkeypatch.chdir(tmp_path)
    client.wait_for_workers(2, timeout=PATIENCE)

    def run(*arguments: str, address: str = client.scheduler.address) -> Result:
        line = ["compress", "--scheduler", address, *arguments]
        return CliRunner().invoke(command, line)

    return run


def array_of(manifest: Path) -> NDArray[Any]:
    return np.asarray(from_archive(manifest).compute(scheduler="sync"))


@pytest.mark.parametrize("kind", ["c.npy", "fortran.npy", "x.npz", "x.zarr"])
def test_arrays_in_files_that_all_workers_see(
    kind: str, compress: Run, digits: NDArray[np.bool_], tmp_path: Path
) -> None:
    if kind == "x.npz":
        np.savez(tmp_path / kind, digits=digits)
    elif kind == "x.zarr":
        stored = zarr.create_array(
            tmp_path / kind, shape=digits.shape, chunks=(50, 28, 28), dtype=bool
        )
        stored[:] = digits
    else:
        array = digits if kind == "c.npy" else np.asfortranarray(digits)
        np.save(tmp_path / kind, array)
    result = compress(kind, "-m", "mnist-binary", "--shard", "150", "-o", "out/d-{i}.bb")
    assert result.exit_code == 0, result.output
    assert "400 items in 3 archives, 3 of them new, 313,600 -> " in result.output
    assert (tmp_path / "out" / "d-2.bb").exists()
    assert np.array_equal(array_of(tmp_path / "out" / "manifest.json"), digits)


def test_a_folder_of_pictures(compress: Run, digits: NDArray[np.bool_], tmp_path: Path) -> None:
    (tmp_path / "scans" / "a").mkdir(parents=True)
    for number in range(4):
        Image.fromarray(digits[number]).save(tmp_path / "scans" / "a" / f"{number}.png")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(
        tmp_path / "scans" / "b.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
    )
    (tmp_path / "scans" / "readme.txt").write_text("about them")
    result = compress("scans")
    assert result.exit_code == 0, result.output
    assert "scans.shards/manifest.json: 6 files in 1 archive, 1 of them new" in result.output
    assert (
        CliRunner()
        .invoke(command, ["decompress", "scans.shards/part-0.bb", "-o", "back"])
        .exit_code
        == 0
    )
    assert np.array_equal(np.asarray(Image.open("back/a/3.png")), digits[3])
    assert Path("back/readme.txt").read_text() == "about them"
    result = compress("scans", "--pictures-only", "--files", "exact", "-o", "exact")
    assert "exact/manifest.json: 5 files in 1 archive, 1 of them new" in result.output
    assert "left out: *.txt: readme.txt" in result.output
    assert (
        CliRunner().invoke(command, ["decompress", "exact/part-0.bb", "-o", "same"]).exit_code == 0
    )
    for path in Path("same").rglob("*.*"):
        assert path.read_bytes() == Path("scans", *path.parts[1:]).read_bytes()


def test_urls_and_figures_as_json(compress: Run, digits: NDArray[np.bool_], tmp_path: Path) -> None:
    np.save(tmp_path / "digits.npy", digits)
    url = f"file://{tmp_path}"
    line = (f"{url}/digits.npy", "-o", f"{url}/out", "-m", "mnist-binary", "--shard", "200")
    figures = json.loads(compress(*line, "--json").stdout)
    assert (figures["shape"], figures["shards"], figures["new"]) == ([400, 28, 28], 2, 2)
    assert json.loads(compress(*line, "--json", "--assume-unchanged").stdout)["new"] == 0
    assert np.array_equal(array_of(tmp_path / "out" / "manifest.json"), digits)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.npy", "b.npy"], "there is one input"),
        (["-"], "no standard input or output"),
        (["nowhere.npy", "-o", "out"], "nowhere.npy: cannot be read: No such file"),
        (["two.npz"], "two.npz: has 2 arrays"),
        (["text.txt"], "only .npy and .npz files, Zarr arrays, and folders"),
        (["one.npy"], "one.npy: is one number"),
        (["cut.npy"], "cut.npy: has 100 bytes of data"),
        (["complex.npy"], "complex.npy: its dtype is complex128"),
        (["good.npy", "-o", "x.bb"], "put {i} where the number of each is to stand"),
        (["good.npy", "-o", "{i}/x.bb"], "{i} is to be once, in the last part of the name"),
        (["good.npy", "--embed", "always"], "a model lies beside the archives"),
        (["group.zarr"], "group.zarr: is no Zarr array"),
        (["empty"], "empty: has no files"),
        (["good.npy", "-m", "mnist-binary", "--shard", "3"], "the model mnist-binary codes"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], said: str, compress: Run, tmp_path: Path
) -> None:
    np.save("good.npy", np.zeros((9, 5, 5), np.uint8))
    np.save("one.npy", np.array(7))
    np.save("complex.npy", np.zeros(3, complex))
    np.savez("two.npz", a=np.zeros(3), b=np.zeros(4))
    zarr.create_group("group.zarr")
    Path("text.txt").write_text("text")
    Path("empty").mkdir()
    Path("cut.npy").write_bytes(Path("good.npy").read_bytes()[: 128 + 100])
    result = compress(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
    assert len(result.output.splitlines()) == 1


def test_schedulers_that_are_not_there(compress: Run) -> None:
    np.save("good.npy", np.zeros((9, 5, 5), np.uint8))
    for address, said in [
        ("local:none", "give local, or local:N"),
        ("nowhere.json", "nowhere.json: there is no such file of a scheduler"),
        ("htp://there", "no Dask scheduler answers there"),
    ]:
        result = compress("good.npy", address=address)
        assert (result.exit_code, said in result.output) == (2, True), result.output


def test_options_of_clusters_need_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["compress", "x.npy", "--shard", "3"])
    assert result.exit_code == 2
    assert "are for --scheduler" in result.output


def test_an_error_of_a_package_that_is_missing_goes_between_processes() -> None:
    import pickle

    error = bitsback.MissingExtra("zarr", "bitsback[zarr]", ".[zarr]")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
