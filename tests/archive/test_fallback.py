"""The method fallback: every form and transform comes back, the specification reads it, and nothing
is larger than its PNG file.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import bitsback
from bitsback.coding import pixel_rows
from bitsback.coding.fallback import Coder, decode_fallback, encode_fallback
from bitsback.coding.pixel_rows import FILTER_PER_ROW, GREEN, INDEXES, WHOLE_ELEMENTS
from bitsback.format.tiles import Tiles
from reference.rows import Rows

SHAPES = [(5, 7, 9), (3, 6, 4, 3), (2, 5, 5, 4), (50,), (6, 11), (2, 3, 4, 5), (2, 3, 4, 5, 2)]
DTYPES = ["|u1", "|i1", "|b1", "<u2", ">u2", "<i2", ">i2"]


def numbers(dtype: str, shape: tuple[int, ...], most: int) -> NDArray[Any]:
    x = np.random.default_rng(0).integers(0, most, shape)
    return np.ascontiguousarray(x.astype(dtype))


def both_ways(tiles: Tiles, transform: int, filter_: int) -> None:
    colours = pixel_rows.find_colours(tiles) if transform >= INDEXES else None
    count = 0 if colours is None else len(colours.values)
    content = pixel_rows.pack(tiles, transform, filter_, colours)
    dtype, shapes = tiles.dtype, tiles.shapes
    assert content.size == pixel_rows.content_size(dtype, shapes, transform, count)
    found = pixel_rows.unpack(content, dtype, shapes, transform, count)
    assert found.dtype == dtype
    assert found.tobytes() == tiles.elements.tobytes()
    spec = Rows.of(dtype, list(shapes), transform, count)
    assert spec.size == content.size
    assert spec.decode(bytearray(content.tobytes())) == tiles.elements.tobytes()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_numbers(dtype: str, shape: tuple[int, ...]) -> None:
    most = 2 if dtype == "|b1" else 128 ** np.dtype(dtype).itemsize
    tiles = Tiles.stacked(numbers(dtype, shape, most))
    channels = pixel_rows.channels_of(tiles.shapes)
    for transform in (0, GREEN, WHOLE_ELEMENTS, GREEN | WHOLE_ELEMENTS):
        if transform & GREEN and channels not in (3, 4):
            continue
        if transform & WHOLE_ELEMENTS and tiles.dtype.itemsize != 2:
            continue
        for filter_ in range(FILTER_PER_ROW + 1):
            both_ways(tiles, transform, filter_)


@pytest.mark.parametrize("colours", [1, 2, 3, 4, 5, 16, 17, 90])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [*DTYPES, "<f4", ">i8"])
def test_rows_of_colours(dtype: str, shape: tuple[int, ...], colours: int) -> None:
    tiles = Tiles.stacked(numbers(dtype, shape, colours))
    found = pixel_rows.find_colours(tiles)
    if found is not None:  # pixels of more than 8 bytes, or of more than 256 colours
        for filter_ in (0, FILTER_PER_ROW):
            both_ways(tiles, found.transform, filter_)


@pytest.mark.parametrize("coder", ["deflate", "lzma"])
def test_tiles_of_several_shapes(coder: Coder) -> None:
    ramp = np.add.outer(np.arange(90), np.arange(110))
    pictures = [
        np.repeat(ramp[: 20 + n, : 60 + n // 2, np.newaxis] + n, 3, 2).astype(np.uint8)
        for n in range(9)
    ]
    tiles = Tiles.from_arrays(pictures, np.dtype(np.uint8))
    data = encode_fallback(tiles, coder)
    assert data is not None
    assert len(data) < tiles.elements.nbytes / 20
    found = decode_fallback(memoryview(data), tiles.dtype, tiles.shapes)
    assert found.tobytes() == tiles.elements.tobytes()


@pytest.mark.parametrize("shape", [(900, 1000), (600, 700, 3), (40, 3, 9), (1 << 19,)])
@pytest.mark.parametrize("dtype", ["|b1", "|u1", "<f8"])
def test_what_is_nothing_may_be_claimed(dtype: str, shape: tuple[int, ...]) -> None:
    """The reader accepts a block of zeros, which plain deflate shrinks beyond its limit."""
    tiles = Tiles.stacked(np.zeros((1, *shape), dtype))
    data = encode_fallback(tiles, "deflate")
    assert data is not None
    found = decode_fallback(memoryview(data), tiles.dtype, tiles.shapes)
    assert not found.view(np.uint8).any()


def waves(shape: tuple[int, ...], most: float, noise: float) -> NDArray[Any]:
    y, x, *_ = np.indices(shape)
    random = np.random.default_rng(1).normal(0, noise, shape)
    return np.clip(most * (0.5 + 0.4 * np.sin(x / 31) * np.cos(y / 23)) + random, 0, most)


def drawn(mode: str) -> Image.Image:
    image = Image.new(mode, (700, 500), "white")
    draw = ImageDraw.Draw(image)
    for n in range(12):
        fill = (20 * n, 90, 200 - 9 * n) if mode != "1" else 0
        draw.line([(x, 250 + 9 * n * np.sin(x / 40)) for x in range(700)], fill, 2)
    font = ImageFont.load_default(13)
    for n in range(20):
        draw.text((20, 20 + 22 * n), f"line {n} of a page, {n * n} and {n**3}", "black", font)
    return image


PICTURES: dict[str, Callable[[], NDArray[Any]]] = {
    "grey": lambda: waves((300, 400), 255, 3).astype(np.uint8),
    "grey of few levels": lambda: (waves((300, 400), 255, 9) // 32).astype(np.uint8) * 32,
    "colours": lambda: waves((200, 300, 3), 255, 4).astype(np.uint8),
    "colours and alpha": lambda: waves((150, 200, 4), 255, 4).astype(np.uint8),
    "grey of 16 bits": lambda: waves((300, 400), 65535, 30).astype(np.uint16),
    "a gradient of 16 bits": lambda: np.add.outer(np.arange(300) * 7, np.arange(400) * 131).astype(
        np.uint16
    ),
    "a large one": lambda: waves((1100, 1200), 255, 1).astype(np.uint8),
    "a plot": lambda: np.asarray(drawn("RGB")),
    "a plot and alpha": lambda: np.asarray(drawn("RGBA"))[:150],
    "a page": lambda: np.asarray(drawn("1")),
    "noise": lambda: np.random.default_rng(0).integers(0, 256, (90, 110), np.uint8),
    "a small one": lambda: waves((16, 20, 3), 255, 2).astype(np.uint8),
    "one colour": lambda: np.full((300, 400, 3), 77, np.uint8),
}


SLOW = [("a large one", "auto"), ("a plot", "auto")]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] if case in SLOW else [])
        for case in product(PICTURES, ["fast", "auto"])
    ],
)
def test_no_picture_is_larger_than_its_png(name: str, model: str) -> None:
    """Apart from the fixed overhead of an archive of one array."""
    picture = PICTURES[name]()
    file, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(picture).save(png, "PNG", optimize=True)
    bitsback.compress(picture, file, model=model)
    assert len(file.getvalue()) <= len(png.getvalue()) + 80
    assert np.array_equal(bitsback.decompress(io.BytesIO(file.getvalue())), picture)


def smooth(number: int) -> NDArray[np.uint8]:
    """Rows that filters predict, without a sequence that occurs twice."""
    steps = np.random.default_rng(number).integers(-3, 4, (200, 200)).cumsum(1)
    return (128 + 100 * np.sin(steps / 50)).astype(np.uint8)


@pytest.mark.parametrize("coder", ["deflate", "lzma"])
def test_where_nothing_occurs_again_a_limit_saves_its_work(coder: Coder) -> None:
    tiles = Tiles.from_arrays([smooth(number) for number in range(4)], np.dtype("u1"))
    whole = encode_fallback(tiles, coder)
    assert whole is not None
    limited = Tiles(tiles.elements, tiles.shapes)
    assert encode_fallback(limited, coder, len(whole) / 2) is None
    assert encode_fallback(limited, coder, 2 * len(whole)) == whole
    assert encode_fallback(limited, coder, len(whole) / 2) == whole, "it is known by now"


def test_where_tiles_occur_again_far_away_a_limit_saves_nothing() -> None:
    tiles = Tiles.from_arrays([smooth(number) for number in (0, 1, 0, 1)], np.dtype("u1"))
    whole = encode_fallback(tiles, "lzma")
    assert whole is not None and encode_fallback(tiles, "deflate", 0.9 * len(whole)) is not None
    limited = Tiles(tiles.elements, tiles.shapes)
    assert encode_fallback(limited, "lzma", 0.9 * len(whole)) == whole


def test_where_one_byte_is_frequent_a_limit_saves_nothing() -> None:
    """All places with that byte would begin a sequence, which takes memory."""
    random = np.random.default_rng(0)
    sparse = np.where(random.random((400, 400)) < 0.5, 0, random.integers(0, 256, (400, 400)))
    tiles = Tiles.from_arrays([sparse.astype(np.uint8)], np.dtype("u1"))
    assert encode_fallback(tiles, "deflate", 1) is not None
