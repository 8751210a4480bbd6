"""Find the lost content of a damaged archive: names of files, numbers of items."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection as Members
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from bitsback.errors import ArchiveError
from bitsback.format.array_part import BYTES, ONE, ArrayPart
from bitsback.format.index import BlockInfo
from bitsback.format.members import Files
from bitsback.format.parts import ARRAYS, Content, JoinedArray
from bitsback.io.names import printable

Problem = tuple[int | None, ArchiveError]
"""The number of a damaged block, or None outside of blocks, and the fault."""

Gap = tuple[int, int]
"""Consecutive lost tiles: the number of the first tile, and the number after the last tile."""

_SHOWN = 3  # names in an error


def gaps_of(blocks: Sequence[BlockInfo], bad: Members[int], tiles: int) -> Iterator[Gap]:
    """The tiles that are in no undamaged block.

    blocks: those that were found, in order. bad: the numbers of damaged blocks. tiles: the number
    of tiles of the archive.
    """
    whole = 0
    for block in blocks:
        if block.number in bad:
            continue
        if block.first > whole:
            yield whole, block.first
        whole = max(whole, block.first + block.items)
    if whole < tiles:
        yield whole, tiles


def gaps_in_part(content: Content, gaps: Iterable[Gap], number: int) -> list[Gap]:
    """The gaps in one part, counted from the part's first tile. number: of the part."""
    start, end = content.starts[number : number + 2]
    return [
        (max(low, start) - start, min(high, end) - start)
        for low, high in gaps
        if low < end and high > start
    ]


def widened(part: ArrayPart, gaps: Iterable[Gap]) -> list[Gap]:
    """The gaps extended to all tiles of the items that they touch. Adjacent gaps are merged.

    If the array is one item, they are extended to all tiles of the strips that they touch.
    """
    found: list[Gap] = []
    for low, high in gaps:
        if part.axes == ONE:
            step = part.grid(0).in_a_strip
            wide = low // step * step, min(-(-high // step) * step, part.tiles)
        else:
            first, last = part.item_of(low)[0], part.item_of(high - 1)[0]
            wide = part.first_tile(first), part.first_tile(last + 1)
        if found and wide[0] <= found[-1][1]:
            wide = found.pop()[0], wide[1]
        found.append(wide)
    return found


def entries_of(part: ArrayPart, gap: Gap) -> range:
    """The entries of a widened gap along the first axis of an array."""
    if part.axes != ONE:
        return range(part.item_of(gap[0])[0], part.item_of(gap[1] - 1)[0] + 1)
    if not part.shape:
        return range(1)
    grid = part.grid(0)
    return range(grid.region(gap[0])[0].start, grid.region(gap[1] - 1)[0].stop)


def as_text(numbers: range) -> str:
    """A range of items in the form that `bitsback extract` takes: `3`, or `3:8`."""
    return f"{numbers.start}" if len(numbers) == 1 else f"{numbers.start}:{numbers.stop}"


class Owners:
    """Finds the owners of tiles: the files of an archive, by number.

    Pictures without names are not listed individually, since a small archive may declare millions
    of them.
    """

    def __init__(self, files: Files) -> None:
        self._files, self._content = files, files.collection
        self._spans: list[list[tuple[int, int, int]]] = [[] for _ in self._content.parts]
        """For each part of bytes, the (start, end, file) of each file or its metadata."""
        for number in range(len(files)) if files.stats is not None else ():
            part, start, end = files.span(number)
            if end > start and number not in files.originals:
                self._spans[part].append((start, end, number))
        for spans in self._spans:  # a copy of a removed file may have its place
            spans.sort()

    def with_tiles(self, gaps: Iterable[Gap]) -> list[range]:
        """The numbers of the files that need any of the tiles, in order."""
        gaps, found = list(gaps), list[range]()
        for at in range(len(self._content.parts)):
            for gap in gaps_in_part(self._content, gaps, at):
                found += self._in(at, gap)
        copies = self._files.copies
        owners = chain.from_iterable(found if copies else ())
        found += [range(n, n + 1) for owner in set(owners) for n in copies.get(owner, ())]
        return merged(found)

    def _in(self, at: int, gap: Gap) -> Iterable[range]:
        part = self._content.parts[at]
        if self._content.kind == ARRAYS:
            return [range(at, at + 1)]
        if part.axes == BYTES:
            low, high = map(part.elements_before, gap)
            spans = self._spans[at]
            first = bisect_right(spans, low, key=lambda span: span[1])
            last = bisect_right(spans, high - 1, key=lambda span: span[0])
            return [range(number, number + 1) for _, _, number in spans[first:last]]
        (wide,) = widened(part, [gap])
        return self._files.numbers_of(at, entries_of(part, wide))


def merged(ranges: Iterable[range]) -> list[range]:
    """The numbers of all ranges, in as few ranges as possible, in order."""
    found: list[range] = []
    for numbers in sorted(ranges, key=lambda numbers: numbers.start):
        if found and numbers.start <= found[-1].stop:
            numbers = range(found[-1].start, max(found.pop().stop, numbers.stop))
        found.append(numbers)
    return found


def contains(ranges: Sequence[range], number: int) -> bool:
    """Whether a number is in one of the ranges. The ranges are in order."""
    at = bisect_right(ranges, number, key=lambda numbers: numbers.start) - 1
    return at >= 0 and number in ranges[at]


def complement(ranges: Iterable[range], count: int) -> Iterator[int]:
    """The numbers below `count` that are in none of the ranges. The ranges are in order."""
    start = 0
    for numbers in ranges:
        yield from range(start, numbers.start)
        start = numbers.stop
    yield from range(start, count)


def lost_names(content: Content, files: Files | None, gaps: Sequence[Gap]) -> list[str]:
    """The lost items, in the form that `bitsback extract` takes.

    They are names of files, or numbers of items or of pictures without names. For an npz file they
    are names of arrays, as `y`, or `y[3:8]`. files: those of an archive with known names.
    """
    if files is not None and files.collection.kind != ARRAYS:
        return names_or_numbers(files, Owners(files).with_tiles(gaps))
    if files is None and content.kind is not None:
        return [content.where(low, high - low) for low, high in gaps]
    found = []
    for at, part in enumerate(content.parts):
        before = content.places[at] if isinstance(content, JoinedArray) else 0
        for gap in widened(part, gaps_in_part(content, gaps, at)):
            entries = entries_of(part, gap)
            items = as_text(range(entries.start + before, entries.stop + before))
            if files is not None:
                name = printable(files.names[at])
                items = name if len(entries) == part.entries else f"{name}[{items}]"
            found.append(items)
    return found


def names_or_numbers(files: Files, numbers: Iterable[range]) -> list[str]:
    """The names of files, or the numbers of unnamed pictures."""
    if files.named:
        return [printable(files.names[number]) for some in numbers for number in some]
    return list(map(as_text, numbers))


def described(files: Files, owners: Owners, gap: Gap) -> str:
    """The owners of tiles, for messages. It names only some of many."""
    content, numbers = files.collection, owners.with_tiles([gap])
    if not numbers:
        return "no file"
    if not files.named:
        plural = "s" * (sum(map(len, numbers)) > 1)
        return f"picture{plural} {', '.join(map(as_text, numbers))}"
    names = names_or_numbers(files, _first(numbers))
    more = sum(map(len, numbers)) - len(names)
    part = bisect_right(content.starts, gap[0]) - 1
    what = "what the files beside their pixels have: " if part in content.metadata_parts else ""
    region, separator, _ = content.where(gap[0], gap[1] - gap[0]).rpartition(" of item ")
    if separator and len(names) == 1:  # tiles of a large picture
        return f"{region} of {names[0]}"
    return f"{what}{', '.join(names)}{f' and {more:,} more' if more else ''}"


def _first(numbers: Iterable[range]) -> list[range]:
    """The first numbers, as many as a message shows."""
    return [range(number, number + 1) for number in islice(chain(*numbers), _SHOWN)]
