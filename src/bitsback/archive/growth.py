"""That an archive of a folder is never larger than its files."""

from __future__ import annotations

from collections import Counter

from bitsback.archive.asked import Kept
from bitsback.archive.collection import BYTES
from bitsback.archive.parts import FileList

_SLACK = 1 << 12  # bytes


class Outgrown(Exception):
    """Pictures that take more by their pixels than as files, where all take more together."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self.names = names


def check_size(name: str, disk: int, index: list[tuple[int, int]]) -> None:
    """Raises Outgrown if all blocks have many more bytes than a file that is on its own, whose
    pages are not arrays then.
    """
    if sum(size for _, size in index) > disk + _SLACK:
        raise Outgrown(frozenset([name]))


def check_growth(kept: Kept, collection: FileList, index: list[tuple[int, int]]) -> None:
    """Raises Outgrown if the blocks of pictures and their notes have more bytes than their files.

    index: for each block its number of pieces and the size of its section.
    """
    costs: Counter[str] = Counter()
    total = piece = 0
    for pieces, size in index:
        first, part = collection.part_of(piece)
        number = collection.starts.index(first)
        at, piece = piece - first, piece + pieces
        if part.axes == BYTES:
            total += size if number in collection.notes else 0
            continue
        total += size
        before, end = part.elements_before(at), part.elements_before(at + pieces)
        for item in range(part.item_of(at)[0], part.item_of(at + pieces - 1)[0] + 1):
            low = max(before, part.elements_before(part.first_piece(item)))
            high = min(end, part.elements_before(part.first_piece(item + 1)))
            costs[kept.parts[number][item]] += size * (high - low) // (end - before)
    if total <= sum(kept.coded.values()):
        return
    grown = frozenset(name for name, cost in costs.items() if cost > kept.coded[name])
    raise Outgrown(grown or frozenset(kept.coded))
