"""Sources of blocks, and the decoding of a block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bitsback.archive.container.library import Library
from bitsback.coding import block_reader
from bitsback.errors import ArchiveError
from bitsback.format.parts import Content
from bitsback.format.tiles import Tiles


@dataclass(frozen=True)
class Task:
    """A block to decode."""

    number: int
    first: int
    """The number of its first tile."""
    items: int
    """The number of its tiles."""
    payload: memoryview


class BlockSource(Protocol):
    """An archive whose blocks can be decoded: an open one, or a stream."""

    @property
    def name(self) -> str: ...

    @property
    def file_bytes(self) -> int:
        """The bytes of the archive; for a stream, the bytes read so far."""

    @property
    def collection(self) -> Content: ...

    @property
    def library(self) -> Library: ...

    def where(self, first: int, count: int) -> str:
        """A description of some tiles for messages."""

    def tasks(self) -> Iterator[Task]:
        """All blocks in order. Raises ArchiveError for the first fault.

        The error names archive and block.
        """


def decode(source: BlockSource, task: Task, stop: int | None = None) -> Tiles:
    """The tiles of a block, or only the first `stop` of them, which are then not verified.

    Raises ArchiveError, which names archive and block.
    """
    try:
        first, part = source.collection.part_of(task.first)
        if task.first + task.items > first + part.tiles:
            raise ArchiveError(
                "the part of the collection that it belongs to ends with item"
                f" {first + part.tiles - 1}"
            )
        return block_reader.decode(
            task.payload, part, task.first, task.items, source.library.find, stop, first
        )
    except ArchiveError as error:
        raise at_block(source, task.number, task.first, task.items, error) from None


def at_block(
    source: BlockSource, number: int, first: int, items: int, error: ArchiveError
) -> ArchiveError:
    """The error with the names of the archive, the block and its content."""
    return ArchiveError(
        f"{source.name}: block {number} ({source.where(first, items)}): {error}", number
    )
