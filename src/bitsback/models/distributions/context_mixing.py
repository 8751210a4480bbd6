"""Contexts that count binary decisions, and the mixers of their probabilities: the part that the
codecs `counted` and `predictive` of docs/model-format.md share.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from bitsback import tables
from bitsback.errors import ModelError
from bitsback.lazy import cached_property
from bitsback.models.distributions.context_terms import Term, TermReader, core_terms
from bitsback.models.integer import Network
from bitsback.models.integer.fields import Fields
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import CONTEXT

_MOST_LEVELS = 256
_MOST_FEATURES = 1024  # of a layer
_MACS_OF_SPLIT = 1 << 10
_MOST_SETS = 1 << 16
_ODDS = 16
"""Values of the odds by a network as a selector sees them."""
_FAILURES = 15
"""Values of how often candidates are wrong as a selector sees them."""
_COUNTS = 11
"""Values of a count of up to 1,023 as a selector sees it, its logarithm."""
_POINTS = 33
"""Entries of a probability map for each set of weights."""


@dataclass(frozen=True)
class Context:
    """What is known around a pixel, and how its probabilities adapt."""

    offset: int
    """In sixteenths. Its reciprocal is the rate of the first update."""
    limit: int
    """The limit of the count by which updates get smaller."""
    by_split: bool
    """Whether the splits of decisions stand for their nodes."""
    terms: tuple[Term, ...]

    @property
    def bits(self) -> int:
        return sum(term.bits for term in self.terms)


@dataclass(frozen=True)
class Mixer:
    """Sets of weights, of which `select` chooses one."""

    select: tuple[str | int | Term, ...]
    """Each is "node", "depth", "odds" (those by what stands beside), "failures" (of candidates), a
    term, or the number of a context, which stands for its count.
    """
    start: int
    rates: tuple[int, int]
    """The learning rates: that of new weights, and the least."""


@dataclass(frozen=True)
class Mixing:
    """Contexts, and the mixers of their probabilities."""

    table: int
    """The logarithm of the slots of a context, at most."""
    contexts: tuple[Context, ...]
    mixers: tuple[Mixer, ...]
    maps: tuple[int, int]
    """The weight of what the mixers say beside their probability maps, and the limit of the counts
    of these, or 0 without maps.
    """

    def core(self) -> dict[str, object]:
        """Fields of the core's distribution."""
        return {
            "table": self.table,
            "maps": self.maps,
            "contexts": [
                {
                    "offset": context.offset,
                    "limit": context.limit,
                    "by_split": context.by_split,
                    "terms": core_terms(context.terms),
                }
                for context in self.contexts
            ],
            "mixers": [
                {
                    "select": self._core_select(mixer.select),
                    "start": mixer.start,
                    "rates": mixer.rates,
                }
                for mixer in self.mixers
            ],
            "values": core_terms(self._values),
        }

    @cached_property
    def _values(self) -> tuple[Term, ...]:
        """The terms by which mixers are chosen."""
        return tuple(one for mixer in self.mixers for one in mixer.select if isinstance(one, Term))

    def _core_select(self, select: tuple[str | int | Term, ...]) -> list[tuple[str, int]]:
        """Kinds of selectors, and of which context or value."""
        return [
            ("value", self._values.index(one)) if isinstance(one, Term)
            else ("known", one) if isinstance(one, int)
            else (one, 0)
            for one in select
        ]  # fmt: skip

    def slots(self, decisions: int) -> int:
        """The slots of a context that has not one for each key, if so many decisions come."""
        return 1 << min(max((decisions - 1).bit_length(), 10), self.table)

    def memory_of(self, decisions: int, bits: int, nodes: int, features: int = 0) -> int:
        """bits: of a symbol. nodes: at which decisions are made. features: that mixers take."""
        slots = sum(
            (1 << context.bits) * nodes
            if context.bits + bits <= self.table and not context.by_split
            else self.slots(decisions)
            for context in self.contexts
        )
        sets = sum(_sets(mixer.select, bits) for mixer in self.mixers)
        entries = _POINTS if self.maps[1] else 0
        return 4 * slots + (2 * (2 * len(self.contexts) + 32 + features) + 4 * entries) * sets

    @property
    def summands(self) -> int:
        return sum(max(len(term.parts), 1) for context in self.contexts for term in context.terms)

    def macs_of_decision(self, features: int = 0) -> int:
        n, mapped = len(self.contexts), 8 if self.maps[1] else 0
        return 32 * n + 4 * len(self.mixers) * (2 * n + 1 + features + mapped)


@dataclass(frozen=True)
class CandidateMixing(Mixing):
    """Those of the decision whether a pixel is as its candidate."""

    memory: int
    """The context that remembers the symbols that came after its keys."""
    sure: int
    """Candidates with fewer failures are taken without contexts."""


Sites = tuple[tuple[int, int, int], ...]
"""Pixels near another one: planes before its own, rows below it, columns to its right."""


@dataclass(frozen=True)
class Flat:
    """What is counted in place of contexts where all pixels around are 0, for two levels."""

    around: Sites
    regions: tuple[Sites, ...]
    """Whether there is a 1 in each tells such pixels apart."""
    offset: int
    limit: int

    def core(self) -> dict[str, object]:
        """Fields of the core's distribution."""
        return asdict(self)

    @property
    def sites(self) -> int:
        return sum(map(len, (self.around, *self.regions)))


@dataclass(frozen=True)
class ContextMixing(Mixing):
    """Those of the decisions that make a symbol, by a tree."""

    levels: int
    lag: int
    """Columns that a row is coded behind the one above."""
    queues: int
    slot: tuple[int, int]
    """Bits of a probability and of a count; what is left of 32 tells keys from one another."""
    trust: int
    sure: int
    """Beside a network, the power of two from which on its odds are taken as they are; else 0."""
    quantiles: int
    """Beside a network, the decisions of a tree that follows its quantiles; else 0."""
    layer: str | None
    """Of a network beside, the one that mixers take with its inputs."""
    features: int
    """The number of both."""
    candidate: CandidateMixing | None
    predictors: tuple[Term, ...]
    """Those of which a blend stands beside the contexts, if there are any."""
    flat: Flat | None

    def fields(self, precision: int) -> dict[str, object]:
        """The fields of the core's distribution."""
        shared: dict[str, object] = {
            "levels": self.levels,
            "precision": precision,
            "lag": self.lag,
            "queues": self.queues,
            "sure": self.sure,
            "quantiles": self.quantiles,
            "slot": self.slot,
            "trust": self.trust,
            "predictors": [],
            "candidate": None,
            "memory": None,
            "flat": None,
        }
        fields = shared | self.core() | {"predictors": core_terms(self.predictors)}
        if self.flat:
            fields["flat"] = self.flat.core()
        fields |= {"stretch": tables.stretch(), "cdf": tables.logistic_cdf()}
        if self.candidate:
            first = self.candidate
            own = {"memory": first.memory, "sure": first.sure}
            fields["candidate"] = shared | first.core() | own
        return fields

    @property
    def decisions(self) -> int:
        """The number of binary decisions of a symbol."""
        return self.quantiles or (self.levels - 1).bit_length()

    def state_memory(self, elements: int) -> int:
        bits, first = self.decisions, self.candidate
        memory = self.memory_of(elements * bits, bits, (1 << bits) - 1, self.features)
        if first:
            memory += first.memory_of(elements, bits, 1 << bits)
            memory += 4 * first.slots(elements)
        return memory

    def memory(self, shape: ItemShape) -> int:
        at_once = min(shape.rows, (shape.columns - 1) // self._lag(shape) + 1)
        planes = (shape.planes + 1) * (shape.rows + 30) * (shape.columns + 30)
        if self.levels > _MOST_LEVELS:
            planes *= 2
        planes += self._errors * (at_once + 2) * (shape.columns + 30)
        of_pixel = 64 * self.decisions * (len(self.contexts) + 6) + 4 * self.features
        if self.candidate:
            of_pixel += 64 * (len(self.candidate.contexts) + 6)
        return planes + at_once * of_pixel

    def macs(self, shape: ItemShape) -> int:
        decisions = self.decisions
        times = shape.planes * (self._lag(shape) * (shape.rows - 1) + shape.columns)
        of_pixel = self.summands + decisions * self.macs_of_decision(self.features)
        of_pixel += self._macs_of_blend
        if self.quantiles:
            of_pixel += _MACS_OF_SPLIT * decisions
        if self.flat:
            of_pixel += self.flat.sites
        if self.candidate:
            decisions += 1
            of_pixel += self.candidate.summands + self.candidate.macs_of_decision()
        return shape.elements * of_pixel + 256 * decisions * times

    @property
    def _errors(self) -> int:
        """Bytes of a pixel for how wrong predictors are."""
        return 1 + len(self.predictors) if self.predictors else 0

    @property
    def _macs_of_blend(self) -> int:
        if not self.predictors:
            return 0
        summands = sum(len(term.parts) for term in self.predictors)
        return 4 * summands + 16 * len(self.predictors) + 32 * self.decisions

    def _lag(self, shape: ItemShape) -> int:
        return min(self.lag, shape.columns)


def read_mixing(
    fields: Fields, key: str, levels: int, lag: int, network: Network | None = None
) -> ContextMixing:
    """Reads the contexts and mixers of the distribution `key`. network: one that stands beside
    them. Raises ModelError.
    """
    beside = network is not None
    inputs = network.known[CONTEXT].channels if network else 0
    quantiles = fields.integer("quantiles", 1, 8) if beside and fields.has("quantiles") else 0
    if levels > _MOST_LEVELS and not quantiles:
        raise ModelError(f"{key}: contexts are counted for data of at most {_MOST_LEVELS} levels")
    queues = fields.integer("queues", 1, 256)
    table, trust = fields.integer("table", 10, 24), fields.integer("trust", 1, 255)
    sure = fields.integer("sure", 1, 28) if beside else 0
    probability_bits, count_bits = fields.integers("slot", 2, 4, 22)
    slot = probability_bits, count_bits
    if not (12 <= probability_bits <= 22 and count_bits <= 10 and sum(slot) <= 32):
        raise ModelError("a 'slot' has 12 to 22 bits of a probability and 4 to 10 of a count")
    guesses = fields.has("candidate") and not beside
    blends = fields.has("predictors") and not beside
    decisions = quantiles or (levels - 1).bit_length()
    is_flat = fields.has("flat") and not beside
    reader = TermReader(levels, decisions, lag, False, inputs, guesses, quantiles > 0)
    predictors = _read_predictors(fields, key, reader) if blends else ()
    most = (1 << count_bits) - 1
    candidate = _read_candidate(fields.object("candidate"), key, reader, most) if guesses else None
    reader = replace(reader, foresees=beside or blends)
    choices = ("node", "depth", *(["odds"] if reader.foresees else []))
    contexts, mixers, maps = _read_contexts(fields, key, reader, most, choices)
    layer, features = None, 0
    if network and fields.has("features"):
        layer = fields.text("features", *network.layers)
        values = network.known[layer]
        if values.low < 0 or values.high > 255 or values.channels > _MOST_FEATURES:
            raise ModelError(
                f"{key}: the layer {layer!r}, as features, has at most {_MOST_FEATURES:,} channels"
                " of a range in [0, 255]"
            )
        features = inputs + values.channels
    terms = [term for context in contexts for term in context.terms]
    terms += [one for mixer in mixers for one in mixer.select if isinstance(one, Term)]
    flat = _read_flat(fields.object("flat"), key, reader, most, terms) if is_flat else None
    return ContextMixing(
        table, contexts, mixers, maps, levels, lag, queues, slot, trust, sure, quantiles, layer,
        features, candidate, predictors, flat,
    )  # fmt: skip


def _read_predictors(fields: Fields, key: str, reader: TermReader) -> tuple[Term, ...]:
    if reader.lag < 2:
        raise ModelError(f"{key}: predictors are blended with a lag of 2 or more")
    predictors = tuple(map(reader.read, fields.items("predictors", range(1, 33))))
    for term in predictors:
        if term.kind != "sum" or term.steps or term.values > reader.levels:
            raise ModelError(
                f"{key}: a predictor is a sum, without steps, of at most {reader.levels} values"
            )
    return predictors


def _read_flat(fields: Fields, key: str, reader: TermReader, most: int, terms: list[Term]) -> Flat:
    plain = not reader.guesses and not reader.foresees and all(term.is_bit for term in terms)
    if reader.levels != 2 or not plain:
        raise ModelError(f"{key}: 'flat' is for two levels, in contexts of pixels as they are")

    def sites(entries: list[Any], name: str) -> Sites:
        if not 1 <= len(entries) <= 64:
            raise ModelError(f"{key}: {name} has 1 to 64 pixels, not {len(entries)}")
        return tuple(reader.site([*entry, 1], 1, 1)[:3] for entry in entries)

    around = sites(fields.items("around", range(1, 65)), "'around'")
    regions = tuple(sites(region, "a region") for region in fields.items("regions", range(9)))
    offset, limit = fields.integer("offset", 16, 255), fields.integer("limit", 1, most)
    fields.done()
    return Flat(around, regions, offset, limit)


def _read_candidate(fields: Fields, key: str, reader: TermReader, most: int) -> CandidateMixing:
    table, sure = fields.integer("table", 10, 24), fields.integer("sure", 0, _FAILURES)
    where = f"{key}.candidate"
    contexts, mixers, maps = _read_contexts(fields, where, reader, most, ("failures",))
    memory = fields.integer("memory", 0, len(contexts) - 1)
    fields.done()
    if any(term.needs_candidate for term in contexts[memory].terms):
        raise ModelError(f"{key}: a context that remembers candidates depends on none")
    return CandidateMixing(table, contexts, mixers, maps, memory, sure)


def _read_contexts(
    fields: Fields, key: str, reader: TermReader, most: int, choices: tuple[str, ...]
) -> tuple[tuple[Context, ...], tuple[Mixer, ...], tuple[int, int]]:
    """most: that counts can be. choices: names by which mixers may be chosen."""
    contexts = tuple(
        _read_context(Fields(entry, f"{key}.contexts[{i}]"), reader, most)
        for i, entry in enumerate(fields.items("contexts", range(1, 33)))
    )
    mixers = tuple(
        _read_mixer(Fields(entry, f"{key}.mixers[{i}]"), reader, len(contexts), choices)
        for i, entry in enumerate(fields.items("mixers", range(1, 5)))
    )
    return contexts, mixers, _read_maps(fields, key) if fields.has("maps") else (0, 0)


def _read_maps(fields: Fields, key: str) -> tuple[int, int]:
    weight, limit = fields.integers("maps", 2, 0, 1023)
    if weight > 16 or limit == 0:
        raise ModelError(f"{key}: 'maps' has a weight of 0 to 16 and a limit of 1 to 1,023")
    return weight, limit


def _read_context(fields: Fields, reader: TermReader, most: int) -> Context:
    offset, limit = fields.integer("offset", 16, 255), fields.integer("limit", 1, most)
    by_split = reader.splits and fields.text("node", "path", "split") == "split"
    terms = tuple(map(reader.read, fields.items("terms", range(65))))
    fields.done()
    context = Context(offset, limit, by_split, terms)
    if context.bits > 512:
        raise ModelError(f"the key of a context has at most 512 bits, not {context.bits}")
    return context


def _read_mixer(
    fields: Fields, reader: TermReader, contexts: int, choices: tuple[str, ...]
) -> Mixer:
    start = fields.integer("start", 0, (1 << 15) - 1)
    first, last = fields.integers("rates", 2, 1, 2047)
    if first < last:
        raise ModelError(f"'rates' of learning fall, and [{first}, {last}] do not")
    select: list[str | int | Term] = []
    for entry in fields.items("select", range(9)):
        if entry in choices:
            select.append(entry)
        elif isinstance(entry, dict) and "known" in entry:
            known = Fields(entry, "a selector")
            select.append(known.integer("known", 0, contexts - 1))
            known.done()
        else:
            select.append(reader.read(entry))
    fields.done()
    sets = _sets(tuple(select), reader.decisions)
    if sets > _MOST_SETS:
        raise ModelError(f"a mixer has at most {_MOST_SETS:,} sets of weights, not {sets:,}")
    return Mixer(tuple(select), start, (first, last))


def _sets(select: tuple[str | int | Term, ...], decisions: int) -> int:
    sets = 1
    for one in select:
        if isinstance(one, Term):
            sets *= one.values
        elif isinstance(one, int):
            sets *= _COUNTS
        else:
            sets *= {
                "node": 1 << decisions,
                "depth": decisions,
                "odds": _ODDS,
                "failures": _FAILURES,
            }[one]
    return sets
