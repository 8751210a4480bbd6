"""Labels of items: an array, or the folders of pictures as their classes (docs/format.md, `L`)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError, InputError
from bitsback.format.layout import LABELS, Cursor, section
from bitsback.format.parts import ARRAYS, FOLDER, FileCollection
from bitsback.io.names import printable
from bitsback.wire import varint

_ARRAYS, _FOLDERS = range(2)
FOLDERS = "folders"
"""The value of the option `labels` for folders as labels of pictures."""


@dataclass(frozen=True)
class Pairs:
    """The items and their labels: two arrays of an npz file, or pictures and their folders."""

    images: int | None = None
    """The numbers of the two arrays; None for pictures and folders."""
    labels: int | None = None


def pack_arrays(images: int, labels: int) -> bytes:
    """The `L` section for two arrays of an npz file."""
    return section(LABELS, bytes([_ARRAYS]), varint(images), varint(labels))


def pack_folders() -> bytes:
    """The `L` section for pictures whose labels are their folders."""
    return section(LABELS, bytes([_FOLDERS]))


def unpack_pairs(payload: memoryview, collection: FileCollection) -> Pairs:
    """Reads an `L` section. Raises ArchiveError."""
    cursor = Cursor(payload)
    kind = cursor.byte()
    if kind > _FOLDERS:
        raise ArchiveError(f"its labels are of the kind {kind}: it needs a newer bitsback")
    pairs = Pairs(cursor.varint(), cursor.varint()) if kind == _ARRAYS else Pairs()
    cursor.done()
    if collection.kind != (ARRAYS if kind == _ARRAYS else FOLDER):
        raise ArchiveError("its labels do not suit its kind of files")
    if pairs.images is None or pairs.labels is None:
        return pairs
    parts = collection.parts
    if pairs.images == pairs.labels or max(pairs.images, pairs.labels) >= len(parts):
        raise ArchiveError("its labels refer to arrays that it does not have")
    shapes = parts[pairs.images].shape, parts[pairs.labels].shape
    if not shapes[0] or shapes[0][:1] != shapes[1][:1]:
        raise ArchiveError("its labels are not as many as its items")
    return pairs


def folder_of(name: str) -> str:
    """The path of a file's folder; empty if it is in none."""
    return name.rpartition("/")[0]


def classes_of(names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The folders of these files, sorted, and the number of each file's folder."""
    folders = list(map(folder_of, names))
    classes = sorted(set(folders))
    numbers = {folder: number for number, folder in enumerate(classes)}
    return classes, np.fromiter((numbers[folder] for folder in folders), np.int64, len(folders))


def check_classes(names: Sequence[str], root: str) -> None:
    """Raises InputError if a file is in no folder."""
    loose = next((name for name in names if not folder_of(name)), None)
    if loose is not None:
        raise InputError(
            f"{root}: {printable(loose)} is in no folder, which would be its label; move it, leave"
            " out labels (--labels folders), or leave out files that are no pictures with"
            " --pictures-only (pictures_only=True)"
        )
