"""Read, split and write picture files with the codecs of their formats (docs/format.md, Container
metadata).

A picture file is read as an array, or split into pixels and container metadata.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from bitsback.errors import ArchiveError, InputError
from bitsback.files import formats
from bitsback.files.axes import Level
from bitsback.files.bands import BandItems, Bands, Kind, Read, joined
from bitsback.files.data_sets import Shuffled
from bitsback.files.drawing import (
    BandsCodec,
    ContainerMetadata,
    Drawing,
    LevelsCodec,
    PictureCodec,
    Seekable,
    Split,
)
from bitsback.files.file_lists import Listing
from bitsback.files.npy import stacked
from bitsback.files.pictures import (
    Header,
    check_pixels,
    header_of,
    identify,
    named,
    reading_picture,
    shown_in_bands,
)
from bitsback.files.sheet import sheet_of
from bitsback.format.grid import Shape
from bitsback.format.modes import MODES, mode_of
from bitsback.io.file_io import name_of, one_line, open_regular
from bitsback.io.names import printable
from bitsback.io.remote.url import Url
from bitsback.wire import Cursor

Watch = Callable[
    [int, np.dtype[Any], tuple[int, ...], Iterator[NDArray[Any]]], Iterator[NDArray[Any]]
]


def read_header(path: Path | Url) -> Header:
    """Reads the header of a picture.

    Raises InputError, which names the file, if it is no picture or not supported.
    """
    name = name_of(path)
    with reading_picture(name), opened(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise InputError(
                f"{printable(name)}: contains {frames} pictures; save its frames as files"
            )
        return header_of(image, name)


def read_pixels(path: Path | Url) -> NDArray[Any]:
    """The array of a picture: [height, width] or [height, width, channels].

    Raises InputError, which names the file.
    """
    with reading_picture(name_of(path)), opened(path, whole=True) as image:
        return pixel_bands(image, name_of(path)).whole()


def read_shown(data: bytes, name: str) -> NDArray[Any]:
    """A picture file as the array that Pillow shows.

    name: of the file, for messages. Raises InputError.
    """
    with reading_picture(name), identified(io.BytesIO(data)) as image:
        check_pixels(image)
        image.load()
        return np.asarray(image)


def identified(file: BinaryIO) -> ImageFile:
    """The picture in an open file of a supported format. Raises the errors of Pillow."""
    return identify(file, formats.plugins())


@contextmanager
def opened(path: Path | Url, whole: bool = False) -> Iterator[Image.Image]:
    """The picture in a file. whole: its pixels will be read. Raises the errors of Pillow."""
    # Pillow does not close a file that it opened itself if its first bytes cannot be read.
    with open_regular(path, whole) as file, identified(file) as image:
        yield image


def pixel_bands(image: Image.Image, name: str) -> Bands:
    """The array of the current frame of an open picture, some rows at a time.

    It is valid while the frame is the current one. Raises InputError if it is not supported.
    """
    return shown_in_bands(image, name, _bands_of)


def _bands_of(image: Image.Image) -> Read | None:
    found = formats.format_of_pillow(image.format)
    codec = None if found is None or found.codec is None else found.codec()
    return codec.bands_of(image) if isinstance(codec, BandsCodec) else None


def _format_of(file: BinaryIO) -> formats.PictureFormat | None:
    file.seek(0)
    return formats.picture_format(file.read(formats.START))


def _codec_of(file: BinaryIO) -> PictureCodec:
    found = _format_of(file)
    if found is None or found.codec is None:
        raise UnidentifiedImageError
    return found.codec()


def split(file: BinaryIO, exact: bool) -> Split | None:
    """Splits a file into pixels and metadata; None if both parts do not restore it.

    The restored file must have the same pixels, by the samples of its format, and equal metadata.
    With `exact` it must have the same bytes. Raises the errors of Pillow for a damaged file.
    """
    return _codec_of(file).split(file, exact)


def refusal(file: BinaryIO) -> str:
    """The reason why `split` returns None for a file, or the fault of a damaged file."""
    found = _format_of(file)
    if found is None:
        return "no picture"
    try:
        return found.codec().refusal(file) if found.codec is not None else found.label
    except Exception as error:  # a damaged file may make readers raise any error
        return f"a header that is not read: {one_line(error)}"


def samples_of(file: BinaryIO) -> Bands | None:
    """The pixels that `split` finds in a file that it can split.

    Raises the errors of Pillow for a damaged file.
    """
    return _codec_of(file).samples(file)


def alike(one: BinaryIO, other: BinaryIO) -> bool:
    """Whether two files of a format are equal, except perhaps for their compression.

    Their pixels, by the samples of their format, and their metadata are then equal. Raises the
    errors of Pillow for damaged files.
    """
    found = _format_of(one)
    if found is None or found.codec is None or found is not _format_of(other):
        return False
    return found.codec().same(one, other)


def unpack(data: bytes) -> ContainerMetadata:
    """Reads container metadata. Raises ArchiveError."""
    cursor = Cursor(data)
    kind = cursor.byte()
    found = formats.format_of_metadata(kind)
    metadata: ContainerMetadata
    if kind == Shuffled.kind:
        metadata = Shuffled.unpack(cursor)
    elif found is None or found.codec is None:
        raise ArchiveError(
            "its container metadata is of an unknown kind: it needs a newer bitsback"
        )
    else:
        metadata = found.codec().unpack(cursor, kind)
    cursor.done()
    return metadata


def may_have_frames(kind: int) -> bool:
    """Whether files whose container metadata begins with this byte may have several frames."""
    found = formats.format_of_metadata(kind)
    return found is not None and kind in found.with_axes


def levels_of(metadata: bytes, dtype: np.dtype[Any], shape: Shape) -> list[Level]:
    """The levels of a file: its frames in each of their sizes, the largest first.

    dtype, shape: of the stored picture, with the frames below each other or on a sheet. Empty if
    the file has one picture, or frames that differ in size and are no levels. Raises ArchiveError.
    """
    found = formats.format_of_metadata(metadata[0])
    if found is None or found.axes is None:
        return []
    codec, unpacked = found.axes(), _metadata_of(metadata, dtype, shape)
    axes = codec.axes_of(unpacked, shape)
    if axes is None:
        return []
    if isinstance(codec, LevelsCodec):
        return codec.levels_of(unpacked, axes)
    size = axes.shape[axes.row : axes.row + 2]
    return [Level(axes, sheet_of([size] * math.prod(axes.frames))[0])]


def drawing_of(
    metadata: bytes,
    file: Seekable,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    exact: bool = True,
) -> Drawing:
    """Writes the file of a picture to an empty file.

    exact: restore the original bytes if they were promised, or raise an error. Otherwise make a
    file of the same pixels and metadata. Raises ArchiveError.
    """
    unpacked = _metadata_of(metadata, dtype, shape)
    return (unpacked if exact else unpacked.anew()).drawing(file, dtype, shape)


def _metadata_of(data: bytes, dtype: np.dtype[Any], shape: Shape) -> ContainerMetadata:
    """Reads the container metadata of a picture. Raises ArchiveError."""
    metadata = unpack(data)
    if not metadata.fits(dtype, shape):
        raise ArchiveError("its container metadata is that of another picture")
    return metadata


def promised(metadata: bytes, exact: bool = True) -> bool:
    """Whether `drawing_of` restores the file byte for byte. Raises ArchiveError."""
    unpacked = unpack(metadata)
    return (unpacked if exact else unpacked.anew()).exact


def file_of(pixels: NDArray[Any], metadata: bytes, exact: bool = True) -> bytes:
    """The file of a picture as bytes. Raises ArchiveError."""
    file = io.BytesIO()
    drawing = drawing_of(metadata, file, pixels.dtype, pixels.shape, exact)
    drawing.add(pixels)
    drawing.close()
    return file.getvalue()


def encode(array: NDArray[Any], kind: str) -> bytes:
    """The file of a picture, in a format of Pillow that suits its mode, such as "PNG".

    Dtype and shape of the array give the mode.
    """
    buffer = io.BytesIO()
    if mode_of(array.dtype, array.shape) in MODES:
        Image.fromarray(np.ascontiguousarray(array)).save(buffer, kind)
    elif kind == "TIFF":
        from bitsback.files.tiff import tiff_codec

        tiff_codec.write(buffer, array)
    else:
        from bitsback.files.png import png_codec

        png_codec.write(buffer, array)
    return buffer.getvalue()


class PictureItems(BandItems):
    """The pictures of a list that belong to one part."""

    def __init__(
        self,
        listing: Listing,
        names: Sequence[str],
        members: Sequence[int],
        kind: Kind,
        known: dict[int, NDArray[Any]] | None = None,
        watch: Watch | None = None,
    ) -> None:
        """members: the numbers of the pictures among the names. known: pixels that were read
        before, which are removed from it; without it, palettes are applied. watch: called with
        member, dtype, shape and bands of each picture that is read, and passes on the bands.
        """
        super().__init__(name_of(listing.root), kind, self._bands)
        self._listing, self._names, self._members = listing, names, members
        self._known, self._watch = known, watch

    def peek(self, first: int, count: int) -> NDArray[Any]:
        numbers = range(first, first + count)
        return stacked([joined(self._bands(number, again=True)) for number in numbers])

    def frames(self, count: int) -> Frames:
        """The pictures frame by frame. They have one shape, and `count` frames each."""
        return Frames(self, count)

    def peek_rows(self, number: int, first: int, last: int) -> NDArray[Any]:
        """Some rows of a picture."""
        found, at = [], 0
        for band in self._bands(number, again=True):
            found.append(band[max(first - at, 0) : max(last - at, 0)])
            at += len(band)
            if at >= last:
                break
        return joined(found)

    def _bands(self, number: int, again: bool = False) -> Iterator[NDArray[Any]]:
        """The bands of a picture. again: it will be read once more.

        Raises InputError, which names the file.
        """
        bands = self._read(number, again)
        if again or self._watch is None:
            return bands
        return self._watch(self._members[number], self.dtype, self._kind.shape_of(number), bands)

    def _read(self, number: int, again: bool) -> Iterator[NDArray[Any]]:
        member = self._members[number]
        if self._known is not None and member in self._known:
            yield self._known[member] if again else self._known.pop(member)
            return
        path = self._listing.path(self._names[member])
        with ExitStack() as stack:
            with reading_picture(name_of(path)):
                picture = self._picture(stack, path)
                if (picture.dtype, picture.shape) != (self.dtype, self._kind.shape_of(number)):
                    raise InputError(
                        f"{printable(name_of(path))}: was changed while it was read; try again"
                    )
            yield from named(picture, name_of(path))

    def _picture(self, stack: ExitStack, path: Path | Url) -> Bands:
        if self._known is None:
            return pixel_bands(stack.enter_context(opened(path, whole=True)), name_of(path))
        found = samples_of(stack.enter_context(open_regular(path, True)))
        if found is None:
            raise InputError(f"{printable(name_of(path))}: is no picture that is coded any more")
        return found


@dataclass(frozen=True)
class Frames:
    """The frames of pictures of one shape, which have their frames below each other."""

    items: PictureItems
    each: int

    def peek(self, first: int, count: int) -> NDArray[Any]:
        """Some frames: [frames, rows, columns] or [frames, rows, columns, channels]."""
        rows, found, last = self.items.shape[1] // self.each, [], first + count
        while first < last:
            picture, at = divmod(first, self.each)
            end = min(self.each, at + last - first)
            found.append(self.items.peek_rows(picture, at * rows, end * rows))
            first += end - at
        return np.concatenate(found).reshape(count, rows, *self.items.shape[2:])
