"""The interfaces of picture codecs.

They split a picture file into pixels and container metadata, and write it again row by row.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bitsback.files.axes import Axes, Level
from bitsback.files.bands import Bands, Read, joined
from bitsback.format.grid import Shape
from bitsback.io.file_io import Content
from bitsback.wire import Cursor

if TYPE_CHECKING:
    from PIL import Image


class Seekable(Protocol):
    """An output that can be written at any offset, but not read."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def write(self, data: Any, /) -> Any: ...


class Drawing(Protocol):
    """A picture file that is being written. `close` completes it. No byte is written twice."""

    def add(self, rows: NDArray[Any]) -> None:
        """Adds the next rows, [rows, width] or [rows, width, channels].

        Raises ArchiveError if the file cannot have them.
        """

    def close(self) -> int:
        """Ends the file after the last row, and returns its size in bytes.

        Raises ArchiveError if the file cannot have these rows.
        """


class WholeDrawing:
    """A file that is made from all of its rows at once."""

    def __init__(self, file: Seekable, make: Callable[[NDArray[Any]], bytes | bytearray]) -> None:
        """make: returns the bytes of the file for its pixels, or raises ArchiveError."""
        self._file, self._make, self._bands = file, make, list[NDArray[Any]]()

    def add(self, rows: NDArray[Any]) -> None:
        self._bands.append(rows)

    def close(self) -> int:
        data = self._make(joined(self._bands))
        self._file.write(data)
        return len(data)


class ContainerMetadata(Protocol):
    """The container metadata of a file: all of its content except the pixels."""

    @property
    def kind(self) -> int:
        """Its number in an archive (docs/format.md, Container metadata)."""

    @property
    def exact(self) -> bool:
        """Whether the file is restored byte for byte."""

    @property
    def certain(self) -> bool:
        """Whether a file can be made with any pixels that fit."""

    def anew(self) -> ContainerMetadata:
        """The metadata for a file with the same pixels but perhaps other bytes, if possible."""

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """Writes the file, with pixels of this dtype and shape, which must fit, to an empty
        file.
        """

    def pack(self) -> bytes: ...


class ExactMetadata:
    """Container metadata that restore a file byte for byte, if the pixels are those of the file."""

    exact = True

    @property
    def certain(self) -> bool:
        return False

    def anew(self) -> Self:
        return self


@dataclass(frozen=True)
class Split:
    """A file split into pixels and container metadata."""

    pixels: Bands
    """The samples of the file: indexes if there is a palette, and pages below each other.

    Samples of a large picture are read from the file each time.
    """
    metadata: bytes
    exact: bool
    """Whether the file is restored byte for byte."""
    weight: int
    """The size of the metadata, with `saving` as the size of that part."""
    saving: int
    """The compressed size of the metadata that only an exact file needs."""
    indexed: bool
    """Whether the pixels are indexes into a palette."""
    frames: int = 1
    """The number of frames of one size, which are below each other in the pixels."""

    @classmethod
    def from_pixels(cls, pixels: Bands, metadata: ContainerMetadata, indexed: bool) -> Split:
        packed, anew = pack(metadata), metadata.anew()
        if not metadata.exact or anew.exact:
            return cls(pixels, packed, metadata.exact, len(packed), 0, indexed)
        least = pack(anew)
        saving = len(zlib.compress(packed)) - len(zlib.compress(least))
        return cls(pixels, packed, True, len(least) + saving, saving, indexed)


def most_parts(size: int) -> int:
    """The most frames or chunks of a file of `size` bytes that is coded by its pixels.

    Each takes time and memory, however small it is.
    """
    return (1 << 12) + size // 256


UNKNOWN_ENCODER = "an unknown encoder of "
"""The start of a reason that the headers do not show."""


class PictureCodec(Protocol):
    """The codec of a format, which splits files into pixels and container metadata.

    Reading a damaged file raises the errors of Pillow.
    """

    def samples(self, file: BinaryIO) -> Bands | None:
        """The pixels that `split` finds in a file that it can split."""

    def split(self, file: BinaryIO, exact: bool) -> Split | None:
        """Splits a file into pixels and metadata; None if both parts do not restore it.

        The restored file must have the same pixels, by the samples of its format, and equal
        metadata. With `exact` it must have the same bytes.
        """

    def refusal(self, file: BinaryIO) -> str:
        """The reason why `split` returns None for a file, such as "samples of 1 bits (0028,0100)".

        It comes from the headers. If they do not show it, it is UNKNOWN_ENCODER and the
        compression.
        """

    def unpack(self, cursor: Cursor, kind: int) -> ContainerMetadata:
        """The container metadata of a file. Raises ArchiveError."""

    def same(self, file: BinaryIO, made: BinaryIO) -> bool:
        """Whether two files are equal, except perhaps for their compression."""


class AxesCodec(Protocol):
    """Finds the axes of the pixels of files with several frames."""

    def axes_of(self, metadata: Any, shape: Shape) -> Axes | None:
        """The axes of a file by its container metadata.

        shape: of its pixels, with the frames below each other, or on a sheet with the largest
        first. None if frames differ in size and are no levels.
        """


@runtime_checkable
class LevelsCodec(Protocol):
    """Finds the levels of files with their pixels in several sizes."""

    def levels_of(self, metadata: Any, axes: Axes) -> list[Level]:
        """The levels of a file. The first one has these axes."""


@runtime_checkable
class BandsCodec(Protocol):
    """Reads large pictures some rows at a time."""

    def bands_of(self, image: Image.Image) -> Read | None:
        """Reads an open picture some rows at a time; None if its file does not allow that."""


def pack(metadata: ContainerMetadata) -> bytes:
    """The bytes of the metadata in an archive."""
    return bytes([metadata.kind]) + metadata.pack()


class Nowhere:
    """An output that discards all bytes, and a drawing that discards all rows."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return offset

    def write(self, data: Any, /) -> int:
        return len(data)

    def add(self, rows: NDArray[Any]) -> None:
        pass

    def close(self) -> int:
        return 0


class Comparison:
    """An output that compares its bytes with an existing file."""

    def __init__(self, there: Content) -> None:
        self._there, self._at, self._size = there, 0, 0
        self.differs = False

    @property
    def equal(self) -> bool:
        """Whether all bytes of the existing file, and no others, were written."""
        return not self.differs and self._size == len(self._there)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        assert whence == 0, "a drawing knows its places"
        self._at = offset
        return offset

    def write(self, data: bytes) -> int:
        end = self._at + len(data)
        self.differs = self.differs or self._there[self._at : end] != data
        self._at = end
        self._size = max(self._size, end)
        return len(data)


def makes(metadata: ContainerMetadata, there: Content, pixels: Bands) -> bool:
    """Whether the metadata and the pixels restore the existing file byte for byte."""
    if not metadata.fits(pixels.dtype, pixels.shape):
        return False
    same = Comparison(there)
    drawing = metadata.drawing(same, pixels.dtype, pixels.shape)
    for band in pixels:
        drawing.add(band)
        if same.differs:
            return False
    drawing.close()
    return same.equal
