"""Pieces to the bytes of a `B` section, in the smallest way (docs/format.md, `B`, a block)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.archive import adaptive, chain, plane_sets, planes
from bitsback.archive.block import (
    ADAPTIVE,
    CHAIN,
    MULTISET,
    PACKED,
    PLANES,
    PREFIX_SIZE,
    RAW,
    SQUEEZED,
    affordable,
    max_elements,
)
from bitsback.archive.grid import Shape
from bitsback.archive.layout import BLOCK, section
from bitsback.archive.levels import Levels, find_levels, model_symbols, to_symbols
from bitsback.archive.pieces import Pieces
from bitsback.archive.runs import Run, pack_levels, pack_runs
from bitsback.archive.squeeze import Coder, squeeze
from bitsback.archive.values import Values
from bitsback.models import Model
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
    model: Model | None
    """The one that it was coded with."""
    two_valued: bool
    """Whether its elements have two values."""
    outdone: bool
    """Whether a model could code it, and made it larger than the method that was taken."""
    order_bits: float
    """What the order of its items would take, if it is left out."""


def lanes_for(elements: int) -> int:
    """The number of lanes of a chain: few where each byte counts, more where speed does."""
    return next(lanes for least, lanes in _LANES if elements >= least)


def encode(
    pieces: Pieces,
    first: int,
    model: Model | None,
    invert: bool = False,
    coder: Coder = "deflate",
    contested: bool = True,
    layout: int = planes.PICTURES,
    order_bits: float | None = None,
    records: bool = False,
) -> Encoded:
    """Encodes a block in the smallest way.

    first: the number of the block's first piece. model: one that may fit them, if there is one.
    invert: the greater of two levels is symbol 0. coder: the general compressor, which is tried
    where no model is used, or where it may be as good, `contested`. layout: what the axes of the
    pieces are to a free model. order_bits: of pieces in canonical order, which are a multiset, what
    another order would take. records: the pieces are records, which may have few values.
    """
    levels = find_levels(pieces.elements)
    multiset = order_bits is not None
    way, codable = find_way(
        pieces, levels, model, invert, coder, lambda _: contested, layout, multiset, records
    )
    return Encoded(
        section(
            BLOCK,
            varint(first),
            pack_runs(_runs(pieces, way.levels)),
            bytes([way.method | MULTISET * way.multiset]),
            way.head,
            *way.data,
        ),
        pieces.count,
        way.method,
        way.model,
        two_valued=levels is not None,
        outdone=codable and way.model is None,
        order_bits=order_bits if way.multiset and order_bits else 0,
    )


def find_way(
    pieces: Pieces,
    levels: Levels | None,
    model: Model | None,
    invert: bool,
    coder: Coder,
    contested: Callable[["Way"], bool],
    layout: int,
    multiset: bool = False,
    records: bool = False,
) -> tuple["Way", bool]:
    """The smallest way to store pieces, and whether the model could code them. levels: what
    `find_levels` finds. contested: tells of the way of the model. The other arguments are those of
    `encode`.
    """
    if levels is not None and invert:
        levels = levels[::-1]
    codable, way = False, None
    if model is not None:
        codable, way = (
            _by_planes(pieces, model, layout, invert, multiset)
            if model.free
            else _by_model(pieces, model, levels, multiset)
        )
    if way is None or contested(way) or way.cost >= _least(pieces, levels is not None):
        ways = [*_otherwise(pieces, levels, coder), *([way] if way is not None else [])]
        if records:
            ways += _by_counting(pieces)
        way = min(ways, key=lambda way: way.cost)
    return way, codable


def _runs(pieces: Pieces, levels: Levels | Values | None) -> list[Run]:
    return [Run(count, pieces.dtype, shape, levels) for count, shape in pieces.shapes]


def _least(pieces: Pieces, two_valued: bool) -> int:
    """Bytes that a block takes as it is, or packed."""
    elements = pieces.elements
    packed = 1 + 2 * elements.itemsize + (elements.size + 7) // 8
    return min(elements.nbytes + 1, packed) if two_valued else elements.nbytes + 1


def _by_model(
    pieces: Pieces, model: Model, levels: Levels | None, multiset: bool
) -> "tuple[bool, Way | None]":
    """Whether a model codes the pieces, and how, unless a reader would refuse that."""
    parts = chain.stretches(model, pieces.shapes)
    coded = model_symbols(model, pieces.elements, levels)
    if parts is None or coded is None or (multiset and pieces.shape is None):
        return False, None
    if not affordable(parts, pieces.elements.nbytes):
        return True, None
    digest = chain.digest(pack_runs(_runs(pieces, coded[0])), pieces.bytes)
    order = chain.Order.of(coded[0]) if multiset else None
    data = chain.encode(parts, coded[1], digest, lanes_for(coded[1].size), order)
    if not affordable(parts, len(data)):
        return True, None
    return True, Way(CHAIN, coded[0], [data], model, multiset=multiset)


def _by_planes(
    pieces: Pieces, model: Model, layout: int, invert: bool, multiset: bool
) -> "tuple[bool, Way | None]":
    """The same of a free model."""
    if not all(_suits(layout, pieces.dtype, shape) for _, shape in pieces.shapes):
        return False, None
    if multiset and layout == planes.SERIES:
        return False, None
    levels = planes.find_map(pieces, invert, layout)
    if planes.count_levels(pieces.dtype, levels) > model.levels:
        return False, None
    runs = _runs(pieces, levels)
    shapes = planes.plane_shapes(runs, layout)
    elements = pieces.elements
    batches = len(plane_sets.batches(pieces.count)) if multiset else 1
    if not planes.affordable(model, shapes, elements.nbytes, batches):
        return True, None
    digest = chain.digest(pack_runs(runs), pieces.bytes)
    symbols = planes.to_planes(pieces, levels)
    lanes = lanes_for(elements.size)
    if multiset:
        data = plane_sets.encode(model, pieces, runs, layout, symbols, digest, lanes)
    else:
        data = planes.encode(model, runs, layout, symbols, digest, lanes)
    claims = elements.size > max_elements(len(data))
    if claims or not planes.affordable(model, shapes, len(data), batches):
        return True, None
    return True, Way(PLANES, levels, [data], model, layout, multiset)


def _suits(layout: int, dtype: np.dtype[Any], shape: Shape) -> bool:
    if layout == planes.SERIES:
        return planes.is_step(dtype, shape)
    return layout in planes.layouts_for(dtype, shape)


def _otherwise(pieces: Pieces, levels: Levels | None, coder: Coder) -> Iterator["Way"]:
    """All ways without a model, of which the first is taken if they are equal."""
    yield Way(RAW, None, [pieces.bytes])
    if levels is not None:
        bits = np.packbits(to_symbols(pieces.elements, levels), bitorder="little")
        yield Way(PACKED, levels, [bits.data])
    if pieces.elements.size:
        squeezed = squeeze(pieces, coder)
        if squeezed is not None:
            yield Way(SQUEEZED, None, [squeezed])


def _by_counting(pieces: Pieces) -> Iterator["Way"]:
    """The method adaptive, if it suits them."""
    elements = pieces.elements
    if pieces.shape is None or not elements.size:
        return
    data = adaptive.pack(elements.reshape(pieces.count, -1))
    if data is not None and elements.size <= max_elements(len(data)):
        yield Way(ADAPTIVE, None, [data])


@dataclass(frozen=True)
class Way:
    """A way to store a block."""

    method: int
    levels: Levels | Values | None
    data: Sequence[bytes | memoryview]
    model: Model | None = None
    layout: int | None = None
    """Of the method planes."""
    multiset: bool = False

    @property
    def head(self) -> bytes:
        """What stands before the data: the model and the layout, where there are some."""
        prefix = b"" if self.model is None else self.model.identity[:PREFIX_SIZE]
        return prefix if self.layout is None else prefix + bytes([self.layout])

    @property
    def cost(self) -> int:
        """Bytes."""
        return len(self.head) + sum(map(len, self.data)) + len(pack_levels(self.levels))
