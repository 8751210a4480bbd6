"""The content of an archive in several parts (docs/format.md, `C`, containers 1 and 4).

The parts are the arrays of files, or one array in parts.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from bitsback.errors import ArchiveError
from bitsback.format.array_part import (
    ARRAY,
    BYTES,
    COPIES,
    COUNTED,
    VARIED,
    ArrayPart,
    OneArray,
    check_shape,
)
from bitsback.format.grid import Shape
from bitsback.format.layout import COLLECTION, REMOVED, Cursor, read_features, section
from bitsback.format.modes import mode_of
from bitsback.lazy import cached_property
from bitsback.wire import varint

FILE_LIST, JOINED = 1, 4
FOLDER, ARRAYS = range(2)

_SMALLEST_PART = 6  # bytes: a dtype, axes, dimensions, cut


class Parts:
    """Arrays in order. Tiles are numbered through all of them."""

    parts: tuple[ArrayPart, ...]
    features: int

    @cached_property
    def starts(self) -> list[int]:
        """The number of each part's first tile, and then the number of all tiles."""
        return list(accumulate((part.tiles for part in self.parts), initial=0))

    @property
    def tiles(self) -> int:
        return self.starts[-1]

    @cached_property
    def item_starts(self) -> list[int]:
        """The number of each part's first item, and then the number of all items."""
        return list(accumulate((part.items for part in self.parts), initial=0))

    @property
    def items(self) -> int:
        return self.item_starts[-1]

    @property
    def elements(self) -> int:
        return sum(part.elements for part in self.parts)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    def part_of(self, tile: int) -> tuple[int, ArrayPart]:
        """The part of a tile, and the number of that part's first tile.

        Raises ArchiveError if there is no such tile.
        """
        if tile >= self.tiles:
            raise ArchiveError(f"there is no item {tile} among its {self.tiles} items")
        number = bisect_right(self.starts, tile) - 1
        return self.starts[number], self.parts[number]

    def where(self, first: int, count: int) -> str:
        """A description of some tiles for messages."""
        if first >= self.tiles:
            return f"items from {first} on"
        number = bisect_right(self.starts, first) - 1
        part = self.parts[number]
        return part.where(first - self.starts[number], count, self.item_starts[number])

    def _pack(self, *head: int) -> bytes:
        parts = b"".join(part.pack_array() for part in self.parts)
        head_bytes = varint(self.features) + bytes(head)
        return section(COLLECTION, head_bytes, varint(len(self.parts)), parts)


@dataclass(frozen=True)
class FileCollection(Parts):
    """Files of a folder, or arrays of an npz file.

    In a folder a part has the pictures of one dtype and number of channels, each as an item or all
    as one stack. Further parts have the bytes of metadata and of verbatim files, or count copies
    of files. In an npz file each array is a part.
    """

    kind: int
    parts: tuple[ArrayPart, ...]
    features: int = 0

    @property
    def dtype_name(self) -> str:
        """NumPy's type string, or "mixed"."""
        dtypes = {part.dtype.str for part in self.parts}
        return dtypes.pop() if len(dtypes) == 1 else "mixed"

    @cached_property
    def metadata_parts(self) -> list[int]:
        """The numbers of the parts with container metadata of pictures."""
        return [number for number, part in enumerate(self.parts) if part.is_metadata]

    @property
    def noun(self) -> str:
        """The noun for one of the files: "file" or "array"."""
        return "array" if self.kind == ARRAYS else "file"

    @property
    def has_removed(self) -> bool:
        """Whether files may have been removed. Names may then be empty, and tiles in no block."""
        return self.kind == FOLDER and bool(self.features & REMOVED)

    @cached_property
    def files(self) -> int:
        """The number of files, including removed files."""
        if self.kind == ARRAYS:
            return len(self.parts)
        return sum(part.entries for part in self.parts)

    @property
    def shape(self) -> Shape:
        return (self.files,)

    def pack(self) -> bytes:
        return self._pack(FILE_LIST, self.kind)

    def check(self) -> None:
        """Raises ArchiveError for files that no archive can have."""
        for part in self.parts:
            part.check()
        if not self.parts:
            raise ArchiveError("it has no files")
        if self.kind == ARRAYS:
            if any(part.axes >= VARIED for part in self.parts):
                raise ArchiveError("an array of it has items that only a folder of files can have")
        elif not all(map(_has_pictures, self.parts)):
            raise ArchiveError("a part of its contents has no pictures or files")
        if max(self.files, self.tiles) >= 1 << 63:
            raise ArchiveError("its files are more than any computer's memory")


@dataclass(frozen=True)
class JoinedArray(Parts, OneArray):
    """One array in parts along its first axis.

    The parts are arrays of one dtype, equal in all other dimensions. Their items or stacks were cut
    separately.
    """

    parts: tuple[ArrayPart, ...]
    features: int = 0
    container: ClassVar[int] = ARRAY
    picture: ClassVar[bool] = False

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.parts[0].dtype

    @property
    def dtype_name(self) -> str:
        return self.dtype.str

    @cached_property
    def places(self) -> list[int]:
        """The start of each part along the first axis, and the end of the last one."""
        return list(accumulate((part.entries for part in self.parts), initial=0))

    @property
    def entries(self) -> int:
        return self.places[-1]

    @property
    def shape(self) -> Shape:
        return (self.entries, *self.parts[0].shape[1:])

    def pack(self) -> bytes:
        return self._pack(JOINED)

    def check(self) -> None:
        """Raises ArchiveError for parts that do not form one array."""
        alike = {(part.dtype.str, part.shape[1:]) for part in self.parts}
        if len(alike) != 1 or any(
            part.axes > COUNTED or not part.shape or part.entries == 0 for part in self.parts
        ):
            raise ArchiveError("the parts of its array do not form one array")
        check_shape(self.dtype, self.shape)


Array = ArrayPart | JoinedArray
Content = Array | FileCollection
"""The content of an archive: an array, in one part or in several, or files."""


def unpack_collection(payload: memoryview) -> Content:
    """The content of a `C` section. Raises ArchiveError."""
    cursor = Cursor(payload)
    features, container = read_features(cursor), cursor.byte()
    content = _unpack_content(cursor, features, container)
    if features & REMOVED and content.kind != FOLDER:
        raise ArchiveError("files were removed from it, though it has no folder")
    return content


def _unpack_content(cursor: Cursor, features: int, container: int) -> Content:
    if container == JOINED:
        joined = JoinedArray(_unpack_parts(cursor), features)
        joined.check()
        return joined
    if container != FILE_LIST:
        return ArrayPart.unpack(cursor, container, features)
    kind = cursor.byte()
    if kind > ARRAYS:
        raise ArchiveError(f"this archive has files of the kind {kind}: it needs a newer bitsback")
    files = FileCollection(kind, _unpack_parts(cursor), features)
    files.check()
    return files


def _unpack_parts(cursor: Cursor) -> tuple[ArrayPart, ...]:
    """The parts, up to the end of the section."""
    count = cursor.varint()
    if count * _SMALLEST_PART > len(cursor.data):
        raise ArchiveError(f"the description of its contents is too short for {count} parts")
    parts = tuple(ArrayPart.unpack_array(cursor) for _ in range(count))
    cursor.done()
    return parts


def _has_pictures(part: ArrayPart) -> bool:
    """Whether a part can belong to a folder: pictures, the bytes of files, or copies."""
    if part.axes == COPIES:
        return part.entries > 0
    if part.axes == BYTES:
        return part.elements > 0 or part.entries > 0
    return part.elements > 0 and mode_of(part.dtype, part.entry_shape) is not None
