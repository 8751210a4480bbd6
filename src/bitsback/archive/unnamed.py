"""Pictures without names (docs/format.md, `U`)."""

from bitsback.archive.layout import UNNAMED, Cursor, section
from bitsback.archive.members import Files, part_by_part
from bitsback.archive.numbered import Numbered
from bitsback.archive.parts import FOLDER, FileList
from bitsback.errors import ArchiveError
from bitsback.wire import varint


def pack_unnamed() -> bytes:
    """The `U` section."""
    return section(UNNAMED, varint(0))


def unpack_unnamed(payload: memoryview, collection: FileList) -> Files:
    """Reads a `U` section. Raises ArchiveError."""
    cursor = Cursor(payload)
    if collection.kind != FOLDER:
        raise ArchiveError("its files have no names, and are no pictures")
    if cursor.varint():
        raise ArchiveError("its pictures have classes: it needs a newer bitsback")
    cursor.done()
    return Files(collection, Numbered(collection.files), part_by_part(collection))
