"""Indexing an archive gives what indexing the NumPy array gives."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

import bitsback
from in_memory import pack

from .conftest import assert_same
from .test_access import Watched


def noise(shape: tuple[int, ...], dtype: str = "<f4") -> NDArray[Any]:
    """Floats, which no model codes, so many cases take little time."""
    return np.random.default_rng(0).random(shape).astype(dtype)


def opened(array: NDArray[Any], **options: Any) -> bitsback.Archive:
    return bitsback.open(pack(array, **options), cache=0)


ITEMS, BLOCK = 23, 5
PLAIN = noise((ITEMS, 4, 3))
CUT = noise((3, 40, 50), ">f8")
PICTURE = np.random.default_rng(0).integers(0, 256, (70, 45), np.uint8)
STACK = np.random.default_rng(0).integers(0, 256, (9, 33, 40), np.uint8)
ARRAYS = {
    "plain": (PLAIN, opened(PLAIN, block=BLOCK)),
    "cut": (CUT, opened(CUT, tile=16, block=3)),
    "picture": (PICTURE, opened(PICTURE, tile=16, block=3)),
    "stack": (STACK, opened(STACK, tile=16, stack=True, model="fast")),
    "numbers": (noise((40,)), opened(noise((40,)), block=7)),
    "nothing": (noise((0, 3)), opened(noise((0, 3)))),
}


@st.composite
def indexes(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Basic indexes, and arrays of numbers and masks along the first axis."""
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    kind = draw(st.sampled_from(["basic", "basic", "list", "mask"]))
    if kind == "basic" or (kind == "list" and shape[0] == 0):
        return draw(basic)
    rest = draw(hnp.basic_indices(shape[1:], allow_newaxis=True)) if len(shape) > 1 else ()
    behind = rest if isinstance(rest, tuple) else (rest,)
    before = (None,) * draw(st.integers(0, 1))
    if kind == "mask":
        mask = draw(hnp.arrays(np.bool_, shape[0]))
        return (
            *before,
            draw(st.sampled_from([mask, mask.tolist()])) if shape[0] else mask,
            *behind,
        )
    of = st.integers(-shape[0], shape[0] - 1)
    numbers = draw(st.lists(of, max_size=9))
    some = np.array(numbers, draw(st.sampled_from([np.int8, np.int64])))
    if len(numbers) % 2 == 0 and draw(st.booleans()):
        some = some.reshape(2, -1)
    return (*before, draw(st.sampled_from([some, some.tolist()])), *behind)


@pytest.mark.parametrize("name", ARRAYS)
@given(data=st.data())
def test_an_index_takes_what_numpy_takes(name: str, data: st.DataObject) -> None:
    array, archive = ARRAYS[name]
    key = data.draw(indexes(array.shape))
    expected = array[key]
    found = archive[key]
    assert type(found) is type(expected)
    assert_same(np.asarray(found), np.asarray(expected, order="C"))


@given(numbers=st.lists(st.integers(-ITEMS, ITEMS - 1)), key=hnp.basic_indices((ITEMS, 4, 3)))
def test_only_blocks_that_are_needed_are_decoded_and_each_once(
    numbers: list[int], key: Any
) -> None:
    file = Watched(pack(PLAIN, block=BLOCK))
    archive = bitsback.open(file, cache=0)
    block_of = np.repeat(
        np.arange(len(archive.reader.blocks)), [block.items for block in archive.reader.blocks]
    )
    for wanted in (numbers, key):
        file.spans.clear()
        archive[wanted]
        rows = np.arange(ITEMS)[:, None, None] + np.zeros((1, 4, 3), int)
        needed = sorted(set(block_of[np.ravel(rows[wanted])].tolist()))
        assert file.spans == [
            (
                archive.reader.blocks[number].offset,
                archive.reader.blocks[number].offset + archive.reader.blocks[number].size,
            )
            for number in needed
        ]


def test_steps_across_a_large_picture_decode_only_what_they_touch() -> None:
    file = Watched(pack(PICTURE, tile=16, block=1))
    archive = bitsback.open(file, cache=0)
    file.spans.clear()
    assert np.array_equal(archive[::40, ::40], PICTURE[::40, ::40])
    assert len(file.spans) == 4


def test_iterating_decodes_each_block_once() -> None:
    for array, options in ((PLAIN, {"block": BLOCK}), (CUT, {"tile": 16, "block": 2})):
        file = Watched(pack(array, **options))
        archive = bitsback.open(file, cache=0)
        file.spans.clear()
        for item, expected in zip(archive, array, strict=True):
            assert_same(item, expected)
        assert len(file.spans) == len(set(file.spans)) == len(archive.reader.blocks)


def test_it_looks_like_an_array() -> None:
    for array, archive in ARRAYS.values():
        assert (archive.shape, archive.ndim, archive.dtype) == (
            array.shape,
            array.ndim,
            array.dtype,
        )
        assert archive.nbytes == array.nbytes
        assert tuple(map(sum, archive.chunks)) == array.shape
        assert_same(np.asarray(archive), array)
        assert np.asarray(archive, np.float16).dtype == np.float16
        assert np.array(archive, copy=True).shape == array.shape
        assert len(list(archive)) == len(archive) == len(array)
    assert ARRAYS["plain"][1].chunks == ((4, 5, 4, 5, 5), (4,), (3,))
    assert ARRAYS["picture"][1].chunks == ((14,) * 5, (15, 15, 15))
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        with pytest.raises(ValueError, match="a compressed array is always copied"):
            np.asarray(ARRAYS["plain"][1], copy=False)


def test_a_single_number() -> None:
    archive = opened(np.array(7, np.int16))
    assert (archive.shape, archive.chunks, archive[()], int(np.asarray(archive))) == ((), (), 7, 7)
    with pytest.raises(TypeError, match="0-d"):
        iter(archive)


@pytest.mark.parametrize(
    ("key", "error", "said"),
    [
        (23, IndexError, "index 23 is out of bounds for axis 0 with size 23"),
        (-24, IndexError, "index -24 is out of bounds for axis 0 with size 23"),
        (np.s_[0, 0, 3], IndexError, "index 3 is out of bounds for axis 2 with size 3"),
        ([0, 23], IndexError, "index 23 is out of bounds for axis 0 with size 23"),
        (np.s_[0, 0, 0, 0], IndexError, "array is 3-dimensional, but 4 were indexed"),
        (np.s_[..., ...], IndexError, "single ellipsis"),
        (1.0, IndexError, "only integers, slices"),
        ("a.png", IndexError, "only integers, slices"),
        ([0.5], IndexError, "integer .or boolean. type"),
        ([[1], [1, 2]], IndexError, "only integers, slices"),
        ([True, False], IndexError, "size of axis is 23 but"),
        (True, IndexError, "mask"),
        (np.s_[0, [1, 2]], IndexError, "along the first axis"),
        (np.s_[::0], ValueError, "slice step cannot be zero"),
        (np.s_["a":], TypeError, "slice indices must be integers"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_index(key: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ARRAYS["plain"][1][key]


def test_the_cache_is_bounded() -> None:
    block = 5 * 4 * 3 * 4
    file = Watched(pack(PLAIN, block=BLOCK))
    for capacity, kept in ((0, 0), (1, 1), (block, 1), (2 * block, 2), (1 << 30, 5)):
        archive = bitsback.open(file, cache=capacity)
        list(archive[::-1]), archive[3], archive[20], archive[:]
        assert archive.reader.cache.nbytes <= max(capacity, block if capacity else 0)
        file.spans.clear()
        for number in (22, 17, 12, 8, 3)[:kept]:  # the last ones needed
            archive[number]
        assert not file.spans
    with pytest.raises(bitsback.InputError, match="cache=-1"):
        bitsback.open(file, cache=-1)


@pytest.mark.parametrize("opened_by", ["path", "file"])
def test_closed_is_closed(tmp_path: Path, opened_by: str) -> None:
    bitsback.compress(PLAIN, tmp_path / "x.bb", block=BLOCK)
    data = io.BytesIO((tmp_path / "x.bb").read_bytes())
    archive = bitsback.open(tmp_path / "x.bb" if opened_by == "path" else data)
    archive[3]
    stacks = iter(archive)
    archive.close()
    for use in (
        lambda: archive[3],
        lambda: archive[3:3],
        lambda: np.asarray(archive),
        lambda: next(stacks),
        lambda: archive.info(),
        lambda: pickle.dumps(archive),
    ):
        with pytest.raises(ValueError, match="the archive is closed; open it again"):
            use()
    assert "closed" in repr(archive) and archive.shape == PLAIN.shape


@pytest.fixture
def picture_arrays(tmp_path: Path) -> dict[str, NDArray[np.uint8]]:
    """In the folder `in`: grey and coloured ones, in turns."""
    random = np.random.default_rng(0)
    made = {}
    (tmp_path / "in").mkdir()
    for number in range(8):
        shape = (20 + number, 30, 3)[: 2 + number % 2]
        made[f"{number}.png"] = random.integers(0, 256, shape, np.uint8)
        Image.fromarray(made[f"{number}.png"]).save(tmp_path / "in" / f"{number}.png")
    return made


def test_pictures_by_name_and_number(
    tmp_path: Path, picture_arrays: dict[str, NDArray[np.uint8]]
) -> None:
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast", tile=16, block=2)
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert "3.png" in archive and "none.png" not in archive
        with pytest.raises(TypeError, match="name of a file, not int"):
            _ = 3 in archive
        for view, image in zip(archive, picture_arrays.values(), strict=True):
            assert_same(np.asarray(view), image)
            assert tuple(map(sum, view.chunks)) == view.shape
            assert np.array_equal(np.stack(list(view)), image)
        assert_same(np.asarray(archive[np.uint8(3)]), picture_arrays["3.png"])
        assert [view.shape for view in archive[5:2:-1]] == [
            picture_arrays[f"{number}.png"].shape for number in (5, 4, 3)
        ]
        for key in ([2, 0, 2], np.arange(20) % 3 == 0, np.s_[5:9, None, ::-3], np.s_[-1, ..., 2]):
            found, expected = archive["0.png"][key], picture_arrays["0.png"][key]
            assert_same(found, np.asarray(expected, order="C"))
        with pickle.loads(pickle.dumps(archive)) as again:
            assert np.array_equal(again["1.png"][...], picture_arrays["1.png"])
        view = pickle.loads(pickle.dumps(archive["1.png"]))
        assert np.array_equal(view, picture_arrays["1.png"])
        with pytest.raises(IndexError, match="index 8 is out of bounds for files with size 8"):
            archive[8]
        with pytest.raises(TypeError, match="by number, by name"):
            archive[1.5]
        with pytest.raises(bitsback.InputError, match="contains files, not one array"):
            np.asarray(archive)
        count = len(archive.reader.blocks)
        blocks = f"{count} block{'s' * (count > 1)}"
        assert repr(archive).endswith(
            f"x.bb: 8 pictures, {blocks}, {archive.nbytes} bytes in {archive.file_bytes}>"
        )
        view = archive["2.png"]
    with pytest.raises(ValueError, match="closed"):
        view[0]
