"""The container metadata of animated PNG files, whose frames are on a sheet (docs/format.md).

Each frame is read like a PNG file of its own. How viewers put frames over each other does not
matter. Source: PNG (third edition), section 11.3.6.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files.axes import FRAME, Axes, plain_axes
from bitsback.files.bands import Bands
from bitsback.files.deflated import Deflated
from bitsback.files.drawing import Drawing, Seekable, WholeDrawing
from bitsback.files.pictures import identify, sample_bands
from bitsback.files.png.png_metadata import (
    LEVEL,
    OF_BYTES,
    Png,
    Stream,
    not_made_again,
    pack_chunks,
    unpack_chunks,
    unpack_samples,
)
from bitsback.files.png.png_parts import MAGIC, Chunk, Samples, content, pack_file, places
from bitsback.files.png.png_reading import png_bands
from bitsback.files.sheet import sheet_of
from bitsback.format.grid import Shape
from bitsback.io.file_io import Content
from bitsback.wire import Cursor, varint

NEW, EXACT = 8, 9
"""The kinds of container metadata: frames are compressed with new settings, or as in the original.
"""
_PLUGINS = (("Png", "PNG"),)
_CONTROL, _FRAME, _FIRST_PIXELS, _PIXELS = b"acTL", b"fcTL", b"IDAT", b"fdAT"
_NUMBERED = (_FRAME, _PIXELS)
"""Chunks that begin with their number in the sequence of all of these."""
_NUMBER = 4  # bytes
_CONTROL_BYTES = 22
"""The bytes of the chunk that describes a frame, without its number."""
_MOST_BYTES = 1 << 28
"""The most bytes of a file, and of the pixels of a sheet; both are in memory."""
_SMALLEST_LIST = 1  # bytes in container metadata


@dataclass(frozen=True)
class Animation:
    """An animated PNG file without the pixels of its frames."""

    samples: Samples
    size: tuple[int, int]
    """Columns and rows of the picture, and of its first frame."""
    around: tuple[tuple[Chunk, ...], ...]
    """The chunks before the pixels of each frame, without IHDR, and those after the last pixels,
    without IEND. Chunks of the sequence have no numbers here.
    """
    streams: tuple[Stream, ...] = ()
    """The compression of each frame; empty if frames are compressed with new settings."""
    crc: int = 0
    """The CRC-32 of a file that is restored byte for byte."""

    @property
    def kind(self) -> int:
        return EXACT if self.exact else NEW

    @property
    def exact(self) -> bool:
        return bool(self.streams)

    @property
    def certain(self) -> bool:
        return not self.exact and self.samples.depth >= 8

    def anew(self) -> Animation:
        return self if self.is_described else replace(self, streams=(), crc=0)

    @property
    def is_described(self) -> bool:
        """Whether chunks describe the file's bytes, so that other bytes would be wrong."""
        return any(kind in OF_BYTES for each in self.around for kind, _ in each)

    @property
    def frames(self) -> list[Shape]:
        """Rows and columns of each frame."""
        sizes = [self.size]
        for chunks in self.around[1:-1]:
            (body,) = (body for kind, body in chunks if kind == _FRAME)
            sizes.append(struct.unpack_from(">II", body))
        return [(rows, columns) for columns, rows in sizes]

    @property
    def alike(self) -> int:
        """The number of frames if they have one size, one below the other; otherwise 1."""
        frames = self.frames
        return len(frames) if len(set(frames)) == 1 else 1

    def fits(self, dtype: np.dtype[Any], shape: Shape) -> bool:
        frames = self.frames
        if self.exact and any(
            len(stream.filters) != rows
            for stream, (rows, _) in zip(self.streams, frames, strict=True)
        ):
            return False
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        fit = self.samples.fit(dtype, shape) and sheet_of(frames)[1] == shape[:2]
        return fit and size <= _MOST_BYTES

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: Shape) -> Drawing:
        return WholeDrawing(file, self._file_of)

    def _file_of(self, sheet: NDArray[Any]) -> bytearray:
        data = pack_file(_with_numbers(self._chunks(sheet)))
        if self.exact and zlib.crc32(data) != self.crc:
            raise not_made_again()
        return data

    def _chunks(self, sheet: NDArray[Any]) -> Iterator[Chunk]:
        yield self.samples.header(self.size)
        for frame, place in enumerate(sheet_of(self.frames)[0]):
            kind = _PIXELS if frame else _FIRST_PIXELS
            yield from self.around[frame]
            yield from ((kind, part) for part in self._parts(frame, sheet[place]))
        yield from self.around[-1]
        yield b"IEND", b""

    def _parts(self, frame: int, pixels: NDArray[Any]) -> Iterable[bytes]:
        """The content of the chunks of a frame's pixels. Raises ArchiveError."""
        rows = self.samples.row_bytes(np.ascontiguousarray(pixels))
        if self.exact:
            stream = self.streams[frame]
            return stream.parts(self.samples.filtered(rows, stream.filters))
        filters = self.samples.filters_for(rows)
        return [zlib.compress(self.samples.filtered(rows, filters), LEVEL)]

    def pack(self) -> bytes:
        parts = [bytes([self.samples.depth, self.samples.colour])]
        parts += map(varint, (*self.size, len(self.around) - 1))
        parts += map(pack_chunks, self.around)
        if self.exact:
            parts.append(self.crc.to_bytes(4, "little"))
            parts += [stream.deflated.pack() + stream.pack_rows() for stream in self.streams]
        return b"".join(parts)

    @classmethod
    def unpack(cls, cursor: Cursor, exact: bool) -> Animation:
        """Raises ArchiveError."""
        samples, size = unpack_samples(cursor), (cursor.varint(), cursor.varint())
        number = cursor.varint()
        if not 0 < number * _SMALLEST_LIST <= len(cursor.data):
            raise ArchiveError("its container metadata is too short for its frames")
        around = tuple(unpack_chunks(cursor) for _ in range(number + 1))
        if any(kind in (_FIRST_PIXELS, _PIXELS) for chunks in around for kind, _ in chunks):
            raise ArchiveError("its container metadata has chunks with other pixels")
        for chunks in around[1:-1]:
            controls = [body for kind, body in chunks if kind == _FRAME]
            if len(controls) != 1 or len(controls[0]) < 8:
                raise ArchiveError("its container metadata has a frame without a size")
        animation = cls(samples, size, around)
        if not all(0 < side < 1 << 31 for frame in animation.frames for side in frame):
            raise ArchiveError("its container metadata describes a frame that no PNG has")
        if not exact:
            return animation
        crc = int.from_bytes(cursor.take(4), "little")
        streams = [Stream.unpack_rows(cursor, Deflated.unpack(cursor)) for _ in range(number)]
        return replace(animation, streams=tuple(streams), crc=crc)


def _with_numbers(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    number = count()
    for kind, body in chunks:
        if kind in _NUMBERED:
            body = next(number).to_bytes(_NUMBER, "big") + body
        yield kind, body


def is_animated(data: Content) -> bool:
    """Whether a PNG file says before its pixels that there are frames."""
    at = len(MAGIC)
    while at < len(data):
        head = data[at : at + 8]
        if head[4:] in (_CONTROL, _FIRST_PIXELS, b""):
            return head[4:] == _CONTROL
        at += 12 + int.from_bytes(head[:4], "big")
    return False


@dataclass(frozen=True)
class Animated:
    """A file in parts."""

    metadata: Animation
    """Without the compression of its frames."""
    parts: tuple[tuple[bytes, ...], ...]
    """What the chunks of each frame's pixels hold."""

    @classmethod
    def read(cls, data: bytes) -> Animated | None:
        """None for a file that is too large, or that readers may take for something else than its
        chunks say.
        """
        found = list(places(data))
        if len(found) < 3 or (found[0][0], found[-1][0]) != (b"IHDR", b"IEND") or found[-1][2]:
            return None
        around, parts = [list[Chunk]()], list[list[bytes]]()
        number, follows = 0, False
        for place in found[1:-1]:
            kind, body = place[0], content(data, place)
            if kind in _NUMBERED:
                if body[:_NUMBER] != number.to_bytes(_NUMBER, "big"):
                    return None
                number, body = number + 1, body[_NUMBER:]
            if kind not in (_FIRST_PIXELS, _PIXELS):
                around[-1].append((kind, body))
                follows = False
                continue
            if not follows:
                parts.append([])
                around.append([])
            if kind != (_FIRST_PIXELS if len(parts) == 1 else _PIXELS):
                return None
            parts[-1].append(body)
            follows = True
        header = content(data, found[0])
        if len(header) != 13 or not parts or not _are_sound(header, around):
            return None
        width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", header)
        samples = Samples(depth, colour)
        if any(methods) or not samples.supported:  # nor does Pillow read interlaced frames
            return None
        metadata = Animation(samples, (width, height), tuple(map(tuple, around)))
        rows, columns = sheet_of(metadata.frames)[1]
        if rows * columns * samples.channels * max(depth // 8, 1) > _MOST_BYTES:
            return None
        return cls(metadata, tuple(map(tuple, parts)))

    def sheet(self) -> NDArray[Any] | None:
        """The pixels of all frames as Pillow reads them; None if it does not read all of their
        bits. Raises the errors of Pillow.
        """
        laid, shape = sheet_of(self.metadata.frames)
        sheet: NDArray[Any] | None = None
        for place, file in zip(laid, self._alone(), strict=True):
            pixels = sample_bands(identify(io.BytesIO(file), _PLUGINS), png_bands)
            if pixels is None:
                return None
            if sheet is None:
                sheet = np.zeros((*shape, *pixels.shape[2:]), pixels.dtype)
            sheet[place] = pixels.whole()
        return sheet

    def described(self, sheet: NDArray[Any], exact: bool) -> Animation | None:
        """The container metadata; None if they cannot describe all of the file. Raises
        ValueError if its pixels are damaged.
        """
        exact = exact or self.metadata.is_described
        streams = list[Stream]()
        laid, _ = sheet_of(self.metadata.frames)
        for place, file in zip(laid, self._alone(), strict=True):
            pixels = Bands.from_array(np.ascontiguousarray(sheet[place]))
            png = Png.read(file, list(places(file)), pixels, exact)
            if png is None:
                return None
            streams += [] if png.stream is None else [png.stream]
        return replace(self.metadata, streams=tuple(streams))

    def _alone(self) -> Iterator[bytes]:
        """Each frame as a PNG file of its own."""
        palette = [chunk for chunk in self.metadata.around[0] if chunk[0] == b"PLTE"]
        for (rows, columns), parts in zip(self.metadata.frames, self.parts, strict=True):
            header = self.metadata.samples.header((columns, rows))
            idats = [(_FIRST_PIXELS, part) for part in parts]
            yield bytes(pack_file([header, *palette, *idats, (b"IEND", b"")]))


def _are_sound(header: bytes, around: Sequence[Sequence[Chunk]]) -> bool:
    """Whether each frame has a size and a place in the picture, and chunks are where they may be,
    as often as they may.
    """
    width, height = struct.unpack_from(">II", header)
    frames = 0
    for at, chunks in enumerate(around):
        controls = [body for kind, body in chunks if kind == _FRAME]
        frames += len(controls)
        if len(controls) not in ((0, 1) if at == 0 else (1,) if at < len(around) - 1 else (0,)):
            return False
        for body in controls:
            if len(body) != _CONTROL_BYTES:
                return False
            columns, rows, left, top = struct.unpack_from(">IIII", body)
            if not (columns and rows and left + columns <= width and top + rows <= height):
                return False
            if at == 0 and (columns, rows) != (width, height):
                return False
    placed = [(at, kind, body) for at, chunks in enumerate(around) for kind, body in chunks]
    heads = [(at, len(body), body[:4]) for at, kind, body in placed if kind == _CONTROL]
    critical = [(at, kind) for at, kind, _ in placed if kind[:1].isupper()]
    return heads == [(0, 8, frames.to_bytes(4, "big"))] and critical in ([], [(0, b"PLTE")])


def axes_of(metadata: Animation, shape: Shape) -> Axes | None:
    """The axes of frames of one size. Frames may have but a part of the picture, in any place."""
    return plain_axes(metadata.alike, FRAME, shape, {})


def read(data: Content) -> Animated | None:
    """The parts of a file; None if they cannot be kept, or it is too large."""
    return Animated.read(data[:]) if len(data) <= _MOST_BYTES else None
