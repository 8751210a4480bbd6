"""Find the differences between two archives.

Blocks are compared by their bytes, and decoded only if these differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from bitsback.archive.arrays.indexed import ArraySource
from bitsback.archive.arrays.part_source import JoinedSource, PartSource
from bitsback.archive.arrays.stored import StoredSource
from bitsback.archive.comparing.entries import archive_entries, differences, merge_differences
from bitsback.archive.comparing.readback import same
from bitsback.archive.container.damage import as_text, merged
from bitsback.archive.files.block_numbers import block_numbers
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError
from bitsback.format.array_part import ONE
from bitsback.format.layout import Cursor
from bitsback.format.members import NumberedNames
from bitsback.format.parts import ARRAYS, FOLDER
from bitsback.io.file_io import spooled
from bitsback.summary import Differences
from bitsback.work import Progress, ordered_map


class TwoArchives:
    """Two open archives."""

    def __init__(
        self, one: ArchiveReader, other: ArchiveReader, threads: int, progress: Progress | None
    ) -> None:
        self._one, self._other, self._threads = one, other, threads
        self._progress = progress or (lambda done, total: None)
        self._alike: dict[tuple[int, int], bool] = {}
        """The results for compared blocks, by their numbers."""

    def differences(self) -> Differences:
        one, other = self._one, self._other
        kinds = [each.collection.kind for each in (one, other)]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"{one.name} contains {_content(kinds[0])}, and {other.name} {_content(kinds[1])}"
            )
        for each in (one, other):
            if isinstance(each.names, NumberedNames) or (each.unordered and kinds[0] != FOLDER):
                raise InputError(
                    f"{each.name}: is a set without names, so its items cannot be identified"
                )
        if kinds[0] is None:
            return self._arrays()
        return self._named(kinds[0])

    def _arrays(self) -> Differences:
        one, other = self._one.array_source, self._other.array_source
        lengths = [shape[0] if shape else 1 for shape in (one.shape, other.shape)]
        if not _comparable(one, other):
            return Differences(changed={as_text(range(lengths[0])): "shape or dtype"})
        common = min(lengths)
        rest = [[as_text(range(common, length))] * (length > common) for length in lengths]
        changed = merged(self._changed_entries(one, other, common, self._threads))
        return Differences(rest[1], rest[0], dict.fromkeys(map(as_text, changed), "elements"))

    def _changed_entries(
        self, one: ArraySource, other: ArraySource, count: int, threads: int = 1
    ) -> Iterator[range]:
        """The entries along the first axis that differ, among the first `count`."""
        bounds, stops = [], 0
        for length in one.chunks[0] if one.shape else (1,):
            if stops < count:
                bounds.append((stops, min(stops + length, count)))
            stops += length

        def unequal(bound: tuple[int, int]) -> list[range]:
            start, stop = bound
            parts = _part_at(one, start, stop), _part_at(other, start, stop)
            if 0 in one.shape or self._shared(*parts):
                return []
            left, right = (
                np.ascontiguousarray(each.entries(start, stop))
                .reshape(stop - start, -1)
                .view(np.uint8)
                for each in (one, other)
            )
            differ = (left != right).any(axis=1)
            edges = np.flatnonzero(np.diff(differ, prepend=False, append=False)) + start
            return [range(low, high) for low, high in edges.reshape(-1, 2).tolist()]

        yield from chain.from_iterable(ordered_map(unequal, bounds, threads))

    def _named(self, kind: int) -> Differences:
        ours, theirs = (
            {name: number for number, name in enumerate(each.names)}
            for each in (self._one, self._other)
        )
        pairs = ((name, ours[name], theirs[name]) for name in ours if name in theirs)
        what = self._what_of_file if kind == FOLDER else self._what_of_array
        found = self._compared(pairs, what)
        content = Differences(
            [name for name in theirs if name not in ours],
            [name for name in ours if name not in theirs],
            {name: found[name] for name in ours if name in found},
        )
        if kind != FOLDER:
            return content
        (one, empty), (other, empty_there) = (
            (archive_entries(archive, archive.names), archive.files.empty_folders)
            for archive in (self._one, self._other)
        )
        return merge_differences(content, differences(one, empty, other, empty_there))

    def _compared(
        self, pairs: Iterable[tuple[str, int, int]], what: Callable[[int, int], str]
    ) -> dict[str, str]:
        """The differences of pairs of files, by name.

        pairs: (name, number, number in the other archive). what: the difference of a pair.
        """
        blocks = block_numbers(self._one) if len(self._one) else np.empty(0, np.int64)
        groups: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
        for pair in pairs:
            groups[int(blocks[pair[1]]) if pair[1] < len(blocks) else 0].append(pair)

        def work(group: list[tuple[str, int, int]]) -> list[tuple[str, str]]:
            return [(name, what(number, at)) for name, number, at in group]

        found: dict[str, str] = {}
        # One thread compares all files of a block, so that it is decoded once.
        for done, some in enumerate(ordered_map(work, groups.values(), self._threads), 1):
            found |= {name: difference for name, difference in some if difference}
            self._progress(done, len(groups))
        return found

    def _what_of_array(self, number: int, at: int) -> str:
        one, other = self._one.file_source(number), self._other.file_source(at)
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            return "shape or dtype"
        return "elements" * self._differ(one, other)

    def _what_of_file(self, number: int, at: int) -> str:
        """The difference between a file of one archive and a file of the other; empty if equal."""
        hashes = [
            b"" if found is None else found[place]
            for found, place in (
                (self._one.hashes, number),
                (self._other.hashes, at),
            )
        ]
        if all(hashes):
            return "bytes" * (hashes[0] != hashes[1])
        one, other = self._one.file_source(number), self._other.file_source(at)
        spans = self._one.files.span(number), self._other.files.span(at)
        sizes = [stop - start for _, start, stop in spans]
        if isinstance(one, StoredSource) and isinstance(other, StoredSource):
            if sizes[0] != sizes[1]:
                return "size"
            return "bytes" * (not self._same_bytes(*spans))
        if isinstance(one, PartSource) and isinstance(other, PartSource):
            if one.shape[:2] != other.shape[:2]:
                return "shape"
            if _comparable(one, other):
                if self._differ(one, other):
                    return "pixels"
                if sizes[0] == sizes[1] and self._same_bytes(*spans):
                    return ""
        with spooled() as first, spooled() as second:
            first.write(FileWriter(self._one).file(number))
            second.write(FileWriter(self._other).file(at))
            return "content" * (not same(first, second, self._one.names[number]))

    def _same_bytes(self, one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
        """Whether spans of parts of bytes, (part, start, stop), of one length, are equal."""
        pairs = zip(self._one.part_chunks(*one), self._other.part_chunks(*other), strict=True)
        return all(mine == theirs for mine, theirs in pairs)

    def _differ(self, one: ArraySource, other: ArraySource) -> bool:
        """Whether two arrays differ in shape, dtype, or an element."""
        if not _comparable(one, other) or one.shape != other.shape:
            return True
        count = one.shape[0] if one.shape else 1
        return any(True for _ in self._changed_entries(one, other, count))

    def _shared(self, one: _Tiles | None, other: _Tiles | None) -> bool:
        """Whether the blocks of both have the same bytes at these tiles."""
        if one is None or other is None or one.cut != other.cut or one.count != other.count:
            return False
        at = 0
        while at < one.count:
            left = self._one.blocks.with_tile(one.first + at)
            right = self._other.blocks.with_tile(other.first + at)
            if one.first + at - left.first != other.first + at - right.first:
                return False
            if not self._same_block(left.number, right.number):
                return False
            at = left.first + left.items - one.first
        return True

    def _same_block(self, one: int, other: int) -> bool:
        known = self._alike.get((one, other))
        if known is None:
            left, right = self._one.blocks[one], self._other.blocks[other]
            known = (left.items == right.items) and (
                _after_first(self._one.blocks.task(left).payload)
                == _after_first(self._other.blocks.task(right).payload)
            )
            self._alike[one, other] = known
        return known


@dataclass(frozen=True)
class _Tiles:
    """Consecutive tiles of a part."""

    cut: Any
    """A key of the grid and of the place in it. Equal keys mean comparable tiles."""
    first: int
    count: int


def _part_at(array: ArraySource, start: int, stop: int) -> _Tiles | None:
    """The tiles of these entries along the first axis; None if they are not in one part."""
    if isinstance(array, JoinedSource):
        places = array.array.places
        for number in range(len(places) - 1):
            if places[number] <= start and stop <= places[number + 1]:
                part_source = array.part_at(number)
                return _part_at(part_source, start - places[number], stop - places[number])
    if not isinstance(array, PartSource) or not array.part.shape:
        return None
    part, entry = array.part, array.entry
    if part.axes == ONE:
        if entry is not None:  # a slice of a stack
            start, stop = entry, entry + 1
        grid = part.grid(0)
        extent = grid.extents[0]
        low, high = start // extent, -(-stop // extent)
        first, end = low * grid.in_a_strip, high * grid.in_a_strip
        return _Tiles((grid.extents, start - low * extent), array.first + first, end - first)
    if entry is not None:  # rows of a picture
        start, stop = entry, entry + 1
    first, end = part.first_tile(start), part.first_tile(stop)
    return _Tiles(part.cut, array.first + first, end - first)


def _after_first(payload: memoryview) -> memoryview:
    """The payload of a block without the number of its first tile."""
    cursor = Cursor(payload)
    cursor.varint()
    return payload[cursor.at :]


def _comparable(one: ArraySource, other: ArraySource) -> bool:
    """Whether two arrays differ only in their elements and lengths."""
    ours, theirs = (len(one.shape), one.dtype), (len(other.shape), other.dtype)
    return one.shape[1:] == other.shape[1:] and ours == theirs


def _content(kind: int | None) -> str:
    if kind is None:
        return "an array"
    return {FOLDER: "a folder of files", ARRAYS: "arrays"}[kind]
