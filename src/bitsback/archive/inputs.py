"""What is compressed: arrays, files of arrays, folders and lists of pictures, told apart by what
they are.
"""

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from bitsback.archive.asked import Asked, Input
from bitsback.archive.choose import item_axes
from bitsback.archive.collection import ARRAY, IDX, IDX_GZ, Collection
from bitsback.archive.groups import Groups
from bitsback.archive.layout import COLLECTION, FACTS, NAMES, Cursor, open_section
from bitsback.archive.members import pack_files, unpack_files
from bitsback.archive.parts import FOLDER, NPZ, TIFF, FileList, unpack_collection
from bitsback.archive.targets import check_restorable
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.images import names as naming
from bitsback.images import npy
from bitsback.images.arrays import Convertible, foreign_items
from bitsback.images.file_io import Location, name_of, open_file, reading
from bitsback.images.npy import Items, open_items, open_stream
from bitsback.images.restored import PICTURES, ending_of
from bitsback.remote.folder import is_folder
from bitsback.remote.url import Url

if TYPE_CHECKING:
    from bitsback.images.folder import Listing

Source: TypeAlias = "npy.Source | Url | Sequence[Location] | Convertible | Iterable[Any] | Listing"


@contextmanager
def open_input(source: Source, asked: Asked) -> Iterator[Input]:
    """Finds out what the source is, and what is in it. Raises InputError if it cannot be used."""
    with _open_input(source, asked) as taken, closing(taken):
        if asked.unordered and isinstance(taken.collection, FileList):
            raise InputError(f"{taken.name}: holds files, and only an array can lose its order")
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
        others = asked.keeping is not None and asked.keeping.others
        yield _pictures(list_folder(root, asked.skip_bad, others), asked)
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


_NONE_OF_THESE = (
    "no .npy file, nor one of the other kinds (npz, idx, TIFF, or pictures by their endings); make"
    " one with numpy.save"
)


@contextmanager
def _open_file(file: BufferedReader, place: Location, asked: Asked) -> Iterator[Input]:
    """What a single file holds, by its first bytes."""
    from bitsback.images.idx import looks_like_idx, open_idx

    name = name_of(place)
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

        yield _pictures(list_files([place]), replace(asked, skip_bad=False))
    else:
        yield _array(open_stream(file, name, _NONE_OF_THESE), asked)


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
    """Looks at all pictures, and sorts them into parts."""
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
        dict(listing.skipped),
        listing=listing,
    )


def _warn(notes: "Counter[str]", noun: str) -> None:
    from bitsback.images.pictures import NOTES

    for note, count in notes.items():
        warnings.warn(
            NOTES[note].format(f"{count} {noun}" + "s" * (count > 1)), InputWarning, stacklevel=2
        )
