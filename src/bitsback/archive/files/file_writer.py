"""Restore the files of a folder from an archive."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.container.damage import contains
from bitsback.archive.container.targets import target_of
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError
from bitsback.files.drawing import Drawing, Seekable, WholeDrawing
from bitsback.io.names import printable


class FileWriter:
    """Restores the bytes of files. Several threads may use it."""

    def __init__(self, archive: ArchiveReader, verify: bool = True, exact: bool = True) -> None:
        self._archive, self._files, self._verify = archive, archive.files, verify
        self._exact = exact

    def file(self, number: int) -> bytes:
        """The bytes of a file. Raises ArchiveError, which names the file."""
        if self._files.stored(number):
            return self.content(number)
        pixels = self._archive.file_source(number).whole(self._verify)
        file = io.BytesIO()
        drawing = self.drawing(number, file, pixels.dtype, pixels.shape)
        drawing.add(pixels)
        drawing.close()
        return file.getvalue()

    def drawing(
        self, number: int, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> Drawing:
        """A drawing that writes the file of a picture to an empty file.

        dtype, shape: of the pixels. This and the drawing raise ArchiveError, which names the
        picture.
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
        """Whether a picture's file is restored byte for byte.

        Raises ArchiveError, which names the picture.
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
        """Adds the name of the file to errors, except errors of blocks."""
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
        """The bytes of a verbatim file, or of the container metadata of a picture."""
        part, start, stop = self._files.span(number)
        metadata = self._files.collection.parts[part].is_metadata
        with self._archive.metadata_lock if metadata else nullcontext():
            return self._archive.part_bytes(part, start, stop, verify=self._verify)


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


def damage(archive: ArchiveReader, lost: Sequence[range]) -> Iterator[ArchiveError]:
    """Finds damaged container metadata. lost: the numbers of the files with damaged blocks."""
    from bitsback.files.picture_files import unpack

    files = archive.files
    if files.stats is None:
        return
    file_writer = FileWriter(archive)
    for number in (number for part in files.by_part() for number in part):
        if (
            contains(lost, number)
            or files.stored(number)
            or target_of(files, number)[1] is not None
        ):
            continue
        try:
            with file_writer.naming(number):
                metadata = unpack(file_writer.content(number))
            picture = archive.file_source(number)
            if not metadata.certain or not metadata.fits(picture.dtype, picture.shape):
                file_writer.file(number)
        except ArchiveError as error:
            yield error
