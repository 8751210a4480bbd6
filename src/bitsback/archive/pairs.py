"""Labels of items: which array holds them, or that the names do (docs/format.md, `L`)."""

from dataclasses import dataclass

from bitsback.archive.layout import LABELS, Cursor, section
from bitsback.archive.parts import FOLDER, NPZ, FileList
from bitsback.errors import ArchiveError
from bitsback.wire import varint

_ARRAYS, _FOLDERS = range(2)


@dataclass(frozen=True)
class Pairs:
    """Two arrays of an npz file, or, if there are none, pictures and the folders that they are
    in.
    """

    images: int | None = None
    """The numbers of the arrays."""
    labels: int | None = None


def pack_arrays(images: int, labels: int) -> bytes:
    """The `L` section of an npz file."""
    return section(LABELS, bytes([_ARRAYS]), varint(images), varint(labels))


def pack_folders() -> bytes:
    """That of pictures which are labelled by their folders."""
    return section(LABELS, bytes([_FOLDERS]))


def unpack_pairs(payload: memoryview, collection: FileList) -> Pairs:
    """Raises ArchiveError."""
    cursor = Cursor(payload)
    kind = cursor.byte()
    if kind > _FOLDERS:
        raise ArchiveError(f"its labels are of the kind {kind}: it needs a newer bitsback")
    pairs = Pairs(cursor.varint(), cursor.varint()) if kind == _ARRAYS else Pairs()
    cursor.done()
    if collection.kind != (NPZ if kind == _ARRAYS else FOLDER):
        raise ArchiveError("its labels are those of another kind of files")
    if pairs.images is None or pairs.labels is None:
        return pairs
    parts = collection.parts
    if pairs.images == pairs.labels or max(pairs.images, pairs.labels) >= len(parts):
        raise ArchiveError("its labels are those of arrays that are not there")
    shapes = parts[pairs.images].shape, parts[pairs.labels].shape
    if not shapes[0] or shapes[0][:1] != shapes[1][:1]:
        raise ArchiveError("its labels are not as many as its items")
    return pairs
