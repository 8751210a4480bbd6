"""Turn pictures into rows of bytes that a general compressor codes well.

The rows have differences of a pixel to its left and upper neighbours, as in PNG, or indexes of a
few colours (docs/format.md, The method fallback, the form rows).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.format.grid import Shape
from bitsback.format.tiles import Tiles

Bytes = NDArray[np.uint8]
Shapes = Sequence[tuple[int, Shape]]
"""Pairs (number of consecutive tiles, their shape)."""

GREEN, WHOLE_ELEMENTS, INDEXES = 1, 2, 4
"""The transform of rows.

Channels 0 and 2 minus channel 1; elements of 16 bits instead of their bytes; from 4 on, indexes of
colours, of 1, 2, 4 or 8 bits.
"""
NONE, SUB, UP, AVERAGE, PAETH = range(5)
"""Filters of a row."""
FILTER_PER_ROW = 5
"""Each row takes the filter with the least residuals, instead of one filter for all rows."""
_MOST_DISTINCT_COLOURS = 256
_MOST_CHANNELS = 4
_MOST_PIXEL = 8  # bytes
_LOOK = 1 << 12  # pixels
_AT_ONCE = 1 << 16  # pixels whose colours are sorted, to bound the memory that it takes


@dataclass(frozen=True)
class Pictures:
    """The tiles of a run as `count` pictures of [rows, columns, channels]."""

    count: int
    rows: int
    columns: int
    channels: int

    @classmethod
    def from_shape(cls, count: int, shape: Shape) -> Pictures:
        """The pictures of `count` tiles of this shape.

        Axes before rows and columns count pictures. Tiles with one axis are the rows of one
        picture.
        """
        coloured = len(shape) > 2 and shape[-1] <= _MOST_CHANNELS
        channels, axes = (shape[-1], shape[:-1]) if coloured else (1, shape)
        if not axes:
            return cls(1, 1, count, channels)
        if len(axes) == 1:
            return cls(1, count, axes[0], channels)
        return cls(count * math.prod(axes[:-2]), axes[-2], axes[-1], channels)

    @classmethod
    def of_runs(cls, shapes: Shapes) -> list[Pictures]:
        """The pictures of runs that have elements."""
        return [cls.from_shape(count, shape) for count, shape in shapes if count * math.prod(shape)]

    @property
    def pixels(self) -> int:
        return self.count * self.rows * self.columns

    def layout(self, itemsize: int, transform: int) -> tuple[int, int]:
        """How many numbers a row has, and a pixel."""
        if transform >= INDEXES:
            return -(-self.columns * _bits(transform) // 8), 1
        stride = self.channels * (1 if transform & WHOLE_ELEMENTS else itemsize)
        return self.columns * stride, stride


@dataclass(frozen=True, eq=False)
class Colours:
    """The few colours that pixels have."""

    values: Bytes
    """[colours, bytes of a pixel], as they are stored."""
    indexes: Bytes
    """The index of each pixel, flat."""

    @property
    def transform(self) -> int:
        """The transform with the fewest bits for an index."""
        return INDEXES + sum(len(self.values) > most for most in (2, 4, 16))


def channels_of(shapes: Shapes) -> int | None:
    """The number of channels; None if pictures differ in it."""
    found = {pictures.channels for pictures in Pictures.of_runs(shapes)}
    return found.pop() if len(found) == 1 else None


def has_numbers(dtype: np.dtype[Any]) -> bool:
    """Whether rows may be made of the elements: bool, and integers of at most 16 bits."""
    return dtype.kind in "bui" and dtype.itemsize <= 2


def find_colours(tiles: Tiles) -> Colours | None:
    """The colours; None if there are more than 256, or pixels of more than 8 bytes."""
    channels, itemsize = channels_of(tiles.shapes), tiles.dtype.itemsize
    if channels is None or channels * itemsize > _MOST_PIXEL:
        return None
    stored = tiles.elements.view(np.uint8).reshape(-1, channels, itemsize)
    look = _keys(stored[:: max(len(stored) // _LOOK, 1)], tiles.dtype)
    if len(np.unique(look)) > _MOST_DISTINCT_COLOURS:
        return None
    keys = _keys(stored, tiles.dtype)
    places: dict[int, int] = {}  # the index of one pixel of each colour
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        starts = np.flatnonzero(np.concatenate(([True], some[1:] != some[:-1])))
        found, at = np.unique(some[starts], return_index=True)
        for key, place in zip(found.tolist(), starts[at].tolist(), strict=True):
            places.setdefault(key, first + place)
        if len(places) > _MOST_DISTINCT_COLOURS:
            return None
    ordered = np.array(sorted(places), keys.dtype)
    indexes = np.empty(len(keys), np.uint8)
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        indexes[first : first + len(some)] = np.searchsorted(ordered, some)
    values = stored[[places[key] for key in ordered.tolist()]].reshape(len(ordered), -1)
    return Colours(values, indexes)


def pack(tiles: Tiles, transform: int, filter_: int, colours: Colours | None = None) -> Bytes:
    """The content: colours (only with indexes), the filter of each row, and the filtered rows."""
    numbers = colours.indexes if colours is not None else _numbers(tiles.elements)
    filters, left, at = [], [], 0
    for pictures in Pictures.of_runs(tiles.shapes):
        size = pictures.pixels * (1 if colours is not None else pictures.channels)
        rows = _to_rows(numbers[at : at + size], pictures, transform)
        at += size
        _, stride = pictures.layout(tiles.dtype.itemsize, transform)
        if filter_ == FILTER_PER_ROW:
            chosen = _core.choose_filters(rows, stride)
        else:
            chosen = np.full(rows.shape[:2], filter_, np.uint8)
        filters.append(chosen.reshape(-1))
        left.append(_core.filter_rows(rows, chosen, stride).reshape(-1))
    values = [] if colours is None else [colours.values.reshape(-1)]
    return np.concatenate([*values, *filters, _to_bytes(np.concatenate(left))])


def content_size(dtype: np.dtype[Any], shapes: Shapes, transform: int, colours: int) -> int:
    """The bytes of the content. Raises ArchiveError for a transform that the tiles cannot have."""
    runs = Pictures.of_runs(shapes)
    if not runs:
        raise ArchiveError("it has rows of pictures without elements")
    channels = channels_of(shapes)
    if transform >= INDEXES:
        if transform > INDEXES + 3 or channels is None or not 0 < colours <= 1 << _bits(transform):
            raise ArchiveError("its pixels are not among its colours")
        size = colours * channels * dtype.itemsize
    else:
        green = transform & GREEN and (channels is None or channels < 3)
        if not has_numbers(dtype) or green or (transform & WHOLE_ELEMENTS and dtype.itemsize < 2):
            raise ArchiveError("its rows have a form that no writer makes")
        size = 0
    for pictures in runs:
        width, _ = pictures.layout(dtype.itemsize, transform)
        width *= 2 if transform < INDEXES and transform & WHOLE_ELEMENTS else 1
        size += pictures.count * pictures.rows * (1 + width)
    return size


def unpack(
    content: Bytes, dtype: np.dtype[Any], shapes: Shapes, transform: int, colours: int
) -> NDArray[Any]:
    """The elements, flat. content: of `content_size` bytes. Raises ArchiveError."""
    runs = Pictures.of_runs(shapes)
    indexed = transform >= INDEXES
    channels = runs[0].channels
    values = content[: colours * channels * dtype.itemsize] if indexed else content[:0]
    content = content[values.size :]
    all_rows = sum(pictures.count * pictures.rows for pictures in runs)
    filters, left = content[:all_rows], content[all_rows:]
    if filters.max(initial=0) >= FILTER_PER_ROW:
        raise ArchiveError("a row has an unknown filter: it needs a newer bitsback")
    numbers: NDArray[Any] = left if indexed or not transform & WHOLE_ELEMENTS else _from_bytes(left)
    found: list[NDArray[Any]] = []
    row = at = 0
    for pictures in runs:
        width, stride = pictures.layout(dtype.itemsize, transform)
        rows = pictures.count * pictures.rows
        some: NDArray[Any] = numbers[at : at + rows * width].reshape(
            pictures.count, pictures.rows, width
        )
        some = _core.unfilter_rows(some, filters[row : row + rows], stride)
        found.append(_from_rows(some, pictures, transform, dtype))
        row, at = row + rows, at + rows * width
    flat = np.concatenate(found)
    if not indexed:
        return _elements(flat, dtype)
    if flat.max(initial=0) >= colours:
        raise ArchiveError("a pixel is not among its colours")
    pixels = values.reshape(colours, -1)[flat]
    elements: NDArray[Any] = pixels.reshape(-1).view(dtype)
    return elements


def _bits(transform: int) -> int:
    return 1 << (transform - INDEXES)


def _keys(pixels: NDArray[np.uint8], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An integer for each pixel, [pixels, channels, bytes of an element]."""
    if dtype.str[0] == "<":
        pixels = pixels[..., ::-1]
    size = math.prod(pixels.shape[1:])
    width = next(width for width in (1, 2, 4, 8) if size <= width)
    padded = np.zeros((len(pixels), width), np.uint8)
    padded[:, width - size :] = pixels.reshape(len(pixels), size)
    return padded.view(f">u{width}").reshape(-1).astype(f"u{width}")


def _numbers(elements: NDArray[Any]) -> NDArray[Any]:
    """The elements as unsigned numbers in the same order."""
    dtype = elements.dtype
    unsigned = dtype.newbyteorder("=").str.replace("i", "u").replace("b", "u")[1:]
    numbers = elements.view(dtype.str[0] + unsigned).astype(unsigned)
    return numbers ^ _top(dtype) if dtype.kind == "i" else numbers


def _elements(numbers: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "i":
        numbers = numbers ^ _top(dtype)
    return numbers.astype(numbers.dtype.newbyteorder(dtype.byteorder)).view(dtype)


def _top(dtype: np.dtype[Any]) -> Any:
    return np.dtype(f"u{dtype.itemsize}").type(1 << (8 * dtype.itemsize - 1))


def _to_rows(numbers: NDArray[Any], pictures: Pictures, transform: int) -> NDArray[Any]:
    """[pictures, rows, numbers of a row]."""
    shape = pictures.count, pictures.rows, pictures.columns
    if transform >= INDEXES:
        return _pack_indexes(numbers.reshape(shape), _bits(transform))
    if transform & GREEN:
        pixels = numbers.reshape(-1, pictures.channels)
        numbers = _with_green(pixels, -pixels[:, 1])
    rows = numbers.reshape(*shape[:2], -1)
    if transform & WHOLE_ELEMENTS or rows.itemsize == 1:
        return rows
    return rows.astype("<u2").view(np.uint8)


def _from_rows(
    rows: NDArray[Any], pictures: Pictures, transform: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """The numbers, flat."""
    if transform >= INDEXES:
        return _unpack_indexes(rows, _bits(transform), pictures.columns).reshape(-1)
    if rows.itemsize < dtype.itemsize:
        rows = rows.reshape(-1).view("<u2").astype(np.uint16)
    if transform & GREEN:
        pixels = rows.reshape(-1, pictures.channels)
        rows = _with_green(pixels, pixels[:, 1])
    return rows.reshape(-1)


def _with_green(pixels: NDArray[Any], green: NDArray[Any]) -> NDArray[Any]:
    """Pixels with `green` added to channels 0 and 2."""
    changed = pixels.copy()
    changed[:, 0] += green
    changed[:, 2] += green
    return changed


def _pack_indexes(indexes: NDArray[np.uint8], bits: int) -> Bytes:
    """The indexes packed into bytes, the first in the high bits."""
    if bits == 8:
        return indexes
    each = 8 // bits
    *shape, columns = indexes.shape
    padded = np.zeros((*shape, -(-columns // each) * each), np.uint8)
    padded[..., :columns] = indexes
    shifted = padded.reshape(*shape, -1, each) << np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    packed: Bytes = np.bitwise_or.reduce(shifted, axis=-1)
    return packed


def _unpack_indexes(packed: Bytes, bits: int, columns: int) -> Bytes:
    if bits == 8:
        return packed
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    indexes = (packed[..., np.newaxis] >> shifts) & np.uint8((1 << bits) - 1)
    indexes = indexes.reshape(*packed.shape[:2], -1)
    if indexes[..., columns:].any():
        raise ArchiveError("the last byte of a row is not filled with zeros")
    return np.ascontiguousarray(indexes[..., :columns])


def _to_bytes(left: NDArray[Any]) -> Bytes:
    """The bytes of residuals of 16-bit elements, which are mapped to unsigned numbers by their
    distance from 0: all low bytes, then all high bytes.
    """
    if left.itemsize == 1:
        return left
    signs = (left.view(np.int16) >> 15).view(np.uint16)
    folded = (left << np.uint16(1)) ^ signs
    return np.concatenate([folded.astype(np.uint8), (folded >> 8).astype(np.uint8)])


def _from_bytes(content: Bytes) -> NDArray[np.uint16]:
    low, high = content.reshape(2, -1).astype(np.uint16)
    folded = low | high << np.uint16(8)
    left: NDArray[np.uint16] = (folded >> np.uint16(1)) ^ -(folded & np.uint16(1))
    return left
