"""Open the inputs of archives: arrays, files of arrays, folders and lists of pictures."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from bitsback.archive.container.targets import check_restorable
from bitsback.archive.inputs.groups import Groups
from bitsback.archive.inputs.paired_arrays import arrays_input
from bitsback.archive.inputs.request import Bonds, Input, Request
from bitsback.archive.inputs.unordered import picture_set
from bitsback.errors import ArchiveError, InputError
from bitsback.files import formats, npy
from bitsback.files.arrays import Convertible, foreign_items
from bitsback.files.file_lists import Listing, list_files, list_folder
from bitsback.files.npy import Items, open_items
from bitsback.format.array_part import ARRAY, COUNTED, ArrayPart
from bitsback.format.labelling import FOLDERS
from bitsback.format.members import Files, NumberedNames, check_names
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.unnamed import pack_described
from bitsback.io import names as naming
from bitsback.io.file_io import Location, Readable, name_of, open_file, reading
from bitsback.io.remote.files import is_folder
from bitsback.io.remote.url import Url
from bitsback.planner.candidates import item_axes

Source: TypeAlias = "npy.Source | Url | Sequence[Location] | Convertible | Iterable[Any] | Listing"


Plan = Callable[[Request], Input]
"""Examines an open source, and decides how its content is coded, by trials where necessary.

The caller closes the input. Raises InputError if the source cannot be used.
"""


@contextmanager
def open_input(source: Source, request: Request) -> Iterator[Input]:
    """Opens a source and plans it. Raises InputError if it cannot be used."""
    with open_source(source, request) as plan, closing(plan(request)) as taken:
        yield taken


@contextmanager
def open_source(source: Source, request: Request) -> Iterator[Plan]:
    """Opens a source by its type. Raises InputError if it cannot be used."""
    with _open_source(source, request) as plan:

        def checked(request: Request) -> Input:
            taken = plan(request)
            try:
                _check_readable(taken)
            except BaseException:
                taken.close()
                raise
            return taken

        yield checked


@contextmanager
def _open_source(source: Source, request: Request) -> Iterator[Plan]:
    described = request.options.dtype is not None or request.options.shape is not None
    stream = isinstance(source, Readable) and not isinstance(source, Convertible)
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
        yield partial(_pictures, list_files(source))
    elif isinstance(source, str | os.PathLike | Url) and _is_folder(source):
        root = source if isinstance(source, Url) else Path(source)
        yield partial(_pictures, _listed_folder(root, request))
    elif isinstance(source, Listing):
        yield partial(_pictures, source)
    elif isinstance(source, str | os.PathLike | Url):
        with open_file(source) as file, _open_file(file, source) as plan:
            yield plan
    elif usual:
        with open_items(cast(npy.Source, source)) as items:
            yield partial(_array, items, ARRAY)
    else:
        items = foreign_items(source, request.options.dtype, request.options.shape)
        yield partial(_array, items, ARRAY)


def _listed_folder(root: Path | Url, request: Request) -> Listing:
    """The files of a folder. For a set of pictures it follows links."""
    follow = not request.as_files or request.options.unordered
    return list_folder(root, request.options.skip_bad, request.endings, follow)


def _is_folder(place: Location) -> bool:
    if not isinstance(place, Url):
        return Path(place).is_dir()
    with reading(place.name):
        return is_folder(place)


def _check_readable(taken: Input) -> None:
    """Raises InputError for an input whose archive readers would refuse."""
    content, files = taken.collection, taken.files
    if taken.settle is not None:
        files = taken.settle([np.arange(part.entries) for part in content.parts])
        pack_described(files)  # this refuses too many classes
    try:
        content.check()
        if content.kind is None:
            check_restorable(content)
        elif files is not None:
            if not isinstance(files.names, NumberedNames):
                check_names(files.names)
            check_restorable(files)
    except ArchiveError as error:
        advice = "; rename one of them" if content.kind == FOLDER else ""
        raise InputError(f"{taken.name}: cannot be stored: {error}{advice}") from None


@contextmanager
def _open_file(file: BufferedReader, place: Location) -> Iterator[Plan]:
    """The content of a single file, by its format."""
    name = name_of(place)
    start = file.peek(formats.START)[: formats.START]
    found = formats.format_of(start, name)
    if isinstance(found, formats.ArraysFormat) and found.codec().holds_arrays(file):
        with found.codec().open_arrays(file, name) as arrays:
            yield partial(_arrays, arrays, name)
    elif isinstance(found, formats.ArrayFormat):
        yield partial(_array, found.open(file, name), found.container)
    else:
        yield partial(_listed, place)


def _listed(place: Location, request: Request) -> Input:
    """A single file that has no arrays, as a folder."""
    options = replace(request.options, skip_bad=False)
    return _pictures(list_files([place]), replace(request, options=options))


def _array(items: Items, container: int, request: Request) -> Input:
    _check_labels(items.name, request, "an array")
    collection = _arranged(items, request, container)
    sets = frozenset([0] if request.options.unordered else [])
    return Input(collection, [(items, collection)], items.name, bonds=Bonds(sets))


def _check_labels(name: str, request: Request, what: str) -> None:
    """Raises InputError if the options request labels. what: the input, which cannot have any."""
    if request.options.labels is not None:
        raise InputError(
            f"{name}: labels (--labels) are for an npz file and for folders, not for {what}"
        )


def _arranged(items: Items, request: Request, container: int = ARRAY) -> ArrayPart:
    axes = item_axes(items.shape, items.dtype, request.requested, request.policy)
    if request.options.unordered and items.shape:  # the rows of a table are items, too
        axes = COUNTED
    return request.arranged(ArrayPart(items.dtype, items.shape, axes, container), items)


def _arrays(arrays: dict[str, Items], name: str, request: Request) -> Input:
    labels = [] if request.options.labels is None else [request.options.labels]
    parts = {key: _arranged(items, request) for key, items in arrays.items() if key not in labels}
    return arrays_input(arrays, name, request, parts)


def _pictures(listing: Listing, request: Request) -> Input:
    """Examines all pictures, and sorts them into parts."""
    if request.options.labels not in (None, FOLDERS):
        raise InputError(
            f"{listing.root}: the labels of a folder are its folders; --labels {FOLDERS}"
        )
    if request.options.unordered:
        return picture_set(listing, request)
    if request.as_files:
        from bitsback.archive.inputs.folders import folder_input

        return folder_input(listing, request)
    from bitsback.files.picture_files import PictureItems, read_header

    groups = Groups(request.knows, request.policy.folder_bytes)
    for name in listing.names:
        groups.add(read_header(listing.path(name)))
    parts: list[tuple[Items, ArrayPart]] = [
        (PictureItems(listing, listing.names, group.members, group.part), request.cut(group.part))
        for group in groups
    ]
    collection = FileCollection(FOLDER, tuple(part for _, part in parts))
    return Input(
        collection,
        parts,
        naming.printable(name_of(listing.root)),
        Files(collection, listing.names, groups.runs),
        listing.skipped,
        listing=listing,
    )
