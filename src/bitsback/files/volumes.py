"""The codec of NIfTI, NRRD, MetaImage, MRC, FITS and PFM files: voxels after a header.

The voxels are uncompressed, or compressed by deflate in NRRD and MetaImage. NumPy's files are read
too, for embedded.py and gzipped.py. Files are restored byte for byte.

To add a format, write a function that reads its header, and add it to `_READERS`.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.files import dicom
from bitsback.files.axes import Axes, C, T, X, Y, Z
from bitsback.files.bands import Bands, rows_of_band
from bitsback.files.bitmap import FLIP, SWAP, Frame
from bitsback.files.drawing import UNKNOWN_ENCODER, Split, makes
from bitsback.files.packed import Packed, Streams, around
from bitsback.format.grid import Shape
from bitsback.format.modes import mode_of
from bitsback.io.file_io import Content, in_memory, same_bytes
from bitsback.wire import Cursor

_FASTEST = (X, Y, Z, T, C)
"""The names of axes, the one along which neighbours are adjacent first."""
_MOST_TEXT = 1 << 20
"""The most bytes of a header of text."""
_MOST_OTHERS = 1 << 26
"""The most bytes of container metadata, which is in memory."""
_BLOCK, _CARD = 2880, 80
"""The bytes of a block and of a line of a FITS header."""
_MOST_HEADERS = 64


@dataclass(frozen=True)
class Voxels:
    """The place, type and axes of the voxels of a file."""

    start: int
    dtype: np.dtype[Any]
    """It has the byte order of the file."""
    lengths: tuple[int, ...]
    """The lengths of the axes, the fastest one first; without channels."""
    channels: int = 1
    """The number of samples of a voxel, which are adjacent."""
    spacing: tuple[float, ...] = ()
    """The distance of neighbours along axes, in the same order."""
    units: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    upwards: bool = False
    """Whether the last row comes first."""
    packed: bool = False
    """Whether they are the plaintext of a deflate stream, which starts there or later."""

    @property
    def axes(self) -> Axes:
        """The axes of the array."""
        names = _FASTEST[: len(self.lengths)]
        steps = {name: step for name, step in zip(names, self.spacing, strict=False) if step > 0}
        units = zip(names, self.units, strict=False)
        attrs: dict[str, Any] = {
            "spacing": steps,
            "units": {name: unit for name, unit in units if unit and name in steps},
            "window": self.window,
        }
        several = self.channels > 1
        return Axes(
            names[::-1] + (C,) * several,
            self.lengths[::-1] + (self.channels,) * several,
            {name: value for name, value in attrs.items() if value},
        )

    @property
    def sound(self) -> bool:
        """Whether they form a picture that can be coded."""
        return (
            2 <= len(self.lengths) <= len(_FASTEST) - (self.channels > 1)
            and all(0 < length < 1 << 31 for length in (*self.lengths, self.channels))
            and math.prod(self.lengths) < 1 << 48
            and mode_of(self._little_endian, self.axes.stored) is not None
        )

    @property
    def _little_endian(self) -> np.dtype[Any]:
        return self.dtype.newbyteorder("<")

    @property
    def nbytes(self) -> int:
        return math.prod(self.lengths) * self.channels * self.dtype.itemsize

    def bands(self, data: Content) -> Bands:
        """The voxels, as a picture with the slices below each other."""
        shape = self.axes.stored
        stride = self.nbytes // shape[0]

        def read() -> Iterator[NDArray[Any]]:
            step = rows_of_band(stride)
            for first in range(0, shape[0], step):
                count = min(step, shape[0] - first)
                row = shape[0] - first - count if self.upwards else first
                content = data[self.start + row * stride : self.start + (row + count) * stride]
                if len(content) < count * stride:
                    raise OSError("image file is truncated")
                rows = np.frombuffer(content, self.dtype).reshape(count, *shape[1:])
                yield rows[:: -1 if self.upwards else 1].astype(self._little_endian)

        return Bands(self._little_endian, shape, read)

    def frame(self, data: Content) -> Frame:
        """The bytes of the file around them."""
        swapped = self.dtype.itemsize > 1 and self.dtype != self._little_endian
        others = data[: self.start] + data[self.start + self.nbytes : len(data)]
        layout = SWAP * swapped + FLIP * self.upwards
        return Frame(layout, ((self.start, self.axes.stored[0]),), others)


_NIFTI = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 128: "u1", 256: "i1", 512: "u2", 768: "u4",
    1024: "i8", 1280: "u8", 2304: "u1",
}  # fmt: skip
_NIFTI_CHANNELS = {128: 3, 2304: 4}
_LENGTH_UNITS, _TIME_UNITS = ("", "m", "mm", "µm"), ("", "s", "ms", "µs")


@dataclass(frozen=True)
class _NiftiLayout:
    """The places of the fields of a header, and their types."""

    kind: int
    lengths: tuple[int, str]
    steps: tuple[int, str]
    start: tuple[int, str]
    slope: tuple[int, str]
    limits: tuple[int, str]
    units: tuple[int, str]


_NIFTI_1 = _NiftiLayout(
    70, (40, "8h"), (76, "8f"), (108, "f"), (112, "2f"), (124, "2f"), (123, "B")
)
_NIFTI_2 = _NiftiLayout(
    12, (16, "8q"), (104, "8d"), (168, "q"), (176, "2d"), (192, "2d"), (500, "i")
)


def _nifti(data: Content) -> Voxels | None:
    """Source: nifti1.h, nifti2.h."""
    head = data[:540]
    if head[344:348] == b"n+1\0":
        layout = _NIFTI_1
    elif head[4:8] == b"n+2\0" and len(head) == 540:
        layout = _NIFTI_2
    else:
        return None
    size = head[:4]
    order = "<" if size in (struct.pack("<i", 348), struct.pack("<i", 540)) else ">"

    def read(place: tuple[int, str]) -> tuple[Any, ...]:
        return struct.unpack_from(order + place[1], head, place[0])

    (kind,) = read((layout.kind, "h"))
    dimensions, *lengths = read(layout.lengths)
    (start,), (units,) = read(layout.start), read(layout.units)
    if kind not in _NIFTI or not 1 <= dimensions <= 7 or start % 1 or start < 348:
        return None
    while dimensions > 2 and lengths[dimensions - 1] == 1:
        dimensions -= 1
    slope, intercept = read(layout.slope)
    high, low = read(layout.limits)
    slope, intercept = (slope, intercept) if slope else (1.0, 0.0)
    window = ((low - intercept) / slope, (high - intercept) / slope)
    space = _LENGTH_UNITS[units & 7] if units & 7 < 4 else ""
    time = _TIME_UNITS[units >> 3 & 7] if units >> 3 & 7 < 4 else ""
    return Voxels(
        int(start),
        np.dtype(order + _NIFTI[kind]),
        tuple(lengths[:dimensions]),
        _NIFTI_CHANNELS.get(kind, 1),
        read(layout.steps)[1 : dimensions + 1],
        (space, space, space, time),
        window if low < high and slope > 0 else None,
    )


_NRRD = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1", "uchar": "u1", "unsigned char": "u1",
    "uint8": "u1", "uint8_t": "u1", "short": "i2", "short int": "i2", "signed short": "i2",
    "signed short int": "i2", "int16": "i2", "int16_t": "i2", "ushort": "u2",
    "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2", "uint16_t": "u2",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4", "uint": "u4",
    "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4", "longlong": "i8", "long long": "i8",
    "int64": "i8", "int64_t": "i8", "ulonglong": "u8", "unsigned long long": "u8", "uint64": "u8",
    "uint64_t": "u8", "float": "f4", "double": "f8",
}  # fmt: skip
_COLOURS = re.compile("(rgb|rgba|hsv|xyz)-color|vector|[234]-color|covariant-vector|list|point")


def _nrrd(data: Content) -> Voxels | None:
    """Source: teem.sourceforge.net/nrrd/format.html."""
    head = data[:_MOST_TEXT] if data[:7] == b"NRRD000" else b""
    end = re.search(rb"\r?\n\r?\n", head)
    if end is None:
        return None
    lines = head[: end.start()].decode("latin-1").splitlines()
    fields = dict(
        line.split(": ", 1) for line in lines[1:] if ": " in line and not line.startswith("#")
    )
    kind = _NRRD.get(fields.get("type", ""))
    skips = {"line skip", "lineskip", "byte skip", "byteskip", "data file", "datafile"}
    encoding = fields.get("encoding", "").lower()
    if kind is None or skips & {*fields} or encoding not in ("raw", "gzip", "gz"):
        return None
    lengths = tuple(map(int, fields["sizes"].split()))
    kinds = re.findall(r"\S+", fields.get("kinds", "").lower())
    has_channels = len(kinds) == len(lengths) and _COLOURS.fullmatch(kinds[0]) is not None
    first = int(has_channels)
    steps = [_number(text) for text in fields.get("spacings", "").split()]
    for vector in re.findall(r"none|\([^)]*\)", fields.get("space directions", "")):
        steps.append(math.hypot(*(_number(text) for text in vector.strip("()").split(","))))
    units = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    return Voxels(
        end.end(),
        np.dtype((">" if fields.get("endian") == "big" else "<") + kind),
        lengths[first:],
        lengths[0] if has_channels else 1,
        tuple(steps[first:]),
        tuple(units if len(units) < len(lengths) else units[first:]),
        packed=encoding != "raw",
    )


_META = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip


def _meta_image(data: Content) -> Voxels | None:
    """Source: itk.org/Wiki/ITK/MetaIO/Documentation."""
    head = data[:_MOST_TEXT] if data[:10] == b"ObjectType" else b""
    end = re.search(rb"\nElementDataFile\s*=\s*LOCAL\s*?\r?\n", head)
    if end is None:
        return None
    lines = head[: end.start()].decode("latin-1").splitlines()
    fields = {
        name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)
    }
    kind = _META.get(fields.get("ElementType", ""))
    is_text = fields.get("BinaryData", "True").lower() == "false"
    if kind is None or is_text or "HeaderSize" in fields:
        return None
    big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False"))
    steps = fields.get("ElementSpacing", fields.get("ElementSize", ""))
    return Voxels(
        end.end(),
        np.dtype((">" if big.lower() == "true" else "<") + kind),
        tuple(map(int, fields["DimSize"].split())),
        int(fields.get("ElementNumberOfChannels", "1")),
        tuple(map(_number, steps.split())),
        ("mm", "mm", "mm"),
        packed=fields.get("CompressedData", "False").lower() == "true",
    )


_MRC = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


def _mrc(data: Content) -> Voxels | None:
    """Source: ccpem.ac.uk/mrc_format/mrc2014.php."""
    head = data[:1024]
    if head[208:212] != b"MAP " or len(head) < 1024:
        return None
    order = ">" if head[212:213] == b"\x11" else "<"
    *lengths, kind = struct.unpack_from(order + "4i", head)
    cells = struct.unpack_from(order + "3i3f", head, 28)
    (extended,) = struct.unpack_from(order + "i", head, 92)
    if kind not in _MRC or extended < 0:
        return None
    sizes = zip(cells[:3], cells[3:], strict=True)
    steps = [size / count if count > 0 else 0.0 for count, size in sizes]
    dimensions = 3 if lengths[2] > 1 else 2
    return Voxels(
        1024 + extended,
        np.dtype(order + _MRC[kind]),
        tuple(lengths[:dimensions]),
        1,
        tuple(steps),
        ("Å", "Å", "Å"),
    )


_FITS = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


def _fits(data: Content) -> Voxels | None:
    """The first image of two axes or more. Source: FITS standard 4.0, sections 3 and 4."""
    at = 0
    for _ in range(_MOST_HEADERS):
        values = dict[str, str]()
        while "END" not in values:
            block = data[at : at + _BLOCK].decode("latin-1")
            if len(block) < _BLOCK or at > _MOST_OTHERS:
                return None
            for place in range(0, _BLOCK, _CARD):
                card = block[place : place + _CARD]
                values.setdefault(card[:8].rstrip(), card[10:].partition("/")[0].strip())
            at += _BLOCK
        count = int(values.get("NAXIS", "0"))
        lengths = tuple(int(values[f"NAXIS{axis}"]) for axis in range(1, min(count, 9) + 1))
        bits = int(values["BITPIX"])
        image = "SIMPLE" in values or values.get("XTENSION", "").strip("' ") == "IMAGE"
        if image and bits in _FITS and len(lengths) >= 2 and all(lengths):
            while len(lengths) > 2 and lengths[-1] == 1:
                lengths = lengths[:-1]
            return Voxels(at, np.dtype(_FITS[bits]), lengths)
        size = math.prod(lengths) if lengths else 0
        groups, more = int(values.get("GCOUNT", "1")), int(values.get("PCOUNT", "0"))
        at += -(-abs(bits) // 8 * groups * (more + size) // _BLOCK) * _BLOCK
    return None


def _pfm(data: Content) -> Voxels | None:
    """Source: netpbm.sourceforge.net/doc/pfm.html."""
    found = re.match(rb"P([Ff])\s(\d{1,9})\s(\d{1,9})\s(-?[\d.]{1,30})\s", data[:128])
    if found is None:
        return None
    colour, width, height, scale = found.groups()
    order = "<" if _number(scale.decode()) < 0 else ">"
    lengths, channels = (int(width), int(height)), 3 if colour == b"F" else 1
    return Voxels(found.end(), np.dtype(order + "f4"), lengths, channels, upwards=True)


def _npy(data: Content) -> Voxels | None:
    """An array of NumPy; a last axis of few elements counts channels."""
    file = io.BytesIO(data[:_MOST_TEXT])
    if data[:6] != b"\x93NUMPY" or np.lib.format.read_magic(file) != (1, 0):
        return None
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        return None
    lengths = shape if fortran else shape[::-1]
    if len(shape) > 2 and 1 < lengths[0] <= 4 and not fortran:
        return Voxels(file.tell(), dtype, lengths[1:], lengths[0])
    return Voxels(file.tell(), dtype, lengths)


_READERS = (_npy, _nifti, _nrrd, _meta_image, _mrc, _fits, _pfm)


def _number(text: str) -> float:
    """A finite number; 0 for anything else."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def _voxels(data: Content) -> Voxels | None:
    """The voxels of a file by its header; None for one of another format, or a damaged one."""
    for reader in _READERS:
        try:
            voxels = reader(data)
        except (ValueError, KeyError, OverflowError, struct.error):
            return None
        if voxels is not None:
            return voxels if voxels.sound else None
    return None


def axes_of(metadata: Frame | Packed, shape: Shape) -> Axes | None:
    """The axes of a file with such voxels, or of a DICOM file."""
    if isinstance(metadata, Packed):
        outer = _voxels(metadata.streams.others)
        if outer is None or not outer.packed:
            return axes_of(metadata.frame, shape)
        return outer.axes if outer.axes.stored == shape else None
    found = _voxels(metadata.others)
    if found is None:
        return dicom.axes_of(metadata, shape)
    return found.axes if found.axes.stored == shape else None


def _read(file: BinaryIO, coded: bool) -> tuple[Content, Voxels, Streams | None] | None:
    """The uncompressed bytes of a file, its voxels, and the deflate streams around them. None if
    voxels are missing or metadata is too large. coded: whether the tokens of streams are needed.
    """
    data, _ = in_memory(file)  # the caller may read the voxels after the file is closed
    voxels, streams = _voxels(data), None
    if voxels is not None and voxels.packed:
        plaintext = Streams.find(data, coded)
        if plaintext is None:
            return None
        (data, streams), voxels = plaintext, replace(voxels, start=0)
    if voxels is None or voxels.start + voxels.nbytes > len(data):
        return None
    return (data, voxels, streams) if len(data) - voxels.nbytes <= _MOST_OTHERS else None


def samples(file: BinaryIO) -> Bands | None:
    found = _read(file, False)
    return None if found is None else found[1].bands(found[0])


def split(file: BinaryIO, exact: bool) -> Split | None:
    found = _read(file, True)
    if found is None:
        return None
    data, voxels, streams = found
    pixels, frame = voxels.bands(data), voxels.frame(data)
    if not makes(frame, data, pixels):
        return None
    whole = Split.from_pixels(pixels, frame, False)
    whole = replace(whole, frames=math.prod(voxels.axes.frames))
    return whole if streams is None else around(whole, streams)


_FIELDS = {
    rb"NRRD": rb"(?:type|encoding): ?[^\r\n]+",
    rb"ObjectType": rb"(?:ElementType|CompressedData|ElementDataFile) ?= ?[^\r\n]+",
    rb"SIMPLE": rb"(?:BITPIX|NAXIS|ZCMPTYPE) *= *[^ /]+",
}
"""The fields of text headers that describe voxels, by the first bytes of the header."""


def refusal(file: BinaryIO) -> str:
    if _read(file, False) is not None:
        return f"{UNKNOWN_ENCODER}voxels"
    data, _ = in_memory(file)
    start = data[:_MOST_TEXT]
    for first, fields in _FIELDS.items():
        if start.startswith(first):
            lines = [line.decode("ascii", "replace") for line in re.findall(fields, start)[:3]]
            return (
                f"voxels that are not coded: {', '.join(' '.join(line.split()) for line in lines)}"
            )
    found = _voxels(data)
    if found is not None and found.start + found.nbytes > len(data):
        return "fewer voxels than its header says"
    if start[208:212] == b"MAP ":
        return f"voxels of the mode {int.from_bytes(start[12:16], 'little')} of MRC"
    for size, at in ((348, 70), (540, 12)):
        for order in ("little", "big"):
            if int.from_bytes(start[:4], order) == size:
                return f"voxels of the type {int.from_bytes(start[at : at + 2], order)} of NIfTI"
    return "a header that is not read"


def unpack(cursor: Cursor, kind: int) -> Frame:
    return Frame.unpack(cursor)


same = same_bytes
