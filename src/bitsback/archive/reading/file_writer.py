"""Makes the files of a folder in an archive again, and reads those stored verbatim as arrays."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.damage import has
from bitsback.archive.reading.indexed import Chunks, Indexed
from bitsback.archive.reading.indexing import Along
from bitsback.archive.reading.source import OpenArchive
from bitsback.archive.reading.targets import target_of
from bitsback.archive.reading.view import Found
from bitsback.errors import ArchiveError
from bitsback.files.drawing import Drawing, Seekable, WholeDrawing
from bitsback.format.grid import Shape
from bitsback.io.locks import Lock
from bitsback.io.names import printable
from bitsback.lazy import cached_property


class FileWriter:
    """The bytes of files. Several threads may use it."""

    def __init__(self, archive: OpenArchive, verify: bool = True, exact: bool = True) -> None:
        self._archive, self._files, self._verify = archive, archive._files, verify
        self._exact = exact
        self._lock = Lock()

    def file(self, number: int) -> bytes:
        """The bytes of a file. Raises ArchiveError, which names the file."""
        if self._files.stored(number):
            return self.content(number)
        pixels = self._archive[number]._all(self._verify)
        file = io.BytesIO()
        drawing = self.drawing(number, file, pixels.dtype, pixels.shape)
        drawing.add(pixels)
        drawing.close()
        return file.getvalue()

    def drawing(
        self, number: int, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> Drawing:
        """Writes the file of a picture with pixels of this dtype and shape to an empty file. It and
        its drawing raise ArchiveError, which names the picture.
        """
        from bitsback.files.picture_files import drawing_of, encode

        _, kind = target_of(self._files, number)
        if kind is not None:
            return WholeDrawing(file, lambda pixels: encode(pixels, kind))
        metadata = self.content(number)
        with self.naming(number):
            drawing = drawing_of(metadata, file, dtype, shape, self._exact)
        return _Named(drawing, lambda: self.naming(number))

    def promises(self, number: int) -> bool:
        """Whether the very bytes of a picture's file come back. Raises ArchiveError, which names
        it.
        """
        from bitsback.files.picture_files import promised

        if (
            target_of(self._files, number)[1] is not None
        ):  # from an older bitsback, without metadata
            return True
        metadata = self.content(number)
        with self.naming(number):
            return promised(metadata, self._exact)

    @contextmanager
    def naming(self, number: int) -> Iterator[None]:
        """Names the file in errors, except those of blocks."""
        try:
            yield
        except ArchiveError as error:
            if error.block is not None:
                raise
            name = self._files.names[number]
            raise ArchiveError(
                f"{self._archive.name}: {printable(name)}: {error}", file=name
            ) from None

    def content(self, number: int) -> bytes:
        """The bytes of a file that is stored verbatim, or of the container metadata of a
        picture.
        """
        with self._lock:  # so that no block of container metadata is decoded twice
            return self._archive._bytes_of(*self._files.span(number), verify=self._verify)


class _Named:
    """A drawing whose errors name its file."""

    def __init__(
        self, drawing: Drawing, naming: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._drawing, self._naming = drawing, naming

    def add(self, rows: NDArray[Any]) -> None:
        with self._naming():
            self._drawing.add(rows)

    def close(self) -> int:
        with self._naming():
            return self._drawing.close()


def damage(archive: OpenArchive, lost: Sequence[range]) -> Iterator[ArchiveError]:
    """Finds container metadata that is damaged. lost: the numbers of the files whose blocks are
    damaged.
    """
    from bitsback.files.picture_files import unpack

    files = archive._files
    if files.stats is None:
        return
    file_writer = FileWriter(archive)
    for number in (number for part in files.by_part() for number in part):
        if has(lost, number) or files.stored(number) or target_of(files, number)[1] is not None:
            continue
        try:
            with file_writer.naming(number):
                metadata = unpack(file_writer.content(number))
            picture = archive[number]
            if not metadata.certain or not metadata.fits(picture.dtype, picture.shape):
                file_writer.file(number)
        except ArchiveError as error:
            yield error


class Stored(Indexed):
    """A file of a folder that is stored verbatim. A picture is also an array, which Pillow reads;
    for other files this raises InputError.
    """

    def __init__(self, archive: OpenArchive, number: int) -> None:
        super().__init__(archive.name)
        self._archive, self._number = archive, number

    @property
    def name(self) -> str:
        return self._archive._files.names[self._number]

    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file. verify: check the digest of each block. Raises ArchiveError."""
        return self._archive._bytes_of(*self._archive._files.span(self._number), verify=verify)

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        from bitsback.files.picture_files import read_shown

        return read_shown(self.read(), f"{self._archive.name}: {self.name}")

    @property
    def shape(self) -> Shape:
        return self._pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._pixels.dtype

    @property
    def chunks(self) -> Chunks:
        return tuple((size,) for size in self.shape)

    def _take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        found = Found(tuple(map(len, wanted)), self.dtype)
        places = [along.within(0, size) for along, size in zip(wanted, self.shape, strict=True)]
        found.put(places, self._pixels)
        return found.array

    def _stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        yield self._pixels[start:stop].copy()

    def __repr__(self) -> str:
        return f"<the file {self.name} in {self._archive.name}>"


class StoredPage(Stored):
    """A page of a TIFF file on its own that is stored verbatim: an array, which tifffile reads.
    Raises InputError if it cannot.
    """

    def __init__(self, archive: OpenArchive, number: int, file: bytes) -> None:
        super().__init__(archive, number)
        self._file = file

    @property
    def name(self) -> str:
        return f"page {self._number}"

    def read(self, verify: bool = True) -> bytes:
        """The bytes of its file."""
        return self._file

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        from bitsback.files import formats
        from bitsback.files.pictures import reading_picture

        with reading_picture(f"{self._archive.name}: {self.name}"):
            return formats.PAGES.codec().read_page(self._file, self._number)

    def __repr__(self) -> str:
        return f"<{self.name} of the TIFF file in {self._archive.name}>"
