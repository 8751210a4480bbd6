"""Erase removed files from the blocks of an archive, for a new archive.

`remove` only hides files: a block that other files need still has their content.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bitsback.archive.container.source import decode
from bitsback.archive.reader import ArchiveReader
from bitsback.coding.block import PREFIX_SIZE, Block, read_header
from bitsback.coding.encoding import Encoded, Uncoded, encode
from bitsback.coding.plan import NO_MODEL, Plan
from bitsback.errors import ArchiveError
from bitsback.format.array_part import BYTES, ONE, ArrayPart
from bitsback.format.index import BlockInfo
from bitsback.format.layout import REMOVED
from bitsback.format.members import Files
from bitsback.format.parts import FileCollection
from bitsback.format.tiles import Tiles
from bitsback.models import Model
from bitsback.planner.planner import Planner

Span = tuple[int, int]
"""Some entries of a part of pictures, or bytes of a part of bytes: the first one and their end."""


class Eraser:
    """Codes the blocks with removed files again, without the content of these files."""

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive
        self.models: dict[bytes, Model] = {}
        """The models that coded blocks again, by the first 16 bytes of their identities."""
        self._removed: dict[int, list[Span]] = {}
        """The removed content of each part, in order."""
        if isinstance(archive.collection, FileCollection) and archive.collection.has_removed:
            for part, span in _removed(archive.files, archive.collection):
                self._removed.setdefault(part, []).append(span)

    def encoded(self, block: BlockInfo, part: int, first: int) -> Encoded | None:
        """The block coded again; None if it has no content of removed files.

        part: the number of its part. first: the new number of its first tile. Raises ArchiveError,
        which names the block, if it cannot be decoded.
        """
        if part not in self._removed:
            return None
        archive = self._archive
        content, at = archive.collection.parts[part], block.first - archive.collection.starts[part]
        reach = _reach(content, at)[0], _reach(content, at + block.items - 1)[1]
        if not any(self._spans(part, *reach)):
            return None
        task = archive.blocks.task(block)
        try:
            tiles = decode(archive, task)
        except ArchiveError as error:
            raise ArchiveError(
                f"{error}; merging codes this block again, since files in it were removed",
                error.block,
            ) from None
        erased = self._erased(tiles, part, at)
        if erased.elements.tobytes() == tiles.elements.tobytes():  # by an earlier merge
            return None
        header = read_header(task.payload)
        rules = Planner().rules
        plan = self._plan(header, erased)
        uncoded = Uncoded(erased, first, plan, rules.coder, None, False)
        encoded = encode(uncoded, replace(rules, new_plan=None) if header.models else rules)
        self.models |= {model.identity[:PREFIX_SIZE]: model for model in encoded.models}
        return encoded

    def _spans(self, part: int, low: int, high: int) -> Iterator[Span]:
        """The removed content of a part between two of its entries or bytes."""
        spans = self._removed[part]
        for start, stop in spans[bisect_right(spans, low, key=lambda span: span[1]) :]:
            if start >= high:
                break
            yield start, stop

    def _erased(self, tiles: Tiles, part: int, first: int) -> Tiles:
        """The tiles with one value, which other elements have, in place of removed content."""
        content = self._archive.collection.parts[part]
        removed = np.zeros(tiles.elements.size, bool)
        end = 0
        for number, tile in enumerate(tiles, first):
            start, end = end, end + tile.size
            mask = removed[start:end].reshape(tile.shape if _in_tiles(content) else (1, -1))
            low, high = _reach(content, number)
            for begin, stop in self._spans(part, low, high):
                mask[max(begin - low, 0) : stop - low] = True
        elements, kept = tiles.elements.copy(), tiles.elements[~removed]
        elements[removed] = kept.min() if kept.size else 0
        return Tiles(elements, tiles.shapes)

    def _plan(self, header: Block, tiles: Tiles) -> Plan:
        """The plan by which the block was coded."""
        if header.model is not None:
            model, layout = self._archive.library.find(header.model), header.method.layout
            inverted = Plan(model, layout, invert=True)
            return Plan(model, layout, rivals=(inverted,) * (tiles.two_values is not None))
        if header.digits is not None:
            heads = header.digits.heads
            return Plan(digits=tuple(Plan(self._find(h.model), h.method.layout) for h in heads))
        return NO_MODEL

    def _find(self, model: bytes | None) -> Model | None:
        return None if model is None else self._archive.library.find(model)


def _removed(files: Files, content: FileCollection) -> Iterator[tuple[int, Span]]:
    """The content of removed files: each a part, and the span there."""
    listed = files.listed
    copied = {row for copy, row in files.row_originals.items() if listed.names[copy]}
    every = Files(replace(content, features=content.features & ~REMOVED), *listed)
    for number, name in enumerate(listed.names):
        if name or number in copied or number in files.row_originals:
            continue
        part, entry = every.place(number)
        if content.parts[part].axes != BYTES:
            yield part, (entry, entry + 1)
        part, start, stop = every.span(number)
        if start < stop:
            yield part, (start, stop)


def _in_tiles(part: ArrayPart) -> bool:
    """Whether the first axis of a tile counts entries, or bytes. Otherwise an entry has tiles."""
    return part.axes in (ONE, BYTES)


def _reach(part: ArrayPart, tile: int) -> Span:
    """The entries or bytes of a part in a tile."""
    if _in_tiles(part):
        first = part.grid(0).region(tile)[0]
        return first.start, first.stop
    item, _ = part.item_of(tile)
    return item, item + 1
