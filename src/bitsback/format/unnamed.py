"""Pictures without names, with or without classes (docs/format.md, `U`)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError, InputError
from bitsback.format import adaptive
from bitsback.format.layout import UNNAMED, Cursor, section
from bitsback.format.members import (
    Files,
    NumberedNames,
    could_be_number,
    pack_files,
    pack_names,
    part_by_part,
    unpack_names,
)
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.io import names as naming
from bitsback.models.costs import max_elements
from bitsback.wire import varint

_MOST_CLASSES = 1 << 16
_LONGEST = 32  # bytes of the name of a picture in its folder


def pack_described(files: Files) -> bytes:
    """The sections that describe files: `N`, or `U` for pictures without names; `F` and `E`.

    Raises InputError for unsupported classes.
    """
    names, runs, stats, entries = files.listed
    if isinstance(names, NumberedNames):
        return pack_unnamed(names.classes, names.labels)
    packed = pack_files(files.collection.kind, runs, names)
    packed += b"" if stats is None else stats.pack()
    return packed + (b"" if entries is None else entries.pack())


def pack_unnamed(classes: Sequence[str] = (), labels: NDArray[Any] | None = None) -> bytes:
    """The `U` section.

    classes: sorted names of folders. labels: the number of each picture's folder, if there are
    classes. Raises InputError for unsupported classes.
    """
    if labels is None:
        return section(UNNAMED, varint(0))
    fault = _fault(classes)
    if fault is not None:
        raise InputError(f"{fault}; rename it, or keep the names (--keep-names)")
    if len(classes) > _MOST_CLASSES:
        raise InputError(
            f"{len(classes)} folders are more classes than the {_MOST_CLASSES} that pictures"
            " without names can have; keep the names (--keep-names)"
        )
    packed = adaptive.pack(labels.astype(_dtype(len(classes))).reshape(-1, 1))
    if packed is None or len(labels) > max_elements(len(packed)):
        raise InputError(
            f"{len(labels)} pictures are too many to store their {len(classes)} classes without"
            " names; keep the names (--keep-names)"
        )
    return section(UNNAMED, varint(len(classes)), pack_names(classes), packed)


def unpack_unnamed(payload: memoryview, collection: FileCollection) -> Files:
    """Reads a `U` section. Raises ArchiveError."""
    cursor = Cursor(payload)
    if collection.kind != FOLDER:
        raise ArchiveError("its files have no names, and are not pictures")
    count, pictures = cursor.varint(), collection.files
    if not count:
        cursor.done()
        return Files(collection, NumberedNames(pictures), part_by_part(collection))
    if count > _MOST_CLASSES:
        raise ArchiveError(f"{count} classes are more than pictures can have")
    classes = list(unpack_names(cursor, count))
    fault = _fault(classes)
    if fault is not None:
        raise ArchiveError(f"{fault}; the archive may be malicious")
    data = payload[cursor.at :]
    if pictures > max_elements(len(data)):
        raise ArchiveError(f"{pictures} pictures have too many labels for its bytes")
    labels = adaptive.unpack(data, pictures, _dtype(count))
    if int(labels.max(initial=0)) >= count:
        raise ArchiveError("a label of its pictures has no class")
    return Files(collection, NumberedNames(pictures, classes, labels), part_by_part(collection))


def _dtype(classes: int) -> "np.dtype[Any]":
    return np.dtype("|u1" if classes <= 256 else "<u2")


def _fault(classes: Sequence[str]) -> str | None:
    """The reason why folders cannot be classes; None if they can."""
    if any(one >= other for one, other in pairwise(classes)):
        return "the folders of its classes are not in order"
    for folder in classes:
        reason = naming.file_fault(folder)
        if reason is None and len(folder.encode()) > naming.MAX_BYTES - _LONGEST:
            reason = "its name is too long for that of a folder of pictures"
        if reason is None and could_be_number(folder):
            reason = "a picture without a name may be called so"
        if reason is not None:
            return f"{naming.printable(folder)}: {reason}"
    return None
