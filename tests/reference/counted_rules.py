"""What a description says of the codec `counted`: contexts and mixers, and candidates."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from .planes import ItemShape
from .rules import check_integer, check_keys, check_list, check_pair, require
from .variables import Variable

ODDS = 16  # values of the odds by predictors
FAILURES = 15  # values of how often candidates fail
POINTS = 33  # of a probability map
KEYS = "codec precision lag queues table slot trust contexts mixers"

Look = Callable[[int, int, int], int]  # X(k, dr, dq)


@dataclass(frozen=True)
class Term:
    kind: str  # sum, equal, or a place: row, column, channel, prediction, unit, candidate
    parts: list[list[int]]  # of a sum, or of what may be equal: k, dr, dq, w
    shift: int
    low: int
    high: int
    steps: list[int]  # in place of the three before, if there are any

    @cached_property
    def count(self) -> int:
        return len(self.steps) + 1 if self.steps else self.high - self.low + 1

    @cached_property
    def bits(self) -> int:
        return (self.count - 1).bit_length()

    @property
    def is_bit(self) -> bool:
        """Whether it is a pixel of two levels as it is."""
        is_pixel = self.kind == "sum" and len(self.parts) == 1 and self.parts[0][3] == 1
        return is_pixel and (self.shift, self.low, self.high, self.steps) == (0, 0, 1, [])

    def value(self, look: Look, place: dict[str, int]) -> int:
        if self.kind == "sum":
            total = sum(w * look(k, dr, dq) for k, dr, dq, w in self.parts)
        elif self.kind == "equal":
            total = int(look(*self.parts[0][:3]) == place["candidate"])
        else:
            total = place[self.kind]
        if self.steps:
            return sum(step <= total for step in self.steps)
        return min(max(total >> self.shift, self.low), self.high) - self.low


class Selector(NamedTuple):
    kind: str  # node, depth, odds, failures, known or term
    count: int
    context: int = 0
    term: Term | None = None


@dataclass(frozen=True)
class Context:
    offset: int
    limit: int
    terms: list[Term]

    @cached_property
    def bits(self) -> int:
        return sum(term.bits for term in self.terms)

    @property
    def guessed(self) -> bool:
        """Whether it depends on the candidate."""
        return any(term.kind in ("candidate", "equal") for term in self.terms)


class Mixer(NamedTuple):
    select: list[Selector]
    start: int
    rates: tuple[int, int]

    @property
    def sets(self) -> int:
        sets = 1
        for one in self.select:
            sets *= one.count
        return sets


class Flat(NamedTuple):
    around: list[list[int]]  # k, dr, dq
    regions: list[list[list[int]]]
    offset: int
    limit: int


class CountedRules:
    """What a description says of contexts and mixers."""

    def __init__(self, about: dict[str, Any], x: Variable) -> None:
        check_keys(about, KEYS, "candidate flat predictors maps")
        require(x.levels <= 256, "at most 256 levels")
        self.precision = check_integer(about["precision"], 16, 24)
        self.lag = check_integer(about["lag"], 1, 4096)
        self.levels, self.decisions = x.levels, (x.levels - 1).bit_length()
        self.nodes = 2**self.decisions - 1
        self.guesses, self.blends = "candidate" in about, "predictors" in about
        self.queues = check_integer(about["queues"], 1, 256)
        self.table = check_integer(about["table"], 10, 24)
        self.p_bits, self.n_bits = check_pair(about["slot"], 4, 22)
        require(self.p_bits >= 12 and self.n_bits <= 10, "a probability, and a count")
        self.check_bits = 32 - self.p_bits - self.n_bits
        require(self.check_bits >= 0, "a slot has 32 bits")
        self.trust = check_integer(about["trust"], 1, 255)
        self.predictors = self.read_predictors(about["predictors"]) if self.blends else []
        self.contexts = [self.read_context(one) for one in check_list(about["contexts"], 1, 32)]
        self.mixers = [self.read_mixer(one) for one in check_list(about["mixers"], 1, 4)]
        self.maps = read_maps(about)
        self.candidate = CandidateRules(about["candidate"], self) if self.guesses else None
        self.flat = self.read_flat(about["flat"]) if "flat" in about else None

    def read_flat(self, about: Any) -> Flat:
        check_keys(about, "around regions offset limit")
        plain = not self.guesses and not self.blends
        require(self.levels == 2 and plain, "two levels, without candidates and predictors")
        terms = [term for context in self.contexts for term in context.terms]
        terms += [one.term for mixer in self.mixers for one in mixer.select if one.term]
        require(all(term.is_bit for term in terms), "pixels as they are")

        def sites(of: Any) -> list[list[int]]:
            return [
                self.read_place([*check_list(site, 3, 3), 1])[:3] for site in check_list(of, 1, 64)
            ]

        regions = [sites(of) for of in check_list(about["regions"], 0, 8)]
        offset = check_integer(about["offset"], 16, 255)
        limit = check_integer(about["limit"], 1, 2**self.n_bits - 1)
        return Flat(sites(about["around"]), regions, offset, limit)

    def read_predictors(self, about: Any) -> list[Term]:
        require(self.lag >= 2, "a pixel to the upper right is known")
        terms = [self.read_term(one) for one in check_list(about, 1, 32)]
        for term in terms:
            require(term.kind == "sum" and not term.steps, "a sum without steps")
            require(term.count <= self.levels, "as many values as levels, at most")
        return terms

    def read_context(self, about: Any) -> Context:
        check_keys(about, "offset limit terms")
        offset, limit = (
            check_integer(about["offset"], 16, 255),
            check_integer(about["limit"], 1, 2**self.n_bits - 1),
        )
        terms = [self.read_term(term) for term in check_list(about["terms"], 0, 64)]
        context = Context(offset, limit, terms)
        require(context.bits <= 512, "a key has at most 512 bits")
        return context

    def read_mixer(self, about: Any) -> Mixer:
        check_keys(about, "select start rates")
        select = [self.read_selector(one) for one in check_list(about["select"], 0, 8)]
        rates = check_pair(about["rates"], 1, 2047)
        require(rates[0] >= rates[1], "rates fall")
        mixer = Mixer(select, check_integer(about["start"], 0, 2**15 - 1), rates)
        require(mixer.sets <= 2**16, "a mixer has at most 2^16 sets")
        return mixer

    def read_selector(self, about: Any) -> Selector:
        if about == "node":
            return Selector("node", 2**self.decisions)
        if about == "depth":
            return Selector("depth", self.decisions)
        if about == "odds":
            require(self.blends, "odds by predictors")
            return Selector("odds", ODDS)
        return self.read_common_selector(about)

    def read_common_selector(self, about: Any) -> Selector:
        if type(about) is dict and set(about) == {"known"}:
            c = check_integer(about["known"], 0, len(self.contexts) - 1)
            return Selector("known", 11, context=c)
        term = self.read_term(about)
        return Selector("term", term.count, term=term)

    def read_term(self, about: Any) -> Term:
        if type(about) is list:
            *site, shift = self.read_place(about)
            shift = check_integer(shift, 0, 15)
            return Term("sum", [[*site, 1]], shift, 0, (self.levels - 1) >> shift, [])
        require(type(about) is dict, "a term is a list or an object")
        if "place" in about:
            check_keys(about, "place shift most")
            name, shift = about["place"], check_integer(about["shift"], 0, 15)
            foreseen = ["prediction", "unit"] * self.blends
            foreseen += ["candidate"] * self.guesses
            require(name in ("row", "column", "channel", *foreseen), "a place")
            return Term(name, [], shift, 0, check_integer(about["most"], 0, 65535), [])
        if "equal" in about:
            check_keys(about, "equal")
            require(self.guesses, "there is a candidate")
            site = self.read_place([*check_list(about["equal"], 3, 3), 1])
            return Term("equal", [site], 0, 0, 1, [])
        parts = [self.read_place(part) for part in check_list(about.get("sum"), 1, 16)]
        for *_, weight in parts:
            check_integer(weight, -64, 64)
        if "steps" in about:
            check_keys(about, "sum steps")
            steps = check_list(about["steps"], 1, 255)
            for step in steps:
                check_integer(step, -(2**20), 2**20)
            require(sorted(set(steps)) == steps, "steps rise")
            return Term("sum", parts, 0, 0, 0, steps)
        check_keys(about, "sum shift range")
        shift = check_integer(about["shift"], 0, 15)
        low, high = (check_integer(of, -(2**20), 2**20) for of in check_list(about["range"], 2, 2))
        require(0 <= high - low < 2**16, "a range of at most 2^16 numbers")
        return Term("sum", parts, shift, low, high, [])

    def read_place(self, about: Any) -> list[int]:
        place = check_list(about, 4, 4)
        k, dr, dq = check_integer(place[0], 0, 15), *(check_integer(d, -15, 15) for d in place[1:3])
        before = (dr < 0 and dq < -dr * self.lag) or (dr == 0 and dq < 0)
        require(k > 0 or before, "what is looked at comes before")
        return place

    def slots(self, elements: int) -> list[int]:
        """Of each context."""
        size = 2 ** self.size(elements * self.decisions)
        return [2**one.bits * self.nodes if self.direct(one) else size for one in self.contexts]

    def size(self, decisions: int) -> int:
        """The logarithm of the slots of a table."""
        return min(max((decisions - 1).bit_length(), 10), self.table)

    def direct(self, context: Context) -> bool:
        return context.bits + self.decisions <= self.table

    def state_memory(self, elements: int) -> int:
        sets = sum(mixer.sets for mixer in self.mixers)
        of_set = 2 * (2 * len(self.contexts) + 32) + (4 * POINTS if self.maps else 0)
        own = 4 * sum(self.slots(elements)) + of_set * sets
        return own + (self.candidate.state_memory(elements) if self.candidate else 0)

    def memory(self, shape: ItemShape) -> int:
        lag = min(self.lag, shape.columns)
        at_once = min(shape.rows, (shape.columns - 1) // lag + 1)
        planes = (shape.planes + 1) * (shape.rows + 30) * (shape.columns + 30)
        if self.blends:
            planes += (len(self.predictors) + 1) * (at_once + 2) * (shape.columns + 30)
        of_pixel = 2**6 * self.decisions * (len(self.contexts) + 6)
        if self.candidate:
            of_pixel += 2**6 * (len(self.candidate.contexts) + 6)
        return planes + at_once * of_pixel

    def macs(self, shape: ItemShape) -> int:
        lag, decisions = min(self.lag, shape.columns), self.decisions
        times = shape.planes * (lag * (shape.rows - 1) + shape.columns)
        of_pixel = self.summands + decisions * self.macs_of_decision
        if self.blends:
            of_pixel += 2**2 * sum(len(term.parts) for term in self.predictors)
            of_pixel += 2**4 * len(self.predictors) + 2**5 * decisions
        if self.flat:
            of_pixel += sum(map(len, [self.flat.around, *self.flat.regions]))
        if self.candidate:
            decisions += 1
            of_pixel += self.candidate.summands + self.candidate.macs_of_decision
        return shape.elements * of_pixel + 2**8 * decisions * times

    @property
    def summands(self) -> int:
        return sum(max(len(term.parts), 1) for one in self.contexts for term in one.terms)

    @property
    def macs_of_decision(self) -> int:
        n = len(self.contexts)
        mapped = 2**3 if self.maps else 0
        return 2**5 * n + 2**2 * len(self.mixers) * (2 * n + 1 + mapped)


class CandidateRules(CountedRules):
    """What a description says of candidates, and of the decision whether a pixel is as its own."""

    def __init__(self, about: Any, of: CountedRules) -> None:
        check_keys(about, "sure table memory contexts mixers", "maps")
        self.sure = check_integer(about["sure"], 0, FAILURES)
        self.levels, self.decisions, self.lag = of.levels, of.decisions, of.lag
        self.p_bits, self.n_bits, self.check_bits = of.p_bits, of.n_bits, of.check_bits
        self.trust, self.nodes = of.trust, 2**of.decisions
        self.blends, self.guesses = False, True
        self.candidate, self.flat = None, None
        self.predictors: list[Term] = []
        self.maps = read_maps(about)
        self.table = check_integer(about["table"], 10, 24)
        self.contexts = [self.read_context(one) for one in check_list(about["contexts"], 1, 32)]
        self.mixers = [self.read_mixer(one) for one in check_list(about["mixers"], 1, 4)]
        self.memory_of = check_integer(about["memory"], 0, len(self.contexts) - 1)
        require(not self.contexts[self.memory_of].guessed, "what is remembered is known before")

    def read_selector(self, about: Any) -> Selector:
        if about == "failures":
            return Selector("failures", FAILURES)
        return self.read_common_selector(about)

    def slots(self, elements: int) -> list[int]:
        size = 2 ** self.size(elements)
        return [2**one.bits * self.nodes if self.direct(one) else size for one in self.contexts]

    def state_memory(self, elements: int) -> int:
        return super().state_memory(elements) + 4 * 2 ** self.size(elements)


def read_maps(about: dict[str, Any]) -> tuple[int, int] | None:
    """The weight of mixers beside their maps, and the limit of counts."""
    if "maps" not in about:
        return None
    weight, limit = check_list(about["maps"], 2, 2)
    return check_integer(weight, 0, 16), check_integer(limit, 1, 1023)
