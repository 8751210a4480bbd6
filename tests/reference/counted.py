"""The codec `counted`: pixels as binary decisions, whose probabilities contexts count as the pixels
come and mixers put together in the logistic domain.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .blending import Blend, Blended
from .candidates import FACTOR, Memory, Recalled
from .codecs import COMPONENTS, TABLES, Array, Bernoulli
from .counted_rules import (
    FAILURES,
    ODDS,
    POINTS,
    CandidateRules,
    Context,
    CountedRules,
    Look,
    Selector,
    Term,
)
from .message import HIGH, Message
from .planes import ItemShape

Integers = NDArray[np.int64]
STRETCH = struct.unpack("<1408i", (TABLES / "stretch.bin").read_bytes())
TOGETHER = 4  # decisions whose slots lie near one another


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

    def __post_init__(self) -> None:
        self.bits: list[int] = []
        self.decisions: list[Decision | Sure | FlatDecision | None] = []
        self.candidate, self.failures = -1, 0
        self.tree_keys: list[int] = []
        self.guess: Decision | Sure | None = None  # whether it is as its candidate
        self.recalled = Recalled(0, 0, 0, 0)
        self.blended: Blended | None = None

    @property
    def channel(self) -> int:
        return self.plane % self.item.shape.channels

    def keys(self, of: CountedRules) -> list[int]:
        """Those of the tree stay the same for all of its decisions."""
        if isinstance(of, CandidateRules):
            return [self.key(one, of.direct(one)) for one in of.contexts]
        if not self.tree_keys:
            self.tree_keys = [self.key(one, of.direct(one)) for one in of.contexts]
        return self.tree_keys

    def value(self, term: Term) -> int:
        place = {"row": self.row, "column": self.column, "channel": self.channel}
        place["candidate"] = self.candidate
        if self.blended:
            place["prediction"] = self.blended.prediction >> 4
            place["unit"] = self.blended.unit
        return term.value(self.look, place)

    def look(self, k: int, dr: int, dq: int) -> int:
        return self.item.known.get((self.plane - k, self.row + dr, self.column + dq), 0)

    def around(self, dr: int, dq: int) -> tuple[int, Look] | None:
        """The symbol of a pixel of the plane, and what is around it."""
        symbol = self.item.known.get((self.plane, self.row + dr, self.column + dq))
        look = Pixel(self.item, self.plane, self.row + dr, self.column + dq).look
        return None if symbol is None else (symbol, look)

    def key(self, context: Context, direct: bool) -> int:
        words, filled = [0], 0
        for term in context.terms:
            bits = term.bits
            if filled + bits > 64:
                words.append(0)
                filled = 0
            words[-1] = words[-1] << bits | self.value(term)
            filled += bits
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

    def choices(self, decisions: int) -> list[int]:
        """The bits that the next decision can have: those of symbols that there are, but for a
        candidate that it is not.
        """
        node, half = self.node(len(self.bits)), 2 ** (decisions - 1 - len(self.bits))
        halves = [self.least(decisions, 2 * node + bit) for bit in (0, 1)]
        symbols = [range(first, min(first + half, self.item.shape.levels)) for first in halves]
        return [bit for bit in (0, 1) if any(x != self.candidate for x in symbols[bit])]

    def least(self, decisions: int, node: int) -> int:
        """The least symbol below a node."""
        return (node << (decisions + 1 - node.bit_length())) - 2**decisions

    @property
    def symbol(self) -> int:
        return self.node(len(self.bits)) - 2 ** len(self.bits)

    def hit(self, decisions: int) -> None:
        """It is as its candidate: there are bits without decisions."""
        self.bits = [self.candidate >> d & 1 for d in reversed(range(decisions))]


def value_of(one: Selector, node: int, counts: list[int], pixel: Pixel, odds: int | None) -> int:
    """What a selector sees."""
    if one.kind == "node":
        return node
    if one.kind == "depth":
        return len(pixel.bits)
    if one.kind == "known":
        return (counts[one.context] + 1).bit_length() - 1
    if one.kind == "odds":
        assert odds is not None
        return min(max((odds + 2**14) >> 11, 0), ODDS - 1)
    if one.kind == "failures":
        return pixel.failures
    assert one.term is not None
    return pixel.value(one.term)


@dataclass
class Decision:
    """What a decision was predicted by, and as."""

    places: list[tuple[int, int]]  # the number of the slot of each context, and its check
    inputs: Integers
    weights: list["Weights"]  # of each mixer
    outputs: list[int]
    probability: int = 0  # in units of 2^-28
    mapped: list["Mapped"] = field(default_factory=list)  # by the map of each mixer


@dataclass
class Mapped:
    """What has become of decisions with such odds, in units of 2^-22."""

    r: int
    n: int = 0

    def learn(self, bit: int, limit: int) -> None:
        goal = (2**22 - 1) * bit
        self.r += ((goal - self.r) * (2**17 // (2 * self.n + 3))) >> 16
        self.r = min(max(self.r, 16), 2**22 - 16)
        self.n = min(self.n + 1, limit)


@dataclass
class Sure:
    """A decision that is left to how often candidates are wrong."""

    probability: int


@dataclass
class FlatDecision:
    """A decision where all around is 0."""

    slot: Slot

    @property
    def probability(self) -> int:
        return self.slot.p << (28 - self.slot.bits)


@dataclass
class Weights:
    """A set."""

    w: Integers
    uses: int = 0

    def learn(self, inputs: Integers, error: int, rates: tuple[int, int], half: int = 16) -> None:
        """half: the uses after which the rate is half of the first one."""
        rate = max(half * rates[0] // (half + self.uses), rates[1])
        self.uses += 1
        change = (inputs * ((error * rate + 2**25) >> 26) + 2**14) >> 15
        self.w = np.minimum(np.maximum(self.w + change, -(2**15 - 1)), 2**15 - 1)


class State:
    """What is learned."""

    def __init__(self, of: CountedRules, elements: int) -> None:
        self.of, self.sizes = of, of.slots(elements)
        self.tables: list[dict[int, Slot]] = [{} for _ in of.contexts]
        count = 2 ** len(of.flat.regions) if of.flat else 0
        self.flat = [Slot(of.p_bits, 2 ** (of.p_bits - 1)) for _ in range(count)]
        self.weights: list[dict[int, Weights]] = [{} for _ in of.mixers]
        self.maps: list[dict[int, list[Mapped]]] = [{} for _ in of.mixers]

    def place(self, c: int, key: int, node: int, first: int, depth: int) -> tuple[int, int]:
        """The number of a slot, and what must be its check. first: the node of the first decision
        whose slots lie near, and depth: the decisions from there.
        """
        check = 0
        if self.of.direct(self.of.contexts[c]):
            number = key * self.of.nodes + node - 1
        else:
            line = (key ^ first) * FACTOR % HIGH
            number = line // (HIGH // self.sizes[c])
            number ^= 2**depth + node % 2**depth
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
        """odds: those by predictors, in units of 2^-11."""
        depth = len(pixel.bits)
        keys = pixel.keys(self.of)
        within = depth % TOGETHER
        node, first = pixel.node(depth), pixel.node(depth - within)
        if isinstance(self.of, CandidateRules):
            node = first = 1 + pixel.candidate
        places = [self.place(c, key, node, first, within) for c, key in enumerate(keys)]
        slots = [self.slot(c, place) for c, place in enumerate(places)]
        inputs = []
        for slot in slots:
            inputs.append(stretch(slot.q))
            inputs.append((slot.q - 2**21) * min(slot.n, self.of.trust) >> 14)
        inputs.append(2**7)
        if odds is not None:
            inputs.append(odds)
        found, numbers = Decision(places, np.array(inputs, np.int64), [], []), []
        for mixer, sets in zip(self.of.mixers, self.weights, strict=True):
            number = 0
            for one in mixer.select:
                value = value_of(one, node, [slot.n for slot in slots], pixel, odds)
                assert 0 <= value < one.count
                number = number * one.count + value
            start = [mixer.start, 0] * len(slots) + [0, mixer.start][: 1 if odds is None else 2]
            weights = sets.setdefault(number, Weights(np.array(start, np.int64)))
            t = int(weights.w @ found.inputs) >> 13
            found.weights.append(weights)
            found.outputs.append(min(max(t, -(2**16)), 2**16 - 1))
            numbers.append(number)
        self.map(found, numbers)
        return found

    def map(self, found: Decision, numbers: list[int]) -> None:
        """Gives a decision its probability. numbers: of the sets of the mixers."""
        t = sum(found.outputs) // len(found.outputs)
        found.probability = squash(t)
        if self.of.maps is None:
            return
        j, f = divmod(min(max(t, -(2**15)), 2**15 - 1) + 2**15, 2**11)
        total = self.of.maps[0] * found.probability
        for maps, number in zip(self.maps, numbers, strict=True):
            if number not in maps:
                maps[number] = [Mapped(squash(2**11 * (i - 16)) >> 6) for i in range(POINTS)]
            entries = maps[number]
            total += (entries[j].r * (2**11 - f) + entries[j + 1].r * f) // 2**11 * 2**6
            found.mapped.append(entries[j + (f >= 2**10)])
        found.probability = total // (self.of.maps[0] + len(numbers))

    def learn(self, of: Decision | FlatDecision, bit: int) -> None:
        if isinstance(of, FlatDecision):
            assert self.of.flat
            of.slot.learn(bit, Context(self.of.flat.offset, self.of.flat.limit, []))
            return
        for mixer, weights, t in zip(self.of.mixers, of.weights, of.outputs, strict=True):
            weights.learn(of.inputs, 2**28 * bit - squash(t), mixer.rates)
        for entry in of.mapped:
            assert self.of.maps
            entry.learn(bit, self.of.maps[1])
        for c, (place, context) in enumerate(zip(of.places, self.of.contexts, strict=True)):
            slot = self.tables[c][place[0]] = self.slot(c, place)
            slot.learn(bit, context)


class Guesses:
    """What is learned of candidates, and of whether pixels are as theirs."""

    def __init__(self, of: CandidateRules, elements: int) -> None:
        self.of, self.state = of, State(of, elements)
        self.memory = Memory(of.size(elements))
        self.counts = [[0, 0] for _ in range(of.sure)]  # of what is sure, and of those wrong

    def begin(self, pixels: list[Pixel]) -> list[Pixel]:
        """Finds candidates, and gives the pixels that have some."""
        return [pixel for pixel in pixels if self.find(pixel)]

    def find(self, pixel: Pixel) -> bool:
        key = pixel.keys(self.of)[self.of.memory_of]  # the same for every candidate
        pixel.recalled = self.memory.recall(key)
        pixel.failures = self.memory.failures(pixel.recalled)
        is_likely = pixel.recalled.confidence > 0 and pixel.failures < FAILURES
        exists = is_likely and pixel.recalled.symbol < pixel.item.shape.levels
        pixel.candidate = pixel.recalled.symbol if exists else self.of.levels
        return exists

    def predict(self, pixel: Pixel) -> Decision | Sure:
        if pixel.failures < self.of.sure:
            many, wrong = self.counts[pixel.failures]
            pixel.guess = Sure(2**28 - 2**28 * (2 * wrong + 1) // (2 * many + 2**13))
        else:
            pixel.guess = self.state.predict(pixel)
        return pixel.guess

    def learn(self, pixel: Pixel) -> None:
        is_hit = pixel.symbol == pixel.candidate
        if isinstance(pixel.guess, Decision):
            self.state.learn(pixel.guess, int(is_hit))
        elif pixel.guess:
            self.counts[pixel.failures][0] += 1
            self.counts[pixel.failures][1] += not is_hit
        self.memory.learn(pixel.recalled, pixel.symbol)


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
"""Codes the decisions at a depth of some pixels, or at -1 whether they are as their candidates, and
gives their bits.
"""


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
            if depth < 0:
                bits = [int(of.candidate == x) for of, x in zip(pixels, known, strict=True)]
            else:
                bits = [x >> (self.of.decisions - 1 - depth) & 1 for x in known]
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
        guesses = Guesses(self.of.candidate, first) if self.of.candidate else None
        blend = Blend(self.of.predictors) if self.of.blends else None
        for pixels in self.steps(items):
            if blend:
                for pixel in pixels:
                    pixel.blended = blend.predict(pixel, pixel.channel)
            if guesses:
                some = guesses.begin(pixels)
                array = Array([self.interval(guesses.predict(pixel)) for pixel in some])
                for pixel, is_hit in zip(some, code(array, some, -1), strict=True):
                    if is_hit:
                        pixel.hit(self.of.decisions)
            for depth in range(self.of.decisions):
                rest = [pixel for pixel in pixels if len(pixel.bits) == depth]
                choices = [pixel.choices(self.of.decisions) for pixel in rest]
                some = [pixel for pixel, of in zip(rest, choices, strict=True) if len(of) == 2]
                found = [self.predict(state, pixel) for pixel in some]
                bits = code(Array([self.interval(one) for one in found]), some, depth)
                decided = iter(zip(found, bits, strict=True))
                for pixel, of in zip(rest, choices, strict=True):
                    decision, bit = next(decided) if len(of) == 2 else (None, of[0])
                    pixel.bits.append(bit)
                    pixel.decisions.append(decision)
            for pixel in pixels:
                if guesses:
                    guesses.learn(pixel)
                for decision, bit in zip(pixel.decisions, pixel.bits, strict=False):
                    if isinstance(decision, Decision | FlatDecision):
                        state.learn(decision, bit)
                pixel.item.known[pixel.plane, pixel.row, pixel.column] = pixel.symbol
            for pixel in pixels:
                if pixel.blended and pixel.decisions:
                    error = abs(16 * pixel.symbol - pixel.blended.prediction)
                    pixel.blended.deviation.learn(error)
        return items

    def predict(self, state: State, pixel: Pixel) -> Decision | FlatDecision:
        flat = self.of.flat
        if flat and not any(pixel.look(*site) for site in flat.around):
            key = 0
            for region in flat.regions:
                key = 2 * key + int(any(pixel.look(*site) for site in region))
            return FlatDecision(state.flat[key])
        return state.predict(pixel, self.odds(pixel) if pixel.blended else None)

    def odds(self, pixel: Pixel) -> int:
        """Those of the next decision by the blend, in units of 2^-11."""
        assert pixel.blended
        decisions, depth = self.of.decisions, len(pixel.bits)
        node = pixel.node(depth)
        low, middle = pixel.least(decisions, node), pixel.least(decisions, 2 * node + 1)
        end = min(low + 2 ** (decisions - depth), pixel.item.shape.levels)
        below = [squash(pixel.blended.odds(c)) + 2**9 * c for c in (low, middle, end)]
        p = 2**28 * (below[2] - below[1]) // (below[2] - below[0])
        return stretch(min(max(p >> 6, 1), 2**22 - 1))

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

    def interval(self, of: Decision | Sure | FlatDecision) -> Bernoulli:
        r = self.of.precision
        return Bernoulli(min(max(of.probability >> (28 - r), 1), 2**r - 1), r)
