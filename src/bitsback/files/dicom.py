"""The codec of DICOM files whose pixels are not compressed (DICOM PS3.5, PS3.10): what stands
around the pixels is container metadata, and the elements of the data set are read no further than
to the pixels.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.files.axes import FRAME, Axes, T, X, Y, Z, plain_axes
from bitsback.files.bands import Bands, rows_of_band
from bitsback.files.bitmap import PLANES, SWAP, Frame
from bitsback.files.drawing import Split, makes
from bitsback.format.grid import Shape
from bitsback.io.file_io import Content, FileContent, in_memory, same_bytes
from bitsback.wire import Cursor

_PREAMBLE = 128
_SYNTAXES = {
    b"1.2.840.10008.1.2": (False, "<"),
    b"1.2.840.10008.1.2.1": (True, "<"),
    b"1.2.840.10008.1.2.2": (True, ">"),
}
"""Whether elements tell their type, and the order of bytes, by the transfer syntax."""
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
_ITEM_END, _SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
"""Types of elements whose length has four bytes."""
_UNDEFINED = 0xFFFFFFFF
_MOST_ELEMENTS = 1 << 18
_MOST_OF_A_VALUE = 1 << 8
_MOST_OTHERS = 1 << 26
"""The most bytes of container metadata, which is in memory."""


@dataclass(frozen=True)
class _Element:
    tag: int
    kind: bytes
    """Its type, if it tells that."""
    start: int
    length: int


def _elements(data: Content, at: int, explicit: bool, order: str) -> Iterator[_Element]:
    """The elements from a place on, without those in sequences, up to the pixels, or as far as the
    file makes sense.
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
        elif kind == b"UN":  # of elements that tell no type
            return
        else:
            depth += 1


@dataclass(frozen=True)
class Dicom:
    """A DICOM file whose pixels stand in it as they are."""

    data: Content
    values: dict[int, bytes]
    """The values of the elements that are of interest here."""
    pixels: _Element
    order: str

    @classmethod
    def read(cls, data: Content) -> Dicom | None:
        """None for a file of another kind, or a damaged one."""
        at, syntax = _PREAMBLE + 4, b""
        for element in _elements(data, at, True, "<"):
            if element.tag >> 16 != 2:
                break
            at = element.start + element.length
            if element.tag == _SYNTAX:
                syntax = data[element.start : min(at, element.start + _MOST_OF_A_VALUE)]
        if syntax.rstrip(b"\0 ") not in _SYNTAXES:
            return None
        explicit, order = _SYNTAXES[syntax.rstrip(b"\0 ")]
        values: dict[int, bytes] = {}
        for element in _elements(data, at, explicit, order):
            if element.tag == _PIXELS:
                return cls(data, values, element, order)
            if element.tag in _WANTED and element.length <= _MOST_OF_A_VALUE:
                values[element.tag] = data[element.start : element.start + element.length]
        return None

    def _number(self, tag: int, missing: int) -> int:
        value = self.values.get(tag, b"")
        return missing if len(value) != 2 else int(struct.unpack(self.order + "H", value)[0])

    def decimals(self, tag: int, count: int) -> list[float] | None:
        """Numbers that an element has as text."""
        try:
            found = [float(part) for part in self.values.get(tag, b"").rstrip(b"\0 ").split(b"\\")]
        except ValueError:
            return None
        return found if len(found) == count and all(map(isfinite, found)) else None

    @property
    def frames(self) -> float:
        """The number of its frames, as far as it makes sense."""
        return (self.decimals(_FRAMES, 1) or [1.0])[0]

    @property
    def palette(self) -> bool:
        return self.values.get(_PHOTOMETRIC, b"").startswith(b"PALETTE")

    @property
    def layout(self) -> int:
        """The layout of its rows as a frame."""
        planar = self._number(_SAMPLES, 1) > 1 and self._number(_PLANAR, 0) == 1
        deep = self._number(_BITS, 0) == 16
        return PLANES * planar + SWAP * (deep and self.order == ">")

    def bands(self) -> Bands | None:
        """Its pixels, frames one below the other; None if they are of a kind that is not coded, or
        are not all there.
        """
        rows, columns = self._number(_ROWS, 0), self._number(_COLUMNS, 0)
        samples, bits = self._number(_SAMPLES, 1), self._number(_BITS, 0)
        signed = self._number(_SIGNED, 0)
        frames = self.frames
        kind = {(8, 0): "|u1", (16, 0): "<u2", (16, 1): "<i2"}.get((bits, signed))
        subsampled = self.values.get(_PHOTOMETRIC, b"").strip(b"\0 ").endswith((b"422", b"420"))
        if kind is None or subsampled or samples not in (1, 3) or frames < 1 or frames % 1:
            return None
        if (samples > 1 and signed) or (self.layout & PLANES and frames > 1):
            return None
        if bits == 8 and self.order == ">" and self.pixels.kind == b"OW":
            return None  # the bytes of each pair are exchanged
        height, dtype = rows * int(frames), np.dtype(kind)
        size = height * columns * samples * dtype.itemsize
        start = self.pixels.start
        if not 0 < size <= min(self.pixels.length, len(self.data) - start):
            return None
        if self.pixels.length == _UNDEFINED or len(self.data) - size > _MOST_OTHERS:
            return None
        shape = (height, columns, samples)[: 2 + (samples > 1)]
        planes = samples if self.layout & PLANES else 1
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
                    found.append(np.frombuffer(data, stored).astype(dtype, copy=False))
                if planes > 1:
                    found = [np.stack(found, -1)]
                yield found[0].reshape(last - first, *shape[1:])

        return Bands(dtype, shape, read)

    def frame(self, pixels: Bands) -> Frame:
        """Everything but these pixels."""
        end = self.pixels.start + pixels.size * pixels.dtype.itemsize
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
        """What identifies its series; empty if nothing does."""
        return self.values.get(_SERIES, b"").rstrip(b"\0 ")

    @property
    def place(self) -> tuple[float, float]:
        """Where it is in its series: along the normal of its slices, and by its number."""
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
    """The kind, the size and the number of its frames."""
    frames: int
    series: bytes
    """What identifies its series; empty if nothing does."""
    place: tuple[float, float]
    """Where it is in its series: along the normal of its slices, and by its number."""

    @classmethod
    def read(cls, file: BinaryIO) -> Slice | None:
        """None if the file is not coded. Raises OSError."""
        found = Dicom.read(FileContent(file))
        pixels = None if found is None else found.bands()
        if found is None or pixels is None:
            return None
        kind = f"{pixels.dtype.str} {pixels.shape} {found.frames:.0f} {found.palette}"
        return cls(kind, int(found.frames), found.series, found.place)


def _header(frame: Frame) -> Dicom | None:
    """The header of a file; None for a file of another format."""
    is_dicom = frame.others[_PREAMBLE : _PREAMBLE + 4] == b"DICM"
    return Dicom.read(frame.others) if is_dicom else None


def axes_of(metadata: Frame, shape: Shape) -> Axes | None:
    """The axes of the frames of a DICOM file."""
    found = _header(metadata)
    if found is None or not 1 <= found.frames < _MOST_OTHERS:
        return None
    spacing, units = dict[str, float](), dict[str, str]()
    rows, columns = found.decimals(_SPACING, 2) or (0, 0)
    (between,) = found.decimals(_BETWEEN, 1) or found.decimals(_THICKNESS, 1) or (0,)
    (time,) = found.decimals(_FRAME_TIME, 1) or (0,)
    frames, step = (T, time) if time > 0 else (Z if between > 0 else FRAME, between)
    for axis, length in ((Y, rows), (X, columns), (frames, step)):
        if length > 0 and (axis != frames or found.frames > 1):
            spacing[axis], units[axis] = length, "ms" if axis == T else "mm"
    word = found.values.get(_MODALITY, b"").strip(b"\0 ")
    modality = word.decode("ascii") if _WORD.fullmatch(word) else ""
    attrs: dict[str, Any] = {"spacing": spacing, "units": units, "window": found.window}
    attrs["modality"] = modality
    attrs = {name: value for name, value in attrs.items() if value}
    return plain_axes(int(found.frames), frames, shape, attrs)


def middle_frame(file: BinaryIO, most: int) -> NDArray[Any] | None:
    """The frame in the middle of a file, grey or RGB, for people to see; None if its pixels are
    others, or have more than `most` elements. Raises OSError.
    """
    found = Dicom.read(FileContent(file))
    pixels = None if found is None else found.bands()
    if found is None or pixels is None or pixels.size > most:
        return None
    photometric = found.values.get(_PHOTOMETRIC, b"").strip(b"\0 ")
    if photometric not in (b"MONOCHROME1", b"MONOCHROME2", b"RGB"):
        return None
    frames = pixels.whole().reshape(int(found.frames), -1, *pixels.shape[1:])
    frame: NDArray[Any] = frames[len(frames) // 2]
    return frame.max() - frame if photometric == b"MONOCHROME1" else frame


def samples(file: BinaryIO) -> Bands | None:
    found = Dicom.read(in_memory(file)[0])
    return None if found is None else found.bands()


def split(file: BinaryIO, exact: bool) -> Split | None:
    data, _ = in_memory(file)  # the caller may read the pixels after the file is closed
    found = Dicom.read(data)
    pixels = None if found is None else found.bands()
    if found is None or pixels is None:
        return None
    frame = found.frame(pixels)
    return Split.from_pixels(pixels, frame, found.palette) if makes(frame, data, pixels) else None


def unpack(cursor: Cursor, kind: int) -> Frame:
    return Frame.unpack(cursor)


def same(file: BinaryIO, made: BinaryIO) -> bool:
    """Whether their bytes are the same, which is always promised."""
    return same_bytes(file, made)
