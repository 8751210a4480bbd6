"""Read the sections of an archive of files beside its blocks: names, stats, hashes and labels."""

from collections.abc import Callable

from bitsback.errors import ArchiveError
from bitsback.format.labelling import Pairs, unpack_pairs
from bitsback.format.layout import HASHES, LABELS, NAMES, STATS, UNNAMED, open_section
from bitsback.format.members import Files, unpack_files
from bitsback.format.parts import FOLDER, FileList
from bitsback.format.unnamed import unpack_unnamed
from bitsback.lazy import cached_property
from bitsback.reading.directory import Directory, Place
from bitsback.reading.hashes import Hashes


class FileSections:
    """Reads each section when it is first needed. Raises ArchiveError, without the name of the
    archive, for damage.
    """

    def __init__(
        self, collection: FileList, directory: Directory, read: Callable[[Place], bytes]
    ) -> None:
        self._collection, self._directory, self._read = collection, directory, read
        self._names_are_lost = False

    def do_without_names(self) -> None:
        """Calls the files by numbers from now on, if their names are lost."""
        try:
            _ = self.files
        except ArchiveError:
            self._names_are_lost = True

    @cached_property
    def files(self) -> Files:
        """Which item is which file."""
        if self._names_are_lost:
            return Files.unnamed(self._collection)
        places, stats = self._directory.names, self._directory.stats
        if len(places) != 1:
            what = "there twice" if places else "missing"
            raise ArchiveError(f"the names of its files are {what}")
        if len(stats) > (self._collection.kind == FOLDER):
            raise ArchiveError("the stats of its files are there twice")
        if places[0].kind == UNNAMED:
            if stats:
                raise ArchiveError("its files have stats and no names")
            return unpack_unnamed(open_section(self._read(places[0]), UNNAMED), self._collection)
        return unpack_files(
            open_section(self._read(places[0]), NAMES),
            self._collection,
            open_section(self._read(stats[0]), STATS) if stats else None,
        )

    @cached_property
    def hashes(self) -> Hashes | None:
        """SHA-256 of the files as they were; None if the archive was made without."""
        places = self._directory.hashes
        if not places:
            return None
        if len(places) > 1 or self._collection.kind != FOLDER:
            raise ArchiveError("the hashes of its files are there twice, or are of no files")
        return Hashes.unpack(open_section(self._read(places[0]), HASHES), len(self.files))

    @cached_property
    def pairs(self) -> Pairs | None:
        """Which arrays of an npz file are items and their labels, or that pictures are labelled by
        their folders; None for neither.
        """
        places = self._directory.labels
        if not places:
            return None
        if len(places) > 1:
            raise ArchiveError("the labels of its items are told twice")
        return unpack_pairs(open_section(self._read(places[0]), LABELS), self._collection)
