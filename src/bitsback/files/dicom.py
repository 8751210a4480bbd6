"""The codec of DICOM files (DICOM PS3.5, PS3.10).

Their pixels are uncompressed, in runs of bytes, or in lossless JPEG. The bytes around the pixels
are container metadata. Elements of the data set are read only up to the pixels.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.files import byte_runs, jpeg_samples
from bitsback.files.axes import FRAME, Axes, T, X, Y, Z, plain_axes
from bitsback.files.bands import Bands, rows_of_band
from bitsback.files.bitmap import LOW_FIRST, PLANES, SWAP, Frame
from bitsback.files.byte_runs import (
    ByteRuns,
    Segment,
    compressed_bytes,
    exceptions_of,
    frame_of,
)
from bitsback.files.drawing import UNKNOWN_ENCODER, Split, makes
from bitsback.files.jpeg_samples import JpegSamples, SampleSplit, take_samples
from bitsback.format.grid import Shape
from bitsback.io.file_io import Content, FileContent, in_memory, same_bytes
from bitsback.lazy import cached_property
from bitsback.wire import Cursor

_PREAMBLE = 128
_SYNTAXES = {
    b"1.2.840.10008.1.2": (False, "<"),
    b"1.2.840.10008.1.2.1": (True, "<"),
    b"1.2.840.10008.1.2.2": (True, ">"),
    b"1.2.840.10008.1.2.5": (True, "<"),
    b"1.2.840.10008.1.2.4.57": (True, "<"),
    b"1.2.840.10008.1.2.4.70": (True, "<"),
}
"""Whether elements state their type, and the byte order, by the transfer syntax."""
_RUNS = b"1.2.840.10008.1.2.5"
_JPEG_START = b"\xff\xd8"
"""The first bytes of a JPEG stream."""
_JPEG = (b"1.2.840.10008.1.2.4.57", b"1.2.840.10008.1.2.4.70")
_OTHER_SYNTAXES = {
    "1.2.1.99": "deflated",
    "1.2.4.50": "JPEG baseline",
    "1.2.4.51": "JPEG extended",
    "1.2.4.80": "JPEG-LS lossless",
    "1.2.4.81": "JPEG-LS near-lossless",
    "1.2.4.90": "JPEG 2000 lossless",
    "1.2.4.91": "JPEG 2000",
    "1.2.4.92": "JPEG 2000 with several components, lossless",
    "1.2.4.93": "JPEG 2000 with several components",
    "1.2.4.100": "MPEG-2",
    "1.2.4.102": "MPEG-4",
    "1.2.4.107": "HEVC",
    "1.2.4.110": "JPEG XL lossless",
    "1.2.4.111": "JPEG XL from JPEG",
    "1.2.4.112": "JPEG XL",
    "1.2.4.201": "HTJ2K lossless",
    "1.2.4.202": "HTJ2K lossless",
    "1.2.4.203": "HTJ2K",
}
"""Names of unsupported transfer syntaxes, by the part behind 1.2.840.10008."""
_SYNTAX = 0x00020010
_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS, _BITS, _SIGNED = 0x00280010, 0x00280011, 0x00280100, 0x00280103
_SPACING, _BETWEEN, _THICKNESS = 0x00280030, 0x00180088, 0x00180050
_FRAME_TIME, _CENTRE, _WIDTH = 0x00181063, 0x00281050, 0x00281051
_INTERCEPT, _SLOPE = 0x00281052, 0x00281053
_MODALITY, _WORD = 0x00080060, re.compile(rb"[A-Z0-9]{1,16}")
_SERIES, _NUMBER, _POSITION, _ORIENTATION = 0x0020000E, 0x00200013, 0x00200032, 0x00200037
_WANTED = frozenset(
    (
        *(_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES, _ROWS, _COLUMNS, _BITS, _SIGNED),
        *(_SERIES, _NUMBER, _POSITION, _ORIENTATION, _MODALITY),
        *(_SPACING, _BETWEEN, _THICKNESS, _FRAME_TIME, _CENTRE, _WIDTH, _INTERCEPT, _SLOPE),
    )
)
_PIXELS = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_RUNS_HEADER = 64
"""The bytes of the header of a frame, which has the offsets of its segments."""
_LONG = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
"""The types of elements with a length of four bytes."""
_UNDEFINED = 0xFFFFFFFF
_MOST_ELEMENTS = 1 << 18
_MOST_OF_A_VALUE = 1 << 8
_MOST_OTHERS = 1 << 26
"""The greatest size of container metadata, which is in memory."""
_MOST_SAMPLES, _MOST_BYTES = 1 << 26, 1 << 27
"""The greatest number of samples of JPEG streams, and size of a file with them, in memory."""


@dataclass(frozen=True)
class _Element:
    tag: int
    kind: bytes
    """The type of the element; empty if it states none."""
    start: int
    length: int


def _elements(data: Content, at: int, explicit: bool, order: str) -> Iterator[_Element]:
    """The elements from a place on, without those in sequences.

    They end with the pixels, or where the file is damaged.
    """
    depth = 0
    for _ in range(_MOST_ELEMENTS):
        head = data[at : at + 12]
        if len(head) < 8:
            return
        group, number, length = struct.unpack_from(order + "HHI", head)
        tag, kind, at = group << 16 | number, b"", at + 8
        if explicit and group != 0xFFFE:
            kind = head[4:6]
            if not kind.isalpha() or (kind in _LONG and len(head) < 12):
                return
            if kind in _LONG:
                length, at = struct.unpack_from(order + "I", head, 8)[0], at + 4
            else:
                length = struct.unpack_from(order + "H", head, 6)[0]
        if tag in (_ITEM_END, _SEQUENCE_END):
            depth -= 1
            continue
        if not depth:
            yield _Element(tag, kind, at, length)
            if tag == _PIXELS:
                return
        if length != _UNDEFINED:
            at += length
        elif kind == b"UN":  # its elements state no type
            return
        else:
            depth += 1


@dataclass(frozen=True)
class Dicom:
    """A DICOM file with uncompressed pixels, runs of bytes, or lossless JPEG streams."""

    data: Content
    values: dict[int, bytes]
    """The values of the elements that this module needs."""
    pixels: _Element
    order: str
    syntax: bytes

    @classmethod
    def read(cls, data: Content) -> Dicom | None:
        """The header of a file; None for a file of another kind, or a damaged one."""
        syntax, at = _syntax_of(data)
        if syntax not in _SYNTAXES:
            return None
        explicit, order = _SYNTAXES[syntax]
        values: dict[int, bytes] = {}
        for element in _elements(data, at, explicit, order):
            if element.tag == _PIXELS:
                return cls(data, values, element, order, syntax)
            if element.tag in _WANTED and element.length <= _MOST_OF_A_VALUE:
                values[element.tag] = data[element.start : element.start + element.length]
        return None

    def _number(self, tag: int, missing: int) -> int:
        value = self.values.get(tag, b"")
        return missing if len(value) != 2 else int(struct.unpack(self.order + "H", value)[0])

    def decimals(self, tag: int, count: int) -> list[float] | None:
        """The numbers of an element with text; None without valid ones."""
        try:
            values = [float(part) for part in self.values.get(tag, b"").rstrip(b"\0 ").split(b"\\")]
        except ValueError:
            return None
        return values if len(values) == count and all(map(isfinite, values)) else None

    @property
    def in_runs(self) -> bool:
        return self.syntax == _RUNS

    @property
    def in_jpeg(self) -> bool:
        return self.syntax in _JPEG

    @property
    def frames(self) -> float:
        """The number of its frames, as it is stated: possibly no positive integer."""
        return (self.decimals(_FRAMES, 1) or [1.0])[0]

    @property
    def palette(self) -> bool:
        return self.values.get(_PHOTOMETRIC, b"").startswith(b"PALETTE")

    @property
    def layout(self) -> int:
        """The layout of its rows as a frame."""
        planar = self._number(_SAMPLES, 1) > 1 and self._number(_PLANAR, 0) == 1
        deep = self._number(_BITS, 0) > 8
        low_first = LOW_FIRST * (self._number(_BITS, 0) == 1)
        swap = SWAP * (deep and self.order == ">")
        return PLANES * (planar and not (self.in_runs or self.in_jpeg)) + swap + low_first

    def refusal(self) -> str | None:
        """The reason why its pixels are not coded; None if they are."""
        samples, bits = self._number(_SAMPLES, 1), self._number(_BITS, 0)
        photometric = self.values.get(_PHOTOMETRIC, b"").strip(b"\0 ")
        frames = self.frames
        allowed = (8, 16) if self.in_jpeg else (8, 16, 32) if self.in_runs else (1, 8, 16, 32)
        if bits not in allowed:
            return f"samples of {bits} bit{'s' * (bits != 1)} (0028,0100)"
        if samples not in (1, 3):
            return f"{samples} samples in a pixel (0028,0002)"
        if bits == 1 and (samples > 1 or self._number(_COLUMNS, 0) % 8):
            return "rows of bits that end within a byte (0028,0011)"
        if self._number(_SIGNED, 0) and (samples > 1 or bits <= 8):
            return f"signed samples of {bits} bits, {samples} in a pixel (0028,0103)"
        if photometric.endswith((b"422", b"420")):
            return f"subsampled colours, {photometric.decode('ascii', 'replace')} (0028,0004)"
        if frames < 1 or frames % 1:
            return "a number of frames that is no positive integer (0028,0008)"
        if self.layout & PLANES and frames > 1:
            return "several frames with their colours in planes (0028,0006)"
        if bits <= 8 and self.order == ">" and self.pixels.kind == b"OW":
            return f"samples of {bits} bit{'s' * (bits != 1)} in big-endian words (7FE0,0010)"
        size = self._size
        if not size:
            return "no rows or no columns (0028,0010)"
        if self.in_runs:
            return self._refusal_of_runs()
        if self.in_jpeg:
            return self._refusal_of_jpeg()
        if self.pixels.length == _UNDEFINED:
            return "pixels in items, although they are not compressed (7FE0,0010)"
        if size > min(self.pixels.length, len(self.data) - self.pixels.start):
            return "fewer pixels than rows and columns say (7FE0,0010)"
        if len(self.data) - size > _MOST_OTHERS:
            return "more than 64 MiB beside the pixels"
        return None

    @property
    def _size(self) -> int:
        """The bytes of its pixels without compression."""
        return math.prod(self.shape) * self._number(_BITS, 0) // 8

    @property
    def dtype(self) -> np.dtype[Any]:
        bits, signed = self._number(_BITS, 0), self._number(_SIGNED, 0)
        return np.dtype(f"<{'i' if signed else 'u'}{bits // 8}" if bits > 1 else bool)

    @property
    def shape(self) -> Shape:
        """The shape of its pixels, with the frames below each other."""
        samples = self._number(_SAMPLES, 1)
        rows, columns = self._number(_ROWS, 0) * int(self.frames), self._number(_COLUMNS, 0)
        return (rows, columns, samples)[: 2 + (samples > 1)]

    def bands(self) -> Bands | None:
        """Its pixels, with the frames below each other; None if they cannot be coded, or are cut
        short.
        """
        if self.refusal() is not None:
            return None
        dtype, shape = self.dtype, self.shape
        if self.in_runs:
            return Bands(dtype, shape, self._frames_of_runs)
        if self.in_jpeg:
            return Bands(dtype, shape, self._samples)
        height, start, size = shape[0], self.pixels.start, self._size
        planes = shape[2] if self.layout & PLANES else 1
        stride = size // height // planes
        stored = dtype.newbyteorder(">") if self.layout & SWAP else dtype

        def read() -> Iterator[NDArray[Any]]:
            step = rows_of_band(stride * planes)
            for first in range(0, height, step):
                last = min(first + step, height)
                found = []
                for plane in range(planes):
                    at = start + plane * (size // planes)
                    data = self.data[at + first * stride : at + last * stride]
                    if len(data) < (last - first) * stride:
                        raise OSError("image file is truncated")
                    if dtype.kind == "b":
                        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
                        found.append(bits.astype(bool))
                    else:
                        found.append(np.frombuffer(data, stored).astype(dtype, copy=False))
                if planes > 1:
                    found = [np.stack(found, -1)]
                yield found[0].reshape(last - first, *shape[1:])

        return Bands(dtype, shape, read)

    @cached_property
    def _fragments(self) -> list[tuple[int, int]]:
        """The start and end of each complete item of its pixels, the table of offsets first."""
        at, found = self.pixels.start, list[tuple[int, int]]()
        while len(head := self.data[at : at + 8]) == 8 and len(found) < _MOST_ELEMENTS:
            group, number, length = struct.unpack("<HHI", head)
            at += 8
            if group << 16 | number != _ITEM or at + length > len(self.data):
                break
            found.append((at, at + length))
            at += length
        return found

    def _refusal_of_runs(self) -> str | None:
        frames, planes = int(self.frames), self.dtype.itemsize * self._number(_SAMPLES, 1)
        if len(self._fragments) != 1 + frames:
            items = max(len(self._fragments) - 1, 0)
            return f"{frames} frames of RLE in {items} whole items (7FE0,0010)"
        for frame in range(frames):
            segments = self._segments(frame)
            if len(segments) != planes or any(end <= start for start, end in segments):
                return (
                    f"{len(segments)} segments of RLE in a frame whose pixels have {planes} bytes"
                    " (7FE0,0010)"
                )
        return None

    def _refusal_of_jpeg(self) -> str | None:
        frames, streams = int(self.frames), sum(map(self._begins_stream, self._fragments[1:]))
        if streams != frames:
            return f"{frames} frames of JPEG in {streams} streams (7FE0,0010)"
        if math.prod(self.shape) > _MOST_SAMPLES or len(self.data) > _MOST_BYTES:
            return "more than 64 million samples of JPEG (7FE0,0010)"
        return None

    def _begins_stream(self, fragment: tuple[int, int]) -> bool:
        return self.data[fragment[0] : fragment[0] + 2] == _JPEG_START

    def jpeg(self) -> SampleSplit | None:
        """Its lossless JPEG streams; None if their samples do not match its header."""
        headers, parts, at = list[tuple[int, bytes]](), list[bytes](), 0
        for fragment in self._fragments[1:]:
            if not self._begins_stream(fragment):
                end = fragment[0] - jpeg_samples.SPLIT
                headers.append((end - at, self.data[end : fragment[0]]))
                parts.append(self.data[at:end])
                at = fragment[0]
        parts.append(self.data[at : len(self.data)])
        found = take_samples(b"".join(parts), self.pixels.start, tuple(headers))
        return None if found is None or found.shift or found.samples.shape != self.shape else found

    def _samples(self) -> Iterator[NDArray[Any]]:
        found = self.jpeg()
        if found is None:
            raise OSError("its JPEG streams are damaged, or of another picture")
        yield found.pixels(self.dtype)

    def _segments(self, frame: int) -> list[tuple[int, int]]:
        """The start of each segment of a frame, and its greatest possible end."""
        start, end = self._fragments[1 + frame]
        if end - start < _RUNS_HEADER:
            return []
        count, *offsets = struct.unpack("<16I", self.data[start : start + _RUNS_HEADER])
        ends = [*offsets[1:count], end - start][: min(count, len(offsets))]
        return [
            (start + first, min(start + last, end))
            for first, last in zip(offsets, ends, strict=False)
        ]

    def _frames_of_runs(self) -> Iterator[NDArray[Any]]:
        shape = (self.shape[0] // int(self.frames), *self.shape[1:])
        for frame in range(int(self.frames)):
            planes = [plane for plane, _ in self._planes(frame)]
            yield frame_of(planes, self.dtype, shape)

    def _planes(self, frame: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """The planes of a frame, each with its control bytes. Raises OSError."""
        size = self.shape[0] // int(self.frames) * self.shape[1]
        for start, end in self._segments(frame):
            found = _core.byte_runs_unpack(self.data[start:end], size)
            if found is None:
                raise OSError("a segment of its RLE is damaged, or has another size")
            yield found

    def runs(self) -> ByteRuns:
        """Its container metadata, for pixels in runs. Raises OSError."""
        columns, frames = self.shape[1], range(int(self.frames))
        planes = [(frame, *plane) for frame in frames for plane in self._planes(frame)]
        starts = [start for frame in frames for start, _ in self._segments(frame)]
        choices = {
            flags: [exceptions_of(plane, columns, flags, controls) for _, plane, controls in planes]
            for flags in range(4)
        }
        flags = min(choices, key=lambda flags: sum(map(len, choices[flags])))
        segments, others, at = list[Segment](), list[bytes](), 0
        for start, (_, _, controls), exceptions in zip(starts, planes, choices[flags], strict=True):
            others.append(self.data[at:start])
            segments.append(Segment(start - at, compressed_bytes(controls), exceptions))
            at = start + segments[-1].length
        others.append(self.data[at : len(self.data)])
        return ByteRuns(len(frames), flags, tuple(segments), b"".join(others))

    def frame(self, pixels: Bands) -> Frame:
        """Its container metadata, for uncompressed pixels."""
        end = self.pixels.start + self._size
        others = self.data[: self.pixels.start] + self.data[end : len(self.data)]
        planes = pixels.shape[2] if self.layout & PLANES else 1
        rows = pixels.shape[0] * planes
        return Frame(self.layout, ((self.pixels.start, rows),), others)

    @property
    def window(self) -> tuple[float, float] | None:
        """The least and the greatest stored value that its first window shows."""
        centres, widths = (
            self.values.get(tag, b"").partition(b"\\")[0].strip(b"\0 ") for tag in (_CENTRE, _WIDTH)
        )
        (slope,) = self.decimals(_SLOPE, 1) or (1.0,)
        (intercept,) = self.decimals(_INTERCEPT, 1) or (0.0,)
        try:
            centre, width = (float(text) for text in (centres, widths))
        except ValueError:
            return None
        if not (isfinite(centre) and isfinite(width) and width > 0 and slope > 0):
            return None
        return (centre - width / 2 - intercept) / slope, (centre + width / 2 - intercept) / slope

    @property
    def series(self) -> bytes:
        """The identity of its series; empty without one."""
        return self.values.get(_SERIES, b"").rstrip(b"\0 ")

    @property
    def place(self) -> tuple[float, float]:
        """Its place in the series: along the normal of the slices, and by its number."""
        position, axes = self.decimals(_POSITION, 3), self.decimals(_ORIENTATION, 6)
        number = self.decimals(_NUMBER, 1) or [0.0]
        along = 0.0
        if position is not None and axes is not None:
            with np.errstate(all="ignore"):
                along = float(np.dot(np.cross(axes[:3], axes[3:]), position))
        return (along if isfinite(along) else 0.0), number[0]


@dataclass(frozen=True)
class Slice:
    """A file as a slice of a series."""

    kind: str
    """The kind, the size and the number of its frames, as a key."""
    frames: int
    series: bytes
    """The identity of its series; empty without one."""
    place: tuple[float, float]
    """Its place in the series: along the normal of the slices, and by its number."""

    @classmethod
    def read(cls, file: BinaryIO) -> Slice | None:
        """The slice in a file; None if its pixels cannot be coded. Raises OSError."""
        header = Dicom.read(FileContent(file))
        pixels = None if header is None else header.bands()
        if header is None or pixels is None:
            return None
        kind = f"{pixels.dtype.str} {pixels.shape} {header.frames:.0f} {header.palette}"
        return cls(kind, int(header.frames), header.series, header.place)


def _syntax_of(data: Content) -> tuple[bytes, int]:
    """The transfer syntax of a file, and the start of its data set."""
    at, syntax = _PREAMBLE + 4, b""
    for element in _elements(data, at, True, "<"):
        if element.tag >> 16 != 2:
            break
        at = element.start + element.length
        if element.tag == _SYNTAX:
            syntax = data[element.start : min(at, element.start + _MOST_OF_A_VALUE)]
    return syntax.rstrip(b"\0 "), at


def refusal(file: BinaryIO) -> str:
    data = FileContent(file)
    syntax, _ = _syntax_of(data)
    header = Dicom.read(data)
    if header is not None:
        return header.refusal() or f"{UNKNOWN_ENCODER}DICOM"
    if syntax in _SYNTAXES:
        return "no pixels (7FE0,0010)"
    name = syntax.decode("ascii", "replace")
    other = _OTHER_SYNTAXES.get(name.removeprefix("1.2.840.10008."))
    if not name:
        return "no transfer syntax (0002,0010)"
    return f"transfer syntax {f'{other}, {name}' if other else name} (0002,0010)"


def _header(frame: Frame | ByteRuns | JpegSamples) -> Dicom | None:
    """The header of a file; None for a file of another format."""
    is_dicom = frame.others[_PREAMBLE : _PREAMBLE + 4] == b"DICM"
    return Dicom.read(frame.others) if is_dicom else None


def axes_of(metadata: Frame | ByteRuns | JpegSamples, shape: Shape) -> Axes | None:
    """The axes of the frames of a DICOM file."""
    header = _header(metadata)
    if header is None or not 1 <= header.frames < _MOST_OTHERS:
        return None
    spacing, units = dict[str, float](), dict[str, str]()
    rows, columns = header.decimals(_SPACING, 2) or (0, 0)
    (between,) = header.decimals(_BETWEEN, 1) or header.decimals(_THICKNESS, 1) or (0,)
    (time,) = header.decimals(_FRAME_TIME, 1) or (0,)
    frames, step = (T, time) if time > 0 else (Z if between > 0 else FRAME, between)
    for axis, length in ((Y, rows), (X, columns), (frames, step)):
        if length > 0 and (axis != frames or header.frames > 1):
            spacing[axis], units[axis] = length, "ms" if axis == T else "mm"
    word = header.values.get(_MODALITY, b"").strip(b"\0 ")
    modality = word.decode("ascii") if _WORD.fullmatch(word) else ""
    attrs: dict[str, Any] = {"spacing": spacing, "units": units, "window": header.window}
    attrs["modality"] = modality
    attrs = {name: value for name, value in attrs.items() if value}
    return plain_axes(int(header.frames), frames, shape, attrs)


def middle_frame(file: BinaryIO, most: int) -> NDArray[Any] | None:
    """The frame in the middle of a file, grey or RGB, for display.

    None for other pixels, or for more than `most` elements. Raises OSError.
    """
    header = Dicom.read(FileContent(file))
    pixels = None if header is None else header.bands()
    if header is None or pixels is None or pixels.size > most or pixels.dtype.itemsize > 2:
        return None
    photometric = header.values.get(_PHOTOMETRIC, b"").strip(b"\0 ")
    if photometric not in (b"MONOCHROME1", b"MONOCHROME2", b"RGB"):
        return None
    frames = pixels.whole().reshape(int(header.frames), -1, *pixels.shape[1:])
    frame: NDArray[Any] = frames[len(frames) // 2]
    if frame.dtype.kind == "b":
        frame = frame * np.uint8(255)
    return frame.max() - frame if photometric == b"MONOCHROME1" else frame


def samples(file: BinaryIO) -> Bands | None:
    header = Dicom.read(in_memory(file)[0])
    return None if header is None else header.bands()


def split(file: BinaryIO, exact: bool) -> Split | None:
    data, _ = in_memory(file)  # the caller may read the pixels after the file is closed
    header = Dicom.read(data)
    pixels = None if header is None else header.bands()
    if header is None or pixels is None:
        return None
    metadata: Frame | ByteRuns | JpegSamples
    if header.in_jpeg:
        taken = header.jpeg()
        if taken is None:
            return None
        pixels, metadata = Bands.from_array(taken.pixels(header.dtype)), taken.metadata
    else:
        metadata = header.runs() if header.in_runs else header.frame(pixels)
    same = makes(metadata, data, pixels)
    return Split.from_pixels(pixels, metadata, header.palette) if same else None


def unpack(cursor: Cursor, kind: int) -> Frame | ByteRuns | JpegSamples:
    if kind == byte_runs.KIND:
        return ByteRuns.unpack(cursor)
    return JpegSamples.unpack(cursor) if kind == jpeg_samples.KIND else Frame.unpack(cursor)


same = same_bytes
