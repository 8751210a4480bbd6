"""Pictures sorted into the parts of a collection: those of one dtype and shape are in the same."""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bitsback.archive.layout import Collection
from bitsback.archive.members import Runs, runs_of

if TYPE_CHECKING:
    from bitsback.images.pictures import Header


@dataclass(frozen=True)
class Group:
    """A part, and which of all pictures are in it, in order."""

    part: Collection
    members: "array[int]"


class Groups:
    """All of them, in the order of their first pictures."""

    def __init__(self) -> None:
        self.notes: Counter[str] = Counter()
        """How many pictures each note applies to."""
        self._members: dict[tuple[str, tuple[int, ...]], array[int]] = {}
        self._count = 0

    def add(self, header: "Header") -> None:
        """Adds the next picture."""
        members = self._members.setdefault((header.dtype.str, header.shape), array("Q"))
        members.append(self._count)
        self._count += 1
        self.notes.update(header.notes)

    def __iter__(self) -> Iterator[Group]:
        for (dtype, shape), members in self._members.items():
            yield Group(Collection.of_items(dtype, shape, len(members)), members)

    @property
    def parts(self) -> tuple[Collection, ...]:
        return tuple(group.part for group in self)

    @property
    def runs(self) -> Runs:
        """In which parts the pictures are, in order."""
        parts = array("Q", bytes(8 * self._count))
        for number, members in enumerate(self._members.values()):
            for member in members:
                parts[member] = number
        return runs_of(parts)
