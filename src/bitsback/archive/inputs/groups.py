"""Sort pictures into the parts of a collection (docs/format.md, `C`)."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from bitsback.format.array_part import BYTES, COPIES, VARIED, ArrayPart
from bitsback.format.grid import Shape
from bitsback.format.members import Runs, runs_of

if TYPE_CHECKING:
    from bitsback.files.pictures import Header


_BYTE = "|u1"
STREAMS = "streams"
"""The sort of files with JPEG streams."""
_Key = tuple[str, Shape, str]
"""The key of a part: its dtype, its shape (empty for verbatim files), and its sort."""


@dataclass(frozen=True)
class Group:
    """A part, and the numbers of the pictures in it, in order."""

    part: ArrayPart
    members: "array[int]"
    streams: bool = False
    """Whether the part has files with JPEG streams, which are one tile."""


class Groups:
    """The parts of pictures and verbatim files.

    Pictures of one dtype and number of channels form a part. If there are models for exactly their
    shape, each shape forms a part. Verbatim files are in separate parts. The parts have the order
    of their first pictures.
    """

    def __init__(self, apart: Callable[[Shape], bool], most: int) -> None:
        """apart: whether pictures of this shape form a separate part. most: the bytes of a part of
        files with JPEG streams, so that one file is restored quickly.
        """
        self.losses: Counter[str] = Counter()
        """For each of the LOSSES, the number of its pictures."""
        self._apart = lru_cache(maxsize=None)(apart)
        self._members: dict[_Key, array[int]] = {}
        self._sizes: dict[_Key, array[int]] = {}
        """The rows and columns of each picture, or the bytes of each verbatim file."""
        self._count, self._most = 0, most
        self._copies = array("Q")
        self._streamed = self._parts_of_streams = 0

    def add(self, header: "Header", sort: str = "") -> "array[int]":
        """Adds the next picture, and returns the members of its part so far.

        sort: pictures of different sorts are in different parts.
        """
        shape = header.shape
        kind = shape if self._apart(shape) else (0, 0, *shape[2:])
        self.losses.update(header.losses)
        return self._add((header.dtype.str, kind, sort), shape[:2])

    def add_file(self, size: int, sort: str) -> None:
        """Adds the next verbatim file, in a part of files of one sort.

        Parts of files with JPEG streams have few bytes, so that one file is restored quickly.
        """
        if sort == STREAMS:
            self._streamed += size
            if self._streamed > self._most and self._streamed > size:
                self._streamed, self._parts_of_streams = size, self._parts_of_streams + 1
            sort = f"{STREAMS} {self._parts_of_streams}"
        self._add((_BYTE, (), sort), (size,))

    def add_copy(self) -> None:
        """Adds the next file, which has the content of another one."""
        self._copies.append(self._count)
        self._count += 1

    def _add(self, key: "_Key", sizes: Shape) -> "array[int]":
        members = self._members.setdefault(key, array("Q"))
        members.append(self._count)
        self._sizes.setdefault(key, array("Q")).extend(sizes)
        self._count += 1
        return members

    def __iter__(self) -> Iterator[Group]:
        for key, members in self._members.items():
            (dtype, shape, _), sizes = key, self._sizes[key]
            if shape:
                yield Group(_part(np.dtype(dtype), sizes, shape[2:]), members)
            else:
                files = ArrayPart(np.dtype(_BYTE), (len(members), sum(sizes)), BYTES)
                yield Group(files, members, key[2].startswith(STREAMS))

    @property
    def copies(self) -> tuple[ArrayPart, ...]:
        """The part of copies, which is the last one; empty without copies."""
        count = len(self._copies)
        return (ArrayPart(np.dtype(_BYTE), (count,), COPIES),) if count else ()

    @property
    def runs(self) -> Runs:
        """The parts of all files in order, as runs."""
        parts = array("Q", bytes(8 * self._count))
        for number, members in enumerate([*self._members.values(), self._copies]):
            for member in members:
                parts[member] = number
        return runs_of(parts)


def _part(dtype: np.dtype[Any], sizes: "array[int]", channels: Shape) -> ArrayPart:
    pairs = zip(sizes[::2], sizes[1::2], strict=True)
    runs = [(sum(1 for _ in group), *size) for size, group in groupby(pairs)]
    if len(runs) == 1:
        count, rows, columns = runs[0]
        return ArrayPart.of_items(dtype.str, (rows, columns, *channels), count)
    return ArrayPart(dtype, (len(sizes) // 2, *channels), VARIED, sizes=tuple(runs))
