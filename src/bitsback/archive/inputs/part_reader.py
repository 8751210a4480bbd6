"""Read a part of a collection, block by block, for coding."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.request import Input, Request
from bitsback.archive.inputs.tile_reader import TileReader
from bitsback.coding import layouts
from bitsback.coding.canonical import canonical
from bitsback.coding.cutting import BLOCK_ELEMENTS, FOLDER_ELEMENTS, blocks_of
from bitsback.coding.fallback import Coder, encode_fallback
from bitsback.errors import ModelWarning
from bitsback.files.npy import Items
from bitsback.format.array_part import BYTES, COUNTED, VARIED, ArrayPart
from bitsback.format.layout import Shape
from bitsback.format.parts import ARRAYS
from bitsback.format.tiles import Tiles
from bitsback.format.value_range import is_narrow
from bitsback.lazy import cached_property
from bitsback.models import Model
from bitsback.planner.blocks import Uncoded
from bitsback.planner.candidates import any_codes, check_fit, is_bundled, picture_plans
from bitsback.planner.plan import NO_MODEL, Plan
from bitsback.planner.planner import Planner
from bitsback.planner.policy import DEFAULT, Policy
from bitsback.planner.sampling import sample_of

_QUICK_ELEMENTS = 8 * 784
"""Elements of a block for random access: a context model decodes them in some 5 ms, a dense one in
a fraction of one.
"""


@dataclass(frozen=True, eq=False)
class Role:
    """The relation of a part to other parts."""

    unordered: bool = False
    """Whether the order of its items does not matter."""
    ties: Sequence[NDArray[Any]] = ()
    """Arrays of what belongs to them, by which equal ones are ordered."""
    follows: "tuple[PartReader, NDArray[Any]] | None" = None
    """The part whose order its items take, and these, if there is one."""
    records: bool = False
    """Whether they are small records, such as labels."""
    frames: bool = False
    """Whether its tiles are frames, each like the one before it."""
    jpeg_tables: bytes = b""
    """Those of abbreviated JPEG streams in its bytes."""


class PartReader:
    """Reads an array once, block by block; the first blocks are read ahead for the choice of a
    model.
    """

    def __init__(
        self,
        items: Items,
        collection: ArrayPart,
        block: int | None,
        elements: int,
        role: Role,
    ) -> None:
        """block: tiles in a block at most; elements: about how many, if it is not given. Raises
        InputError if a tile is larger than a block can be.
        """
        self.items = items
        self.collection = collection
        self._role = role
        counted = collection.axes in (COUNTED, VARIED) and collection.cut is None
        self._sets = role.unordered and counted
        whole = self._sets and elements == BLOCK_ELEMENTS
        self._blocks = list(blocks_of(collection, block, items.name, elements, whole))
        self._reader = TileReader(items, collection)
        self._ahead: list[Tiles] = []
        self._planned = False
        """Whether the plan was made of just one block, the first one."""
        self._orders: list[NDArray[np.intp]] = []

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """The original numbers of its items in their new order, when all were read."""
        if not self._sets:
            return np.arange(self.collection.items)
        return np.concatenate([np.empty(0, np.intp), *self._orders])

    @property
    def shape(self) -> Shape:
        """The shape of its first tile, or that which its items would have."""
        part = self.collection
        return part.grid(0).shape_of(0) if part.tiles else part.item_shape

    def codable(self, given: Model | None) -> bool:
        """Whether there is a model for it."""
        if self._role.follows is not None:
            return False
        return self.collection.axes != BYTES and any_codes(given, self.collection.dtype, self.shape)

    def plan(self, planner: Planner) -> Plan:
        """The plan for it; see `bitsback.planner`. Raises UnfitError if a given model fits the
        shape, but not the values.
        """
        given, policy = planner.given, planner.policy
        if not self._blocks or not self.codable(given):
            return replace(NO_MODEL, jpeg_tables=self._role.jpeg_tables)
        elements = tiles = 0
        for number, (first, count) in enumerate(self._blocks):
            if number == len(self._ahead):  # another choice may have read it
                self._ahead.append(self._read(first, count))
            elements, tiles = elements + self._ahead[number].elements.size, tiles + count
            # The first block tells whether a given model fits; it may not code others.
            if (
                given is not None
                or elements >= DEFAULT.sample_elements
                or tiles >= policy.sample_tiles
            ):
                break
        first_ones = self._ahead[0]
        self._planned = len(self._ahead) == 1 and not self._role.frames and not self._sets
        if len(self._ahead) > 1:
            first_ones = Tiles.from_arrays(chain.from_iterable(self._ahead), first_ones.dtype)
        if self._role.frames:
            first_ones = layouts.as_stacks(first_ones)
        plan = planner.plan(first_ones, self.items.name)
        if self._role.frames:
            plan = plan.of_frames()
        if given is not None:
            _warn_if_outdone(plan, first_ones, self.items.name)
        return plan

    def tasks(self, first: int, plan: Plan, policy: Policy) -> Iterator[Uncoded]:
        """Its blocks. first: the number of its first tile."""
        coder: Coder = policy.coder
        if self.collection.axes == BYTES:  # so few bytes that LZMA needs no trial
            coder = "lzma"
        for number, (start, count) in enumerate(self._blocks):
            if number == policy.rival_blocks:
                plan = plan.settled
            tiles = self._ahead.pop(0) if self._ahead else self._read(start, count)
            bits = None
            if self._sets:
                ties = [array[start : start + count] for array in self._role.ties]
                sorted_ones = canonical(tiles, ties)
                tiles, bits = sorted_ones.tiles, sorted_ones.bits
                self._orders.append(start + sorted_ones.order)
            planned = self._planned and number == 0
            yield Uncoded(tiles, first + start, plan, coder, bits, self._role.records, planned)
        if self._role.follows is None:
            self.items.finish()

    def _read(self, first: int, count: int) -> Tiles:
        if self._role.follows is None:
            return self._reader.read(first, count)
        leader, array = self._role.follows
        return Tiles.stacked(array[leader.order[first : first + count]])


def part_readers(taken: Input, request: Request) -> list[PartReader]:
    """The parts of an input. Raises InputError if a model is given that fits none of them."""
    parts: list[PartReader] = []
    for number, (items, collection) in enumerate(taken.parts):
        leader, array = taken.bonds.follows.get(number, (None, None))
        role = Role(
            number in taken.bonds.sets,
            taken.bonds.ties.get(number, ()),
            None if leader is None or array is None else (parts[leader], array),
            number in taken.bonds.records,
            number in taken.bonds.frames,
            taken.bonds.jpeg_tables.get(number, b""),
        )
        block = request.options.block
        if block is None and taken.collection.kind not in (None, ARRAYS) and _apart(collection):
            block = 1
        elements = BLOCK_ELEMENTS if taken.kept is None else _elements(collection)
        if request.options.quick:
            elements = _QUICK_ELEMENTS
        parts.append(PartReader(items, collection, block, elements, role))
    given = request.given
    if given is not None and not any(part.codable(given) for part in parts):
        for part in [part for part in parts if part.collection.axes != BYTES][:1]:
            check_fit(given, part.collection.dtype, part.shape, part.items.name)
    return parts


def _elements(part: ArrayPart) -> int:
    """Elements of a block of a folder: as many as one file has, if that is more, since all of them
    are lost with one block.
    """
    file = 0 if part.axes == BYTES else part.elements // max(part.entries, 1)
    return max(FOLDER_ELEMENTS, min(file, BLOCK_ELEMENTS))


def _apart(part: ArrayPart) -> bool:
    """Whether the tiles of pictures are blocks of their own: those of one have few values, or a
    list of its own.
    """
    large = part.tiles and part.elements >= DEFAULT.box_elements * part.tiles
    return bool(part.axes in (COUNTED, VARIED) and large and not is_narrow(part.dtype))


def _warn_if_outdone(plan: Plan, tiles: Tiles, name: str) -> None:
    """Warns with ModelWarning if a general compressor, or a bundled model of any shape, makes a
    tenth less of a sample than the model that was asked for. name: of the input.
    """
    model = plan.model
    if model is None or (model.any_shape and is_bundled(model)):
        return
    sample = sample_of(tiles, whole=False)
    if sample.elements.size < DEFAULT.small_sample:
        return
    cost = plan.rate * sample.elements.size
    other, least = min(_others(sample).items(), key=lambda pair: pair[1])
    if cost > DEFAULT.margin * least:
        times = cost / least
        much = f"{100 * (times - 1):.0f} % more than" if times < 2 else f"{times:,.1f} times what"
        warnings.warn(
            f"{name}: the model {model.name} takes about {much} {other} would, by a trial;"
            " leave the choice to 'auto', without -m, or train a model on such images with"
            " 'bitsback train'",
            ModelWarning,
            stacklevel=2,
        )


def _others(sample: Tiles) -> dict[str, int]:
    """Bytes of the sample, by what makes them."""
    general = encode_fallback(sample, "deflate")
    found = {"the bytes as they are": sample.elements.nbytes}
    if general is not None:
        found["a general compressor"] = len(general)
    shape = sample.shapes[0][1]
    if layouts.layouts_for(sample.dtype, shape):
        for plan in picture_plans(None, DEFAULT, sample):
            name, cost = f"the model {plan.model.name}", plan.cost
            found[name] = min(cost, found.get(name, cost))
    return found
