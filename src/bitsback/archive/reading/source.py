"""The interface of an archive for decoding, indexing and restoring, and the decoding of a block."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection as Members
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bitsback.archive.reading.hashes import Check
from bitsback.archive.reading.library import Library
from bitsback.coding import block_reader
from bitsback.coding.block import Opened
from bitsback.errors import ArchiveError
from bitsback.format.digests import Digests
from bitsback.format.index import BlockInfo
from bitsback.format.labelling import Pairs
from bitsback.format.members import Files
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

    name: str
    file_bytes: int
    """The bytes of the archive; for a stream, the bytes read so far."""
    _collection: Content
    _library: Library

    @abstractmethod
    def _where(self, first: int, count: int) -> str:
        """A description of some tiles for people."""

    @abstractmethod
    def _tasks(self) -> Iterator[Task]:
        """All blocks in order. Raises ArchiveError, which names archive and block, for the first
        fault.
        """


class OpenArchive(BlockSource, Protocol):
    """An archive in which any block can be read at any time."""

    closed: bool = False

    @property
    @abstractmethod
    def kind(self) -> str:
        """The format of the original input, such as "npy" or "tiff", or "folder"."""

    @property
    @abstractmethod
    def unordered(self) -> bool:
        """Whether the items have lost their order."""

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """The names of the files, in order; none for an array or the pages of a TIFF file."""

    @property
    @abstractmethod
    def classes(self) -> list[str]:
        """The folders that are labels of pictures, sorted; none if there are no labels."""

    @property
    @abstractmethod
    def problems(self) -> list[ArchiveError]:
        """The faults that were found when the archive was opened, in order."""

    @abstractmethod
    def preview(self, which: int | str) -> bytes | None:
        """A small picture of a file; None if it has none."""

    @property
    @abstractmethod
    def _visible_files(self) -> int:
        """The number of files for people."""

    @abstractmethod
    def __len__(self) -> int:
        """The length of the array's first axis, or the number of files."""

    @abstractmethod
    def __getitem__(self, which: Any) -> Any:
        """For an array, the result of NumPy's indexing; for files, the view of one."""

    @property
    @abstractmethod
    def _blocks(self) -> list[BlockInfo]:
        """The place and the items of each block, without impossible ones."""

    @property
    @abstractmethod
    def _files(self) -> Files:
        """The files of the archive and their items. Raises InputError if the archive holds an
        array, ArchiveError for damage.
        """

    @property
    @abstractmethod
    def _pairs(self) -> Pairs | None:
        """The arrays of an npz file that hold the items and their labels, or pictures with their
        folders as labels; None for neither. Raises ArchiveError for damage.
        """

    @property
    @abstractmethod
    def _unnamed(self) -> bool:
        """Whether pictures have no names."""

    @property
    @abstractmethod
    def _model_bytes(self) -> int:
        """The bytes of the embedded models."""

    @abstractmethod
    def _check(self) -> None:
        """Raises the first of `problems`, or any other fault outside of blocks with which
        decompression would fail.
        """

    @property
    @abstractmethod
    def _digests(self) -> Digests | None:
        """The digests of its files, those that were removed included; None if it has none. Raises
        ArchiveError for damage.
        """

    @abstractmethod
    def _check_file(self, number: int) -> Check | None:
        """Compares a restored file with its hash, if that is known."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raises ValueError if the archive is closed."""

    @abstractmethod
    def _block_of(self, tile: int) -> BlockInfo:
        """The block that holds a tile. Raises ArchiveError if it is missing."""

    @abstractmethod
    def _blocks_of(self, numbers: Iterable[int]) -> Iterator[BlockInfo]:
        """The blocks of these files of a folder, in reading order, each once."""

    @abstractmethod
    def _decode_at(self, tile: int, stop: int | None = None) -> tuple[int, Tiles]:
        """The block that holds this tile: the number of its first tile, and its tiles, which must
        not be changed. stop: tiles from this one on are not needed, and nothing is verified.
        """

    @abstractmethod
    def _bytes_of(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes:
        """Some bytes of a part that holds the bytes of files, or of metadata."""

    @abstractmethod
    def _announce(self, blocks: Iterable[BlockInfo]) -> None:
        """Announces the blocks that will be decoded next, in order, so that a remote file can fetch
        them together. For a local file they are not computed.
        """

    @abstractmethod
    def _announced(self, blocks: Iterable[BlockInfo]) -> AbstractContextManager[None]:
        """The same for the blocks that the body decodes; announcements in the body are ignored."""

    @abstractmethod
    def _task(self, block: BlockInfo) -> Task:
        """Reads a block and checks its CRC. Raises ArchiveError, which names archive and block."""

    @abstractmethod
    def _tasks(
        self, first: int = 0, end: int | None = None, only: Members[int] | None = None
    ) -> Iterator[Task]:
        """All blocks, to be decoded, or those that begin with the tiles from first to end - 1.
        only: the numbers of the blocks that are wanted, if not all are. Raises the first of
        `problems`, and ArchiveError for any damage that it finds.
        """

    @abstractmethod
    def _header(self, block: BlockInfo) -> Opened:
        """The header of a block, from its first bytes. Raises ArchiveError if it is damaged."""


def decode(source: BlockSource, task: Task, stop: int | None = None) -> Tiles:
    """The tiles of a block, verified unless only the first `stop` are needed.

    Raises ArchiveError, which names archive and block.
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
    source: BlockSource, number: int, first: int, items: int, error: ArchiveError
) -> ArchiveError:
    """The error with the names of the archive, the block and its content."""
    return ArchiveError(
        f"{source.name}: block {number} ({source._where(first, items)}): {error}", number
    )
