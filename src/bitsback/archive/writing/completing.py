"""Complete an addition that lacks only its index and footer (docs/format.md, Damage)."""

from __future__ import annotations

from dataclasses import replace

from bitsback.archive.container.addition import is_described, lost_tiles, sections_of
from bitsback.archive.container.damage import Owners
from bitsback.archive.container.directory import Directory, Read, is_whole, section_at
from bitsback.errors import ArchiveError
from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import (
    DESCRIBED,
    ENTRIES,
    FILES,
    HASHED,
    HASHES,
    LABELLED,
    LABELS,
    NAMES,
    PARITY,
    PREVIEWS,
    STATS,
    UNNAMED,
)
from bitsback.format.previews import RANGE_BYTES, read_range


def index_of(read: Read, found: Directory) -> Index | None:
    """The index for the newest generation that a walk has found.

    None if a section of the generation is missing or damaged.
    """
    own = [place for place in found.sections if place.offset >= found.start]
    content = found.collection
    if content is None or not all(is_whole(read, place) for place in own):
        return None
    kinds, old = {place.kind for place in own}, {place.kind for place in found.sections}
    own_blocks = [block for block in found.blocks if block.offset >= found.start]
    blocks = found.blocks
    if not own_blocks and NAMES not in kinds:  # the intended change is missing
        return None
    gaps = lost_tiles(read, found)
    if content.kind is not None:
        if PARITY in kinds or not _has_all(content.features, kinds, old):
            return None
        # A removal writes previews again, and it is unknown whether all of them were written.
        is_open = content.has_removed and PREVIEWS in old and not own_blocks
        beside = sections_of(read, found)
        if is_open or beside is None or not is_described(read, found):
            return None
        owners = Owners(beside.files)
        if owners.with_tiles(gaps) or (gaps and not content.has_removed):
            return None
        if content.has_removed:
            needed = (
                owners.with_tiles([(block.first, block.first + block.items)]) for block in blocks
            )
            pairs = zip(blocks, needed, strict=True)
            blocks = [block for block, some in pairs if some or block.offset >= found.start]
    elif gaps or PARITY in kinds:
        return None
    collection = section_at(read, found.start, found.walked)
    assert collection is not None, "it was read"
    kept = [place for place in found.sections if not _superseded(read, place, own, found.start)]
    sections = sorted([collection, *kept], key=lambda place: place.offset)
    index = Index(sections, _numbered(blocks))
    return index if index.in_order() and index.end == found.walked else None


def _has_all(features: int, own: set[bytes], kinds: set[bytes]) -> bool:
    """Whether all sections exist that the features require, or that change together."""
    needed = {STATS: features & FILES, HASHES: features & HASHED, ENTRIES: features & DESCRIBED}
    for kind in (kind for kind, is_needed in needed.items() if is_needed):
        if kind not in (own if NAMES in own else kinds):
            return False
    return not features & LABELLED or bool(kinds & {LABELS, UNNAMED})


def _superseded(read: Read, place: Place, own: list[Place], start: int) -> bool:
    """Whether a newer section has previews of the same files."""
    if place.kind != PREVIEWS or place.offset >= start:
        return False
    first, count = _range(read, place)
    ranges = [_range(read, each) for each in own if each.kind == PREVIEWS]
    return any(first < low + many and low < first + count for low, many in ranges)


def _range(read: Read, place: Place) -> tuple[int, int]:
    try:
        return read_range(read(place.offset, min(place.size, RANGE_BYTES)))
    except ArchiveError:
        return 0, 0


def _numbered(blocks: list[BlockInfo]) -> list[BlockInfo]:
    return [replace(block, number=number) for number, block in enumerate(blocks)]
