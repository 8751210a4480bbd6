"""Code blocks without a model, by deflate or LZMA (docs/format.md, The method fallback).

Transforms make the bytes more regular before they are compressed. A sample decides which.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitsback import lzma2, raw_deflate
from bitsback.coding import pixel_rows
from bitsback.coding.pixel_rows import (
    AVERAGE,
    FILTER_PER_ROW,
    GREEN,
    INDEXES,
    NONE,
    PAETH,
    WHOLE_ELEMENTS,
    Colours,
    Shapes,
)
from bitsback.errors import ArchiveError
from bitsback.format.tiles import Tiles
from bitsback.models.costs import check_claim, max_elements

Coder = Literal["deflate", "lzma"]

_CODERS: tuple[Coder, ...] = ("deflate", "lzma")
PLAIN, SHUFFLED, ROWS = range(3)
"""The form of the content: plain bytes, bytes grouped by significance, or rows of pictures."""

_HEAD = 3  # bytes: coder, form, distance or transform
_REPETITIONS = zlib.Z_DEFAULT_STRATEGY
_TRIAL_LEVEL = 5
_CLEARLY = (
    0.9  # most bytes of LZMA, as a share of deflate's at this level, to leave out higher ones
)
_SAMPLE = 1 << 15  # elements of each of three parts
_LEAST = 0.8  # least bytes of the best coding of photographs, as a share of fast deflate's
_HOPELESS = 0.98  # ratio of the sample above which the rest is not tried
# Samples are coded by deflate, and LZMA finds more repetitions in a whole block. The best filtered
# and the best unfiltered plan are both tried on a block if their samples have similar sizes; of a
# block of bytes deflate chooses one of them.
_RIVAL = 1.25  # most bytes of the larger of these samples, as a share of the smaller one
_REPEATING = 4  # compression ratio of deflate from which LZMA takes little time
_DEPTH = 64  # positions at which LZMA looks for a match; by default it takes long for repetitions
_UNREPEATED = 0.85  # least bytes of a block without repetitions, as a share of the sample's
_SEQUENCE = 32  # bytes of a sequence that may repeat
_BEGINS = 61  # one of so many pairs of bytes begins a sequence
_FEW = 16  # at most one of so many bytes begins a sequence
_MOSTLY = 0.7  # share of distinct sequences below which data count as repetitive

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Transform:
    """A transform that makes content more regular before it is compressed."""

    form: int
    number: int
    """The distance of the bytes that are subtracted, 0 for none. For rows: the transform."""
    filter: int = NONE
    """The filter of rows."""
    colours: Colours | None = None

    def head(self, coder: Coder) -> bytes:
        colours = b"" if self.colours is None else bytes([len(self.colours.values) - 1])
        return bytes([_CODERS.index(coder), self.form, self.number]) + colours

    def content(self, tiles: Tiles) -> Bytes:
        if self.form == ROWS:
            return pixel_rows.pack(tiles, self.number, self.filter, self.colours)
        content = tiles.elements.view(np.uint8)
        if self.form == SHUFFLED:
            content = np.ascontiguousarray(content.reshape(-1, tiles.dtype.itemsize).T).reshape(-1)
        if self.number:
            differences = content.copy()
            differences[self.number :] -= content[: -self.number]
            content = differences
        return content

    @property
    def filtered(self) -> bool:
        return self.form == ROWS and self.filter != NONE


@dataclass(frozen=True, eq=False)
class _Plan:
    """A transform, the strategy of zlib that suits it, and the size in bytes of a coded sample."""

    transform: _Transform
    strategy: int
    size: int

    def deflated_size(self, content: Bytes) -> int:
        """The bytes of transformed content by a fast level of deflate."""
        return len(raw_deflate.compress(content.data, self.strategy, _TRIAL_LEVEL))


@dataclass(frozen=True, eq=False)
class _Trial:
    """The plans for tiles, the best first, and the sample's share of the elements."""

    plans: list[_Plan]
    share: float


def encode_fallback(tiles: Tiles, coder: Coder, limit: float = math.inf) -> bytes | None:
    """The data of a block, by the plan that is best for a sample; None if the sample shows no gain.

    tiles: with at least one element. coder: the slowest coder to try. LZMA is always tried if
    deflate compresses the content so well that LZMA takes little time. limit: a size in bytes; None
    may stand for data of this size or more.
    """
    if coder not in tiles.tried:
        if "trial" not in tiles.tried:
            least = _LEAST * tiles.once(_fast_estimate)
            if least > limit and not tiles.once(_is_repetitive):
                return None
            tiles.tried.add("trial")
        trial = tiles.once(_try)
        best = trial.plans[0]
        beaten = _UNREPEATED * best.size > limit * trial.share
        if beaten and best.strategy == zlib.Z_HUFFMAN_ONLY and not tiles.once(_is_repetitive):
            return None
        tiles.tried.add(coder)
    return tiles.once(_encoded, coder)


def _encoded(tiles: Tiles, coder: Coder) -> bytes | None:
    trial = tiles.once(_try)
    plans = trial.plans
    best = plans[0]
    if best.size > _HOPELESS * trial.share * tiles.elements.nbytes:
        return None
    filtered = best.transform.filtered
    rival = next((plan for plan in plans if plan.transform.filtered != filtered), best)
    tried = [best] + [rival] * (rival is not best and rival.size < _RIVAL * best.size)
    if tiles.are_bytes and len(tried) > 1:  # LZMA would take seconds for both
        tried = [min(tried, key=lambda plan: plan.deflated_size(plan.transform.content(tiles)))]
    found = min((_packed(tiles, plan, coder) for plan in tried), key=len)
    if _claim(tiles.dtype, tiles.shapes, found) <= max_elements(len(found)):
        return found
    return encode_plain(tiles)


def encode_plain(tiles: Tiles) -> bytes:
    """The data of a block by deflate alone, whose size readers always accept."""
    plain = _Transform(PLAIN, 0)
    return plain.head("deflate") + raw_deflate.compress(plain.content(tiles).data)


def decode_fallback(data: memoryview, dtype: np.dtype[Any], shapes: Shapes) -> NDArray[Any]:
    """The elements, flat, of tiles of these shapes. Raises ArchiveError."""
    if len(data) < _HEAD or data[0] >= len(_CODERS) or data[1] > ROWS:
        raise ArchiveError("its compression is unknown: it needs a newer bitsback")
    coder, form, number = _CODERS[data[0]], data[1], data[2]
    check_claim(_claim(dtype, shapes, data), "bytes", len(data))
    if form == ROWS:
        colours, start = _colours(data)
        size = pixel_rows.content_size(dtype, shapes, number, colours)
        content = np.frombuffer(_decompress(data[start:], coder, size), np.uint8)
        return pixel_rows.unpack(content, dtype, shapes, number, colours)
    size = _elements(shapes) * dtype.itemsize
    content = np.frombuffer(_decompress(data[_HEAD:], coder, size), np.uint8)
    if number:
        padded = np.zeros(-(-size // number) * number, np.uint8)
        padded[:size] = content
        content = np.cumsum(padded.reshape(-1, number), 0, np.uint8).reshape(-1)[:size]
    if form == SHUFFLED:
        content = np.ascontiguousarray(content.reshape(dtype.itemsize, -1).T).reshape(-1)
    return content.view(dtype)


def _elements(shapes: Shapes) -> int:
    return sum(count * math.prod(shape) for count, shape in shapes)


def _colours(data: bytes | memoryview) -> tuple[int, int]:
    """The number of colours and the offset of the stream. The number is 0 without indexes."""
    if data[2] < INDEXES:
        return 0, _HEAD
    if len(data) == _HEAD:
        raise ArchiveError("its compressed bytes are damaged: it has none")
    return data[_HEAD] + 1, _HEAD + 1


def _claim(dtype: np.dtype[Any], shapes: Shapes, data: bytes | memoryview) -> int:
    """The number of elements or of bytes of content, whichever is greater."""
    elements = _elements(shapes)
    if data[1] != ROWS:
        return elements * dtype.itemsize
    return max(elements, pixel_rows.content_size(dtype, shapes, data[2], _colours(data)[0]))


def _try(tiles: Tiles) -> _Trial:
    sample = _sample(tiles)
    plans = sorted(_plans(tiles, sample), key=lambda plan: plan.size)
    return _Trial(plans, sample.elements.size / tiles.elements.size)


def _fast_estimate(tiles: Tiles) -> float:
    """An estimate of the bytes of fast deflate, for 8-bit pictures of many colours; 0 for other
    tiles.
    """
    if tiles.dtype != np.uint8 or pixel_rows.find_colours(tiles) is not None:
        return 0
    sample, channels = _sample(tiles), pixel_rows.channels_of(tiles.shapes)
    green = GREEN if channels is not None and channels > 2 else 0
    tried = (_Transform(PLAIN, 0), _Transform(ROWS, green, FILTER_PER_ROW))
    sizes = [len(raw_deflate.compress(each.content(sample).data, level=1)) for each in tried]
    return min(sizes) * tiles.elements.size / sample.elements.size


def _is_repetitive(tiles: Tiles) -> bool:
    """Whether the content is repetitive, at any distance.

    It counts distinct sequences of bytes. A sequence begins where a hash of two bytes is 0, so
    equal content has its sequences at equal places.
    """
    content = tiles.elements.view(np.uint8)
    if content.size <= _SEQUENCE:
        return False
    pairs = 251 * content[: 1 - _SEQUENCE].astype(np.uint16) + content[1 : 2 - _SEQUENCE]
    begins = np.flatnonzero(pairs % _BEGINS == 0)
    if len(begins) > content.size // _FEW:  # many are equal, and they would take much memory
        return True
    sequences = np.lib.stride_tricks.sliding_window_view(content, _SEQUENCE)[begins]
    return len(np.unique(sequences.view(f"V{_SEQUENCE}"))) < _MOSTLY * len(begins)


def _plans(tiles: Tiles, sample: Tiles) -> Iterator[_Plan]:
    """For each transform, the plan with the best strategy."""
    colours = None
    for transform in _transforms(tiles):
        sampled = transform
        if transform.colours is not None and sample is not tiles:
            colours = colours or pixel_rows.find_colours(sample)
            sampled = replace(transform, colours=colours)
        content = sampled.content(sample)
        of_filters = (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY)
        strategies = of_filters if transform.filtered else (_REPETITIONS,)
        sizes = ((len(raw_deflate.compress(content.data, s, _TRIAL_LEVEL)), s) for s in strategies)
        size, strategy = min(sizes)
        yield _Plan(transform, strategy, size)


def _transforms(tiles: Tiles) -> Iterator[_Transform]:
    itemsize = tiles.dtype.itemsize
    channels = pixel_rows.channels_of(tiles.shapes)
    if pixel_rows.has_numbers(tiles.dtype):
        green = [GREEN] if channels is not None and channels > 2 else []
        for number in (0, *green):
            for row_filter in (NONE, PAETH, FILTER_PER_ROW):
                yield _Transform(ROWS, number, row_filter)
            if itemsize == 2:
                for row_filter in (AVERAGE, FILTER_PER_ROW):
                    yield _Transform(ROWS, number | WHOLE_ELEMENTS, row_filter)
    else:
        yield _Transform(PLAIN, 0)
        yield _Transform(PLAIN, min((channels or 1) * itemsize, 255))
        if itemsize > 1:
            yield _Transform(SHUFFLED, 0)
            yield _Transform(SHUFFLED, channels or 1)
    colours = pixel_rows.find_colours(tiles)
    if colours is not None:
        for row_filter in (NONE, FILTER_PER_ROW):
            yield _Transform(ROWS, colours.transform, row_filter, colours)


def _sample(tiles: Tiles) -> Tiles:
    """Some entire tiles, or rows of large ones, from the beginning, the middle and the end."""
    size = tiles.elements.size
    if size <= 3 * _SAMPLE:
        return tiles
    parts: list[NDArray[Any]] = []
    for place in (0, size // 2, size - 1):
        start = 0
        for count, shape in tiles.shapes:
            elements = math.prod(shape)
            if place < start + count * elements:
                break
            start += count * elements
        run = tiles.elements[start : start + count * elements].reshape(count, *shape)
        number, within = divmod(place - start, elements)
        if elements <= _SAMPLE:
            taken = min(_SAMPLE // elements, count)
            first = min(number, count - taken)
            parts += list(run[first : first + taken])
        else:
            rows = max(_SAMPLE * len(run[number]) // elements, 1)
            first = min(within * len(run[number]) // elements, len(run[number]) - rows)
            parts.append(run[number, first : first + rows])
    return Tiles.from_arrays(parts, tiles.dtype)


def _packed(tiles: Tiles, plan: _Plan, coder: Coder) -> bytes:
    content = plan.transform.content(tiles)

    def by_lzma() -> bytes:
        stream = lzma2.compress(content.data, pb=0, nice_len=273, depth=_DEPTH)
        return plan.transform.head("lzma") + stream

    packed = by_lzma() if coder == "lzma" else b""
    if packed and len(packed) < _CLEARLY * plan.deflated_size(content):
        return packed  # the highest level of deflate takes long for repetitive content
    deflated = plan.transform.head("deflate") + raw_deflate.compress(content.data, plan.strategy)
    if coder == "deflate" and _REPEATING * len(deflated) > content.size:
        return deflated
    return min(deflated, packed or by_lzma(), key=len)


def _decompress(data: memoryview, coder: Coder, size: int) -> bytes:
    """The content of the stream, which must have `size` bytes. No more than these are decoded."""
    decompress = lzma2.decompress if coder == "lzma" else raw_deflate.decompress
    content, whole = decompress(data, size + 1)
    if len(content) != size or not whole:
        raise ArchiveError(f"its compressed bytes do not decode to exactly {size} bytes")
    return content
