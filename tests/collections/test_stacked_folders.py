"""Pictures of a folder that are coded as a stack, each like the one before it."""

from __future__ import annotations

import io
import os
from bisect import bisect
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.archive.inputs.request import Request
from bitsback.compress_options import CompressOptions
from bitsback.files.npy import ArrayItems
from bitsback.format.array_part import BYTES, COUNTED, ONE, ArrayPart
from folders import save
from plane_models import StandIn, ship

from .conftest import Run, files, pixels


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return ship(monkeypatch)


def volume(slices: int, rows: int, columns: int, seed: int = 0) -> NDArray[np.uint8]:
    """Slices of a smooth body with a grain, of which each is like the one before it."""
    grain = np.random.default_rng(seed).normal(0, 1, (slices + 8, rows, columns))
    grain = np.array([grain[start : start + 8].sum(0) for start in range(slices)])
    z, y, x = np.ogrid[0 : 2 : 1j * slices, 0 : 3 : 1j * rows, 0 : 3 : 1j * columns]
    return (128 + 60 * np.sin(z + x * y + seed) + 3 * grain).clip(0, 255).astype(np.uint8)


def written(folder: Path, pictures: NDArray[np.uint8], start: int = 0) -> Path:
    for number, picture in enumerate(pictures, start):
        save(picture, folder / f"{number:03}.png")
        os.utime(folder / f"{number:03}.png", ns=(0, 10**18 + number))
    return folder


def assert_restored(folder: Path, out: Path) -> None:
    assert files(out) == files(folder)
    for name in files(folder):
        assert (out / name).stat().st_mtime_ns == (folder / name).stat().st_mtime_ns
        if Path(name).suffix == ".png":
            assert pixels(out / name)[0] == pixels(folder / name)[0]
            assert np.array_equal(pixels(out / name)[1], pixels(folder / name)[1])
        else:
            assert (out / name).read_bytes() == (folder / name).read_bytes()


def are_stacks(archive: Path) -> list[bool]:
    with bitsback.open(archive) as opened:
        return [part["stack"] for part in opened.info()["parts"] if not part["held"]]


@pytest.mark.parametrize("colours", [False, True])
def test_slices_of_a_volume_take_fewer_bytes(tmp_path: Path, colours: bool) -> None:
    slices = volume(16, 36, 48)
    if colours:
        slices = np.stack([slices, 255 - slices // 2, slices // 3], -1)
    folder, archive, alone = written(tmp_path / "in", slices), tmp_path / "x.bb", tmp_path / "y.bb"
    stacked, apart = (
        bitsback.compress(folder, archive),
        bitsback.compress(folder, alone, stack=False),
    )
    assert are_stacks(archive) == [True] and are_stacks(alone) == [False]
    assert stacked.bytes_out < 0.9 * apart.bytes_out
    bitsback.compress(folder, alone, purpose="random-access", force=True)
    assert are_stacks(alone) == [False]
    with bitsback.open(archive) as opened:
        assert opened.verify() == [] and len(opened) == 16
        assert np.array_equal(opened["013.png"], slices[13])
        assert np.array_equal(opened[5][3:9, ::-2], slices[5][3:9, ::-2])
        assert opened.info()["parts"][0]["items"] == 16
    bitsback.decompress(archive, tmp_path / "out")
    assert_restored(folder, tmp_path / "out")


def test_a_stack_that_does_not_pay_costs_nothing(tmp_path: Path) -> None:
    pictures = np.concatenate([volume(1, 40, 50, seed) for seed in range(9)])
    folder = written(tmp_path / "in", pictures)
    by_trial = bitsback.compress(folder, tmp_path / "x.bb")
    assert are_stacks(tmp_path / "x.bb") == [False]
    alone = bitsback.compress(folder, tmp_path / "y.bb", stack=False)
    assert by_trial.bytes_out == alone.bytes_out


@pytest.mark.parametrize("tile", [16, 64])
def test_files_come_back(tmp_path: Path, run: Run, model: StandIn, tile: int) -> None:
    """With other files among them, in one tile a strip and in several."""
    slices = volume(40, 30, 50)
    folder = written(tmp_path / "in", slices)
    save(np.stack([slices[0][:9]] * 3, -1), folder / "005a.png")
    (folder / "010.txt").write_bytes(b"a note")
    options = ("--tile", tile, "--stack", "--files", "pixels")
    result = run("compress", folder, "-o", "x.bb", *options)
    assert result.exit_code == 0, result.output
    assert are_stacks(Path("x.bb")) == [True, False]
    assert "40 x 30 x 50 uint8, a stack, in tiles" in run("info", "x.bb").stdout
    assert run("decompress", "x.bb", "-o", "out").exit_code == 0
    assert_restored(folder, Path("out"))
    assert run("extract", "x.bb", "034.png", "-o", "some").exit_code == 0
    assert files(Path("some")) == ["034.png"]
    assert np.array_equal(pixels(Path("some/034.png"))[1], slices[34])
    listed = run("list", "-l", "x.bb").stdout.splitlines()
    assert len([line for line in listed if ".png" in line and " 0 " not in line]) == 41, listed
    assert run("compress", folder, "-o", "y.bb", "--stack", "--rm").exit_code == 0
    assert not folder.exists()


def test_archives_are_merged(tmp_path: Path, model: StandIn) -> None:
    slices = volume(12, 30, 50)
    for name, start in (("a", 0), ("b", 7)):
        some = slices[start : start + 7][: 12 - start]
        bitsback.compress(
            written(tmp_path / name, some, start), tmp_path / f"{name}.bb", stack=True
        )
    bitsback.merge([tmp_path / "a.bb", tmp_path / "b.bb"], tmp_path / "ab.bb")
    assert are_stacks(tmp_path / "ab.bb") == [True, True]
    bitsback.decompress(tmp_path / "ab.bb", tmp_path / "out")
    assert_restored(written(tmp_path / "all", slices), tmp_path / "out")


@pytest.mark.parametrize("tile", [16, 64])
def test_damage_costs_the_slices_of_a_strip(tmp_path: Path, model: StandIn, tile: int) -> None:
    slices, file = volume(70, 30, 50), io.BytesIO()
    folder = written(tmp_path / "in", slices)
    bitsback.compress(folder, file, stack=True, tile=tile, block=1, files="pixels")
    data = bytearray(file.getvalue())
    with bitsback.open(bytes(data)) as archive:
        parts, starts = archive.reader.collection.parts, archive.reader.collection.starts
        *_, last = (
            b for b in archive.reader.blocks if parts[bisect(starts, b.first) - 1].axes != BYTES
        )
    data[last.offset + last.size // 2] ^= 1
    summary = bitsback.decompress(bytes(data), tmp_path / "out", keep_going=True)
    assert summary.lost == tuple(f"{number:03}.png" for number in range(48, 70))
    assert files(tmp_path / "out") == [f"{number:03}.png" for number in range(48)]
    assert np.array_equal(pixels(tmp_path / "out" / "047.png")[1], slices[47])


def test_pictures_that_are_smaller_as_files_are_stored_verbatim(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 40, 40)).astype(np.uint8)
    for number, picture in enumerate(noise):
        save(picture.repeat(6, 0).repeat(6, 1), tmp_path / "in" / f"{number}.png")
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb", stack=True, model="fast")
    assert summary.bytes_out <= summary.disk_in + 5 * 60
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "in")


def test_large_pictures_are_no_stack_unless_asked_for() -> None:
    array = np.empty((6, 3000, 3000), np.uint8)
    part = ArrayPart.of_items("|u1", array.shape[1:], 6)
    by_trial, _ = Request().arranged_pictures(part, ArrayItems(array, "x"))
    assert by_trial.axes == COUNTED and by_trial.cut == (1024, 1024)
    options = CompressOptions(stack=True)
    asked, _ = Request(options=options).arranged_pictures(part, ArrayItems(array, "x"))
    assert asked.axes == ONE and asked.cut is not None and asked.cut[0] == 3
