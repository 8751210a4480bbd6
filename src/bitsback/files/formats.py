"""The table of file formats.

For each format it has the names, the rules that recognise it, and the module that reads and writes
it. Inputs, folders, outputs, help and errors use the table. To add a format, write a module with
its codec, and add an entry to FORMATS and a row to docs/images.md.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from bitsback.format.containers import ARRAY, GZIPPED_IDX, IDX
from bitsback.format.grid import Shape
from bitsback.format.modes import NAMED
from bitsback.io.names import ending_of

if TYPE_CHECKING:  # the command's help names formats and must not import NumPy
    import numpy as np

    from bitsback.files import bitmap, dicom, gif, gzipped, idx, npy, npz, volumes, webp
    from bitsback.files.drawing import AxesCodec, PictureCodec
    from bitsback.files.npy import Items, NextArray
    from bitsback.files.png import png_codec
    from bitsback.files.tiff import tiff_codec
    from bitsback.io.file_io import Writable

START = 512
"""The number of bytes at the start of a file that identify its format."""


class ArrayCodec(Protocol):
    """Reads and writes files of one array."""

    def open_array(self, file: BinaryIO, name: str) -> Items:
        """The array in a file. name: of the file, for messages. Raises InputError."""

    def holds(self, dtype: np.dtype[Any], shape: Shape) -> bool:
        """Whether a file can have this array."""

    def write_array(
        self, output: Writable, dtype: np.dtype[Any], shape: Shape
    ) -> AbstractContextManager[Writable]:
        """A writer that takes the elements, in C order."""


class ArraysCodec(Protocol):
    """Reads and writes files of several named arrays."""

    def holds_arrays(self, file: BinaryIO) -> bool:
        """Whether a file contains arrays and nothing else."""

    def open_arrays(self, file: BinaryIO, name: str) -> AbstractContextManager[dict[str, Items]]:
        """The arrays in a file. name: of the file, for messages. Raises InputError."""

    def write_arrays(self, output: Writable) -> AbstractContextManager[NextArray]:
        """Writes a file, array by array."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """An entry of the table."""

    title: str
    """The name of such a file in messages, such as "an idx file"."""
    endings: tuple[str, ...] = ()
    """The endings of names, the usual one first."""
    start: bytes = b""
    """A regular expression that the first bytes of a file match."""

    @property
    def label(self) -> str:
        """The name in lists of formats, such as "idx"."""
        return self.title.removeprefix("an ").removeprefix("a ").removesuffix(" file")

    @property
    def whole_title(self) -> str:
        """The title, with the container of the file."""
        return self.title

    def starts(self, start: bytes) -> bool:
        """Whether a file with these first bytes has the format."""
        return bool(self.start) and re.match(self.start, start, re.DOTALL) is not None

    def ends(self, name: str) -> bool:
        """Whether a name has one of its endings."""
        base = name.rpartition("/")[2].lower()
        return any(base.endswith(ending) and base != ending for ending in self.endings)

    def matches(self, start: bytes, name: str) -> bool:
        """Whether a single file has the format."""
        return self.starts(start)

    def ending_behind(self, name: str) -> str:
        """The ending to append to a name for such a file."""
        return self.endings[0]


@dataclass(frozen=True, kw_only=True)
class ArrayFormat(Format):
    """Files of one array."""

    key: str
    """The kind of an archive that restores such a file."""
    container: int
    """The number of the format in an archive (docs/format.md, `C`)."""
    codec: Callable[[], ArrayCodec]
    gzip: bool = False
    """Whether the file is in a gzip container."""
    names: str = r"(?!)"
    """A regular expression that finds names that identify the format without an ending."""

    @property
    def whole_title(self) -> str:
        return self.title + " in a gzip container" * self.gzip

    def starts(self, start: bytes) -> bool:
        return super().starts(_gunzipped(start) if self.gzip else start)

    def ending_behind(self, name: str) -> str:
        if re.search(self.names, name):
            return ".gz" if self.gzip else ""
        return self.endings[0]

    def open(self, file: BinaryIO, name: str) -> Items:
        """The array in a file. Raises InputError."""
        from bitsback.io.file_io import GzipReader

        if self.gzip:
            file = cast(BinaryIO, GzipReader(file, name))
        return self.codec().open_array(file, name)

    @contextmanager
    def write(self, output: Writable, dtype: np.dtype[Any], shape: Shape) -> Iterator[Writable]:
        """A writer that takes the elements of an array, in C order. The format must suit it."""
        from bitsback.io.file_io import GzipWriter

        with ExitStack() as stack:
            if self.gzip:
                output = stack.enter_context(GzipWriter(output))
            yield stack.enter_context(self.codec().write_array(output, dtype, shape))


@dataclass(frozen=True, kw_only=True)
class ArraysFormat(Format):
    """Files of several named arrays."""

    key: str
    codec: Callable[[], ArraysCodec]


@dataclass(frozen=True, kw_only=True)
class PictureFormat(Format):
    """Files of pictures."""

    pillow: tuple[str, str] | None = None
    """Pillow's module and its name for the format.

    None if Pillow has no reader. Only the codec then reads the format, from folders, whatever the
    name of a file is.
    """
    writes: Mapping[str, Iterable[str]] = field(default_factory=dict)
    """The modes of pictures that are restored as files of the format, by the ending of the name."""
    metadata: tuple[int, ...] = ()
    """The kinds of its container metadata in an archive (docs/format.md, Container metadata)."""
    codec: Callable[[], PictureCodec] | None = None
    """The codec; None if files in folders are stored verbatim, since they are small already."""
    axes: Callable[[], AxesCodec] | None = None
    """The axes of files with several frames; None if files have one picture."""
    with_axes: tuple[int, ...] = ()
    """The kinds of container metadata of files that may have several frames."""

    def matches(self, start: bytes, name: str) -> bool:
        return self.starts(start) if self.pillow is None else self.ends(name)


@dataclass(frozen=True, kw_only=True)
class GzippedFormat(PictureFormat):
    """Volumes and pictures that are uncompressed except for a gzip container."""

    def starts(self, start: bytes) -> bool:
        if not super().starts(start):
            return False
        inside = picture_format(_gunzipped(start))
        return inside is not None and 1 in inside.metadata


@dataclass(frozen=True, kw_only=True)
class VerbatimFormat(Format):
    """Files of pictures that are stored verbatim, unread."""

    def matches(self, start: bytes, name: str) -> bool:
        return self.ends(name)


def _gunzipped(start: bytes) -> bytes:
    """The first bytes in a gzip container; empty for bytes that are none."""
    with suppress(zlib.error):
        return zlib.decompressobj(31).decompress(start, START)
    return b""


def _codec(name: str) -> Callable[[], Any]:
    """Imports a module of `bitsback.files`, when it is needed."""
    return lambda: import_module(f"bitsback.files.{name}")


if TYPE_CHECKING:  # checks that each module has the protocol of its entry
    _ARRAYS: tuple[ArrayCodec, ...] = (npy, idx)
    _NAMED_ARRAYS: ArraysCodec = npz
    _PICTURE_FILES: tuple[PictureCodec, ...] = (
        png_codec, bitmap, gif, webp, dicom, volumes, gzipped, tiff_codec,
    )  # fmt: skip

_IDX = rb"\0\0[\x08\x09\x0b-\x0e][^\0]"
_LOSSLESS_WEBP = rb"RIFF.{4}WEBP(VP8L|VP8X(?!.*(VP8 |ALPH|ANIM|ANMF)))"
"""It may also match a lossy or animated file that has a long chunk before its pixels."""
_VOLUMES = {
    "a NIfTI file": rb".{344}n\+1\0|.{4}n\+2\0\r\n\x1a\n",
    "an NRRD file": rb"NRRD000",
    "a MetaImage file": rb"ObjectType",
    "an MRC file": rb".{208}MAP ",
    "a FITS file": rb"SIMPLE  =",
    "a PFM file": rb"P[Ff]\s",
}
"""Files with a header and voxels, and a pattern of their first bytes."""
_PNM = {".pnm": ("1", "L", "I;16", "RGB"), ".pbm": "1", ".pgm": ("L", "I;16"), ".ppm": ("RGB",)}
NPY = ArrayFormat(
    title="a .npy file",
    endings=(".npy",),
    start=rb"\x93NUMPY",
    key="npy",
    container=ARRAY,
    codec=_codec("npy"),
)

JPEG = PictureFormat(
    title="a JPEG file",
    endings=(".jpg", ".jpeg", ".jpe", ".jfif"),
    start=rb"\xff\xd8\xff",
    pillow=("Jpeg", "JPEG"),
)

TIFF = PictureFormat(
    title="a TIFF file",
    endings=(".tif", ".tiff", ".svs", ".lsm", ".qptiff", ".scn", ".btf"),
    start=rb"II[*+]\0|MM\0[*+]",
    pillow=("Tiff", "TIFF"),
    writes={".tif": NAMED, ".tiff": NAMED},
    metadata=(4,),
    codec=_codec("tiff.tiff_codec"),
    axes=_codec("tiff.tiff_axes"),
    with_axes=(4,),
)

# The first format that accepts a file on its own reads it.
FORMATS: tuple[Format, ...] = (
    VerbatimFormat(title="a HEIC file", endings=(".heic", ".heif", ".hif")),
    VerbatimFormat(title="an AVIF file", endings=(".avif",)),
    VerbatimFormat(title="a JPEG 2000 file", endings=(".jp2", ".j2k")),
    VerbatimFormat(title="a JPEG XL file", endings=(".jxl",)),
    VerbatimFormat(
        title="raw files of cameras",
        endings=(
            ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq",
            ".kdc", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2",
            ".srf", ".srw", ".x3f",
        ),
    ),
    ArraysFormat(
        title="an npz file", endings=(".npz",), start=rb"PK\x03\x04", key="npz", codec=_codec("npz")
    ),
    # Some DICOM files begin as TIFF files, and may be both.
    PictureFormat(
        title="a DICOM file", start=rb".{128}DICM", metadata=(1, 11, 12), codec=_codec("dicom"),
        axes=_codec("volumes"), with_axes=(1, 11, 12),
    ),
    GzippedFormat(
        title="a NIfTI file", start=rb"\x1f\x8b", metadata=(10,),
        codec=_codec("gzipped"), axes=_codec("volumes"), with_axes=(10,),
    ),
    ArrayFormat(
        title="an idx file", endings=(".idx.gz", ".gz"), start=_IDX, key="idx.gz",
        container=GZIPPED_IDX, codec=_codec("idx"), gzip=True, names=r"idx\d",
    ),
    ArrayFormat(
        title="an idx file", endings=(".idx",), start=_IDX, key="idx", container=IDX,
        codec=_codec("idx"), names=r"idx\d",
    ),
    *(
        PictureFormat(
            title=title, start=start, metadata=(1,), codec=_codec("volumes"),
            axes=_codec("volumes"), with_axes=(1,),
        )
        for title, start in _VOLUMES.items()
    ),
    TIFF,
    PictureFormat(
        title="a PNG file", endings=(".png", ".apng"), start=rb"\x89PNG\r\n\x1a\n",
        pillow=("Png", "PNG"), writes={".png": NAMED}, metadata=(2, 3, 8, 9),
        codec=_codec("png.png_codec"), axes=_codec("png.animated"), with_axes=(8, 9),
    ),
    PictureFormat(
        title="a BMP file", endings=(".bmp",), start=rb"BM", pillow=("Bmp", "BMP"),
        writes={".bmp": ("1", "L", "RGB")}, metadata=(1,), codec=_codec("bitmap"),
    ),
    PictureFormat(title="a DIB file", pillow=("Bmp", "DIB"), codec=_codec("bitmap")),
    PictureFormat(
        title="a PNM file", endings=tuple(_PNM), start=rb"P[0-6fy]", pillow=("Ppm", "PPM"),
        writes=_PNM, metadata=(1,), codec=_codec("bitmap"),
    ),
    JPEG,
    PictureFormat(
        title="a lossless WebP file", endings=(".webp",), start=_LOSSLESS_WEBP,
        pillow=("WebP", "WEBP"), metadata=(7,), codec=_codec("webp"),
    ),
    PictureFormat(title="a lossy or animated WebP file", start=rb"RIFF", pillow=("WebP", "WEBP")),
    PictureFormat(
        title="a GIF file", endings=(".gif",), start=rb"GIF8", pillow=("Gif", "GIF"), metadata=(6,),
        codec=_codec("gif"), axes=_codec("gif"), with_axes=(6,),
    ),
    NPY,
)  # fmt: skip

ARRAYS = next(form for form in FORMATS if isinstance(form, ArraysFormat))
"""The format of archives of named arrays."""
ONE_ARRAY = {
    form.key: form
    for form in sorted(
        (form for form in FORMATS if isinstance(form, ArrayFormat)), key=lambda form: form.container
    )
}
"""The formats of files of one array, by the kinds of their archives."""
KINDS = {**ONE_ARRAY, ARRAYS.key: ARRAYS}
"""The formats of files on their own, by the kinds of their archives."""
CONTAINERS = {form.container: form for form in ONE_ARRAY.values()}
"""The formats of files of one array, by their numbers in archives."""
_PICTURES = [form for form in FORMATS if isinstance(form, PictureFormat)]
PICTURES = frozenset(
    ending for form in _PICTURES if form.pillow is not None for ending in form.endings
)
"""Endings of the names of pictures that Pillow reads."""
OTHER_PICTURES = frozenset(
    ending for form in FORMATS if isinstance(form, VerbatimFormat) for ending in form.endings
)
"""Endings of the names of pictures that are stored verbatim, unread."""
_WRITES = {
    ending: (form.pillow[1], modes)
    for form in _PICTURES
    if form.pillow is not None
    for ending, modes in form.writes.items()
}


def format_of(start: bytes, name: str) -> Format | None:
    """The format of a single file, by its first bytes and its name; None if it is unknown."""
    return next((form for form in FORMATS if form.matches(start, name)), None)


def without_ending(name: str) -> str:
    """The name of a single file without the ending of its format."""
    endings = [ending for form in KINDS.values() for ending in form.endings]
    for ending in sorted(endings, key=len, reverse=True):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def join_words(names: Iterable[str], conjunction: str) -> str:
    """The names in a sentence, as "PNG, TIFF and BMP".

    >>> join_words(["PNG", "TIFF", "PNG", "BMP"], "or")
    'PNG, TIFF or BMP'
    """
    *others, last = dict.fromkeys(names)
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def single_file_formats() -> str:
    """The formats of single files."""
    return join_words((form.whole_title for form in KINDS.values()), "or")


def coded_formats() -> str:
    """The formats of pictures in folders that are coded by their pixels."""
    return join_words(
        (form.label for form in _PICTURES if form.start and form.codec is not None), "and"
    )


def unread_picture(name: str) -> str:
    """The name of the format of a picture that is stored verbatim, unread."""
    return next(
        form.label for form in FORMATS if isinstance(form, VerbatimFormat) and form.ends(name)
    )


def picture_format(start: bytes) -> PictureFormat | None:
    """The format of a picture file in a folder, by its first bytes."""
    return next((form for form in _PICTURES if form.starts(start)), None)


def is_picture_by_content(start: bytes) -> bool:
    """Whether a file with these first bytes is a picture, whatever its name."""
    found = picture_format(start)
    return found is not None and found.pillow is None


def format_of_pillow(name: str | None) -> PictureFormat | None:
    """The format with this name in Pillow."""
    return next(
        (form for form in _PICTURES if form.pillow is not None and form.pillow[1] == name), None
    )


def format_of_metadata(kind: int) -> PictureFormat | None:
    """The format whose container metadata are of this kind."""
    return next((form for form in _PICTURES if kind in form.metadata), None)


def plugins() -> list[tuple[str, str]]:
    """Pillow's modules and names of the formats of pictures."""
    return [form.pillow for form in _PICTURES if form.pillow is not None]


def restored_name(name: str, mode: str) -> tuple[str, str]:
    """The name of a restored picture without container metadata, and Pillow's name of its format.

    The name stays if its ending is that of a lossless format with this mode. Otherwise the picture
    becomes a PNG file, with `.png` appended, or a TIFF file, with `.tif`, which suits any mode.
    """
    kind, modes = _WRITES.get(ending_of(name), ("PNG", ()))
    if mode in modes or kind == "TIFF":
        return name, kind
    return (name + ".png", "PNG") if mode in NAMED else (name + ".tif", "TIFF")
