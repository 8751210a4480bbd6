"""Where blocks to be decoded come from, and what they are decoded to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback.archive import block as block_module
from bitsback.archive.layout import Collection
from bitsback.archive.library import Library
from bitsback.archive.parts import FileList
from bitsback.errors import ArchiveError


@dataclass(frozen=True)
class Task:
    """A block that is to be decoded."""

    number: int
    first: int
    items: int
    payload: memoryview


class BlockSource(Protocol):
    """An archive, read from its first block to its last."""

    name: str
    collection: Collection | FileList
    library: Library

    @property
    def size(self) -> int:
        """Bytes of the archive; for a stream, of what has been read of it."""

    def tasks(self) -> Iterator[Task]:
        """All blocks in order. Raises ArchiveError, naming archive and block, for the first thing
        that is not right.
        """


def decode(source: BlockSource, task: Task, stop: int | None = None) -> NDArray[Any]:
    """The items of a block [items, *item shape]; verified, unless only the first `stop` of them are
    asked for.

    Raises ArchiveError, naming archive and block.
    """
    try:
        first, part = source.collection.part_of(task.first)
        if task.first + task.items > first + part.items:
            raise ArchiveError(
                "the part of the collection that it belongs to ends with item"
                f" {first + part.items - 1}"
            )
        return block_module.decode(
            task.payload, part, task.first, task.items, source.library.find, stop
        )
    except ArchiveError as error:
        raise at_block(source.name, task.number, task.first, task.items, error) from None


def at_block(name: str, number: int, first: int, items: int, error: ArchiveError) -> ArchiveError:
    """The error with the archive, the block and its items named."""
    which = f"item {first}" if items == 1 else f"items {first} to {first + items - 1}"
    return ArchiveError(f"{name}: block {number} ({which}): {error}", number)
