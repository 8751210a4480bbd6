"""The codec `counted`: pixels as binary decisions, whose probabilities contexts count as the pixels
come and mixers put together in the logistic domain.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .codecs import COMPONENTS, TABLES, Array, Bernoulli
from .message import HIGH, Message
from .planes import ItemShape
from .rules import check_integer, check_keys, check_list, check_pair, require
from .variables import Variable

FACTOR = 0x9E3779B97F4A7C15
STRETCH = struct.unpack("<1408i", (TABLES / "stretch.bin").read_bytes())
TOGETHER = 4  # decisions whose slots lie near one another
ODDS = 16  # values of the odds by a network
KEYS = "queues table slot trust contexts mixers"

Look = Callable[[int, int, int], int]  # X(k, dr, dq)


class Term(NamedTuple):
    kind: str  # a sum, or a place: row, column, channel, prediction or unit
    parts: list[list[int]]  # of a sum: k, dr, dq, w
    shift: int
    low: int
    high: int
    steps: list[int]  # in place of the three before, if there are any

    @property
    def count(self) -> int:
        return len(self.steps) + 1 if self.steps else self.high - self.low + 1

    @property
    def bits(self) -> int:
        return (self.count - 1).bit_length()

    def value(self, look: Look, place: dict[str, int]) -> int:
        if self.kind == "sum":
            total = sum(w * look(k, dr, dq) for k, dr, dq, w in self.parts)
        else:
            total = place[self.kind]
        if self.steps:
            return sum(step <= total for step in self.steps)
        return min(max(total >> self.shift, self.low), self.high) - self.low


class Selector(NamedTuple):
    kind: str  # node, depth, odds, known or term
    count: int
    context: int = 0
    term: Term | None = None

    def value(self, node: int, counts: list[int], pixel: "Pixel", odds: int | None) -> int:
        if self.kind == "node":
            return node
        if self.kind == "depth":
            return len(pixel.bits)
        if self.kind == "known":
            return (counts[self.context] + 1).bit_length() - 1
        if self.kind == "odds":
            assert odds is not None
            return min(max((odds + 2**15) >> 12, 0), ODDS - 1)
        assert self.term is not None
        return pixel.value(self.term)


class Context(NamedTuple):
    offset: int
    limit: int
    terms: list[Term]

    @property
    def bits(self) -> int:
        return sum(term.bits for term in self.terms)


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


class CountedRules:
    """What a description says of contexts and mixers."""

    def __init__(
        self, about: dict[str, Any], x: Variable, precision: int, lag: int, beside: bool = False
    ) -> None:
        """beside: whether a network stands beside them."""
        require(x.levels <= 256, "at most 256 levels")
        self.levels, self.decisions = x.levels, (x.levels - 1).bit_length()
        self.precision, self.lag, self.beside = precision, lag, beside
        self.sure = check_integer(about["sure"], 1, 28) if beside else 0
        self.queues = check_integer(about["queues"], 1, 256)
        self.table = check_integer(about["table"], 10, 24)
        self.p_bits, self.n_bits = check_pair(about["slot"], 4, 22)
        require(self.p_bits >= 12 and self.n_bits <= 10, "a probability, and a count")
        self.check_bits = 32 - self.p_bits - self.n_bits
        require(self.check_bits >= 0, "a slot has 32 bits")
        self.trust = check_integer(about["trust"], 1, 255)
        self.contexts = [self.read_context(one) for one in check_list(about["contexts"], 1, 32)]
        self.mixers = [self.read_mixer(one) for one in check_list(about["mixers"], 1, 4)]

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
        mixer = Mixer(select, check_integer(about["start"], 0, 2**20), rates)
        require(mixer.sets <= 2**16, "a mixer has at most 2^16 sets")
        return mixer

    def read_selector(self, about: Any) -> Selector:
        if about == "node":
            return Selector("node", 2**self.decisions)
        if about == "depth":
            return Selector("depth", self.decisions)
        if about == "odds":
            require(self.beside, "the odds by a network")
            return Selector("odds", ODDS)
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
            foreseen = ("prediction", "unit") if self.beside else ()
            require(name in ("row", "column", "channel", *foreseen), "a place")
            return Term(name, [], shift, 0, check_integer(about["most"], 0, 65535), [])
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
        size = min(max((elements * self.decisions - 1).bit_length(), 10), self.table)
        return [
            2**one.bits * (2**self.decisions - 1) if self.direct(one) else 2**size
            for one in self.contexts
        ]

    def direct(self, context: Context) -> bool:
        return context.bits + self.decisions <= self.table

    def state_memory(self, elements: int) -> int:
        sets = sum(mixer.sets for mixer in self.mixers)
        return 4 * sum(self.slots(elements)) + 4 * (2 * len(self.contexts) + 8) * sets

    def memory(self, shape: ItemShape) -> int:
        lag = min(self.lag, shape.columns)
        at_once = min(shape.rows, (shape.columns - 1) // lag + 1)
        planes = (shape.planes + 1) * (shape.rows + 30) * (shape.columns + 30)
        return planes + at_once * 2**6 * self.decisions * (len(self.contexts) + 6)

    def macs(self, shape: ItemShape) -> int:
        n, lag = len(self.contexts), min(self.lag, shape.columns)
        summands = sum(max(len(term.parts), 1) for one in self.contexts for term in one.terms)
        of_decision = 2**5 * n + 2**2 * len(self.mixers) * (2 * n + 1)
        times = shape.planes * (lag * (shape.rows - 1) + shape.columns)
        of_pixel = summands + self.decisions * of_decision
        return shape.elements * of_pixel + 2**8 * self.decisions * times


def read_counted(about: dict[str, Any], x: Variable) -> CountedRules:
    """The codec `counted`."""
    check_keys(about, f"codec precision lag {KEYS}")
    precision, lag = check_integer(about["precision"], 16, 24), check_integer(about["lag"], 1, 4096)
    return CountedRules(about, x, precision, lag)


@dataclass
class Slot:
    bits: int
    p: int
    n: int = 0
    check: int = 0

    def learn(self, bit: int, of: Context) -> None:
        goal, margin = (2**self.bits - 1) * bit, max(2**self.bits // 2**17, 1)
        self.p += ((goal - self.p) * (2**20 // (16 * self.n + of.offset))) >> 16
        self.p = min(max(self.p, margin), 2**self.bits - margin)
        self.n = min(self.n + 1, of.limit)

    @property
    def q(self) -> int:
        """The probability in units of 2^-22."""
        return self.p << (22 - self.bits)


def stretch(q: int) -> int:
    a = min(q, 2**22 - q)
    lead = a.bit_length() - 1
    s = STRETCH[64 * lead + (a << 6 >> lead) - 64]
    return s if q > 2**21 else -s


def squash(t: int) -> int:
    table, _ = COMPONENTS["logistic"]
    j, f = divmod(t + 2**16, 64)
    return table[j] + ((table[j + 1] - table[j]) * f >> 6)


@dataclass
class Pixel:
    """A pixel of a step."""

    item: "Item"
    plane: int
    row: int
    column: int
    foreseen: dict[str, int] = field(default_factory=dict)  # by a network

    def begin(self, of: CountedRules) -> None:
        self.keys = [self.key(one, of.direct(one)) for one in of.contexts]
        self.bits: list[int] = []
        self.decisions: list[Decision | Sure | None] = []

    def value(self, term: Term) -> int:
        channel = self.plane % self.item.shape.channels
        place = {"row": self.row, "column": self.column, "channel": channel}
        return term.value(self.look, place | self.foreseen)

    def look(self, k: int, dr: int, dq: int) -> int:
        return self.item.known.get((self.plane - k, self.row + dr, self.column + dq), 0)

    def key(self, context: Context, direct: bool) -> int:
        words, filled = [0], 0
        for term in context.terms:
            if filled + term.bits > 64:
                words.append(0)
                filled = 0
            words[-1] = words[-1] << term.bits | self.value(term)
            filled += term.bits
        if direct:
            return words[0]
        key = 0
        for word in words:
            key = (key ^ word) * FACTOR % HIGH
            key ^= key >> 32
        return key

    def node(self, depth: int) -> int:
        node = 1
        for bit in self.bits[:depth]:
            node = 2 * node + bit
        return node

    def is_open(self, decisions: int) -> bool:
        return self.least(decisions, 2 * self.node(len(self.bits)) + 1) < self.item.shape.levels

    def least(self, decisions: int, node: int) -> int:
        """The least symbol below a node."""
        return (node << (decisions + 1 - node.bit_length())) - 2**decisions

    @property
    def symbol(self) -> int:
        return self.node(len(self.bits)) - 2 ** len(self.bits)


@dataclass
class Decision:
    """What a decision was predicted by, and as."""

    places: list[tuple[int, int]]  # the number of the slot of each context, and its check
    inputs: list[int]
    weights: list["Weights"]  # of each mixer
    outputs: list[int]

    @property
    def probability(self) -> int:
        """In units of 2^-28."""
        return squash(sum(self.outputs) // len(self.outputs))


@dataclass
class Sure:
    """A decision that is left to the network."""

    probability: int


@dataclass
class Weights:
    """A set."""

    w: list[int]
    uses: int = 0

    def learn(self, inputs: list[int], error: int, rates: tuple[int, int]) -> None:
        rate = max(16 * rates[0] // (16 + self.uses), rates[1])
        self.uses += 1
        for j, i in enumerate(inputs):
            self.w[j] += (i * (error * rate >> 8) + 2**31) >> 32
            self.w[j] = min(max(self.w[j], -(2**24)), 2**24)


class State:
    """What is learned."""

    def __init__(self, of: CountedRules, elements: int) -> None:
        self.of, self.sizes = of, of.slots(elements)
        self.tables: list[dict[int, Slot]] = [{} for _ in of.contexts]
        self.weights: list[dict[int, Weights]] = [{} for _ in of.mixers]

    def place(self, c: int, key: int, node: int, first: int, depth: int) -> tuple[int, int]:
        """The number of a slot, and what must be its check."""
        check = 0
        if self.of.direct(self.of.contexts[c]):
            number = key * (2**self.of.decisions - 1) + node - 1
        else:
            line = (key ^ first) * FACTOR % HIGH
            number = line // (HIGH // self.sizes[c])
            number ^= 2 ** (depth % TOGETHER) + node % 2 ** (depth % TOGETHER)
            check = line // 2**20 % 2**self.of.check_bits
        assert number < self.sizes[c]
        return number, check

    def slot(self, c: int, place: tuple[int, int]) -> Slot:
        """What the slot has of this key; another's is none."""
        number, check = place
        found = self.tables[c].get(number)
        if found is None or found.check != check:
            return Slot(self.of.p_bits, 2 ** (self.of.p_bits - 1), 0, check)
        return found

    def predict(self, pixel: Pixel, odds: int | None = None) -> Decision:
        """odds: those by a network, in units of 2^-12."""
        depth = len(pixel.bits)
        node, first = pixel.node(depth), pixel.node(depth - depth % TOGETHER)
        places = [self.place(c, key, node, first, depth) for c, key in enumerate(pixel.keys)]
        slots = [self.slot(c, place) for c, place in enumerate(places)]
        inputs = []
        for slot in slots:
            inputs.append(stretch(slot.q) if slot.n else 0)
            inputs.append((slot.q - 2**21) * min(slot.n, self.of.trust) >> 13)
        inputs.append(2**8)
        if odds is not None:
            inputs.append(odds)
        found = Decision(places, inputs, [], [])
        for mixer, sets in zip(self.of.mixers, self.weights, strict=True):
            number = 0
            for one in mixer.select:
                value = one.value(node, [slot.n for slot in slots], pixel, odds)
                assert 0 <= value < one.count
                number = number * one.count + value
            start = [mixer.start, 0] * len(slots) + [0, 2**16][: 1 if odds is None else 2]
            weights = sets.setdefault(number, Weights(start))
            t = sum(w * i for w, i in zip(weights.w, inputs, strict=True)) >> 16
            found.weights.append(weights)
            found.outputs.append(min(max(t, -(2**16)), 2**16 - 1))
        return found

    def learn(self, of: Decision, bit: int) -> None:
        for mixer, weights, t in zip(self.of.mixers, of.weights, of.outputs, strict=True):
            weights.learn(of.inputs, 2**28 * bit - squash(t), mixer.rates)
        for c, (place, context) in enumerate(zip(of.places, self.of.contexts, strict=True)):
            slot = self.tables[c][place[0]] = self.slot(c, place)
            slot.learn(bit, context)


class Item:
    def __init__(self, of: CountedRules, shape: ItemShape, first: int) -> None:
        self.of, self.shape, self.first = of, shape, first
        self.known: dict[tuple[int, int, int], int] = {}  # by plane, row and column
        self.lag = min(of.lag, shape.columns)
        self.times = self.lag * (shape.rows - 1) + shape.columns  # of a plane

    @property
    def end(self) -> int:
        return self.shape.planes * self.times

    def pixels(self, time: int) -> Iterator[Pixel]:
        plane, since = divmod(time, self.times)
        for row in range(self.shape.rows):
            if 0 <= since - self.lag * row < self.shape.columns:
                yield Pixel(self, plane, row, since - self.lag * row)

    def element(self, pixel: Pixel) -> int:
        return self.first + self.shape.element(pixel.plane, pixel.row, pixel.column)


Code = Callable[[Array, list[Pixel], int], list[int]]
"""Codes the decisions at a depth of some pixels, and gives their bits."""


@dataclass
class CountedCodec:
    """A codec of a batch of items: a flat list of their elements, one item after the other, each
    [slices, rows, columns, channels].
    """

    of: CountedRules
    shapes: Sequence[ItemShape]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        arrays: list[tuple[Array, list[int]]] = []

        def code(array: Array, pixels: list[Pixel], depth: int) -> list[int]:
            known = [symbols[pixel.item.element(pixel)] for pixel in pixels]
            bits = [symbol >> (self.of.decisions - 1 - depth) & 1 for symbol in known]
            arrays.append((array, bits))
            return bits

        self.run(code)
        for array, bits in reversed(arrays):
            array.push(message, bits)

    def pop(self, message: Message) -> list[int]:
        items = self.run(lambda array, pixels, depth: array.pop(message))
        symbols = [0] * sum(shape.elements for shape in self.shapes)
        for item in items:
            for (plane, row, column), symbol in item.known.items():
                symbols[item.first + item.shape.element(plane, row, column)] = symbol
        return symbols

    def run(self, code: Code) -> list[Item]:
        """Goes through all steps."""
        items, first = [], 0
        for shape in self.shapes:
            items.append(Item(self.of, shape, first))
            first += shape.elements
        state = State(self.of, first)
        for pixels in self.steps(items):
            self.foresee(pixels)
            for pixel in pixels:
                pixel.begin(self.of)
            for depth in range(self.of.decisions):
                is_open = [pixel.is_open(self.of.decisions) for pixel in pixels]
                some = [pixel for pixel, one in zip(pixels, is_open, strict=True) if one]
                found = [self.predict(state, pixel) for pixel in some]
                bits = code(Array([self.interval(one) for one in found]), some, depth)
                decided = iter(zip(found, bits, strict=True))
                for pixel, one in zip(pixels, is_open, strict=True):
                    decision, bit = next(decided) if one else (None, 0)
                    pixel.bits.append(bit)
                    pixel.decisions.append(decision)
            for pixel in pixels:
                for decision, bit in zip(pixel.decisions, pixel.bits, strict=True):
                    if isinstance(decision, Decision):
                        state.learn(decision, bit)
                pixel.item.known[pixel.plane, pixel.row, pixel.column] = pixel.symbol
            self.learn(pixels)
        return items

    def foresee(self, pixels: list[Pixel]) -> None:
        """What a network makes of the pixels of a step."""

    def predict(self, state: State, pixel: Pixel) -> Decision | Sure:
        return state.predict(pixel)

    def learn(self, pixels: list[Pixel]) -> None:
        """What a network makes of the symbols of a step."""

    def steps(self, items: list[Item]) -> Iterator[list[Pixel]]:
        waiting = list(items)
        running: list[tuple[Item, int]] = []  # with the times at which they begin
        time = 0
        while waiting or running:
            while waiting and len(running) < self.of.queues:
                running.append((waiting.pop(0), time))
            step = [pixel for item, start in running for pixel in item.pixels(time - start)]
            if step:
                yield step
            time += 1
            running = [(item, start) for item, start in running if time - start < item.end]

    def interval(self, of: Decision | Sure) -> Bernoulli:
        r = self.of.precision
        return Bernoulli(min(max(of.probability >> (28 - r), 1), 2**r - 1), r)
