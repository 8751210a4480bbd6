"""Code the tiles of a block by each method (docs/format.md, Methods). The planner chooses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bitsback._core import JpegBehind
from bitsback.coding.block import (
    ADAPTIVE,
    DECODED,
    DIGITS,
    FALLBACK,
    INFLATED,
    MODEL,
    PACKED,
    PREFIX_SIZE,
    RAW,
    STREAMS,
    DigitHead,
    Digits,
    Method,
)
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.chain import lanes_for
from bitsback.coding.decoded import encode_pixels
from bitsback.coding.fallback import Coder, encode_fallback
from bitsback.coding.inflated import encode_inflated
from bitsback.coding.number_digits import Cut
from bitsback.coding.streams import JpegCoder, encode_streams
from bitsback.format import adaptive
from bitsback.format.runs import pack_value_map
from bitsback.format.tiles import Tiles
from bitsback.format.two_values import TwoValues, to_symbols
from bitsback.format.value_range import ValueMap
from bitsback.models import Model
from bitsback.models.costs import max_elements


@dataclass(frozen=True)
class Coding:
    """A block as one method codes it."""

    method: Method
    value_map: ValueMap | None
    data: Sequence[bytes | memoryview]
    model: Model | None = None
    digit_models: tuple[Model, ...] = ()
    """The models that code digits."""

    @property
    def models(self) -> tuple[Model, ...]:
        """The model, or those of the digits."""
        return self.digit_models if self.model is None else (self.model,)

    @property
    def prefix(self) -> bytes:
        """The field that names the model; empty without one."""
        return b"" if self.model is None else self.model.identity[:PREFIX_SIZE]

    @property
    def cost(self) -> int:
        """The size in bytes, without what all methods share."""
        return len(self.prefix) + sum(map(len, self.data)) + len(pack_value_map(self.value_map))


def by_model(plan: BlockPlan, multiset: bool = False) -> Coding:
    """The tiles coded by the plan's model. A reader refuses too many elements in too few bytes."""
    data = plan.encode(lanes_for(plan.tiles.elements.size), multiset)
    return Coding(Method(MODEL, plan.layout, multiset), plan.value_map, [data], plan.model)


def without_model(
    tiles: Tiles, two_values: TwoValues | None, coder: Coder, limit: float
) -> Iterator[Coding]:
    """The codings without a model, which suit any elements, in order of preference.

    limit: a size in bytes; a general compressor's result of this size or more may be left out.
    """
    yield Coding(Method(RAW), None, [tiles.bytes])
    if two_values is not None:
        bits = np.packbits(to_symbols(tiles.elements, two_values), bitorder="little")
        yield Coding(Method(PACKED), two_values, [bits.data])
    if tiles.elements.size:
        by_fallback = encode_fallback(tiles, coder, limit)
        if by_fallback is not None:
            yield Coding(Method(FALLBACK), None, [by_fallback])


def by_streams(tiles: Tiles, jpeg_coder: JpegCoder, jpeg_tables: bytes) -> Iterator[Coding]:
    """The codings of bytes by the JPEG and deflate streams in them.

    jpeg_coder, jpeg_tables: see `encode_streams`.
    """
    if not tiles.are_bytes:
        return
    for method, encode in (
        (STREAMS, partial(encode_streams, before=jpeg_tables)),
        (INFLATED, encode_inflated),
    ):
        data = encode(tiles.elements, coder=jpeg_coder)
        if data is not None:
            yield Coding(Method(method), None, [data])


def as_decoded(tiles: Tiles, behind: Sequence[JpegBehind]) -> Coding | None:
    """The tiles coded by the JPEG that they were decoded from; None if a reader refuses that.

    behind: the JPEG of each tile.
    """
    data = encode_pixels(tiles, behind)
    return None if data is None else Coding(Method(DECODED), None, [data])


def by_adaptive(tiles: Tiles) -> Iterator[Coding]:
    """The coding by the method adaptive, if it suits the tiles."""
    elements = tiles.elements
    if tiles.shape is None or not elements.size:
        return
    data = adaptive.pack(elements.reshape(tiles.count, -1))
    if data is not None and elements.size <= max_elements(len(data)):
        yield Coding(Method(ADAPTIVE), None, [data])


def coding_of_digits(tiles: Tiles, cut: Cut, codings: Sequence[Coding]) -> Coding:
    """The coding by the method digits, from the coding of each digit."""
    heads = tuple(
        DigitHead(
            coding.value_map, coding.method, coding.prefix or None, sum(map(len, coding.data))
        )
        for coding in codings
    )
    data = [
        Digits(cut, heads).pack(tiles.dtype),
        *(part for coding in codings for part in coding.data),
        cut.exceptions,
    ]
    models = tuple(coding.model for coding in codings if coding.model is not None)
    return Coding(Method(DIGITS), None, data, digit_models=models)


def least_size(tiles: Tiles) -> int:
    """The bytes of a block without compression, as raw or as packed bits."""
    elements = tiles.elements
    packed = 1 + 2 * elements.itemsize + (elements.size + 7) // 8
    return min(elements.nbytes + 1, packed) if tiles.two_values is not None else elements.nbytes + 1
