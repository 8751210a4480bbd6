"""Contexts that count binary decisions, and the mixers of their probabilities."""

from dataclasses import dataclass

from bitsback.errors import ModelError
from bitsback.lazy import cached_property
from bitsback.models.distributions.context_terms import Term, TermReader, core_terms
from bitsback.models.integer.fields import Fields

MOST_FAILURES = 15
_MOST_SETS = 1 << 16
_ODDS = 16
"""Values of the odds by a blend as a selector sees them."""
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
    terms: tuple[Term, ...]

    @property
    def bits(self) -> int:
        return sum(term.bits for term in self.terms)


@dataclass(frozen=True)
class Mixer:
    """Sets of weights, of which `select` chooses one."""

    select: tuple[str | int | Term, ...]
    """Each is "node", "depth", "odds" (those by a blend), "failures" (of candidates), a term, or
    the number of a context, which stands for its count.
    """
    start: int
    rates: tuple[int, int]
    """The learning rates: that of new weights, and the least."""

    def sets(self, decisions: int) -> int:
        """The number of its sets, for symbols of so many decisions."""
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
            "values": core_terms(self.values),
        }

    @cached_property
    def values(self) -> tuple[Term, ...]:
        """The terms by which mixers are chosen."""
        return tuple(one for mixer in self.mixers for one in mixer.select if isinstance(one, Term))

    def _core_select(self, select: tuple[str | int | Term, ...]) -> list[tuple[str, int]]:
        """Kinds of selectors, and of which context or value."""
        return [
            ("value", self.values.index(one)) if isinstance(one, Term)
            else ("known", one) if isinstance(one, int)
            else (one, 0)
            for one in select
        ]  # fmt: skip

    def slots(self, decisions: int) -> int:
        """The slots of a context that has not one for each key, if so many decisions come."""
        return 1 << min(max((decisions - 1).bit_length(), 10), self.table)

    def memory(self, decisions: int, bits: int, nodes: int) -> int:
        """bits: of a symbol. nodes: at which decisions are made."""
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
    """Reads the contexts and mixers of the object `key`. most: that counts can be. choices: names
    by which mixers may be chosen. Raises ModelError.
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
    mixer = Mixer(tuple(select), start, (first, last))
    if (sets := mixer.sets(reader.decisions)) > _MOST_SETS:
        raise ModelError(f"a mixer has at most {_MOST_SETS:,} sets of weights, not {sets:,}")
    return mixer
