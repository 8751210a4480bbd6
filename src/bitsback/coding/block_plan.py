"""Pieces as a model codes them: what their symbols stand for, and the items that they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback.coding import chain, planes
from bitsback.coding.multisets import Multisets
from bitsback.format.levels import Levels
from bitsback.format.pieces import Pieces
from bitsback.format.runs import Run, pack_runs
from bitsback.format.values import Values
from bitsback.lazy import cached_property
from bitsback.models import Model
from bitsback.models.model import BoundModel


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """How the pieces of a block are to be coded, of which the choice tries a sample, and which the
    encoder carries out.
    """

    pieces: Pieces
    model: Model
    levels: Levels | Values | None
    """What symbols stand for."""
    layout: int = planes.PICTURES
    """What the axes of pieces are to the model."""
    invert: bool = False
    """Whether the greater of two levels is symbol 0."""

    @classmethod
    def of(
        cls, model: Model, pieces: Pieces, layout: int = planes.PICTURES, invert: bool = False
    ) -> BlockPlan | None:
        """None if the model does not code them."""
        if not all(
            layout in planes.layouts_of(model, pieces.dtype, shape) for _, shape in pieces.shapes
        ):
            return None
        levels = planes.map_for(model, pieces, layout, invert)
        if not planes.map_fits(model, pieces, levels):
            return None
        return cls(pieces, model, levels, layout, invert)

    @cached_property
    def runs(self) -> list[Run]:
        return runs_of(self.pieces, self.levels)

    @cached_property
    def parts(self) -> list[BoundModel]:
        """The items, as the model sees them."""
        return chain.stretches(self.model, planes.item_shapes(self.model, self.runs, self.layout))

    @cached_property
    def symbols(self) -> NDArray[Any]:
        return planes.to_planes(self.pieces, self.levels)

    @cached_property
    def cost(self) -> int:
        """Bytes that the model makes of the pieces; if it does not code them, those of the pieces
        as they are.
        """
        if not planes.map_fits(self.model, self.pieces, self.levels):
            return self.pieces.elements.nbytes + 1
        # A chain that started from zeros would take the least likely latents for its first items.
        digest = chain.digest(b"", self.pieces.bytes)
        return len(chain.encode(self.parts, self.symbols, digest, 1))

    def encode(self, lanes: int, multiset: bool) -> bytes | None:
        """The data of a block; None if a reader would refuse it. multiset: the order of the pieces
        does not matter.
        """
        elements = self.pieces.elements
        if not chain.affordable(self.parts, elements.nbytes, multiset):
            return None
        digest = chain.digest(pack_runs(self.runs), self.pieces.bytes)
        sets = Multisets(self.runs, elements, self.symbols) if multiset else None
        data = chain.encode(self.parts, self.symbols, digest, lanes, sets)
        return data if chain.affordable(self.parts, len(data), multiset) else None


def runs_of(pieces: Pieces, levels: Levels | Values | None) -> list[Run]:
    return [Run(count, pieces.dtype, shape, levels) for count, shape in pieces.shapes]
