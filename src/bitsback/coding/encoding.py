"""Encode blocks of tiles to `B` sections by their plans (docs/format.md, `B`, a block).

A plan names several codings, and each block takes the smallest of them.
"""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from bitsback._core import JpegBehind
from bitsback.coding import layouts
from bitsback.coding.block import INFLATED, Method
from bitsback.coding.block_coding import (
    Coding,
    as_decoded,
    by_adaptive,
    by_model,
    by_streams,
    coding_of_digits,
    least_size,
    without_model,
)
from bitsback.coding.block_plan import BlockPlan, runs_of
from bitsback.coding.decoded import find_behind
from bitsback.coding.fallback import Coder
from bitsback.coding.inflated import encode_inflated
from bitsback.coding.number_digits import cut_of, digit_entry
from bitsback.coding.plan import BLOCK_BYTES, Plan
from bitsback.format.layout import BLOCK, open_section, section
from bitsback.format.runs import pack_runs
from bitsback.format.tiles import Tiles
from bitsback.models import Model
from bitsback.wire import varint

if TYPE_CHECKING:
    from bitsback.files.data_sets import DataSet

_BAND = 1 << 21  # elements of a band of an embedded picture

NewPlan = Callable[[Tiles, frozenset[str]], Plan]
"""Makes a plan for tiles. Its second argument has the names of models that it must not take."""


@dataclass(frozen=True)
class Rules:
    """What blocks may have besides their plans."""

    coder: Coder
    """The slowest general compressor for pictures in other files."""
    surprise: float
    """The share of the bytes that a plan promised above which a block gets a new one."""
    jpeg_behind: bool
    """Whether pixels are searched for the JPEG that they were decoded from."""
    new_plan: NewPlan | None
    """None if no other models may be used."""


@dataclass(frozen=True)
class Uncoded:
    """A block before it is coded."""

    tiles: Tiles
    first: int
    """The number of its first tile."""
    plan: Plan
    coder: Coder
    """The general compressor to try without a model, or where it may beat the model."""
    order_bits: float | None
    """The bits that the order would take, for a multiset of tiles in canonical order."""
    records: bool
    """Whether the tiles are records, which may have few values."""
    planned: bool = False
    """Whether the trial that made the plan used exactly these tiles."""
    data_sets: "Sequence[DataSet]" = ()
    """The data sets that have chunks in its bytes."""

    def part(self, start: int, stop: int) -> "Uncoded":
        """The tiles from `start` to `stop` as a separate block."""
        tiles = Tiles.from_arrays((self.tiles[n] for n in range(start, stop)), self.tiles.dtype)
        return replace(self, tiles=tiles, first=self.first + start)


@dataclass(frozen=True)
class Encoded:
    """Coded tiles as they go into the archive.

    They are one block, or several where decoding one would exceed the cost that readers accept.
    """

    sections: bytes
    """The bytes of all sections in order."""
    blocks: tuple[tuple[int, int, int], ...]
    """The number of tiles, the number of bytes and the method of each block."""
    models: tuple[Model, ...]
    """The models that coded them."""
    outdone: int
    """The number of blocks that a model could code, but another method made smaller."""
    order_bits: float
    """The bits saved by leaving out the order of the tiles."""
    refused: int
    """The number of blocks that the model could code, but a reader would refuse."""

    @property
    def tiles(self) -> int:
        return sum(tiles for tiles, _, _ in self.blocks)


@dataclass(frozen=True)
class SmallestCoding:
    """The smallest way to store tiles."""

    coding: Coding
    codable: bool
    """Whether the model could code them, so that a reader accepts it."""
    refused: int
    """The bytes of the model's coding, if a reader would refuse it as too few for its elements."""


def encode(block: Uncoded, rules: Rules) -> Encoded:
    """Encodes a block by its plan.

    A block that comes out larger than expected gets a plan of its own, since the blocks of a part
    may differ much. Pixels that a JPEG decoder made are coded by their coefficients.
    """
    if rules.new_plan is None:
        return _encode_pixels(block, rules)
    if block.tiles.are_bytes:
        return _encode_bytes(block, rules, rules.new_plan)
    if not rules.jpeg_behind or block.order_bits is not None:
        return _encode_pixels(block, rules)
    behind = [find_behind(tile) for tile in block.tiles]
    if not any(behind):
        return _encode_pixels(block, rules)
    parts, start = [], 0
    for found, group in groupby(behind, key=lambda one: one is not None):
        some = list(group)
        part = block.part(start, start + len(some))
        start += len(some)
        parts.append(
            _encode_decoded(part, [one for one in some if one is not None], rules)
            if found
            else _encode_pixels(part, rules)
        )
    return parts[0] if len(parts) == 1 else _joined(parts)


def _encode_bytes(block: Uncoded, rules: Rules, new_plan: NewPlan) -> Encoded:
    """Encodes bytes. Pictures in ZIP files and data sets are coded by their pixels if that is
    smaller.
    """
    encoded = _encode_pixels(block, rules)
    data = encode_inflated(
        block.tiles.elements,
        partial(encode_picture, rules, new_plan),
        block.plan.jpeg_coder,
        block.data_sets,
    )
    if data is None:
        return encoded
    other = _encoded(block, Coding(Method(INFLATED), None, [data]))
    return _fewest_bytes([encoded, other])


def encode_picture(
    rules: Rules, new_plan: NewPlan, data: bytes, data_set: "DataSet | None" = None
) -> bytes | None:
    """The fields of an embedded picture file, or of elements of a data set. None if the data are no
    picture file, or the fields are not smaller.
    """
    from bitsback.files import embedded

    found = embedded.split(data, data_set)
    if found is None:
        return None
    pixels, metadata = found
    rows = max(len(pixels) * _BAND // pixels.size, 1)
    starts = range(0, len(pixels), rows)
    bands = [Tiles.stacked(pixels[np.newaxis, start : start + rows]) for start in starts]
    plan, fields = new_plan(bands[0], frozenset()), varint(len(bands))
    for number, band in enumerate(bands):
        block = Uncoded(band, number, plan, rules.coder, None, False, planned=len(bands) == 1)
        payload = open_section(encode(block, rules).sections, BLOCK)
        fields += varint(len(payload)) + payload
    fields += varint(len(metadata)) + metadata
    return fields if len(fields) < len(zlib.compress(data)) else None


def _encode_decoded(block: Uncoded, behind: Sequence[JpegBehind], rules: Rules) -> Encoded:
    coding = as_decoded(block.tiles, behind)
    if coding is None:
        return _encode_pixels(block, rules)
    encoded = _encoded(block, coding)
    if rules.surprise * coding.cost < block.plan.rate * block.tiles.elements.size:
        return encoded  # in the trial the model took more bytes
    other = _encode_pixels(block, rules)
    return _fewest_bytes([encoded, other])


def _encode_pixels(block: Uncoded, rules: Rules) -> Encoded:
    tiles, plan, planned, new_plan = block.tiles, block.plan, block.planned, rules.new_plan
    tried = _by_plans(block, plan, split=new_plan is None)
    best = _best(tried)
    if new_plan is None or not tiles.elements.size:
        return best
    refused = frozenset[str]()
    while best.refused and plan.model is not None:
        refused, planned = refused | {plan.model.name}, True
        plan = new_plan(tiles, refused).settled
        tried = [*_by_plans(block, plan), *tried]
        best = _best(tried)
    if planned or _is_expected(block, best, rules.surprise):
        return best
    other = new_plan(tiles, refused).settled
    if not other.models or other.same_as(plan):
        return best
    return _best([*tried, *_by_plans(block, other)])


def _is_expected(block: Uncoded, encoded: Encoded, surprise: float) -> bool:
    """Whether a model has coded a block in about as many bytes as its plan promised."""
    tiles, plan, used = block.tiles, block.plan, next(iter(encoded.models), None)
    return (
        used is not None
        and (used.any_shape or (used.levels == 2) == (tiles.two_values is not None))
        and len(encoded.sections) <= surprise * plan.rate * tiles.elements.size + BLOCK_BYTES
        and not (plan.digits and tiles.value_range is not None)  # a value list may be smaller
    )


_Tried = tuple[float, Encoded]
"""A coding of a block, and its bytes divided by the share of other codings' that it may take."""


def _by_plans(block: Uncoded, plan: Plan, split: bool = False) -> list[_Tried]:
    """The codings of a block by a plan and its rivals."""
    found = []
    for one in (plan, *plan.rivals):
        encoded = _by_plan(block, one, split)
        found.append((len(encoded.sections) / (one.share if encoded.models else 1), encoded))
    return found


def _best(tried: Iterable[_Tried]) -> Encoded:
    return min(tried, key=lambda pair: pair[0])[1]


def _fewest_bytes(encodings: Iterable[Encoded]) -> Encoded:
    return min(encodings, key=lambda encoded: len(encoded.sections))


def _encoded(block: Uncoded, coding: Coding, codable: bool = False, refused: int = 0) -> Encoded:
    """codable: whether a model could code the tiles. refused: 1 if a reader would refuse that."""
    tiles = block.tiles
    whole = section(
        BLOCK,
        varint(block.first),
        pack_runs(runs_of(tiles, coding.value_map)),
        bytes([coding.method.pack()]),
        coding.prefix,
        *coding.data,
    )
    return Encoded(
        whole,
        ((tiles.count, len(whole), coding.method.number),),
        coding.models,
        int(codable and not coding.models),
        block.order_bits if coding.method.multiset and block.order_bits else 0,
        refused,
    )


def _by_plan(block: Uncoded, plan: Plan, split: bool) -> Encoded:
    """Encodes a block by its plan. split: in several parts if a reader would refuse it as one."""
    tiles, multiset = block.tiles, block.order_bits is not None
    found = smallest_coding(tiles, plan, block.coder, multiset, block.records)
    encoded = _encoded(block, found.coding, found.codable, int(found.refused > 0))
    if not split or not found.refused or multiset or tiles.count == 1:
        return encoded
    count = _parts(block, plan, found.refused)
    ends = [number * tiles.count // count for number in range(count + 1)]
    parts: list[Encoded] = []
    for start, end in pairwise(ends):
        parts.append(_by_plan(block.part(start, end), plan, split))
        if not parts[0].models:  # the model will hardly do better on the other parts
            return encoded
    return _fewest_bytes([encoded, _joined(parts)])


def _parts(block: Uncoded, plan: Plan, size: int) -> int:
    """The number of even parts to cut a block into, at most the number of tiles.

    A reader accepts the first part if it takes its share of `size` bytes.
    """
    tiles, parts = block.tiles.count, 1
    assert plan.model is not None
    while parts < tiles:
        parts = min(2 * parts, tiles)
        first = block.part(0, tiles // parts)
        trial = BlockPlan.for_model(plan.model, first.tiles, plan.layout, plan.invert)
        if trial is None or trial.affordable(size // parts):
            break
    return parts


def _joined(parts: Sequence[Encoded]) -> Encoded:
    return Encoded(
        b"".join(part.sections for part in parts),
        tuple(block for part in parts for block in part.blocks),
        tuple(dict.fromkeys(model for part in parts for model in part.models)),
        sum(part.outdone for part in parts),
        sum(part.order_bits for part in parts),
        sum(part.refused for part in parts),
    )


def smallest_coding(
    tiles: Tiles,
    plan: Plan,
    coder: Coder,
    multiset: bool = False,
    records: bool = False,
    digits: bool = False,
) -> SmallestCoding:
    """The smallest coding of tiles among those that a plan names.

    multiset: the order of the tiles does not matter. records: the tiles may have few values.
    digits: the tiles are digits of numbers.
    """
    trial = None
    if plan.model is not None and not (multiset and plan.layout > layouts.STACKS):
        trial = BlockPlan.for_model(plan.model, tiles, plan.layout, plan.invert)
    coding: Coding | None = None
    refused = 0
    if trial is not None:
        coding = by_model(trial, multiset)
        size = sum(map(len, coding.data))
        if not trial.affordable(size, multiset):
            coding, refused = None, size
    if coding is None or plan.contested or coding.cost >= least_size(tiles):
        pair = tiles.two_values
        if pair is not None and plan.invert:
            pair = pair[::-1]
        by_plan, codings = coding, [coding] if coding is not None else []
        if not digits:
            codings += by_streams(tiles, plan.jpeg_coder, plan.jpeg_tables)
        limit = min((coding.cost / plan.share for coding in codings), default=math.inf)
        codings = [*without_model(tiles, pair, coder, limit), *codings]
        if records:
            codings += by_adaptive(tiles)
        if plan.digits:
            codings += _by_digits(tiles, plan.digits, coder)
        coding = min(codings, key=lambda one: one.cost / (plan.share if one is by_plan else 1))
    return SmallestCoding(coding, trial is not None and not refused, refused)


def _by_digits(tiles: Tiles, plans: Sequence[Plan], coder: Coder) -> Iterator[Coding]:
    """Codings by the method digits. plans: one for each digit; the last also serves others."""
    if tiles.elements.size and tiles.two_values is None:
        cut, digits = cut_of(tiles.elements)
        codings = []
        for place, digit in enumerate(digits):
            plan = replace(digit_entry(plans, place), contested=True)
            digit_tiles = Tiles(digit, tiles.shapes)
            codings.append(smallest_coding(digit_tiles, plan, coder, digits=True).coding)
        yield coding_of_digits(tiles, cut, codings)
