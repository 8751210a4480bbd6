"""Context mixing for images of any size and up to 256 levels.

Each pixel is coded by binary decisions. Adaptive contexts estimate the probability of each
decision, and mixers combine the estimates in the logistic domain. Nothing is trained on other data.
Source: Mahoney 2005 (context mixing in PAQ); docs/model-format.md, for its integers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bitsback import _core, tables
from bitsback.errors import ModelError
from bitsback.models.distributions.adaptive_distribution import AdaptiveDistribution, Words
from bitsback.models.distributions.context_mixing import MOST_FAILURES, Mixing, read_mixing
from bitsback.models.distributions.context_terms import Term, TermReader
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.integer import Size
from bitsback.models.integer.fields import Fields
from bitsback.models.item_shape import ItemShape

_MOST_LEVELS = 256


@dataclass(frozen=True)
class Candidates:
    """The first decision of a pixel: whether it equals its candidate."""

    mixing: Mixing
    memory: int
    """The number of the context that stores the last symbol after each key."""
    sure: int
    """Candidates with fewer failures are coded without contexts."""


Sites = tuple[tuple[int, int, int], ...]
"""Neighbours of a pixel: planes before its own, rows below it, columns to its right."""


@dataclass(frozen=True)
class Flat:
    """The coding of pixels of two levels whose neighbours are all 0, without other contexts."""

    around: Sites
    regions: tuple[Sites, ...]
    """The regions of the context. It has one bit for each region: whether it contains a 1."""
    offset: int
    limit: int

    @property
    def sites(self) -> int:
        return sum(map(len, (self.around, *self.regions)))


@dataclass(frozen=True, eq=False, kw_only=True)
class CountedDistribution(AdaptiveDistribution):
    precision: int
    lag: int
    """The number of columns that the coding of a row stays behind the row above."""
    queues: int
    slot: tuple[int, int]
    """The bits of a probability and of a count. The other bits of 32 are a check of the key."""
    trust: int
    mixing: Mixing
    """The mixing of the decisions of a symbol, which form a binary tree."""
    candidates: Candidates | None
    predictors: tuple[Term, ...]
    """The predictors whose blend is an additional input of the mixers; may be empty."""
    flat: Flat | None

    def core(self, size: Size | None, numbers: Mapping[str, int]) -> _core.Distribution:
        return self._core_of(numbers[self.variable.name])

    def for_test(self, shape: ItemShape, words: Words, arithmetic: str) -> _core.Distribution:
        if shape.levels > self.variable.levels:
            raise ModelError("the items of the test have more levels than the data")
        return self._core_of(0)

    def _core_of(self, variable: int) -> _core.Distribution:
        shared: dict[str, object] = {
            "levels": self.variable.levels,
            "precision": self.precision,
            "lag": self.lag,
            "queues": self.queues,
            "slot": self.slot,
            "trust": self.trust,
            "predictors": [],
            "candidate": None,
            "memory": None,
            "sure": 0,
            "flat": None,
        }
        predictors = [asdict(term) for term in self.predictors]
        fields = shared | self.mixing.core() | {"predictors": predictors}
        if self.flat:
            fields["flat"] = asdict(self.flat)
        if first := self.candidates:
            own = {"memory": first.memory, "sure": first.sure}
            fields["candidate"] = shared | first.mixing.core() | own
        fields |= {"stretch": tables.stretch(), "cdf": tables.logistic_cdf()}
        return _core.distribution("counted", variable, **fields)

    @property
    def _decisions(self) -> int:
        """The number of binary decisions of a symbol."""
        return _decisions(self.variable.levels)

    def state_memory(self, elements: int) -> int:
        bits, first = self._decisions, self.candidates
        memory = self.mixing.memory(elements * bits, bits, (1 << bits) - 1)
        if first:
            memory += first.mixing.memory(elements, bits, 1 << bits)
            memory += 4 * first.mixing.slots(elements)
        return memory

    def memory(self, shape: ItemShape) -> int:
        at_once = min(shape.rows, (shape.columns - 1) // self._lag(shape) + 1)
        planes = (shape.planes + 1) * (shape.rows + 30) * (shape.columns + 30)
        planes += self._errors * (at_once + 2) * (shape.columns + 30)
        of_pixel = 64 * self._decisions * (len(self.mixing.contexts) + 6)
        if self.candidates:
            of_pixel += 64 * (len(self.candidates.mixing.contexts) + 6)
        return planes + at_once * of_pixel

    def macs(self, shape: ItemShape) -> int:
        decisions = self._decisions
        times = shape.planes * (self._lag(shape) * (shape.rows - 1) + shape.columns)
        of_pixel = self.mixing.summands + decisions * self.mixing.macs_of_decision
        of_pixel += self._macs_of_blend
        if self.flat:
            of_pixel += self.flat.sites
        if self.candidates:
            first = self.candidates.mixing
            decisions += 1
            of_pixel += first.summands + first.macs_of_decision
        return shape.elements * of_pixel + 256 * decisions * times

    @property
    def _errors(self) -> int:
        """The bytes per pixel for the errors of predictors."""
        return 1 + len(self.predictors) if self.predictors else 0

    @property
    def _macs_of_blend(self) -> int:
        if not self.predictors:
            return 0
        summands = sum(len(term.parts) for term in self.predictors)
        return 4 * summands + 16 * len(self.predictors) + 32 * self._decisions

    def _lag(self, shape: ItemShape) -> int:
        return min(self.lag, shape.columns)


def _decisions(levels: int) -> int:
    return (levels - 1).bit_length()


def read(source: DistributionEntry, codec: str) -> CountedDistribution:
    source.require_data_alone(codec)
    fields, levels = source.fields, source.variable.levels
    if levels > _MOST_LEVELS:
        raise ModelError(f"contexts are counted for data of at most {_MOST_LEVELS} levels")
    precision, lag = fields.integer("precision", 16, 24), fields.integer("lag", 1, 4096)
    queues, trust = fields.integer("queues", 1, 256), fields.integer("trust", 1, 255)
    probability_bits, count_bits = fields.integers("slot", 2, 4, 22)
    slot = probability_bits, count_bits
    if not (12 <= probability_bits <= 22 and count_bits <= 10 and sum(slot) <= 32):
        raise ModelError("a 'slot' has 12 to 22 bits of a probability and 4 to 10 of a count")
    most = (1 << count_bits) - 1
    guesses, blends = fields.has("candidate"), fields.has("predictors")
    reader = TermReader(levels, _decisions(levels), lag, False, guesses)
    predictors = _read_predictors(fields, reader) if blends else ()
    candidates = None
    if guesses:
        entry = fields.object("candidate")
        candidates = _read_candidates(entry, f"{source.key}.candidate", reader, most)
    reader = replace(reader, foresees=blends)
    choices = ("node", "depth", *(["odds"] if blends else []))
    mixing = read_mixing(fields, source.key, reader, most, choices)
    return CountedDistribution(
        variable=source.variable,
        precision=precision,
        lag=lag,
        queues=queues,
        slot=slot,
        trust=trust,
        mixing=mixing,
        candidates=candidates,
        predictors=predictors,
        flat=_read_flat(fields.object("flat"), reader, most, mixing)
        if fields.has("flat")
        else None,
    )


def _read_predictors(fields: Fields, reader: TermReader) -> tuple[Term, ...]:
    if reader.lag < 2:
        raise ModelError("predictors are blended with a lag of 2 or more")
    predictors = tuple(map(reader.read, fields.items("predictors", range(1, 33))))
    for term in predictors:
        if term.kind != "sum" or term.steps or term.values > reader.levels:
            raise ModelError(
                f"a predictor is a sum, without steps, of at most {reader.levels} values"
            )
    return predictors


def _read_flat(fields: Fields, reader: TermReader, most: int, mixing: Mixing) -> Flat:
    terms = [term for context in mixing.contexts for term in context.terms]
    plain = not reader.guesses and not reader.foresees
    if reader.levels != 2 or not plain or not all(t.is_bit for t in (*terms, *mixing.values)):
        raise ModelError("'flat' needs two levels, and contexts of unchanged pixels")

    def sites(entries: list[Any], name: str) -> Sites:
        if not 1 <= len(entries) <= 64:
            raise ModelError(f"{name} has 1 to 64 pixels, not {len(entries)}")
        return tuple(reader.site([*entry, 1], 1, 1)[:3] for entry in entries)

    around = sites(fields.items("around", range(1, 65)), "'around'")
    regions = tuple(sites(region, "a region") for region in fields.items("regions", range(9)))
    offset, limit = fields.integer("offset", 16, 255), fields.integer("limit", 1, most)
    fields.done()
    return Flat(around, regions, offset, limit)


def _read_candidates(fields: Fields, key: str, reader: TermReader, most: int) -> Candidates:
    sure = fields.integer("sure", 0, MOST_FAILURES)
    mixing = read_mixing(fields, key, reader, most, ("failures",))
    memory = fields.integer("memory", 0, len(mixing.contexts) - 1)
    fields.done()
    if any(term.needs_candidate for term in mixing.contexts[memory].terms):
        raise ModelError("a context that remembers candidates depends on none")
    return Candidates(mixing, memory, sure)
