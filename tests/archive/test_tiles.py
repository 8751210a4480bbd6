"""Cutting items into tiles: by arithmetic, never by lists."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback.archive.arrays.indexing import read_index
from bitsback.archive.arrays.part_source import last_touched, touched
from bitsback.archive.files.strips import Joiner
from bitsback.files import bands
from bitsback.format.array_part import COUNTED, VARIED, ArrayPart
from bitsback.format.grid import Grid
from bitsback.format.layout import Cursor
from bitsback.planner.cutting import blocks_of, cut_for
from bitsback.planner.policy import DEFAULT

sides = st.integers(1, 9)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    shape = draw(st.lists(sides, min_size=1, max_size=4))
    return Grid(tuple(shape), tuple(draw(sides) for _ in shape))


@given(grids())
def test_tiles_are_all_of_an_item(grid: Grid) -> None:
    seen = np.zeros(grid.shape, int)
    shapes, before = [], 0
    for tile in range(grid.tiles):
        region = grid.region(tile)
        seen[region] += 1
        shapes.append(grid.shape_of(tile))
        assert seen[region].shape == shapes[-1]
        assert grid.elements_before(tile) == before
        before += math.prod(shapes[-1])
    assert (seen == 1).all() and before == math.prod(grid.shape)
    for tile, shape in enumerate(shapes):
        row = next(group for key, group in groupby(shapes[tile:]))
        assert grid.alike(tile) == len(list(row)) and shape == shapes[tile]


@given(grids(), st.data())
def test_the_tiles_that_a_region_touches(grid: Grid, data: st.DataObject) -> None:
    region = []
    for size in grid.shape:
        start = data.draw(st.integers(0, size - 1))
        stop, step = data.draw(st.integers(start + 1, size)), data.draw(st.integers(1, size))
        region.append(slice(start, stop, step))
    numbers = np.empty(grid.shape, int)
    for tile in range(grid.tiles):
        numbers[grid.region(tile)] = tile
    there = sorted(set(numbers[tuple(region)].reshape(-1).tolist()))
    wanted, _ = read_index(tuple(region), grid.shape)
    assert list(touched(grid, wanted)) == there
    assert last_touched(grid, wanted) == there[-1]


@st.composite
def collections(draw: st.DrawFn) -> ArrayPart:
    channels = draw(st.sampled_from([(), (3,)]))
    cut = draw(st.none() | st.tuples(sides, sides, *(st.just(3) for _ in channels)))
    if draw(st.booleans()):
        shape = (draw(sides), draw(sides), draw(sides), *channels)
        return ArrayPart(np.dtype("u1"), shape, COUNTED, cut=cut)
    sizes = tuple(draw(st.lists(st.tuples(st.integers(1, 3), sides, sides), min_size=1)))
    items = sum(count for count, _, _ in sizes)
    return ArrayPart(np.dtype("u1"), (items, *channels), VARIED, cut=cut, sizes=sizes)


@given(collections(), st.integers(1, 5))
def test_the_tiles_of_a_collection(part: ArrayPart, block: int) -> None:
    assert ArrayPart.unpack_array(Cursor(part.pack_array())) == part
    shapes, before = [], 0
    for item in range(part.items):
        grid = part.grid(item)
        assert part.first_tile(item) == len(shapes)
        for tile in range(grid.tiles):
            number = len(shapes)
            assert part.item_of(number) == (item, tile)
            assert part.elements_before(number) == before
            shapes.append(grid.shape_of(tile))
            before += math.prod(shapes[-1])
    assert part.tiles == len(shapes) == part.first_tile(part.items)
    assert part.elements == before == part.elements_before(part.tiles)
    found = [shape for count, shape in part.alike(0, part.tiles) for _ in range(count)]
    assert found == shapes
    for most in (None, block):
        blocks = list(blocks_of(part, most, "x", DEFAULT.block_elements))
        assert sum(count for _, count in blocks) == part.tiles
        assert all(0 < count <= (most or part.tiles) for _, count in blocks)
        assert [first for first, _ in blocks] == [
            sum(count for _, count in blocks[:n]) for n in range(len(blocks))
        ]


@given(collections(), st.integers(1, 99))
def test_what_was_cut_is_put_together(part: ArrayPart, band: int) -> None:
    joiner, found = Joiner(part), []
    arrays = [
        np.arange(math.prod(part.shape_of(item))).reshape(part.shape_of(item)) % 251
        for item in range(part.items)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "BAND", band)
        for number in range(part.tiles):
            item, tile = part.item_of(number)
            cut = arrays[item].astype(np.uint8)[part.grid(item).region(tile)]
            for rows in joiner.take(number, cut):
                assert rows.shape[1:] == arrays[item].shape[1:]
                assert len(rows) == 1 or rows.nbytes <= band
                found.append(rows.tobytes())
    assert b"".join(found) == b"".join(array.astype(np.uint8).tobytes() for array in arrays)


def test_large_images_are_cut_evenly_and_stacks_by_slices() -> None:
    def cut(*shape: int, axes: int = 0, tile: int | None = None) -> tuple[list[int], int]:
        part = ArrayPart(np.dtype("u1"), shape, axes)
        grid = Grid(part.item_shape, cut_for(part, tile, DEFAULT))
        return list(grid.extents), grid.tiles

    assert cut(1024, 1024) == ([1024, 1024], 1)
    assert cut(1500, 1000, 3) == ([750, 1000, 3], 2)
    assert cut(40_000, 25_000) == ([1000, 1000], 1000)
    assert cut(40_000, 25_000, tile=256) == ([255, 256], 157 * 98)
    assert cut(7, 2048, 1100, 4, axes=1) == ([1024, 550, 4], 4)
    assert cut(100, 512, 512) == ([25, 256, 256], 16)
    assert cut(3, 100, 512, 512, axes=1) == ([25, 256, 256], 16)
    assert cut(10, 512, 512) == ([10, 256, 256], 4)
    assert cut(10, 30, 30) == ([10, 30, 30], 1)
    assert cut(5, 1 << 24, axes=1) == ([1 << 21], 8)
    assert cut(0, 5000, 5000) == ([1, 5000, 5000], 1)
