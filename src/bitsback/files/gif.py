"""The codec of GIF files, which are restored byte for byte (docs/format.md, Container metadata).

All encoders of LZW take the longest string that has a code. They differ mainly in when they clear
their codes. Source: GIF89a specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files.axes import FRAME, Axes, Place, plain_axes
from bitsback.files.bands import Bands
from bitsback.files.drawing import (
    UNKNOWN_ENCODER,
    Drawing,
    ExactMetadata,
    Seekable,
    Split,
    WholeDrawing,
    makes,
    most_parts,
)
from bitsback.files.sheet import Sheet, sheet_of
from bitsback.format.grid import Shape
from bitsback.io.file_io import FileContent, same_bytes
from bitsback.wire import Cursor, varint

INTERLACED, ENDED, ZERO, SINGLE = 1, 2, 4, 8
"""Flags of a frame.

Its rows are interlaced; its stream has an end code; a zero byte follows that; each pixel has a
separate code.
"""
_KIND = 6
_MOST_PIXELS = 1 << 26
"""The greatest number of pixels of a sheet, which is in memory."""
_MOST_BYTES = 1 << 26
_MOST_BITS = 11
_SMALLEST_FRAME = 7  # bytes in container metadata
_COLOURS = 128  # the flag of a table of colours
_INTERLACE = 64
_EXTENSION, _IMAGE = b"!", b","
_PASSES = (slice(0, None, 8), slice(4, None, 8), slice(2, None, 4), slice(1, None, 2))
"""The rows of an interlaced frame, in the order of its stream."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class GifFrame:
    """A frame whose pixels are on the sheet."""

    gap: int
    """The number of other bytes between the frame before it and its pixels."""
    width: int
    height: int
    bits: int
    """The bits of a pixel, from the byte before the stream."""
    flags: int
    block: int
    """The bytes of each block of the stream except the last."""
    clears: tuple[tuple[int, int], ...]
    """Runs of clear codes: their number, and the number of codes before each."""

    def stored(self, pixels: Pixels) -> bytes:
        """The bytes of the file for these pixels. Raises ArchiveError for pixels without a code."""
        if self.flags & INTERLACED:
            pixels = np.concatenate([pixels[rows] for rows in _PASSES])
        counts, codes = zip(*self.clears, strict=True) if self.clears else ((), ())
        clears = np.repeat(np.array(codes, np.uint32), counts)
        try:
            stream = _core.lzw_pack(
                np.ascontiguousarray(pixels), self.bits, clears,
                bool(self.flags & ENDED), bool(self.flags & SINGLE),
            )  # fmt: skip
        except ValueError as error:
            raise ArchiveError(
                f"its container metadata is that of another picture: {error}"
            ) from None
        stream += bytes(bool(self.flags & ZERO))
        blocks = [stream[at : at + self.block] for at in range(0, len(stream), self.block)]
        return bytes([self.bits]) + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"

    def pack(self) -> bytes:
        numbers = [self.gap, self.width, self.height, self.bits, self.flags, self.block]
        numbers += [len(self.clears), *(number for run in self.clears for number in run)]
        return b"".join(map(varint, numbers))

    @classmethod
    def unpack(cls, cursor: Cursor) -> GifFrame:
        """Raises ArchiveError."""
        gap, width, height, bits, flags, block, count = cursor.varints(7)
        if not (
            0 < width < 1 << 16
            and 0 < height < 1 << 16
            and 0 < bits <= _MOST_BITS
            and flags < 16
            and 0 < block < 256
        ):
            raise ArchiveError("its container metadata describes a frame that no GIF has")
        if 2 * count > len(cursor.data):
            raise ArchiveError("its container metadata is too short for its clear codes")
        clears = tuple((cursor.varint(), cursor.varint()) for _ in range(count))
        most = width * height
        if any(codes > most for _, codes in clears) or sum(n for n, _ in clears) > most + 1:
            raise ArchiveError("its container metadata has more clear codes than pixels")
        return cls(gap, width, height, bits, flags, block, clears)


def _sheet(frames: Sequence[GifFrame]) -> tuple[list[Place], Shape]:
    """The places of frames on a sheet, and its shape."""
    return sheet_of([(frame.height, frame.width) for frame in frames])


@dataclass(frozen=True)
class Gif(ExactMetadata):
    """The container metadata of a GIF file."""

    frames: tuple[GifFrame, ...]
    others: bytes
    """All bytes of the file except those with the pixels of frames."""

    kind = _KIND

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        return dtype == np.uint8 and shape == _sheet(self.frames)[1]

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        return WholeDrawing(file, self._file_of)

    def _file_of(self, sheet: Pixels) -> bytes:
        parts, at = [], 0
        for frame, place in zip(self.frames, _sheet(self.frames)[0], strict=True):
            parts += [self.others[at : at + frame.gap], frame.stored(sheet[place])]
            at += frame.gap
        return b"".join([*parts, self.others[at:]])

    def pack(self) -> bytes:
        return (
            varint(len(self.frames)) + b"".join(frame.pack() for frame in self.frames) + self.others
        )

    @classmethod
    def unpack(cls, cursor: Cursor) -> Gif:
        """Raises ArchiveError."""
        count = cursor.varint()
        if not 0 < count * _SMALLEST_FRAME <= len(cursor.data):
            raise ArchiveError("its container metadata is too short for its frames")
        frames = tuple(GifFrame.unpack(cursor) for _ in range(count))
        others = bytes(cursor.take(len(cursor.data) - cursor.at))
        if sum(frame.gap for frame in frames) > len(others) or _too_large(frames):
            raise ArchiveError(
                "its container metadata is too short for its frames, or they too large"
            )
        return cls(frames, others)


def axes_of(metadata: Gif, shape: Shape) -> Axes | None:
    """The axes of frames of one size. A frame may be only a part of the picture."""
    alike = len({(frame.height, frame.width) for frame in metadata.frames}) == 1
    return plain_axes(len(metadata.frames), FRAME, shape, {}) if alike else None


def _too_large(frames: Sequence[GifFrame]) -> bool:
    height, width = _sheet(frames)[1]
    return height * width > _MOST_PIXELS


def samples(file: BinaryIO) -> Bands | None:
    found = _split(file)
    return None if found is None else Bands.from_array(found[1])


def split(file: BinaryIO, exact: bool) -> Split | None:
    found = _split(file)
    if found is None:
        return None
    gif, sheet = found
    pixels = Bands.from_array(sheet)
    return (
        Split.from_pixels(pixels, gif, indexed=True)
        if makes(gif, FileContent(file), pixels)
        else None
    )


def refusal(file: BinaryIO) -> str:
    content = FileContent(file)
    if len(content) <= _MOST_BYTES and len(_all_images(content[:])) > most_parts(len(content)):
        return "GIF with too many frames for its size"
    return f"{UNKNOWN_ENCODER}GIF"


def unpack(cursor: Cursor, kind: int) -> Gif:
    return Gif.unpack(cursor)


same = same_bytes


def _split(file: BinaryIO) -> tuple[Gif, Pixels] | None:
    """The metadata and the sheet of a file; None if no frame can be reproduced.

    Raises OSError for a damaged file.
    """
    content = FileContent(file)
    if len(content) > _MOST_BYTES:
        return None
    data = content[:]
    images = _all_images(data)
    if len(images) > most_parts(len(data)):
        return None
    frames, drawn, others, end = list[GifFrame](), list[Pixels](), list[bytes](), 0
    laid, left = Sheet(max(image.width for image in images)), _MOST_PIXELS
    for image in images:
        size = image.height, image.width
        if laid.rows_with(size) * laid.width > _MOST_PIXELS or image.pixels > left:
            continue
        left -= image.pixels
        found = image.frame(data, image.start - end)
        if found is None:
            continue
        laid.add(size)
        frames.append(found[0])
        drawn.append(found[1])
        others.append(data[end : image.start])
        end = image.end
    if not frames or _too_large(frames):
        return None
    places, shape = _sheet(frames)
    sheet = np.zeros(shape, np.uint8)
    for place, pixels in zip(places, drawn, strict=True):
        sheet[place] = pixels
    return Gif(tuple(frames), b"".join([*others, data[end:]])), sheet


@dataclass(frozen=True)
class _ImageBlock:
    """An image in a file."""

    width: int
    height: int
    interlaced: bool
    start: int
    """The place of the byte with the bits of its pixels."""
    end: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def frame(self, data: bytes, gap: int) -> tuple[GifFrame, Pixels] | None:
        """The frame and its pixels; None if they do not reproduce the bytes."""
        count, bits, at = self.pixels, data[self.start], self.start + 1
        if not count or count > _MOST_PIXELS or not 0 < bits <= _MOST_BITS:
            return None
        block, parts = data[at], list[bytes]()
        while data[at]:
            parts.append(data[at + 1 : at + 1 + data[at]])
            at += 1 + data[at]
        stream = b"".join(parts)
        found = _core.lzw_unpack(stream, bits, count)
        if found is None:
            return None
        pixels, clears, ended, size = found
        pixels = pixels.reshape(self.height, self.width)
        if self.interlaced:
            taken, interlaced, pixels = 0, pixels, np.empty_like(pixels)
            for rows in _PASSES:
                count = len(pixels[rows])
                pixels[rows] = interlaced[taken : taken + count]
                taken += count
        runs = tuple((len(list(run)), codes) for codes, run in groupby(clears.tolist()))
        flags = INTERLACED * self.interlaced + ENDED * ended + ZERO * (stream[size:] == b"\0")
        for mode in (0, SINGLE):
            frame = GifFrame(gap, self.width, self.height, bits, flags + mode, block, runs)
            try:
                if frame.stored(pixels) == data[self.start : self.end]:
                    return frame, pixels
            except ArchiveError:
                pass
        return None


def _all_images(data: bytes) -> list[_ImageBlock]:
    """Raises OSError for a damaged file."""
    try:
        images = list(_images(data))
    except IndexError:
        raise OSError("image file is truncated") from None
    if not images:
        raise OSError("is damaged: it has no image")
    return images


def _images(data: bytes) -> Iterator[_ImageBlock]:
    """The images of a file, up to its end or to bytes of an unknown meaning.

    Raises IndexError if it is cut off within a block.
    """
    at = 13
    if data[10] & _COLOURS:
        at += 6 << (data[10] & 7)
    while data[at : at + 1] in (_EXTENSION, _IMAGE):
        if data[at : at + 1] == _EXTENSION:
            at = _behind_blocks(data, at + 2)
        else:
            width, height, flags = struct.unpack("<HHB", data[at + 5 : at + 10].ljust(5, b"\0"))
            at += 10
            if flags & _COLOURS:
                at += 6 << (flags & 7)
            end = _behind_blocks(data, at + 1)
            yield _ImageBlock(width, height, bool(flags & _INTERLACE), at, end)
            at = end


def _behind_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1
