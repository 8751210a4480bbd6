"""The files of a folder in an archive, made again."""

import threading
from collections.abc import Iterator
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback.archive.members import Files
from bitsback.archive.targets import target_of
from bitsback.errors import ArchiveError
from bitsback.images.names import printable


class Holder(Protocol):
    """An open archive of a folder."""

    name: str

    @property
    def files(self) -> Files: ...

    def __getitem__(self, which: Any) -> Any: ...

    def bytes_of(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes: ...


class Maker:
    """The bytes of files. May be used from several threads."""

    def __init__(self, archive: Holder, verify: bool = True, exact: bool = True) -> None:
        self._archive, self._files, self._verify = archive, archive.files, verify
        self._exact = exact
        self._lock = threading.Lock()

    def file(self, number: int) -> bytes:
        """Raises ArchiveError, naming the file."""
        if self._files.stored(number):
            return self.content(number)
        return self.picture(number, self._archive[number].whole(self._verify))

    def picture(self, number: int, pixels: NDArray[Any]) -> bytes:
        """That of a picture with these pixels. Raises ArchiveError, naming it."""
        from bitsback.images.notes import file_of
        from bitsback.images.pictures import encode

        _, kind = target_of(self._files, number)
        if kind is not None:
            return encode(pixels, kind)
        note = self.content(number)
        try:
            return file_of(pixels, note, self._exact)
        except ArchiveError as error:
            raise ArchiveError(
                f"{self._archive.name}: {printable(self._files.names[number])}: {error}"
            ) from None

    def content(self, number: int) -> bytes:
        """What is held bit for bit: of a file, or of the note of a picture."""
        with self._lock:  # so that no block of notes is decoded twice
            return self._archive.bytes_of(*self._files.span(number), verify=self._verify)


def damage(archive: Holder) -> Iterator[ArchiveError]:
    """What of the notes, in blocks that are whole, is wrong."""
    from bitsback.images.notes import unpack

    files = archive.files
    maker = Maker(archive)
    for number in (number for part in files.by_part() for number in part):
        if files.stored(number) or target_of(files, number)[1] is not None:
            continue
        try:
            try:
                note = unpack(maker.content(number))
            except ArchiveError as error:
                if error.block is not None:
                    raise
                raise ArchiveError(
                    f"{archive.name}: {printable(files.names[number])}: {error}"
                ) from None
            picture = archive[number]
            if not note.certain or not note.fits(picture.dtype, picture.shape):
                maker.file(number)
        except ArchiveError as error:
            yield error
