"""Find files in an archive that have the bytes of files on disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bitsback.archive.comparing.readback import ComparedFiles
from bitsback.archive.container.hashes import digest_of
from bitsback.archive.files.content_sums import ContentSums
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.files.whole_files import deliver
from bitsback.archive.inputs.copies import FEWEST_BYTES, Stored
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError, InputError
from bitsback.io.file_io import open_regular

_MOST_TRIED = 2
"""The most files of one size, and of one size and name, that are decoded for a comparison."""


class StoredFiles:
    """The files of an archive of a folder. Added files may be copies of them.

    Several threads may use it.
    """

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive, self._files = archive, archive.files
        self._file_writer = FileWriter(archive)
        self._numbers: dict[tuple[int, str | bytes], list[int]] = {}
        """The numbers of files by size, and by name without folders, by hash, or with ""."""
        self._hashes = archive.hashes
        for number, name in enumerate(archive.names):
            size = self._files.restored_bytes(number)
            if size is None or size < FEWEST_BYTES or number in self._files.originals:
                continue
            keys: list[str | bytes] = [name.rpartition("/")[2], ""]
            keys += [] if self._hashes is None else [self._hashes[number]]
            for key in keys:
                found = self._numbers.setdefault((size, key), [])
                if len(found) < _MOST_TRIED:
                    found.append(number)

    @property
    def rows(self) -> int:
        """The number of files, including removed files."""
        return len(self._files.listed.names)

    def find(self, root: Path, name: str, size: int) -> Stored | None:
        """The file in the archive that has the bytes of a file of this size in a folder."""
        if (size, "") not in self._numbers:
            return None
        with suppress(ArchiveError, InputError, OSError):
            keys: list[str | bytes] = [name.rpartition("/")[2], ""]
            if self._hashes is not None:
                with open_regular(root / name, True) as file:
                    keys.insert(0, digest_of(file))
            numbers = (n for key in keys for n in self._numbers.get((size, key), ()))
            for number in dict.fromkeys(numbers):
                found = self._compared(number, root, name)
                if found is not None:
                    return found
        return None

    def _compared(self, number: int, root: Path, name: str) -> Stored | None:
        """The file with this number in the archive, if it has the bytes of the file on disk."""
        if not (self._files.stored(number) or self._file_writer.promises(number)):
            return None
        compared = ComparedFiles(self._archive, root, {number: name}, exact=True)
        sums = ContentSums(self._archive, compared, {number: name})
        deliver(self._archive, number, sums)
        if compared.differing:
            return None
        row = self._files.kept[number] if self._files.collection.has_removed else number
        row = self._files.row_originals.get(row, row)
        return Stored(row, sums.sums[number])
