"""The index of an archive: the places of its sections and blocks (docs/format.md, `I`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import merge

from bitsback.errors import ArchiveError
from bitsback.format.layout import (
    BLOCK,
    COLLECTION,
    CRC_SIZE,
    HEAD,
    INDEX,
    Cursor,
    footer_of,
    known_kind,
    section,
)
from bitsback.lazy import cached_property
from bitsback.wire import varint

_IN_ORDER = re.compile(rb"C[^B]*B*[^B]*", re.DOTALL)
_SMALLEST_BLOCK = 11 + CRC_SIZE  # kind, length, first, the runs of one run, method


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """The place of a block, and the numbers of its tiles."""

    number: int
    first: int
    """The number of its first tile."""
    items: int
    """The number of its tiles."""
    offset: int
    size: int
    """The bytes of its section."""

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a section other than a block."""

    kind: bytes
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True)
class Index:
    """The index, which lists the valid sections of an archive."""

    sections: Sequence[Place]
    """All sections except blocks and the index, in the order of their places."""
    blocks: Sequence[BlockInfo]

    @cached_property
    def end(self) -> int:
        """The offset at which all listed sections end.

        The index itself is there, unless bytes were lost or added before it.
        """
        listed: list[Place | BlockInfo] = [*self.sections, *self.blocks[-1:]]
        return max(place.end for place in listed)

    @cached_property
    def start(self) -> int:
        """The offset of the newest generation."""
        return next(place.offset for place in self.sections if place.kind == COLLECTION)

    def pack(self) -> bytes:
        """The `I` section and the footer."""
        fields = [varint(len(self.sections))]
        end = 0
        for place in self.sections:
            fields.append(place.kind + varint(place.offset - end) + varint(place.size))
            end = place.end
        runs = list(_runs_of(self.blocks))
        fields.append(varint(len(runs)))
        tile = end = 0
        for run in runs:
            fields += map(varint, (run[0].first - tile, run[0].offset - end, len(run)))
            fields += [varint(block.items) + varint(block.size) for block in run]
            tile, end = run[-1].first + run[-1].items, run[-1].end
        index = section(INDEX, *fields)
        return index + footer_of(index)

    @classmethod
    def unpack(cls, payload: memoryview) -> Index:
        """Reads an `I` section. Raises ArchiveError for an index that no writer makes."""
        cursor = Cursor(payload)
        sections: list[Place] = []
        end = 0
        for _ in range(cursor.varint()):
            kind = cursor.take(1)
            start = end + cursor.varint()
            sections.append(Place(kind, start, cursor.varint()))
            end = sections[-1].end
        blocks: list[BlockInfo] = []
        tile = end = 0
        for _ in range(cursor.varint()):
            tile, end, count = tile + cursor.varint(), end + cursor.varint(), cursor.varint()
            if not 0 < 2 * count <= len(payload):
                raise ArchiveError("the index is shorter than its number of blocks")
            for _ in range(count):
                block = BlockInfo(len(blocks), tile, cursor.varint(), end, cursor.varint())
                if block.items == 0 or block.size < _SMALLEST_BLOCK:
                    raise ArchiveError("the index lists it as empty", block.number)
                blocks.append(block)
                tile, end = tile + block.items, block.end
        cursor.done()
        for kind in (place.kind for place in sections if not known_kind(place.kind)):
            raise ArchiveError(
                f"it has a part of the kind {kind.decode('latin-1')!r}: update bitsback"
            )
        kinds = [place.kind for place in sections]
        if kinds.count(COLLECTION) != 1 or BLOCK in kinds or INDEX in kinds:
            raise ArchiveError("its index does not list one description of its contents")
        return cls(sections, blocks)

    def in_order(self) -> bool:
        """Whether no two sections overlap, and the newest generation has no gaps.

        All other sections and blocks must be before that generation.
        """
        end, own = len(HEAD), bytearray()
        lists: list[Sequence[Place | BlockInfo]] = [self.sections, self.blocks]
        for at in merge(*lists, key=lambda place: place.offset):
            if at.offset < end or at.offset > max(end, self.start):
                return False
            end = at.end
            if at.offset >= self.start:
                own += at.kind if isinstance(at, Place) else BLOCK
        return _IN_ORDER.fullmatch(own) is not None


def _runs_of(blocks: Iterable[BlockInfo]) -> Iterable[list[BlockInfo]]:
    """Groups of blocks that follow each other, with no tiles between them."""
    run: list[BlockInfo] = []
    for block in blocks:
        if run and (block.offset, block.first) != (run[-1].end, run[-1].first + run[-1].items):
            yield run
            run = []
        run.append(block)
    if run:
        yield run
