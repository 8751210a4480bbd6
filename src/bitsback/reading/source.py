"""Blocks of an archive that are to be decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bitsback.coding import block_reader
from bitsback.errors import ArchiveError
from bitsback.format.parts import Content
from bitsback.format.tiles import Tiles
from bitsback.reading.library import Library


@dataclass(frozen=True)
class Task:
    """A block that is to be decoded."""

    number: int
    first: int
    """The number of its first tile."""
    items: int
    """How many tiles it holds."""
    payload: memoryview


class Located(Protocol):
    """An archive that can name its tiles."""

    name: str

    def _where(self, first: int, count: int) -> str:
        """What some tiles are, for people."""


class Described(Located, Protocol):
    """An archive whose blocks can be decoded."""

    _collection: Content
    _library: Library


class BlockSource(Described, Protocol):
    """An archive, read from its first block to its last."""

    @property
    def file_bytes(self) -> int:
        """Of the archive; for a stream, of what has been read of it."""

    def _tasks(self) -> Iterator[Task]:
        """All blocks in order. Raises ArchiveError, naming archive and block, for the first thing
        that is not right.
        """


def decode(source: Described, task: Task, stop: int | None = None) -> Tiles:
    """The tiles of a block; verified, unless only the first `stop` of them are asked for.

    Raises ArchiveError, naming archive and block.
    """
    try:
        first, part = source._collection.part_of(task.first)
        if task.first + task.items > first + part.tiles:
            raise ArchiveError(
                "the part of the collection that it belongs to ends with item"
                f" {first + part.tiles - 1}"
            )
        return block_reader.decode(
            task.payload, part, task.first, task.items, source._library.find, stop, first
        )
    except ArchiveError as error:
        raise at_block(source, task.number, task.first, task.items, error) from None


def at_block(
    source: Located, number: int, first: int, items: int, error: ArchiveError
) -> ArchiveError:
    """The error with the archive, the block and what it holds named."""
    return ArchiveError(
        f"{source.name}: block {number} ({source._where(first, items)}): {error}", number
    )
