"""Prepare tiles for a model: their value map, their layout, and their shapes as items."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from bitsback.coding import chain, layouts
from bitsback.coding.multisets import Multisets
from bitsback.format.runs import Run, pack_runs
from bitsback.format.tiles import Tiles
from bitsback.format.value_range import ValueMap
from bitsback.lazy import cached_property
from bitsback.models import Model
from bitsback.models.model import BoundModel

_Key = tuple[bytes, int, int, bytes]
"""The identity of a model, the layout, the lanes, and the digest of the content."""
_recent: deque[tuple[_Key, bytes]] = deque(maxlen=16)
"""The last codings of small blocks, since trials and a block often code the same tiles."""
_SMALL = 1 << 19  # elements of such a block at most


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """A plan for coding the tiles of a block with one model.

    The planner measures its cost on a sample, and the encoder carries it out on a block.
    """

    tiles: Tiles
    model: Model
    value_map: ValueMap | None
    """The value of each symbol; None if the elements are the symbols."""
    layout: int = layouts.PICTURES
    """The meaning of the tiles' axes to the model."""
    invert: bool = False
    """Whether the greater of two levels is symbol 0."""
    before: Tiles | None = None
    """Earlier tiles of the same block, from which the model has learned before it codes these."""

    @classmethod
    def for_model(
        cls, model: Model, tiles: Tiles, layout: int = layouts.PICTURES, invert: bool = False
    ) -> BlockPlan | None:
        """The plan of a model for these tiles; None if the model does not code them."""
        if not all(layouts.suits(model, tiles.dtype, shape, layout) for _, shape in tiles.shapes):
            return None
        value_map = layouts.map_for(model, tiles, layout, invert)
        if not layouts.map_fits(model, tiles, value_map):
            return None
        return cls(tiles, model, value_map, layout, invert)

    @cached_property
    def runs(self) -> list[Run]:
        return runs_of(self.tiles, self.value_map)

    @cached_property
    def parts(self) -> list[BoundModel]:
        """The items in the model's shapes."""
        return chain.stretches(self.model, layouts.item_shapes(self.model, self.runs, self.layout))

    @cached_property
    def symbols(self) -> NDArray[Any]:
        return layouts.symbols_of(self.tiles, self.value_map)

    @cached_property
    def cost(self) -> int:
        """The bytes of the tiles by the model, or uncompressed if the model cannot code them."""
        if not layouts.map_fits(self.model, self.tiles, self.value_map):
            return self.tiles.elements.nbytes + 1
        if self.before is not None:
            both = Tiles.from_arrays([*self.before, *self.tiles], self.tiles.dtype)
            alone = replace(self, before=None)
            return replace(alone, tiles=both).cost - replace(alone, tiles=self.before).cost
        return len(self.encode(chain.lanes_for(self.tiles.elements.size)))

    def affordable(self, size: int, multiset: bool = False, times: int = 1) -> bool:
        """Whether a reader accepts these items in a block with so many bytes of data.

        times: how many times the block has these items.
        """
        runs = [replace(run, items=times * run.items) for run in self.runs]
        parts = chain.stretches(self.model, layouts.item_shapes(self.model, runs, self.layout))
        return chain.affordable(parts, size, multiset)

    def encode(self, lanes: int, multiset: bool = False) -> bytes:
        """The data of a block. multiset: drop the order of the tiles."""
        elements = self.tiles.elements
        digest = chain.digest(pack_runs(self.runs), self.tiles.bytes)
        if multiset:
            sets = Multisets(self.runs, elements, self.symbols)
            return chain.encode(self.parts, self.symbols, digest, lanes, sets)
        key = (self.model.identity, self.layout, lanes, digest)
        for known, data in tuple(_recent):
            if known == key:
                return data
        data = chain.encode(self.parts, self.symbols, digest, lanes)
        if elements.size <= _SMALL:
            _recent.append((key, data))
        return data


def runs_of(tiles: Tiles, value_map: ValueMap | None) -> list[Run]:
    return [Run(count, tiles.dtype, shape, value_map) for count, shape in tiles.shapes]
