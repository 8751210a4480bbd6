"""Read a part of an input, block by block, for coding."""

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
from bitsback.coding.encoding import Uncoded
from bitsback.coding.fallback import Coder, encode_fallback
from bitsback.coding.plan import NO_MODEL, Plan
from bitsback.errors import ModelWarning
from bitsback.files.data_sets import DataSet
from bitsback.files.npy import Items
from bitsback.format.array_part import BYTES, COUNTED, VARIED, ArrayPart
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS
from bitsback.format.tiles import Tiles
from bitsback.format.value_range import is_narrow
from bitsback.lazy import cached_property
from bitsback.models import Model
from bitsback.planner.candidates import any_codes, check_fit, is_bundled, picture_plans
from bitsback.planner.cutting import blocks_of
from bitsback.planner.planner import Planner
from bitsback.planner.policy import Policy
from bitsback.planner.sampling import SAMPLE_TILES, sample_of

_QUICK_ELEMENTS = 8 * 784
"""The elements of a block for random access.

A context model decodes them in some 5 ms, a dense model in less than 1 ms.
"""


@dataclass(frozen=True, eq=False)
class Role:
    """The relation of a part to other parts."""

    unordered: bool = False
    """Whether the order of its items does not matter."""
    ties: Sequence[NDArray[Any]] = ()
    """Arrays with a record for each item. Equal items are ordered by their records."""
    follows: "tuple[PartReader, NDArray[Any]] | None" = None
    """The part whose order the items take, and the items; None without such a part."""
    records: bool = False
    """Whether the items are small records, such as labels."""
    frames: bool = False
    """Whether the tiles are frames, each similar to the one before."""
    jpeg_tables: bytes = b""
    """The tables for abbreviated JPEG streams in its bytes."""
    tried: Tiles | None = None
    """The sample of an earlier trial of its only item."""
    data_sets: Sequence[DataSet] = ()
    """The data sets in its bytes."""


class PartReader:
    """Reads an array once, block by block.

    The first blocks are read ahead for the choice of a model.
    """

    def __init__(
        self,
        items: Items,
        collection: ArrayPart,
        block: int | None,
        elements: int,
        role: Role,
        whole: bool,
    ) -> None:
        """block: the requested number of tiles of a block at most. elements: the approximate number
        of elements of a block otherwise. whole: whether unordered items are one block if they can.
        Raises InputError if a tile is larger than a block can be.
        """
        self.items = items
        self.collection = collection
        self._role = role
        counted = collection.axes in (COUNTED, VARIED) and collection.cut is None
        self._sets = role.unordered and counted
        whole &= self._sets
        self._blocks = list(blocks_of(collection, block, items.name, elements, whole))
        self._reader = TileReader(items, collection)
        self._ahead: list[Tiles] = []
        self._planned = False
        """Whether only the first block was used for the plan."""
        self._orders: list[NDArray[np.intp]] = []

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """The original numbers of the items in their new order, after all were read."""
        if not self._sets:
            return np.arange(self.collection.items)
        return np.concatenate([np.empty(0, np.intp), *self._orders])

    @property
    def shape(self) -> Shape:
        """The shape of its first tile, or, without tiles, the shape of its items."""
        part = self.collection
        return part.grid(0).shape_of(0) if part.tiles else part.item_shape

    def codable(self, requested: Model | None) -> bool:
        """Whether the requested model, or else any bundled one, can code the part."""
        if self._role.follows is not None:
            return False
        part = self.collection
        return part.axes != BYTES and any_codes(requested, part.dtype, self.shape)

    def plan(self, planner: Planner) -> Plan:
        """The plan for the part; see `bitsback.planner`.

        Raises UnfitError if a requested model fits the shape, but not the values.
        """
        requested, policy = planner.requested, planner.policy
        if not self._blocks or not self.codable(requested):
            return replace(
                NO_MODEL, jpeg_coder=policy.jpeg_coder, jpeg_tables=self._role.jpeg_tables
            )
        elements = tiles = 0
        for number, (first, count) in enumerate(self._blocks):
            if number == len(self._ahead):  # an earlier call may have read the block
                self._ahead.append(self._read(first, count))
            elements, tiles = elements + self._ahead[number].elements.size, tiles + count
            # The first block decides whether a requested model fits; it may not code others.
            if requested is not None or elements >= policy.sample_elements or tiles >= SAMPLE_TILES:
                break
        if len(self._ahead) == 1:
            self._ahead[0] = self._ahead[0].like(self._role.tried)
        first_ones = self._ahead[0]
        self._planned = len(self._ahead) == 1 and not self._role.frames and not self._sets
        if len(self._ahead) > 1:
            first_ones = Tiles.from_arrays(chain.from_iterable(self._ahead), first_ones.dtype)
        if self._role.frames:
            first_ones = layouts.as_stacks(first_ones)
        plan = planner.plan(first_ones, self.items.name, tried=self._role.tried)
        if self._role.frames:
            plan = plan.of_frames()
        if requested is not None:
            _warn_if_outdone(plan, first_ones, self.items.name, policy)
        return plan

    def tasks(self, first: int, plan: Plan, policy: Policy) -> Iterator[Uncoded]:
        """Its blocks. first: the number of its first tile."""
        coder: Coder = policy.coder
        if self.collection.axes == BYTES:  # so few bytes that LZMA needs no trial
            coder = "lzma"
        for number, (start, count) in enumerate(self._blocks):
            tiles = self._ahead.pop(0) if self._ahead else self._read(start, count)
            if number == policy.rival_blocks and tiles.elements.size > policy.whole_elements:
                plan = plan.settled
            bits = None
            if self._sets:
                ties = [array[start : start + count] for array in self._role.ties]
                sorted_ones = canonical(tiles, ties)
                tiles, bits = sorted_ones.tiles, sorted_ones.bits
                self._orders.append(start + sorted_ones.order)
            planned = self._planned and number == 0
            records, at = self._role.records, self.collection.elements_before(start)
            data_sets = [each.within(at, len(tiles.elements)) for each in self._role.data_sets]
            yield Uncoded(tiles, first + start, plan, coder, bits, records, planned, data_sets)
        if self._role.follows is None:
            self.items.finish()

    def _read(self, first: int, count: int) -> Tiles:
        if self._role.follows is None:
            return self._reader.read(first, count)
        leader, array = self._role.follows
        return Tiles.stacked(array[leader.order[first : first + count]])


def part_readers(taken: Input, request: Request) -> list[PartReader]:
    """The parts of an input. Raises InputError if a requested model fits none of them."""
    parts: list[PartReader] = []
    policy = request.policy
    for number, (items, collection) in enumerate(taken.parts):
        leader, array = taken.bonds.follows.get(number, (None, None))
        role = Role(
            number in taken.bonds.sets,
            taken.bonds.ties.get(number, ()),
            None if leader is None or array is None else (parts[leader], array),
            number in taken.bonds.records,
            number in taken.bonds.frames,
            taken.bonds.jpeg_tables.get(number, b""),
            taken.bonds.tried.get(number),
            taken.bonds.data_sets.get(number, ()),
        )
        block = request.options.block
        files = taken.collection.kind not in (None, ARRAYS)
        if block is None and files and _apart(collection, policy):
            block = 1
        elements = policy.block_elements if taken.kept is None else _elements(collection, policy)
        whole = elements == policy.block_elements
        if request.options.quick:
            elements, whole = _QUICK_ELEMENTS, False
        parts.append(PartReader(items, collection, block, elements, role, whole))
    requested = request.requested
    if requested is not None and not any(part.codable(requested) for part in parts):
        for part in [part for part in parts if part.collection.axes != BYTES][:1]:
            check_fit(requested, part.collection.dtype, part.shape, part.items.name)
    return parts


def _elements(part: ArrayPart, policy: Policy) -> int:
    """The elements of a block of a folder: at least as many as the largest file has.

    A damaged block loses all files in it.
    """
    file = 0 if part.axes == BYTES else part.elements // max(part.entries, 1)
    return max(policy.folder_elements, min(file, policy.block_elements))


def _apart(part: ArrayPart, policy: Policy) -> bool:
    """Whether each tile of pictures is a block, since a picture may have few values."""
    large = part.tiles and part.elements >= policy.small_sample * part.tiles
    return bool(part.axes in (COUNTED, VARIED) and large and not is_narrow(part.dtype))


def _warn_if_outdone(plan: Plan, tiles: Tiles, name: str, policy: Policy) -> None:
    """Warns with ModelWarning if a requested model does badly on a sample.

    It does badly if a general compressor or a size-agnostic bundled model needs a tenth fewer
    bytes. name: the name of the input.
    """
    model = plan.model
    if model is None or (model.any_shape and is_bundled(model)):
        return
    sample = sample_of(tiles, False, policy)
    if sample.elements.size < policy.small_sample:
        return
    cost = plan.rate * sample.elements.size
    other, least = min(_others(sample, policy).items(), key=lambda pair: pair[1])
    if cost > policy.margin * least:
        times = cost / least
        excess = f"{100 * (times - 1):.0f} % more than" if times < 2 else f"{times:,.1f} times what"
        warnings.warn(
            f"{name}: the model {model.name} takes about {excess} {other} would, by a trial;"
            " leave the choice to 'auto', without -m, or train a model on such images with"
            " 'bitsback train'",
            ModelWarning,
            stacklevel=2,
        )


def _others(sample: Tiles, policy: Policy) -> dict[str, int]:
    """The bytes of the sample by each other compressor or model, by its name."""
    general = encode_fallback(sample, "deflate")
    found = {"the bytes as they are": sample.elements.nbytes}
    if general is not None:
        found["a general compressor"] = len(general)
    shape = sample.shapes[0][1]
    if layouts.layouts_for(sample.dtype, shape):
        for plan in picture_plans(None, policy, sample):
            name, cost = f"the model {plan.model.name}", plan.cost
            found[name] = min(cost, found.get(name, cost))
    return found
