"""Read a set of pictures, without their order.

Pictures are sorted by size here. Their blocks sort the pictures of one size.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.groups import Group, Groups
from bitsback.archive.inputs.request import Bonds, FilesOnDisk, Input, Request
from bitsback.archive.inputs.warn import warn_of_losses, warn_of_names
from bitsback.errors import InputError
from bitsback.files.file_lists import Listing
from bitsback.files.npy import Items
from bitsback.format.array_part import ArrayPart
from bitsback.format.labelling import check_classes, classes_of, pack_folders
from bitsback.format.members import Files, NumberedNames, part_by_part
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.io import names as naming
from bitsback.io.file_io import name_of, size_of

if TYPE_CHECKING:
    from bitsback.files.pictures import Header

Orders = Sequence[NDArray[np.intp]]
"""The original numbers of the items in their new order, for each part."""


def picture_set(listing: Listing, request: Request) -> Input:
    """The input for all pictures of a folder or a list, as a set. Raises InputError."""
    from bitsback.files.picture_files import PictureItems

    found, bad = _headers(listing, request)
    if not found:
        first = f"; the first: {next(iter(bad.values()))}" if bad else ""
        raise InputError(f"{listing.root}: there is no picture that can be used{first}")
    order = by_size([header for _, header in found])
    names = [found[number][0] for number in order]
    groups = Groups(request.knows, request.policy.folder_bytes)
    for number in order:
        groups.add(found[number][1])
    warn_of_losses(groups.losses)
    if request.options.keep_names:
        warn_of_names(names)
    parts: list[tuple[Items, ArrayPart]] = [
        (PictureItems(listing, names, group.members, group.part), request.cut(group.part))
        for group in groups
    ]

    files = FileCollection(FOLDER, tuple(part for _, part in parts))

    labels = None
    classes: list[str] = []
    if request.options.labels is not None:
        check_classes(names, name_of(listing.root))
        classes, labels = classes_of(names)

    def settle(orders: Orders) -> Files:
        in_order = _settled(list(groups), orders)
        kept: Sequence[str] = [names[member] for member in in_order]
        if not request.options.keep_names:
            kept = NumberedNames(len(kept), classes, None if labels is None else labels[in_order])
        return Files(files, kept, part_by_part(files))

    ties = (
        {}
        if labels is None
        else {
            number: [labels[np.array(group.members, np.intp)]]
            for number, group in enumerate(groups)
        }
    )

    return Input(
        files,
        parts,
        naming.printable(name_of(listing.root)),
        skipped=listing.skipped,
        bad=bad,
        listing=listing,
        settle=settle,
        bonds=Bonds(frozenset(range(len(parts))), ties),
        labels=pack_folders() if labels is not None and request.options.keep_names else b"",
        disk=FilesOnDisk(sum(map(size_of, map(listing.path, names)))),
    )


def by_size(headers: Sequence["Header"]) -> list[int]:
    """The numbers of the pictures, grouped by size."""
    return sorted(range(len(headers)), key=lambda number: headers[number].shape[:2])


def _headers(
    listing: Listing, request: Request
) -> "tuple[list[tuple[str, Header]], dict[str, str]]":
    """The name and the header of each picture; and left-out pictures with the reasons."""
    from bitsback.files.picture_files import read_header, read_pixels

    found: list[tuple[str, Header]] = []
    bad = dict(listing.bad)
    for name in listing.names:
        path = listing.path(name)
        try:
            header = read_header(path)
            if request.options.skip_bad:  # damaged data have to be found now
                read_pixels(path)
        except InputError as error:
            if not request.options.skip_bad:
                raise InputError(
                    f"{error}; --skip-bad (skip_bad=True) leaves such pictures out"
                ) from None
            bad[name] = str(error)
        else:
            found.append((name, header))
    return found, bad


def _settled(groups: Sequence[Group], orders: Orders) -> list[int]:
    """The members of all parts in their new order."""
    return [
        group.members[item]
        for group, order in zip(groups, orders, strict=True)
        for item in order.tolist()
    ]
