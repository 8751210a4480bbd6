"""Pixels that a JPEG decoder made are coded by the coefficients behind them, and come back."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback import _core
from bitsback.coding.decoded import decode_pixels, encode_pixels, find_behind
from bitsback.errors import ArchiveError
from bitsback.format.runs import Run
from bitsback.format.tiles import Tiles
from decoded_pictures import BAD, DECODED, SHAPE, SOUND, decoded, pixels_of
from folders import save
from jpeg_files import jpeg, picture


def coded(*tiles: NDArray[np.uint8]) -> bytes:
    """The data of a block of tiles, which are checked to come back."""
    behind = [find_behind(np.ascontiguousarray(tile)) for tile in tiles]
    data = encode_pixels(Tiles.from_arrays(tiles, np.dtype("u1")), [one for one in behind if one])
    assert data is not None
    runs = [Run(1, tile.dtype, tile.shape, None) for tile in tiles]
    flat = np.concatenate([tile.reshape(-1) for tile in tiles])
    np.testing.assert_array_equal(decode_pixels(memoryview(data), runs), flat)
    return data


def unpacked(data: bytes, shape: tuple[int, ...] = SHAPE) -> NDArray[np.uint8]:
    return decode_pixels(memoryview(data), [Run(1, np.dtype("u1"), shape, None)])


@pytest.mark.parametrize("quality", [20, 75, 95, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2, "grey"])
def test_the_decoder_makes_the_pixels_of_libjpeg(quality: int, subsampling: Any) -> None:
    """Of odd and even sizes, and of noise, whose samples are clamped."""
    rng = np.random.default_rng(quality)
    mode, options = ("L", {}) if subsampling == "grey" else ("RGB", {"subsampling": subsampling})
    for rows, columns in ((64, 48), (37, 51), (9, 70)):
        noise = rng.integers(0, 256, (rows, columns, 3), np.uint8)
        for image in (picture(mode, rows, columns), Image.fromarray(noise).convert(mode)):
            stream = jpeg(image, quality=quality, **options)
            made = np.frombuffer(_core.jpeg_pixels(np.frombuffer(stream, np.uint8)), np.uint8)
            np.testing.assert_array_equal(made, pixels_of(stream).reshape(-1))


@pytest.mark.parametrize("name", DECODED)
def test_what_was_a_jpeg_is_found(name: str) -> None:
    pixels = DECODED[name]()
    data = coded(pixels)
    if "cropped" not in name:
        assert len(data) < 0.45 * pixels.size


@pytest.mark.parametrize(
    "options",
    [
        {"qtables": [[3 + n // 3 for n in range(64)], [5 + n // 2 for n in range(64)]]},
        {"qtables": [[7] * 64, [11] * 64]},
    ],
)
def test_other_tables_are_found(options: dict[str, Any]) -> None:
    pixels = decoded(rows=96, columns=96, subsampling=0, **options)
    behind = find_behind(pixels)
    assert behind is not None
    tables = options["qtables"]
    for steps, table in zip(behind.steps, [tables[0], tables[1], tables[1]], strict=True):
        natural = sorted(range(64), key=lambda r: _zigzag(r // 8, r % 8))
        assert [steps[k] for k in range(10)] == [table[natural[k]] for k in range(10)]


def test_steps_without_evidence_keep_zeros() -> None:
    """A table that is no multiple of the usual ones, as mozjpeg's, and few coefficients."""
    table = [8 + n // 8 * 3 + n % 8 * 3 for n in range(64)]
    stream = jpeg(picture("RGB", 160, 160), qtables=[table, table], subsampling=2)
    assert len(coded(pixels_of(stream))) < len(stream)


def test_a_few_pixels_of_no_colour_do_not_end_the_search() -> None:
    """As libjpeg 9 makes, whose constants differ."""
    pixels = decoded(rows=96, columns=96, subsampling=0, quality=85)
    least = len(coded(pixels))
    pixels[::17, ::13, 1] ^= 1
    assert len(coded(pixels)) < least + 250


def _zigzag(row: int, column: int) -> tuple[int, int]:
    return row + column, column if (row + column) % 2 == 0 else row


def test_any_pixels_come_back() -> None:
    """What the coefficients do not make is corrected."""
    pixels = decoded(rows=64, columns=64)
    behind = find_behind(pixels)
    assert behind is not None
    rng = np.random.default_rng(1)
    for share in (0, 0.001, 0.1, 1):
        changed = np.where(
            rng.random(pixels.shape) < share, rng.integers(0, 256, pixels.shape), pixels
        ).astype(np.uint8)
        data = encode_pixels(Tiles.stacked(changed[np.newaxis]), [behind])
        assert data is not None
        np.testing.assert_array_equal(unpacked(data, pixels.shape), changed.reshape(-1))


def test_tiles_share_what_is_learned() -> None:
    one = DECODED["4:2:0"]()
    grey = DECODED["grey"]()
    apart = 3 * len(coded(one)) + len(coded(grey))
    assert len(coded(one, one, grey, one)) < 0.75 * apart


@pytest.mark.parametrize(
    "pixels",
    [
        np.asarray(picture("L", 64, 64)),
        np.asarray(picture("RGB", 64, 64)),
        np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8),
        np.zeros((64, 64, 3), np.uint8),
        np.full((64, 64), 255, np.uint8),
        np.zeros((3, 3), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64), np.uint16),
    ],
)
def test_what_was_none_is_left(pixels: NDArray[Any]) -> None:
    assert find_behind(np.ascontiguousarray(pixels)) is None


def test_a_folder_comes_back(tmp_path: Path) -> None:
    """Of pictures that were JPEG, and others between them."""
    folder = tmp_path / "in"
    for number, pixels in enumerate([*(make() for make in DECODED.values()), picture(rows=70)]):
        save(np.asarray(pixels), folder / f"{number:02}.png")
    summary = bitsback.compress(folder, tmp_path / "x.bb")
    assert summary.methods["decoded"] >= 1
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    for file in folder.iterdir():
        np.testing.assert_array_equal(Image.open(tmp_path / "out" / file.name), Image.open(file))


def test_a_block_of_both_kinds_is_cut(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    pictures = [
        decoded(rows=64 + n, quality=70) if n in (0, 3, 4) else np.asarray(picture(rows=64 + n))
        for n in range(6)
    ]
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{number}.bmp")
    summary = bitsback.compress(folder, tmp_path / "x.bb", block=6)
    assert summary.methods["decoded"] == 2
    with bitsback.Archive(tmp_path / "x.bb") as archive:
        for number, pixels in enumerate(pictures):
            np.testing.assert_array_equal(archive[number], pixels)


def test_fast_does_not_search(tmp_path: Path) -> None:
    summary = bitsback.compress(decoded(rows=64, columns=64), tmp_path / "x.bb", model="fast")
    assert summary.methods["decoded"] == 0


@pytest.mark.parametrize("name", BAD)
def test_forged_data_are_refused(name: str) -> None:
    with pytest.raises(ArchiveError):
        unpacked(BAD[name])


@pytest.mark.parametrize("name", SOUND)
def test_other_data_are_not(name: str) -> None:
    assert unpacked(SOUND[name]).size == np.prod(SHAPE)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("u1", (7, 9)),
        ("u1", (8, 9, 4)),
        ("u1", (8, 9, 3, 1)),
        ("u1", (1 << 14, (1 << 10) + 1)),
        ("u1", (300, 300)),
        ("i1", (8, 9)),
        ("u1", (72,)),
    ],
)
def test_other_shapes_are_refused(dtype: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ArchiveError):
        decode_pixels(memoryview(SOUND["zeros"]), [Run(1, np.dtype(dtype), shape, None)])


def test_damaged_data_are_refused() -> None:
    """Neither a crash nor other pixels of another size."""
    pixels = DECODED["4:2:0"]()
    data, rng = coded(pixels), np.random.default_rng(8)
    for _ in range(100):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            damaged[at] ^= 1 << int(rng.integers(8))
        with suppress(ArchiveError):
            assert unpacked(bytes(damaged), pixels.shape).size == pixels.size
    with pytest.raises(ArchiveError):
        unpacked(data[:-3], pixels.shape)
