"""Adaptive contexts of binary decisions, and the mixers of their probabilities."""

from dataclasses import asdict, dataclass

from bitsback.errors import ModelError
from bitsback.lazy import cached_property
from bitsback.models.distributions.context_terms import Term, TermReader
from bitsback.models.integer.fields import Fields

MOST_FAILURES = 15
_MOST_SETS = 1 << 16
_ODDS = 16
"""The number of values of a blend's odds in a selector."""
_COUNTS = 11
"""The number of values of a count in a selector: the logarithm of at most 1,023."""
_POINTS = 33
"""The number of entries of a probability map for each set of weights."""


@dataclass(frozen=True)
class Context:
    """A context: the terms of its key, and how fast its probabilities adapt."""

    offset: int
    """Its reciprocal is the rate of the first update. In sixteenths."""
    limit: int
    """The limit of the count. The rate of updates falls with the count."""
    terms: tuple[Term, ...]

    @cached_property
    def bits(self) -> int:
        return sum(term.bits for term in self.terms)


@dataclass(frozen=True)
class Mixer:
    """Sets of weights. The selectors choose one set for each decision."""

    select: tuple[str | int | Term, ...]
    """The selectors.

    Each is "node", "depth", "odds" (of the blend), "failures" (of candidates), a term, or the
    number of a context, whose count it takes.
    """
    start: int
    rates: tuple[int, int]
    """The learning rate of new weights, and the least rate."""

    def sets(self, decisions: int) -> int:
        """The number of its sets, for symbols of `decisions` binary decisions."""
        named = {
            "node": 1 << decisions,
            "depth": decisions,
            "odds": _ODDS,
            "failures": MOST_FAILURES,
        }
        sets = 1
        for one in self.select:
            if isinstance(one, Term):
                sets *= one.values
            else:
                sets *= _COUNTS if isinstance(one, int) else named[one]
        return sets


@dataclass(frozen=True)
class Mixing:
    """Contexts, and the mixers of their probabilities."""

    table: int
    """The greatest log2 of the number of slots of a context."""
    contexts: tuple[Context, ...]
    mixers: tuple[Mixer, ...]
    maps: tuple[int, int]
    """The weight of the mixed probability beside the probability map's, and the limit of the map's
    counts. The limit is 0 without maps.
    """

    def core(self) -> dict[str, object]:
        """The arguments for the core's distribution."""
        return {
            "table": self.table,
            "maps": self.maps,
            "contexts": [asdict(context) for context in self.contexts],
            "mixers": [
                asdict(mixer) | {"select": self._core_select(mixer.select)} for mixer in self.mixers
            ],
            "values": [asdict(term) for term in self.values],
        }

    @cached_property
    def values(self) -> tuple[Term, ...]:
        """The terms among the selectors."""
        return tuple(one for mixer in self.mixers for one in mixer.select if isinstance(one, Term))

    def _core_select(self, select: tuple[str | int | Term, ...]) -> list[tuple[str, int]]:
        """The selectors as pairs (kind, number of the context or value)."""
        return [
            ("value", self.values.index(one)) if isinstance(one, Term)
            else ("known", one) if isinstance(one, int)
            else (one, 0)
            for one in select
        ]  # fmt: skip

    def slots(self, decisions: int) -> int:
        """The number of slots of a hashed context, for `decisions` binary decisions in total."""
        return 1 << min(max((decisions - 1).bit_length(), 10), self.table)

    def memory(self, decisions: int, bits: int, nodes: int) -> int:
        """The bytes of memory. bits: of a symbol. nodes: the number of nodes with decisions."""
        slots = sum(
            (1 << context.bits) * nodes
            if context.bits + bits <= self.table
            else self.slots(decisions)
            for context in self.contexts
        )
        sets = sum(mixer.sets(bits) for mixer in self.mixers)
        entries = _POINTS if self.maps[1] else 0
        return 4 * slots + (2 * (2 * len(self.contexts) + 32) + 4 * entries) * sets

    @property
    def summands(self) -> int:
        return sum(max(len(term.parts), 1) for context in self.contexts for term in context.terms)

    @property
    def macs_of_decision(self) -> int:
        n, mapped = len(self.contexts), 8 if self.maps[1] else 0
        return 32 * n + 4 * len(self.mixers) * (2 * n + 1 + mapped)


def read_mixing(
    fields: Fields, key: str, reader: TermReader, most: int, choices: tuple[str, ...]
) -> Mixing:
    """Reads the contexts and mixers of the object `key`.

    most: the greatest count of a slot. choices: the names that selectors may have. Raises
    ModelError.
    """
    table = fields.integer("table", 10, 24)
    contexts = tuple(
        _read_context(Fields(entry, f"{key}.contexts[{i}]"), reader, most)
        for i, entry in enumerate(fields.items("contexts", range(1, 33)))
    )
    mixers = tuple(
        _read_mixer(Fields(entry, f"{key}.mixers[{i}]"), reader, len(contexts), choices)
        for i, entry in enumerate(fields.items("mixers", range(1, 5)))
    )
    maps = _read_maps(fields) if fields.has("maps") else (0, 0)
    return Mixing(table, contexts, mixers, maps)


def _read_maps(fields: Fields) -> tuple[int, int]:
    weight, limit = fields.integers("maps", 2, 0, 1023)
    if weight > 16 or limit == 0:
        raise ModelError("'maps' has a weight of 0 to 16 and a limit of 1 to 1,023")
    return weight, limit


def _read_context(fields: Fields, reader: TermReader, most: int) -> Context:
    offset, limit = fields.integer("offset", 16, 255), fields.integer("limit", 1, most)
    terms = tuple(map(reader.read, fields.items("terms", range(65))))
    fields.done()
    context = Context(offset, limit, terms)
    if context.bits > 512:
        raise ModelError(f"the key of a context has at most 512 bits, not {context.bits}")
    return context


def _read_mixer(
    fields: Fields, reader: TermReader, contexts: int, choices: tuple[str, ...]
) -> Mixer:
    start = fields.integer("start", 0, (1 << 15) - 1)
    first, last = fields.integers("rates", 2, 1, 2047)
    if first < last:
        raise ModelError(f"'rates' must not rise, and [{first}, {last}] do")
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
    mixer = Mixer(tuple(select), start, (first, last))
    if (sets := mixer.sets(reader.decisions)) > _MOST_SETS:
        raise ModelError(f"a mixer has at most {_MOST_SETS:,} sets of weights, not {sets:,}")
    return mixer
