"""A collection of files: arrays of several shapes in one archive (docs/format.md, `C`, container
1).
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from bitsback.archive.layout import COLLECTION, Collection, Cursor, section
from bitsback.errors import ArchiveError
from bitsback.images.modes import mode_of
from bitsback.wire import varint

FILE_LIST = 1
FOLDER, NPZ, TIFF = range(3)

_SMALLEST_PART = 5  # bytes: a dtype, axes, dimensions


@dataclass(frozen=True)
class FileList:
    """What the archive as a whole is: arrays, the parts, one after the other; their items are the
    archive's.

    Of a folder, and of a TIFF file, a part has the pictures of one dtype and shape, each an item.
    Of an npz file each array is a part.
    """

    kind: int
    parts: tuple[Collection, ...]

    @cached_property
    def starts(self) -> list[int]:
        """The number of each part's first item, and of all items."""
        return list(accumulate((part.items for part in self.parts), initial=0))

    @property
    def items(self) -> int:
        return self.starts[-1]

    @property
    def elements(self) -> int:
        return sum(part.elements for part in self.parts)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    @property
    def dtype(self) -> str:
        """NumPy's type string, or "mixed"."""
        dtypes = {part.dtype.str for part in self.parts}
        return dtypes.pop() if len(dtypes) == 1 else "mixed"

    @property
    def files(self) -> int:
        return len(self.parts) if self.kind == NPZ else self.items

    def part_of(self, item: int) -> tuple[int, Collection]:
        """The number of its first item, and the part, that an item is in. Raises ArchiveError if
        there is no such item.
        """
        if item >= self.items:
            raise ArchiveError(f"there is no item {item} among its {self.items}")
        number = bisect_right(self.starts, item) - 1
        return self.starts[number], self.parts[number]

    def pack(self) -> bytes:
        parts = b"".join(part.pack_array() for part in self.parts)
        return section(COLLECTION, bytes([FILE_LIST, self.kind]), varint(len(self.parts)), parts)


def unpack_collection(payload: memoryview) -> Collection | FileList:
    """What a `C` section says. Raises ArchiveError."""
    if payload[:1] != bytes([FILE_LIST]):
        return Collection.unpack(payload)
    cursor = Cursor(payload, 1)
    kind, count = cursor.byte(), cursor.varint()
    if kind > TIFF:
        raise ArchiveError(
            f"this archive holds files of the kind {kind}: it needs a newer bitsback"
        )
    if count * _SMALLEST_PART > len(payload):
        raise ArchiveError(f"the description of its contents is too short for {count} parts")
    parts = tuple(Collection.unpack_array(cursor) for _ in range(count))
    cursor.done()
    if kind != NPZ and not (parts and all(map(_has_pictures, parts))):
        raise ArchiveError("a part of its contents has no pictures")
    return FileList(kind, parts)


def _has_pictures(part: Collection) -> bool:
    return part.axes == 1 and part.elements > 0 and mode_of(part.dtype, part.item_shape) is not None
