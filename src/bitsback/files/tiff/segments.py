"""The segments (strips or tiles) of a TIFF file: how they divide the pixels of a page, how they are
compressed, and where they lie. Source: TIFF revision 6.0, sections 3, 14 and 15.
"""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files.png.png_parts import pack_bits
from bitsback.files.tiff.choices import CHOSEN, ChoiceReader, Segment, is_whole
from bitsback.format.modes import MOST_CHANNELS
from bitsback.lazy import cached_property
from bitsback.wire import Cursor, varint

NONE, GROUP_4, DEFLATE, OLD_DEFLATE, LZMA, ZSTD = 1, 4, 8, 32946, 34925, 50000
"""Compressions, by their numbers in the tag 259, beside LZW and PACKBITS."""

BIG, INVERTED, SCALED, REVERSED, PREDICTED, TILED, SIGNED, FLOAT, BY_BYTES = (
    1, 2, 4, 8, 16, 32, 64, 128, 256,
)  # fmt: skip
"""The flags of segments, in their order.

BIG: samples are big-endian. INVERTED: each bit of a sample is inverted, since the least value is
white. SCALED: samples of 2 or 4 bits become 8 bits from black to white. REVERSED: the bits of each
byte are reversed. PREDICTED: samples are differences to the samples before them. TILED: segments
are tiles. SIGNED: samples are signed integers. FLOAT: samples are floats. BY_BYTES: the bytes of
floats are differences to the bytes before them.
"""

_LEAST_BITS = {0: 1, INVERTED: 1, SIGNED: 8, FLOAT: 16}
"""The least number of bits of a sample, by the flags of its kind."""
_BITS = (1, 2, 4, 8, 16, 32, 64)
REVERSE = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
"""Each byte with its bits in reverse."""
_MOST_SIDE = 1 << 32


@dataclass(frozen=True)
class Layout:
    """A page, [height, width] or [height, width, channels or planes], in segments."""

    height: int
    width: int
    channels: int
    """The number of samples of a pixel that are stored together."""
    planes: int
    """The number of times that segments cover the page, each time for one channel; 1 if channels
    are interleaved.
    """
    bits: int
    """Bits of a sample: 1, 2, 4, 8, 16, 32 or 64."""
    rows: int
    columns: int
    """The columns of a segment; the last strip may have fewer rows, and tiles are whole."""
    compression: int
    flags: int

    @property
    def sound(self) -> bool:
        """Whether such a page is possible and supported."""
        sides = (self.height, self.width, self.rows, self.columns)
        colours = self.channels * self.planes
        return (
            all(0 < side < _MOST_SIDE for side in sides)
            and 1 in (self.channels, self.planes)
            and 1 <= colours <= MOST_CHANNELS
            and self.bits in _BITS
            and (colours == 1 or self.bits >= 8)
            and (self.flags & TILED > 0 or self.columns == self.width)
            and self.flags < 512
            and self.flags & (BY_BYTES | FLOAT) != BY_BYTES
            and self.bits >= _LEAST_BITS.get(self.flags & (INVERTED | SIGNED | FLOAT), 65)
            and not (self.flags & PREDICTED and (self.bits < 8 or self.flags & FLOAT))
            and (self.compression != GROUP_4 or self.bits == 1)
        )

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        kind = "f" if self.flags & FLOAT else "i" if self.flags & SIGNED else "u"
        return np.dtype("|b1" if self.bits == 1 else f"<{kind}{max(self.bits // 8, 1)}")

    @property
    def shape(self) -> tuple[int, ...]:
        colours = self.channels * self.planes
        return (self.height, self.width) + (colours,) * (colours > 1)

    @property
    def across(self) -> int:
        """The number of segments side by side."""
        return -(-self.width // self.columns)

    @property
    def down(self) -> int:
        """The number of segments one below the other."""
        return -(-self.height // self.rows)

    @property
    def segments(self) -> int:
        return self.planes * self.down * self.across

    @property
    def area(self) -> int:
        """The pixels of the segments of a plane, including those beyond the edges of the page."""
        rows = self.down * self.rows if self.flags & TILED else self.height
        return rows * self.across * self.columns

    @property
    def is_steady(self) -> bool:
        """Whether all versions of the compressor of its segments make the same bytes."""
        return self.compression not in (LZMA, ZSTD)

    @property
    def blank(self) -> Any:
        """The sample whose bits are zeros in the file."""
        return self._inverted(np.zeros((), self.dtype))

    @property
    def row_bytes(self) -> int:
        """The bytes of a segment's row."""
        return -(-self.columns * self.channels * self.bits // 8)

    def rows_of(self, band: int) -> int:
        """The rows of the page in a row of segments."""
        return min(self.rows, self.height - band * self.rows)

    def rows_stored(self, band: int) -> int:
        """The rows of each segment in it, including rows below the page."""
        return self.rows if self.flags & TILED else self.rows_of(band)

    def samples(self, raw: bytes) -> NDArray[Any]:
        """The samples of a segment from its bytes, decompressed: [rows, columns, channels]."""
        if self.reversed_alone:
            raw = raw.translate(REVERSE)
        data = np.frombuffer(raw, np.uint8).reshape(-1, self.row_bytes)
        values: NDArray[Any]
        if self.flags & BY_BYTES:
            summed = np.cumsum(data.reshape(len(data), -1, self.channels), axis=1, dtype=np.uint8)
            planes = summed.reshape(len(data), self.bits // 8, -1)
            values = np.ascontiguousarray(planes.swapaxes(1, 2)).view(f">u{self.bits // 8}")
        elif self.bits >= 8:
            values = data.view(self._order)
        else:
            values = unpack_bits(data, self.bits)[:, : self.columns]
            values = values.astype(bool) if self.bits == 1 else values * np.uint8(self._step)
        values = values.reshape(len(data), self.columns, self.channels)
        if self.flags & PREDICTED:
            values = np.cumsum(values, axis=1, dtype=values.dtype.newbyteorder("="))
        if self.bits >= 8:
            values = values.astype(values.dtype.newbyteorder("<")).view(self.dtype)
        return self._inverted(values)

    def raw(self, samples: NDArray[Any]) -> bytes:
        """The bytes of a segment before compression. Raises ArchiveError for samples that it cannot
        have.
        """
        values = self._inverted(samples)
        if self.bits >= 8:  # as integers, so that the bits of NaN stay
            values = np.ascontiguousarray(values).view(f"<u{self.bits // 8}")
        if self.flags & PREDICTED:
            values = values.copy()
            values[:, 1:] -= values[:, :-1].copy()
        rows = np.ascontiguousarray(values).reshape(len(values), -1)
        if self.flags & BY_BYTES:
            whole = rows.astype(f">u{self.bits // 8}").view(np.uint8)
            planes = whole.reshape(len(rows), -1, self.bits // 8).swapaxes(1, 2)
            ordered = planes.reshape(len(rows), -1)
            made = ordered.copy()
            made[:, self.channels :] -= ordered[:, : -self.channels]
            raw = made.tobytes()
        elif self.bits >= 8:
            raw = rows.astype(self._order).tobytes()
        elif self.bits == 1:
            raw = np.packbits(rows, axis=1).tobytes()
        else:
            fewer = rows // np.uint8(self._step)
            if (fewer * np.uint8(self._step) != rows).any() or (fewer >> self.bits).any():
                raise ArchiveError("its pixels have values that its file cannot have")
            raw = pack_bits(fewer, self.bits).tobytes()
        return raw.translate(REVERSE) if self.reversed_alone else raw

    def _inverted(self, samples: NDArray[Any]) -> NDArray[Any]:
        """The samples with each bit inverted, if the file has them so."""
        if not self.flags & INVERTED:
            return samples
        inverted: NDArray[Any] = np.invert(samples)
        if self.bits in (2, 4):
            inverted = samples ^ np.uint8(self._step * ((1 << self.bits) - 1))
        return inverted

    @property
    def reversed_alone(self) -> bool:
        """Whether the bits of uncompressed bytes are reversed."""
        return bool(self.flags & REVERSED) and self.compression == NONE

    @property
    def _order(self) -> str:
        return f"{'>' if self.flags & BIG else '<'}u{self.bits // 8}"

    @property
    def _step(self) -> int:
        return 255 // ((1 << self.bits) - 1) if self.flags & SCALED else 1

    def pack(self) -> bytes:
        numbers = (
            self.height, self.width, self.channels, self.planes, self.bits, self.rows,
            self.columns, self.compression, self.flags,
        )  # fmt: skip
        return b"".join(map(varint, numbers))

    @classmethod
    def unpack(cls, cursor: Cursor) -> Layout:
        """Raises ArchiveError."""
        layout = cls(*cursor.varints(9))
        if not layout.sound:
            raise ArchiveError("its container metadata describes an impossible page")
        return layout


def unpack_bits(rows: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Samples of 1, 2 or 4 bits from bytes, the first one in the highest bits: [rows, samples]."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    spread = (rows[:, :, np.newaxis] >> shifts) & np.uint8((1 << bits) - 1)
    return spread.reshape(len(rows), -1)


BY_ZLIB = (DEFLATE, OLD_DEFLATE)
_MOST_MEMORY = 1 << 28
"""The bytes that unpacking LZMA may take."""
_STREAMS: dict[int, Callable[[], Any]] = {
    DEFLATE: zlib.decompressobj,
    OLD_DEFLATE: zlib.decompressobj,
    LZMA: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY),
}
"""Decompressors that check where a stream ends; libtiff stops at the last byte that it wants, and
accepts damaged LZMA.
"""
_BY_PILLOW = {LZMA: "lzma", ZSTD: "zstd"}
"""Pillow's names of compressions that Pillow also makes. Their bytes are not promised."""
OWN = (NONE, GROUP_4, *CHOSEN)
"""Compressions whose encoders are our own, so that they always make the same bytes."""
COMPRESSIONS = (*OWN, *BY_ZLIB, *_BY_PILLOW)
"""The compressions that can be undone, and done again on restoring."""

_EXTRA = 1 << 16  # bytes by which a compressed segment may exceed twice its content


def most_bytes(raw: int) -> int:
    """The most bytes of a compressed segment of `raw` bytes."""
    return 2 * raw + _EXTRA


def decompress(layout: Layout, data: bytes, rows: int, whole: bool = False) -> bytes | None:
    """The bytes of a segment of `rows` rows; None if it has more or fewer. whole: also None unless
    the compressed stream ends exactly with the last byte of `data`, except for GROUP_4. Raises the
    errors of zlib, lzma and Pillow.
    """
    size = rows * layout.row_bytes
    if layout.compression == NONE:
        return data if len(data) == size else None
    if layout.flags & REVERSED:
        data = data.translate(REVERSE)
    if layout.compression in _STREAMS:
        stream = _STREAMS[layout.compression]()
        raw = stream.decompress(data, size + 1)
        complete = len(raw) == size and stream.eof and not (whole and stream.unused_data)
        return raw if complete else None
    raw = _decompress_by_pillow(layout, data, rows)
    return raw if not whole or _is_whole(layout, data, size) else None


def _is_whole(layout: Layout, data: bytes, size: int) -> bool:
    """Whether these bytes are exactly one stream, which decompresses to `size` bytes."""
    if layout.compression in CHOSEN:
        return is_whole(Segment(layout.compression, data, size, layout.row_bytes))
    return layout.compression == GROUP_4 or _ends_as_zstd(data)


def _ends_as_zstd(data: bytes) -> bool:
    """Whether these bytes are exactly one frame of Zstandard. Source: RFC 8878,
    section 3.1.1.
    """
    single, checked = data[4] >> 5 & 1, data[4] >> 2 & 1
    count = (single, 2, 4, 8)[data[4] >> 6]
    at, last = 6 - single + (0, 1, 2, 4)[data[4] & 3] + count, 0
    while not last and at < len(data):
        header = int.from_bytes(data[at : at + 3], "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        at += 3 + (1 if kind == 1 else length)
    return bool(last) and at + 4 * checked == len(data)


def compress(
    layout: Layout,
    raw: bytes,
    rows: int,
    size: int,
    deflate: Callable[[bytes], bytes],
    choices: ChoiceReader,
) -> bytes:
    """A compressed segment of `rows` rows.

    size: its bytes in the original file. choices: those of the encoders of LZW and PackBits. Raises
    ArchiveError if the segment cannot be made.
    """
    if layout.compression == NONE:
        return raw
    if layout.compression in BY_ZLIB:
        data = deflate(raw)
    elif layout.compression in CHOSEN:
        data = choices.next().compress(layout.compression, raw, layout.row_bytes)
    elif layout.compression == GROUP_4:
        try:
            data = _core.group4_pack(raw, layout.columns, size)
        except ValueError:
            raise ArchiveError("its container metadata is that of other pixels") from None
    else:
        try:
            data = _compress_by_pillow(layout, raw, rows)
        except Exception as error:  # libtiff may make Pillow's writers raise any error
            raise ArchiveError(
                "the Pillow of this computer cannot compress its file as before, by"
                f" {_BY_PILLOW[layout.compression]}: {error}"
            ) from None
    return data.translate(REVERSE) if layout.flags & REVERSED else data


def _decompress_by_pillow(layout: Layout, data: bytes, rows: int) -> bytes:
    bits, columns = (1, layout.columns) if layout.compression == GROUP_4 else (8, layout.row_bytes)
    directory: Any = TiffImagePlugin.ImageFileDirectory_v2()
    tags = {
        256: columns, 257: rows, 258: bits, 259: layout.compression,
        262: 1, 273: 0, 277: 1, 278: rows, 279: len(data),
    }  # fmt: skip
    for number, value in tags.items():
        directory[number] = value
    file = b"II*\0" + struct.pack("<I", 8) + directory.tobytes(8) + data  # `tobytes` sets its place
    with Image.open(io.BytesIO(file), formats=("TIFF",)) as image:
        return image.tobytes()


def _compress_by_pillow(layout: Layout, raw: bytes, rows: int) -> bytes:
    file = io.BytesIO()
    image = Image.frombytes("L", (layout.row_bytes, rows), raw)
    image.save(file, "TIFF", compression=_BY_PILLOW[layout.compression], tiffinfo={278: rows})
    with Image.open(file, formats=("TIFF",)) as made:
        tags: Any = getattr(made, "tag_v2")  # noqa: B009 - as not all images have one
        offsets, counts = tags[273], tags[279]
    if len(offsets) != 1:
        raise ArchiveError("it made several strips of one")
    return file.getvalue()[offsets[0] : offsets[0] + counts[0]]


Span = tuple[int, int]
"""The places of the first byte, and of the one after the last."""

_LEAST_RUN = 3  # bytes of a packed run
_MOST_END = 1 << 48  # the greatest place of a segment's end


@dataclass(frozen=True)
class Place:
    """The place of a segment in the original file."""

    start: int
    end: int
    space: int
    """The end of the contiguous segments that begin with this one."""
    first: bool
    """Whether there is a gap before it."""


@dataclass(frozen=True)
class Places:
    """Runs of segments: their number, the gap before each, and their length."""

    runs: tuple[tuple[int, int, int], ...]

    @classmethod
    def from_spans(cls, spans: Iterable[Span]) -> Places:
        gaps, end = [], 0
        for start, stop in spans:
            gaps.append((start - end, stop - start))
            end = stop
        runs: list[tuple[int, int, int]] = []
        for (gap, length), group in groupby(gaps):
            count = sum(1 for _ in group)
            runs += [(count, gap, length)] if gap >= 0 else [(1, gap, length)] * count
        return cls(tuple(runs))

    @property
    def count(self) -> int:
        return sum(count for count, _, _ in self.runs)

    def __iter__(self) -> Iterator[Place]:
        followed = [0]
        for count, gap, length in reversed(self.runs):
            followed.append(0 if gap else count * length + followed[-1])
        end = 0
        for (count, gap, length), behind in zip(self.runs, followed[-2::-1], strict=True):
            last = end + count * (gap + length)
            for number in range(count):
                start = end + gap
                end = start + length
                space = last + behind if not gap or number == count - 1 else end
                yield Place(start, end, space, gap != 0)

    def spans(self, most: int) -> Iterator[Span]:
        """The spans of contiguous segments. most: the most bytes of all gaps; raises ArchiveError
        if there are more.
        """
        end = 0
        for count, gap, length in self.runs:
            if gap > 0:
                most -= count * gap
            if end + gap < 0 or end + count * (gap + length) > _MOST_END or most < -_MOST_END:
                raise ArchiveError("its container metadata places segments where there can be none")
            if not gap:
                yield end, end + count * length
                end += count * length
                continue
            if count > 1 and most < 0:
                raise ArchiveError("its container metadata lists more gaps than it has bytes for")
            for _ in range(count):
                yield end + gap, end + gap + length
                end += gap + length

    def pack(self) -> bytes:
        return varint(len(self.runs)) + b"".join(
            varint(count) + pack_signed(gap) + varint(length) for count, gap, length in self.runs
        )

    @classmethod
    def unpack(cls, cursor: Cursor) -> Places:
        """Raises ArchiveError."""
        count = cursor.varint()
        if count * _LEAST_RUN > len(cursor.data):
            raise ArchiveError("its container metadata is too short for its segments")
        runs = tuple(
            (cursor.varint(), unpack_signed(cursor), cursor.varint()) for _ in range(count)
        )
        if any(count < 1 or not length or (gap < 0 and count > 1) for count, gap, length in runs):
            raise ArchiveError("its container metadata places segments where there can be none")
        return cls(runs)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in the order of the file; adjacent ones are joined. Raises ArchiveError if two
    overlap.
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            raise ArchiveError("its container metadata lists segments that overlap")
        if found and start == found[-1][1]:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def pack_signed(number: int) -> bytes:
    """2n for n >= 0, otherwise -2n - 1, as a varint."""
    return varint(2 * number if number >= 0 else -2 * number - 1)


def unpack_signed(cursor: Cursor) -> int:
    """The inverse of `pack_signed`. Raises ArchiveError."""
    number = cursor.varint()
    return -(number >> 1) - 1 if number & 1 else number >> 1
