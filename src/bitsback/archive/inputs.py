"""What is compressed: arrays, files of arrays, folders and lists of pictures, told apart by what
they are.
"""

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from bitsback.archive.choose import Effort, any_fits, item_axes
from bitsback.archive.collection import ARRAY, IDX, IDX_GZ, VARIED, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.grid import Shape
from bitsback.archive.groups import Groups
from bitsback.archive.layout import COLLECTION, FACTS, NAMES, Cursor, open_section
from bitsback.archive.members import pack_files, unpack_files
from bitsback.archive.parts import FOLDER, NPZ, TIFF, FileList, unpack_collection
from bitsback.archive.stacks import as_stack, is_stack, stackable
from bitsback.archive.summary import Held, Progress
from bitsback.archive.targets import check_restorable
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.images import names as naming
from bitsback.images import npy
from bitsback.images.file_io import open_file
from bitsback.images.modes import mode_of
from bitsback.images.npy import Items, open_items, open_stream
from bitsback.images.restored import PICTURES, ending_of, restored
from bitsback.models import Model

if TYPE_CHECKING:
    from bitsback.images.folder import Listing
    from bitsback.images.pictures import Header

Source = npy.Source | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class Keeping:
    """How files of a folder are kept, beyond their pixels."""

    exact: bool = False
    """The very bytes of each."""
    others: bool = False
    """Those that are no pictures, or damaged ones, too."""
    stored: frozenset[str] = frozenset()
    """Those to hold bit for bit, whatever they are."""
    threads: int = 1
    progress: Progress | None = None
    """Called with the number of files that were looked at, and of all."""


@dataclass(frozen=True)
class Kept:
    """What is known of the files of a folder that comes back as files."""

    size: int
    """Bytes of all files."""
    stored: dict[str, Held]
    """Files that are held bit for bit, by the reason."""
    coded: dict[str, int]
    """The bytes of the files of pictures that are coded by their pixels, by name."""
    parts: list[list[str]]
    """The names of the pictures of each part; none of parts of bytes."""
    notes: BinaryIO
    """Where the notes of pictures wait."""


@dataclass(frozen=True)
class Input:
    """What goes into an archive."""

    collection: Collection | FileList
    parts: list[tuple[Items, Collection]]
    """The arrays that it is made of, in the order in which they are stored."""
    name: str
    """For error messages."""
    names: bytes = b""
    """The `N` section, for files, and the `F` section."""
    skipped: dict[str, int] = field(default_factory=dict)
    """What of a folder was left out since it is no picture, and how much of it."""
    bad: dict[str, str] = field(default_factory=dict)
    """The pictures that were left out since they cannot be used, and why."""
    listing: "Listing | None" = None
    kept: Kept | None = None
    """Of files that come back as files."""

    def close(self) -> None:
        if self.kept is not None:
            self.kept.notes.close()

    def check_output(self, destination: object) -> None:
        """Raises InputError if the output is one of the pictures that are read."""
        if self.listing is not None and isinstance(destination, str | os.PathLike):
            path = Path(os.path.realpath(destination))
            if path.exists() and any(
                path.samefile(self.listing.path(name)) for name in self.listing.names
            ):
                raise InputError(
                    f"{os.fspath(destination)}: is one of the pictures too; name another output"
                )


@dataclass(frozen=True)
class Asked:
    """How a source is to be seen."""

    given: Model | None = None
    """The model that was asked for, if one was."""
    effort: Effort = "auto"
    skip_bad: bool = False
    """Leave out pictures that cannot be read, or not be held."""
    tile: int | None = None
    """Rows and columns of a piece at most."""
    stack: bool | None = None
    """Whether arrays are stacks; None: a trial tells."""
    keeping: Keeping | None = None
    """None: pictures are their pixels alone, in the colours that they show."""

    def knows(self, shape: Shape) -> bool:
        """Whether there is a model of just these items, which then stay whole and together."""
        return any_fits(self.given, shape)

    def seen(self, part: Collection, items: Items) -> Collection:
        """The array as a stack, if it is one, and cut into pieces."""
        if self.stack is not False and stackable(part):
            trial = self.stack is None and not self.knows(part.item_shape)
            if self.stack or (trial and is_stack(part, items, self.given, self.effort)):
                part = as_stack(part)
        return self.cut(part)

    def cut(self, part: Collection) -> Collection:
        known = part.axes != VARIED and self.knows(part.item_shape)
        return part if known else replace(part, cut=cut_for(part, self.tile))


@contextmanager
def open_input(source: Source, asked: Asked) -> Iterator[Input]:
    """Finds out what the source is, and what is in it. Raises InputError if it cannot be used."""
    with _open_input(source, asked) as taken, closing(taken):
        _check_readable(taken)
        yield taken


@contextmanager
def _open_input(source: Source, asked: Asked) -> Iterator[Input]:
    if isinstance(source, list | tuple) and all(
        isinstance(path, str | os.PathLike) for path in source
    ):
        from bitsback.images.folder import list_files

        yield _pictures(list_files(source), asked)
    elif isinstance(source, str | os.PathLike) and Path(source).is_dir():
        from bitsback.images.folder import list_folder

        others = asked.keeping is not None and asked.keeping.others
        yield _pictures(list_folder(Path(source), asked.skip_bad, others), asked)
    elif isinstance(source, str | os.PathLike):
        with open_file(source) as file, _open_file(file, os.fspath(source), asked) as found:
            yield found
    else:
        with open_items(cast(npy.Source, source)) as items:
            yield _array(items, asked)


def _check_readable(taken: Input) -> None:
    """Raises InputError for what the reader of archives would refuse."""
    try:
        read = unpack_collection(open_section(taken.collection.pack(), COLLECTION))
        if isinstance(read, FileList):
            sections = Cursor(taken.names)
            names = open_section(sections.section(), NAMES)
            facts = open_section(sections.section(), FACTS) if taken.kept is not None else None
            check_restorable(unpack_files(names, read, facts))
        else:
            check_restorable(read)
    except ArchiveError as error:
        folder = isinstance(taken.collection, FileList) and taken.collection.kind == FOLDER
        advice = "; rename one of them" if folder else ""
        raise InputError(f"{taken.name}: cannot be held: {error}{advice}") from None


@contextmanager
def _open_file(file: BufferedReader, name: str, asked: Asked) -> Iterator[Input]:
    """What a single file holds, by its first bytes."""
    from bitsback.images.idx import looks_like_idx, open_idx

    start = file.peek(4)[:4]
    if start == b"PK\3\4":
        from bitsback.images.npz import open_npz

        with open_npz(file, name) as arrays:
            yield _arrays(arrays, name, asked)
    elif start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        yield _pages(file, name, asked)
    elif start[:2] == b"\x1f\x8b":
        yield _array(open_idx(file, name, zipped=True), asked, IDX_GZ)
    elif looks_like_idx(start):
        yield _array(open_idx(file, name, zipped=False), asked, IDX)
    elif ending_of(name) in PICTURES:
        from bitsback.images.folder import list_files

        yield _pictures(list_files([name]), replace(asked, skip_bad=False))
    else:
        yield _array(open_stream(file, name), asked)


def _array(items: Items, asked: Asked, container: int = ARRAY) -> Input:
    collection = _seen(items, asked, container)
    return Input(collection, [(items, collection)], items.name)


def _seen(items: Items, asked: Asked, container: int = ARRAY) -> Collection:
    axes = item_axes(items.shape, items.dtype, asked.given)
    return asked.seen(Collection(items.dtype, items.shape, axes, container), items)


def _arrays(arrays: dict[str, Items], name: str, asked: Asked) -> Input:
    parts = [(items, _seen(items, asked)) for items in arrays.values()]
    return Input(
        FileList(NPZ, tuple(part for _, part in parts)), parts, name, pack_files(NPZ, [], arrays)
    )


def _pages(file: BufferedReader, name: str, asked: Asked) -> Input:
    """Reads the headers of all pages, and sorts them into parts."""
    from bitsback.images.pictures import identified, reading_picture
    from bitsback.images.tiff import PageItems, page_headers

    with reading_picture(name):
        image = identified(file)
    groups = Groups(asked.knows)
    for header in page_headers(image, name):
        groups.add(header)
    _warn(groups.notes, "page")
    parts: list[tuple[Items, Collection]] = []
    for group in groups:
        pages = PageItems(image, name, group.members, group.part)
        parts.append((pages, asked.seen(group.part, pages)))
    files = FileList(TIFF, tuple(part for _, part in parts))
    return Input(files, parts, name, pack_files(TIFF, groups.runs, []))


def _pictures(listing: "Listing", asked: Asked) -> Input:
    """Reads the headers of all pictures, and sorts them into parts."""
    if asked.keeping is not None:
        from bitsback.archive.folders import folder_input

        return folder_input(listing, asked)
    from bitsback.images.folder import PictureItems
    from bitsback.images.pictures import read_header, read_pixels

    skip_bad = asked.skip_bad
    groups = Groups(asked.knows)
    names: list[str] = []
    bad = dict(listing.bad)
    for name in listing.names:
        path = listing.path(name)
        try:
            header = read_header(path)
            _check_target(name, header)
            # the archive begins with the number of pictures, so it must be known which are whole
            if skip_bad:
                read_pixels(path)
        except InputError as error:
            if not skip_bad:
                raise InputError(
                    f"{error}; --skip-bad (skip_bad=True) leaves such pictures out"
                ) from None
            bad[name] = str(error)
            continue
        groups.add(header)
        names.append(name)
    if not names:
        first = f"; the first: {next(iter(bad.values()))}" if bad else ""
        raise InputError(f"{listing.root}: there is no picture that can be used{first}")
    _warn(groups.notes, "file")
    warn_of_names(names)
    parts: list[tuple[Items, Collection]] = [
        (PictureItems(listing, names, group.members, group.part), asked.cut(group.part))
        for group in groups
    ]
    files = pack_files(FOLDER, groups.runs, names)
    return Input(
        FileList(FOLDER, tuple(part for _, part in parts)),
        parts,
        naming.printable(os.fspath(listing.root)),
        files,
        dict(listing.skipped),
        bad,
        listing,
    )


def _check_target(name: str, header: "Header") -> None:
    """Raises InputError if no file system can have the name that the picture is restored under."""
    mode = mode_of(header.dtype, header.shape)
    assert mode is not None, "it was read as a picture"
    target = restored(name, mode)[0]
    reason = naming.file_fault(target)
    if reason is not None:
        raise InputError(
            f"{naming.printable(name)}: would be restored as {naming.printable(target)}: {reason};"
            " rename it"
        )


def _warn(notes: "Counter[str]", noun: str) -> None:
    from bitsback.images.pictures import NOTES

    for note, count in notes.items():
        warnings.warn(
            NOTES[note].format(f"{count} {noun}" + "s" * (count > 1)), InputWarning, stacklevel=2
        )


def warn_of_names(names: list[str]) -> None:
    """Warns of names that some systems cannot have."""
    twin = naming.first_twin(names)
    if twin is not None:
        warnings.warn(
            f"{naming.printable(twin)}: its name differs from that of another file only in case or"
            " Unicode composition, so macOS and Windows cannot restore both",
            InputWarning,
            stacklevel=2,
        )
    faults = [fault for fault in map(naming.windows_fault, names) if fault is not None]
    if faults:
        warnings.warn(
            f"{len(faults)} of the names cannot be restored on Windows:"
            f" {naming.printable(faults[0])}",
            InputWarning,
            stacklevel=2,
        )
