"""What is compressed: arrays, files of arrays, folders and lists of pictures, told apart by what
they are.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from bitsback.archive.asked import Asked, Bonds, Input
from bitsback.archive.belonging import arrays_input
from bitsback.archive.choose import item_axes
from bitsback.archive.classes import FOLDERS
from bitsback.archive.collection import ARRAY, COUNTED, IDX, IDX_GZ, Collection
from bitsback.archive.groups import Groups
from bitsback.archive.layout import COLLECTION, FACTS, NAMES, UNNAMED, Cursor, open_section
from bitsback.archive.members import Files, pack_files, part_by_part, unpack_files
from bitsback.archive.parts import FOLDER, TIFF, FileList, unpack_collection
from bitsback.archive.targets import check_restorable
from bitsback.archive.unnamed import unpack_unnamed
from bitsback.archive.unordered import by_size, picture_set
from bitsback.archive.warn import warn_of_notes
from bitsback.errors import ArchiveError, InputError
from bitsback.images import names as naming
from bitsback.images import npy, other_kinds
from bitsback.images.arrays import Convertible, foreign_items
from bitsback.images.file_io import Location, name_of, open_file, reading
from bitsback.images.npy import Items, open_items, open_stream
from bitsback.images.restored import CAMERA, PICTURES, ending_of
from bitsback.remote.files import is_folder
from bitsback.remote.url import Url

if TYPE_CHECKING:
    from bitsback.images.folder import Listing

Source: TypeAlias = "npy.Source | Url | Sequence[Location] | Convertible | Iterable[Any] | Listing"


@contextmanager
def open_input(source: Source, asked: Asked) -> Iterator[Input]:
    """Finds out what the source is, and what is in it. Raises InputError if it cannot be used."""
    with _open_input(source, asked) as taken, closing(taken):
        _check_readable(taken)
        yield taken


@contextmanager
def _open_input(source: Source, asked: Asked) -> Iterator[Input]:
    described = asked.dtype is not None or asked.shape is not None
    stream = callable(getattr(source, "read", None)) and not hasattr(source, "__array__")
    usual = stream or isinstance(source, str | os.PathLike | Url | np.ndarray)
    if usual and described:
        raise InputError(
            "dtype and shape are for images that come one after another; this input has its own"
        )
    if (
        isinstance(source, list | tuple)
        and not described
        and all(isinstance(path, str | os.PathLike | Url) for path in source)
    ):
        from bitsback.images.folder import list_files

        yield _pictures(list_files(source), asked)
    elif isinstance(source, str | os.PathLike | Url) and _is_folder(source):
        from bitsback.images.folder import list_folder

        root = source if isinstance(source, Url) else Path(source)
        yield _pictures(list_folder(root, asked.skip_bad, asked.endings), asked)
    elif hasattr(source, "skipped"):  # a Listing, whose module takes long to import
        yield _pictures(cast("Listing", source), asked)
    elif isinstance(source, str | os.PathLike | Url):
        with open_file(source) as file, _open_file(file, source, asked) as found:
            yield found
    elif usual:
        with open_items(cast(npy.Source, source)) as items:
            yield _array(items, asked)
    else:
        yield _array(foreign_items(source, asked.dtype, asked.shape), asked)


def _is_folder(place: Location) -> bool:
    if not isinstance(place, Url):
        return Path(place).is_dir()
    with reading(place.name):
        return is_folder(place)


def _check_readable(taken: Input) -> None:
    """Raises InputError for what the reader of archives would refuse."""
    try:
        read = unpack_collection(open_section(taken.collection.pack(), COLLECTION))
        if isinstance(read, FileList):
            check_restorable(files_of(read, taken))
        else:
            check_restorable(read)
    except ArchiveError as error:
        folder = isinstance(taken.collection, FileList) and taken.collection.kind == FOLDER
        advice = "; rename one of them" if folder else ""
        raise InputError(f"{taken.name}: cannot be held: {error}{advice}") from None


_NONE_OF_THESE = (
    "no .npy file, nor one of the other kinds (npz, idx, TIFF, or pictures by their endings); make"
    " one with numpy.save"
)


def files_of(collection: FileList, taken: Input) -> Files:
    """As the reader of archives will have them. Raises ArchiveError."""
    names = taken.names
    if taken.settle is not None:
        names = taken.settle([np.arange(part.entries) for part in collection.parts])
    sections = Cursor(names)
    first = sections.section()
    if first[:1] == UNNAMED:
        return unpack_unnamed(open_section(first, UNNAMED), collection)
    facts = open_section(sections.section(), FACTS) if taken.kept is not None else None
    return unpack_files(open_section(first, NAMES), collection, facts)


@contextmanager
def _open_file(file: BufferedReader, place: Location, asked: Asked) -> Iterator[Input]:
    """What a single file holds, by its first bytes."""
    from bitsback.images.idx import looks_like_idx, open_idx

    name = name_of(place)
    start = file.peek(4)[:4]
    if ending_of(name) in CAMERA:  # of which many begin as TIFF files do
        yield _listed(place, asked)
    elif start == b"PK\3\4":
        from bitsback.images.npz import open_npz

        with open_npz(file, name) as arrays:
            yield _arrays(arrays, name, asked)
    elif start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        yield _pages(file, name, asked)
    elif start[:2] == b"\x1f\x8b" and not name.lower().endswith(".nii.gz"):
        yield _array(open_idx(file, name, zipped=True), asked, IDX_GZ)
    elif looks_like_idx(start):
        yield _array(open_idx(file, name, zipped=False), asked, IDX)
    elif ending_of(name) in PICTURES:
        yield _listed(place, asked)
    else:
        told = other_kinds.advice(file.peek(other_kinds.START), name)
        if told is not None and start != b"\x93NUM":
            raise InputError(f"{naming.printable(name)}: {told}")
        yield _array(open_stream(file, name, _NONE_OF_THESE), asked)


def _listed(place: Location, asked: Asked) -> Input:
    """A picture file on its own."""
    from bitsback.images.folder import list_files

    return _pictures(list_files([place]), replace(asked, skip_bad=False))


def _array(items: Items, asked: Asked, container: int = ARRAY) -> Input:
    _check_labels(items.name, asked, "an array")
    collection = _seen(items, asked, container)
    sets = frozenset([0] if asked.unordered else [])
    return Input(collection, [(items, collection)], items.name, bonds=Bonds(sets))


def _check_labels(name: str, asked: Asked, what: str) -> None:
    """Raises InputError if labels are asked for of what can have none."""
    if asked.labels is not None:
        raise InputError(
            f"{name}: labels (--labels) are for an npz file and for folders, not for {what}"
        )


def _seen(items: Items, asked: Asked, container: int = ARRAY) -> Collection:
    axes = item_axes(items.shape, items.dtype, asked.given)
    if asked.unordered and items.shape:  # the rows of a table are items, too
        axes = COUNTED
    return asked.seen(Collection(items.dtype, items.shape, axes, container), items)


def _arrays(arrays: dict[str, Items], name: str, asked: Asked) -> Input:
    labels = [] if asked.labels is None else [asked.labels]
    seen = {key: _seen(items, asked) for key, items in arrays.items() if key not in labels}
    return arrays_input(arrays, name, asked, seen)


def _pages(file: BufferedReader, name: str, asked: Asked) -> Input:
    """All of a TIFF file; of a set of its pages the pixels alone."""
    _check_labels(name, asked, "a TIFF file")
    if not asked.unordered:
        from bitsback.archive.tiff_files import tiff_input

        return tiff_input(file, name, asked)
    from bitsback.images.pictures import identified, reading_picture
    from bitsback.images.tiff.pages import PageItems, page_headers

    with reading_picture(name):
        image = identified(file)
    headers = list(page_headers(image, name))
    order = by_size(headers)
    groups = Groups(asked.knows)
    for page in order:
        groups.add(headers[page])
    warn_of_notes(groups.notes, "page")
    parts: list[tuple[Items, Collection]] = []
    for group in groups:
        members = [order[member] for member in group.members]
        pages = PageItems(image, name, members, group.part)
        parts.append((pages, asked.seen(group.part, pages)))
    files = FileList(TIFF, tuple(part for _, part in parts))
    names = pack_files(TIFF, part_by_part(files), [])
    return Input(files, parts, name, names, bonds=Bonds(frozenset(range(len(parts)))))


def _pictures(listing: "Listing", asked: Asked) -> Input:
    """Looks at all pictures, and sorts them into parts."""
    if asked.labels not in (None, FOLDERS):
        raise InputError(
            f"{listing.root}: the labels of a folder are its folders; --labels {FOLDERS}"
        )
    if asked.unordered:
        return picture_set(listing, asked)
    if asked.keeping is not None:
        from bitsback.archive.folders import folder_input

        return folder_input(listing, asked)
    from bitsback.images.folder import PictureItems
    from bitsback.images.pictures import read_header

    groups = Groups(asked.knows)
    for name in listing.names:
        groups.add(read_header(listing.path(name)))
    parts: list[tuple[Items, Collection]] = [
        (PictureItems(listing, listing.names, group.members, group.part), asked.cut(group.part))
        for group in groups
    ]
    return Input(
        FileList(FOLDER, tuple(part for _, part in parts)),
        parts,
        naming.printable(name_of(listing.root)),
        pack_files(FOLDER, groups.runs, listing.names),
        listing.skipped,
        listing=listing,
    )
