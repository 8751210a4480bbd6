"""Tiles to the bytes of a `B` section, in the smallest way (docs/format.md, `B`, a block)."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bitsback.coding import layouts
from bitsback.coding.block import (
    ADAPTIVE,
    DIGITS,
    FALLBACK,
    MODEL,
    PACKED,
    PREFIX_SIZE,
    RAW,
    DigitHead,
    Digits,
    Method,
)
from bitsback.coding.block_plan import BlockPlan, runs_of
from bitsback.coding.choose import Chosen
from bitsback.coding.fallback import Coder, encode_fallback
from bitsback.coding.number_digits import Cut, cut_of, seen_at
from bitsback.format import adaptive
from bitsback.format.layout import BLOCK, section
from bitsback.format.runs import pack_runs, pack_value_map
from bitsback.format.tiles import Tiles
from bitsback.format.two_values import TwoValues, to_symbols
from bitsback.format.value_range import ValueMap
from bitsback.models import Model
from bitsback.models.costs import max_elements
from bitsback.wire import varint

# A lane costs a few bytes a block and lets the core overlap its steps. Measured with mnist-binary,
# coding 2,000 images of 28x28 takes with 1, 2, 4, 8 lanes 5.3, 4.1, 3.9, 3.9 us an image, and one
# image 49, 53, 72, 98 bytes.
_LANES = ((1 << 19, 4), (1 << 14, 2), (0, 1))  # from this many elements on


@dataclass(frozen=True)
class Encoded:
    """A block as it goes into the archive."""

    section: bytes
    items: int
    method: int
    models: tuple[Model, ...]
    """The models that coded it."""
    two_valued: bool
    """Whether its elements have two values."""
    outdone: bool
    """Whether a model could code it, but another method made it smaller."""
    order_bits: float
    """The bits that the order of its items would take, if it is left out."""


def lanes_for(elements: int) -> int:
    """The number of lanes of a chain: few if each byte counts, more if speed does."""
    return next(lanes for least, lanes in _LANES if elements >= least)


@dataclass(frozen=True)
class Uncoded:
    """A block before it is coded."""

    tiles: Tiles
    first: int
    """The number of its first tile."""
    chosen: Chosen
    coder: Coder
    """The general compressor to try if no model is used, or if a model may not be better."""
    order_bits: float | None
    """For tiles in canonical order, which are a multiset: the bits that another order would take.
    """
    records: bool
    """Whether they are records, which may have few values."""


def encode(block: Uncoded, chosen: Chosen) -> Encoded:
    """Encodes a block in the smallest way. chosen: the model, if any may fit; the block need not
    use it.
    """
    tiles, multiset = block.tiles, block.order_bits is not None
    way, codable = find_way(
        tiles, chosen, block.coder, lambda _: chosen.contested, multiset, block.records
    )
    return Encoded(
        section(
            BLOCK,
            varint(block.first),
            pack_runs(runs_of(tiles, way.value_map)),
            bytes([way.method.pack()]),
            way.prefix,
            *way.data,
        ),
        tiles.count,
        way.method.number,
        way.models,
        two_valued=tiles.two_values is not None,
        outdone=codable and not way.models,
        order_bits=block.order_bits if way.method.multiset and block.order_bits else 0,
    )


def find_way(
    tiles: Tiles,
    chosen: Chosen,
    coder: Coder,
    contested: Callable[["Way"], bool],
    multiset: bool = False,
    records: bool = False,
) -> tuple["Way", bool]:
    """The smallest way to store tiles, and whether the model could code them. contested: whether to
    try a general compressor besides the model's way.
    """
    codable, way = _by_model(tiles, chosen, multiset)
    if way is None or contested(way) or way.cost >= _least(tiles, tiles.two_values is not None):
        pair = tiles.two_values
        if pair is not None and chosen.invert:
            pair = pair[::-1]
        limit = math.inf if way is None else way.cost
        ways = [*_otherwise(tiles, pair, coder, limit), *([way] if way is not None else [])]
        if records:
            ways += _by_counting(tiles)
        if chosen.digits:
            ways += _by_digits(tiles, chosen.digits, coder)
        way = min(ways, key=lambda way: way.cost)
    return way, codable


def _least(tiles: Tiles, two_valued: bool) -> int:
    """The bytes of an uncompressed block, as it is or packed."""
    elements = tiles.elements
    packed = 1 + 2 * elements.itemsize + (elements.size + 7) // 8
    return min(elements.nbytes + 1, packed) if two_valued else elements.nbytes + 1


def _by_model(tiles: Tiles, chosen: Chosen, multiset: bool) -> "tuple[bool, Way | None]":
    """Whether a model codes the tiles, and its way, unless a reader would refuse that."""
    if chosen.model is None or (multiset and chosen.layout > layouts.STACKS):
        return False, None
    plan = BlockPlan.of(chosen.model, tiles, chosen.layout, chosen.invert)
    if plan is None:
        return False, None
    data = plan.encode(lanes_for(tiles.elements.size), multiset)
    if data is None:
        return True, None
    return True, Way(Method(MODEL, chosen.layout, multiset), plan.value_map, [data], chosen.model)


def _otherwise(
    tiles: Tiles, two_values: TwoValues | None, coder: Coder, limit: float
) -> Iterator["Way"]:
    """All ways without a model; the first of equal ones is taken. limit: the bytes from which on
    that of a general compressor may be left out.
    """
    yield Way(Method(RAW), None, [tiles.bytes])
    if two_values is not None:
        bits = np.packbits(to_symbols(tiles.elements, two_values), bitorder="little")
        yield Way(Method(PACKED), two_values, [bits.data])
    if tiles.elements.size:
        by_fallback = encode_fallback(tiles, coder, limit)
        if by_fallback is not None:
            yield Way(Method(FALLBACK), None, [by_fallback])


def _by_counting(tiles: Tiles) -> Iterator["Way"]:
    """The method adaptive, if it suits them."""
    elements = tiles.elements
    if tiles.shape is None or not elements.size:
        return
    data = adaptive.pack(elements.reshape(tiles.count, -1))
    if data is not None and elements.size <= max_elements(len(data)):
        yield Way(Method(ADAPTIVE), None, [data])


def _by_digits(tiles: Tiles, chosen: Sequence[Chosen], coder: Coder) -> Iterator["Way"]:
    """The method digits. chosen: for each digit, as far as they are known."""
    if tiles.elements.size and tiles.two_values is None:
        cut, digits = cut_of(tiles.elements)
        ways = []
        for place, digit in enumerate(digits):
            one: Chosen = seen_at(chosen, place)
            ways.append(find_way(Tiles(digit, tiles.shapes), one, coder, lambda _: True)[0])
        yield way_of_digits(tiles, cut, ways)


def way_of_digits(tiles: Tiles, cut: Cut, ways: Sequence["Way"]) -> "Way":
    """The method digits, from the way of each digit."""
    heads = tuple(
        DigitHead(way.value_map, way.method, way.prefix or None, sum(map(len, way.data)))
        for way in ways
    )
    data = [Digits(cut, heads).pack(tiles.dtype), *(part for way in ways for part in way.data)]
    models = tuple(way.model for way in ways if way.model is not None)
    return Way(Method(DIGITS), None, data, digit_models=models)


@dataclass(frozen=True)
class Way:
    """A way to store a block."""

    method: Method
    value_map: ValueMap | None
    data: Sequence[bytes | memoryview]
    model: Model | None = None
    digit_models: tuple[Model, ...] = ()
    """The models of digits."""

    @property
    def models(self) -> tuple[Model, ...]:
        """All of them."""
        return self.digit_models if self.model is None else (self.model,)

    @property
    def prefix(self) -> bytes:
        """The field that names the model, if there is one."""
        return b"" if self.model is None else self.model.identity[:PREFIX_SIZE]

    @property
    def cost(self) -> int:
        """Bytes."""
        return len(self.prefix) + sum(map(len, self.data)) + len(pack_value_map(self.value_map))
