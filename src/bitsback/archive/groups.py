"""Pictures sorted into the parts of a collection (docs/format.md, `C`)."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from bitsback.archive.collection import VARIED, Collection
from bitsback.archive.grid import Shape
from bitsback.archive.members import Runs, runs_of

if TYPE_CHECKING:
    from bitsback.images.pictures import Header


@dataclass(frozen=True)
class Group:
    """A part, and which of all pictures are in it, in order."""

    part: Collection
    members: "array[int]"


class Groups:
    """All of them, in the order of their first pictures: those of one dtype and number of channels,
    whatever their sizes; and of those whose shape has models of its own, those of one shape.
    """

    def __init__(self, apart: Callable[[Shape], bool]) -> None:
        """apart: whether pictures of a shape are a part of their own."""
        self.notes: Counter[str] = Counter()
        """How many pictures each note applies to."""
        self._apart = lru_cache(maxsize=None)(apart)
        self._members: dict[tuple[str, Shape], array[int]] = {}
        self._sizes: dict[tuple[str, Shape], array[int]] = {}
        """Rows and columns of each picture."""
        self._count = 0

    def add(self, header: "Header") -> None:
        """Adds the next picture."""
        shape = header.shape
        kind = shape if self._apart(shape) else (0, 0, *shape[2:])
        members = self._members.setdefault((header.dtype.str, kind), array("Q"))
        members.append(self._count)
        self._sizes.setdefault((header.dtype.str, kind), array("Q")).extend(shape[:2])
        self._count += 1
        self.notes.update(header.notes)

    def __iter__(self) -> Iterator[Group]:
        for (dtype, shape), members in self._members.items():
            sizes = self._sizes[dtype, shape]
            yield Group(_part(np.dtype(dtype), sizes, shape[2:]), members)

    @property
    def runs(self) -> Runs:
        """In which parts the pictures are, in order."""
        parts = array("Q", bytes(8 * self._count))
        for number, members in enumerate(self._members.values()):
            for member in members:
                parts[member] = number
        return runs_of(parts)


def _part(dtype: np.dtype[Any], sizes: "array[int]", channels: Shape) -> Collection:
    pairs = zip(sizes[::2], sizes[1::2], strict=True)
    runs = [(sum(1 for _ in group), *size) for size, group in groupby(pairs)]
    if len(runs) == 1:
        count, rows, columns = runs[0]
        return Collection.of_items(dtype.str, (rows, columns, *channels), count)
    return Collection(dtype, (len(sizes) // 2, *channels), VARIED, sizes=tuple(runs))
