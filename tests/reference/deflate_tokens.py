"""Deflate streams made again from their plaintext and coded tokens (docs/format.md, A6.8)."""

from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from . import fields
from .counted import squash, stretch
from .jpeg_mixing import Decisions
from .zlib_choice import Choice, equal, hash_of

ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
RUNS = {0: (3, 6, 2), 1: (3, 10, 3), 2: (11, 138, 7)}  # least, most, extra bits
PLAIN = 2**15
USUAL = {"Builder": 0, "Differs": 0, "Is": 1, "Zeros": 1, "Many": 1, "All": 1}
"""The decisions about codes in the headers that zlib writes."""


def require(condition: bool) -> None:
    fields.require(condition, "coded tokens")


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def log2(x: int) -> int:
    return max(x.bit_length() - 1, 0)


def bucket(x: int) -> int:
    for most, value in ((34, x), (63, 35), (65, x - 28), (127, 38), (130, x - 89), (191, 42)):
        if x <= most:
            return value
    return 43 if x <= 256 else 44


def quarters(x: int) -> int:
    return x if x < 8 else 4 * log2(x) + (x >> (log2(x) - 2)) % 4 - 4


class Counter:
    def __init__(self, offset: int = 24, limit: int = 255) -> None:
        self.p, self.n, self.offset, self.limit = 2**21, 0, offset, limit

    def learn(self, bit: int) -> None:
        self.p += (((2**22 - 1) * bit - self.p) * (2**20 // (16 * self.n + self.offset))) >> 16
        self.p = clamp(self.p, 32, 2**22 - 32)
        self.n = min(self.n + 1, self.limit)


class Mixed:
    """A kind of mixed decisions."""

    def __init__(self) -> None:
        self.slots: dict[tuple[int, int], Counter] = defaultdict(lambda: Counter(24, 1000))
        self.weights: dict[int, list[int]] = {}
        self.uses: Counts[int] = Counts()

    def predict(self, keys: Sequence[int], number: int) -> int:
        """The probability of a 1 in units of 2^-28."""
        self.now = [self.slots[key] for key in enumerate(keys)]
        self.number = number
        self.inputs = [
            value
            for of in self.now
            for value in (
                stretch(of.p) if of.n else 0,
                ((of.p - 2**21) * min(of.n, 80)) >> 14,
            )
        ] + [2**7]
        weights = self.weights.setdefault(number, [6000, 0] * len(keys) + [0])
        t = sum(w * i for w, i in zip(weights, self.inputs, strict=True)) >> 13
        self.output = squash(clamp(t, -(2**16), 2**16 - 1))
        return self.output

    def learn(self, bit: int) -> None:
        rate = max(16 * 2000 // (16 + self.uses[self.number]), 120)
        self.uses[self.number] += 1
        error = ((2**28 * bit - self.output) * rate + 2**25) >> 26
        weights = self.weights[self.number]
        for j, i in enumerate(self.inputs):
            weights[j] = clamp(weights[j] + ((i * error + 2**14) >> 15), -(2**15) + 1, 2**15 - 1)
        for of in self.now:
            of.learn(bit)


class Counters:
    """Bits and numbers by counters, each with a name, and plain ones."""

    def __init__(self, decisions: Decisions) -> None:
        self.decisions = decisions
        self.counters: dict[tuple[object, ...], Counter] = defaultdict(Counter)
        guessed = self.counters["Guessed",]
        guessed.p, guessed.n = 2**22 - 2**15, 24

    def bit(self, one: int) -> int:
        """The next decision, whose probability of a one this is, in units of 2^-16."""
        return self.decisions.pop(one)

    def by(self, *name: object) -> int:
        of = self.counters[name]
        bit = self.bit(clamp(of.p >> 6, 1, 2**16 - 1))
        of.learn(bit)
        return bit

    def number(self, *name: object) -> int:
        k = 0
        while k < 30 and self.by(*name, "u", k):
            k += 1
        m = 1
        for i in range(k):
            if i == 0:
                bit = self.by(*name, "v", k)
            else:
                bit = self.by(*name, "w", k, m % 2) if i == 1 else self.bit(PLAIN)
            m = 2 * m + bit
        return m - 1

    def plain(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = 2 * value + self.bit(PLAIN)
        return value


class Decoder(Counters):
    """The decisions of coded tokens."""

    def __init__(self, coded: bytes) -> None:
        super().__init__(Decisions(coded))
        self.kinds = {"match": Mixed(), "candidate": Mixed(), "length": Mixed()}

    def mixed(self, kind: str, keys: Sequence[int], number: int) -> int:
        bit = self.bit(clamp(self.kinds[kind].predict(keys, number) >> 12, 1, 2**16 - 1))
        self.kinds[kind].learn(bit)
        return bit


Entry = tuple[int, int, int]  # length, distance, depth


Settings = tuple[int, int, int, int, int]


class Choosing(NamedTuple):
    level: int
    memory: int
    filtered: int


def read_choice(coder: Decoder) -> Choosing | Settings:
    """A level of zlib, with its memory and its strategy, or the fields of another search."""
    level = coder.plain(4)
    require(level < 12)
    if level == 0:
        return read_settings(coder)
    return Choosing(level, *((coder.plain(1), coder.plain(1)) if level < 10 else (0, 0)))


def read_settings(coder: Decoder) -> Settings:
    number, depth, nice = coder.plain(2), coder.plain(12) + 1, coder.plain(9)
    insert, ends = coder.plain(9), coder.plain(1)
    require(3 <= nice <= 258 and insert <= 258)
    return number, depth, nice, insert, ends


class Search:
    def __init__(self, d: bytes, settings: Settings) -> None:
        self.d = d
        self.hash, self.depth, self.nice, self.insert, self.ends = settings
        self.before = self.chain(self.hash)
        self.before_3 = self.chain(4) if self.hash == 2 else []
        self.left_out = [False] * len(d)
        self.lists: dict[int, list[Entry]] = {}
        self.work = 0

    def chain(self, number: int) -> list[int]:
        last: dict[int, int] = {}
        found = [0] * len(self.d)
        for i in range(len(self.d) - (2 if number < 2 else 3)):
            if number < 2:
                value = hash_of(self.d, i, number)
            else:
                four = int.from_bytes(self.d[i : i + 4], "little")
                factor = 0x9E3779B1 if number == 3 else 0x1E35A7BD
                four = four % 2**24 if number == 4 else four
                value = (four * factor % 2**32) >> (17 if number == 4 else 16)
            if value in last and i - last[value] <= 2**15:
                found[i] = i - last[value]
            last[value] = i
        return found

    def at(self, p: int) -> list[Entry]:
        if p not in self.lists:
            self.lists[p] = self.find(p)
        return self.lists[p]

    def find(self, p: int) -> list[Entry]:
        d, made = self.d, list[Entry]()
        if p + 3 > len(d):
            return made
        most = min(258, len(d) - p)
        stop, best, deep, at = min(most, self.nice), 2, 0, p
        depth = min(self.depth, 16) if self.work > 256 * (p + 2**16) else self.depth
        left = 4 * depth + 256
        if self.before_3 and self.before_3[p] and equal(d, p - self.before_3[p], p, 3) == 3:
            best = 3
            made.append((3, self.before_3[p], 0))
        while best < stop and self.before[at] and deep < depth and left > 0:
            at -= self.before[at]
            if p - at > 2**15:
                break
            left -= 1
            if self.left_out[at]:
                continue
            deep += 1
            if d[at + best] != d[p + best] or d[at : at + 2] != d[p : p + 2]:
                continue
            length = equal(d, at, p, most)
            left = max(left - length // 16, 0)
            if length > best:
                best = length
                made.append((length, p - at, deep))
        self.work += 4 * depth + 256 - left
        return made

    def best(self, p: int, depth: int) -> tuple[int, int]:
        found = [each for each in self.at(p) if each[2] <= depth]
        return found[-1][:2] if found else (0, 0)

    def take(self, p: int, length: int) -> None:
        if length > self.insert:
            for i in range(p + 1, p + length - self.ends):
                self.left_out[i] = True


Token = tuple[int, int, bool]  # length or 0 of a literal, distance, odd


def other_match(d: bytes, coder: Decoder, p: int) -> tuple[int, int]:
    length, distance = 3 + coder.number("Length"), 1 + coder.number("Distance")
    require(length <= min(258, len(d) - p) and distance <= min(2**15, p))
    require(equal(d, p - distance, p, length) == length)
    return length, distance


class Guessed:
    """Tokens that zlib would choose, except some."""

    def __init__(self, d: bytes, coder: Decoder, by: Choosing) -> None:
        self.d, self.coder = d, coder
        self.choice = Choice(d, *by)

    def next(self, p: int) -> Token:
        length, distance = self.choice.guess(p)
        if not self.coder.by("Guessed"):
            is_match = self.coder.by("Match") if length else 1
            length, distance = other_match(self.d, self.coder, p) if is_match else (0, 0)
        self.choice.take(p, length)
        return length, distance, False


class Tokens:
    def __init__(self, d: bytes, coder: Decoder, settings: Settings) -> None:
        self.d, self.coder, self.search = d, coder, Search(d, settings)
        self.history = self.literals = self.lost = 0

    def next(self, p: int) -> Token:
        found = self.search.at(p)
        is_match = self.is_match(p, found) if found else self.coder.by("Hidden")
        if not is_match:
            self.history = 2 * self.history % 64
            self.literals += 1
            self.lost = found[-1][0] if found else 0
            if self.lost == 3 and found[-1][1] > 4096:
                self.lost = 0
            return 0, 0, False
        length, distance = self.match(p, found)
        odd = length == 258 and bool(self.coder.by("Odd"))
        self.history = (2 * self.history + 1) % 64
        self.literals = self.lost = 0
        self.search.take(p, length)
        return length, distance, odd

    @property
    def lost_bucket(self) -> int:
        return bucket(self.lost) if self.literals else 45

    def is_match(self, p: int, found: list[Entry]) -> int:
        best, depth, lits = self.search.best, self.search.depth, self.literals
        (own, g), (l1, g1) = best(p, depth), best(p + 1, depth)
        (lh, gh), (lq, _) = best(p + 1, (depth + 1) // 2), best(p + 1, depth // 4)
        (l2, _), (lr, gr) = best(p + 2, depth), best(p + 2, (depth + 3) // 4)
        run = bucket(found[0][0]) if found[0][1] == 1 else 0
        far = (g > 32506) + (g > 4096)
        near = (g > 4096) + (g > 8192)
        step = clamp(l1 - own, -3, 3) + 3
        since = clamp(own - self.lost, -2, 2) + 2 if lits else 5
        bits = clamp(log2(g + 1) - log2(g1 + 1), -3, 3) + 3
        h = self.history % 8

        def gain(x: int, y: int) -> int:
            return 23 if x < own else clamp(4 * (x - own) + log2(g) - log2(y), -10, 12) + 10

        keys = (
            ((step * 6 + since) * 8 + min(lits, 7)) * 3 + far,
            (bucket(own) * 46 + bucket(l1)) * 8 + since,
            (bucket(own) * 46 + self.lost_bucket) * 3 + far,
            min(own, 15) * 32 + quarters(g) // 2,
            (bucket(own) * 4 + self.history % 4) * 46 + bucket(lq),
            ((step * 7 + bits) * 8 + clamp(l2 - own, -3, 4) + 3) * 8 + min(own, 7),
            (run * 46 + bucket(own)) * 8 + h,
            (min(own, 20) * 32 + min(lits, 31)) * 8 + h,
            (clamp(lq - own, -3, 3) + 3) * 8 + since + 64 * bucket(own),
            ((gain(lh, gh) * 24 + gain(lr, gr)) * 16 + min(own, 15)) * 4 + near,
            (gain(lh, gh) * 46 + bucket(own)) * 16 + log2(g),
        )
        return self.coder.mixed("match", keys, min(len(found) - 1, 3))

    def match(self, p: int, found: list[Entry]) -> tuple[int, int]:
        k, depth = len(found), self.search.depth
        for j in range(k - 1, -1, -1):
            own, g, z = found[j]
            m, y = (found[j - 1][0], log2(found[j - 1][1])) if j else (0, 15)
            zn = 0 if z <= depth // 4 else 1 if z <= (depth + 1) // 2 else 2
            top = int(j == k - 1)
            keys = (
                (zn * 2 + top) * 46 + self.lost_bucket,
                quarters(z) * 46 + self.lost_bucket,
                (bucket(own) * 46 + bucket(m)) * 4 + zn,
                (min(k - 1 - j, 7) * 4 + zn) * 16 + log2(g),
                (min(own - m, 15) * 16 + log2(g)) * 16 + y,
                (bucket(m) * 4 + zn) * 2 + top,
                quarters(z) * 46 + bucket(m),
                (min(j, 15) * 4 + zn) * 8 + self.history % 8,
            )
            if self.coder.mixed("candidate", keys, zn * 2 + top):
                return self.length(own, g, m, k - 1 - j), g
        return other_match(self.d, self.coder, p)

    def length(self, own: int, g: int, m: int, order: int) -> int:
        full = bucket(own)
        keys = (full, full * 8 + min(order, 7), log2(g), full * 46 + bucket(m), self.history)
        if self.coder.mixed("length", keys, 0):
            return own
        length = own - 1 - self.coder.number("Shorter", min(full, 31))
        require(length >= 3)
        return length


def heap_lengths(counts: Sequence[int], most: int) -> list[int]:
    n = len(counts)
    weight, depth, parent = list(counts), [0] * n, dict[int, int]()
    heap = [-1, *(i for i in range(n) if counts[i])]
    t = heap[-1]
    while len(heap) < 3:
        t, added = (t + 1, t + 1) if t < 2 else (t, 0)
        heap.append(added)
        weight[added] = 1

    def precedes(a: int, b: int) -> bool:
        return weight[a] < weight[b] or (weight[a] == weight[b] and depth[a] <= depth[b])

    def sink(k: int) -> None:
        v = heap[k]
        while 2 * k < len(heap):
            j = 2 * k
            if j + 1 < len(heap) and precedes(heap[j + 1], heap[j]):
                j += 1
            if precedes(v, heap[j]):
                break
            heap[k], k = heap[j], j
        heap[k] = v

    for k in range((len(heap) - 1) // 2, 0, -1):
        sink(k)
    order: list[int] = []
    while len(heap) > 2:
        a, heap[1] = heap[1], heap[-1]
        heap.pop()
        sink(1)
        b = heap[1]
        order += [a, b]
        parent[a] = parent[b] = heap[1] = len(weight)
        weight.append(weight[a] + weight[b])
        depth.append(max(depth[a], depth[b]) + 1)
        sink(1)
    lengths = [0] * len(weight)
    over = 0
    for node in reversed(order):
        over += lengths[parent[node]] == most
        lengths[node] = min(lengths[parent[node]] + 1, most)
    words = Counts(lengths[i] for i in order if i < n)
    if over:
        while over > 0:
            x = max(x for x in range(1, most) if words[x])
            words.update({x: -1, x + 1: 2})
            words[most] -= 1
            over -= 2
        give(lengths, [i for i in order if i < n], words, most)
    return lengths[:n]


def give(lengths: list[int], symbols: list[int], words: Counts[int], most: int) -> None:
    longest_first = [x for x in range(most, 0, -1) for _ in range(words[x])]
    for symbol, x in zip(symbols, longest_first, strict=True):
        lengths[symbol] = x


def sorted_lengths(counts: Sequence[int], most: int) -> list[int]:
    lengths = [0] * len(counts)
    symbols = sorted((i for i in range(len(counts)) if counts[i]), key=lambda i: (counts[i], i))
    if len(symbols) < 2:
        only = symbols[0] if symbols else 0
        lengths[only] = lengths[0 if only else 1] = 1
        return lengths
    weights: list[int] = []
    parent: dict[int, int] = {}
    leaf = inner = 0
    while len(weights) < len(symbols) - 1:
        weight = 0
        for _ in range(2):
            if leaf < len(symbols) and (
                inner == len(weights) or counts[symbols[leaf]] <= weights[inner]
            ):
                weight += counts[symbols[leaf]]
                leaf += 1
            else:
                weight += weights[inner]
                parent[inner] = len(weights)
                inner += 1
        weights.append(weight)
    words, depth = Counts({1: 2}), {len(weights) - 1: 0}
    for node in range(len(weights) - 2, -1, -1):
        depth[node] = x = depth[parent[node]] + 1
        if x >= most:
            x = max(y for y in range(1, most) if words[y])
        words.update({x: -1, x + 1: 2})
    give(lengths, symbols, words, most)
    return lengths


def spaced(value: int, steps: int) -> tuple[int, int, int]:
    """The symbol of a length or a distance, its extra bits, and how many they are."""
    bits = max(value.bit_length() - steps - 1, 0)
    return (bits << steps) + (value >> bits), value % 2**bits, bits


def symbols_of(token: Token) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    length, distance, odd = token
    first = (28, 0, 0) if length == 258 and not odd else spaced(length - 3, 2)
    return (257 + first[0], *first[1:]), spaced(distance - 1, 1)


class Writer:
    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, value: int, count: int) -> None:
        self.bits += [value >> i & 1 for i in range(count)]

    def pad(self, value: int) -> None:
        room = -len(self.bits) % 8
        require(value < 2**room)
        self.put(value, room)

    def bytes(self) -> bytes:
        packed = sum(bit << i for i, bit in enumerate(self.bits))
        return packed.to_bytes(len(self.bits) // 8, "little")


class Code:
    def __init__(self, lengths: Sequence[int], complete: bool = False) -> None:
        used = sum(2 ** (15 - x) for x in lengths if x)
        require(used == 2**15 or (used < 2**15 and max(lengths) < 2 and not complete))
        self.words: dict[int, tuple[int, int]] = {}
        code = 0
        for x in range(1, 16):
            for symbol in (i for i, y in enumerate(lengths) if y == x):
                self.words[symbol] = code >> (15 - x), x
                code += 2 ** (15 - x)

    def put(self, out: Writer, symbol: int) -> None:
        require(symbol in self.words)
        word, bits = self.words[symbol]
        out.bits += [word >> i & 1 for i in reversed(range(bits))]


class Codes:
    """The codes of a block of type 2."""

    def __init__(self, coder: Decoder, literal: list[int], distance: list[int]) -> None:
        self.coder = coder
        self.usual = coder.by("Usual")
        builder = 1 + coder.by("Builder", 1) if self.by("Builder", 0) else 0

        def built(counts: Sequence[int], most: int) -> list[int]:
            if builder == 0:
                return heap_lengths(counts, most)
            return sorted_lengths(counts, 14 if builder == 1 and len(counts) == 286 else most)

        self.literal = self.lengths(0, built(literal, 15), 15)
        self.distance = self.lengths(1, built(distance, 15), 15)
        self.hlit = self.count(0, self.literal, 257)
        self.hdist = self.count(1, self.distance, 1)
        self.runs = self.code_runs()
        used = Counts(symbol for symbol, _ in self.runs)
        self.precode = self.lengths(2, built([used[i] for i in range(19)], 7), 7)
        self.hclen = self.count(2, [self.precode[i] for i in ORDER], 4)

    def by(self, name: str, *index: object) -> int:
        return USUAL[name] if self.usual else self.coder.by(name, *index)

    def lengths(self, t: int, guesses: list[int], most: int) -> list[int]:
        made, e = [], 0
        for guess in guesses:
            e = self.by("Differs", t, guess > 0, e)
            if e:
                more = self.coder.by("More", t) if guess else 1
                by = 1 + self.coder.number("Size", t, guess > 0, more)
                guess += by if more else -by
                require(0 <= guess <= most)
            made.append(guess)
        return made

    def count(self, t: int, lengths: list[int], least: int) -> int:
        needed = max([least, *(i + 1 for i, x in enumerate(lengths) if x)])
        needed += 0 if self.usual else self.coder.number("Count", t)
        require(needed <= len(lengths))
        return needed

    def code_runs(self) -> list[tuple[int, int]]:
        a = self.literal[: self.hlit] + self.distance[: self.hdist]
        runs, by = list[tuple[int, int]](), self.by
        i = 0
        while i < len(a):
            same = 1
            while same < 138 and i + same < len(a) and a[i + same] == a[i]:
                same += 1
            near = min(same, self.hlit - i) if i < self.hlit else same
            same = near if self.usual else same
            zero, again = a[i] == 0, i > 0 and a[i - 1] == a[i]
            if (
                same < 3
                or not (zero or again)
                or not by("Is", zero, again, min(near, 11), near < same)
            ):
                runs.append((a[i], 1))
                i += 1
                continue
            kind = by("Zeros") if zero and again else int(zero)
            if kind == 1 and same >= 11:
                kind += by("Many", again)
            most = same
            if near < same and not by("Crosses", zero, again):
                most = near
            count = most = min(most, RUNS[kind][1])
            if not by("All", zero, again, kind):
                count = most - 1 - self.coder.number("Less", zero, again)
            require(count >= RUNS[kind][0])
            runs.append((16 + kind, count))
            i += count
        return runs

    def put(self, out: Writer) -> None:
        out.put(self.hlit - 257, 5)
        out.put(self.hdist - 1, 5)
        out.put(self.hclen - 4, 4)
        for symbol in ORDER[: self.hclen]:
            out.put(self.precode[symbol], 3)
        code = Code(self.precode, complete=True)
        for symbol, count in self.runs:
            code.put(out, symbol)
            if symbol >= 16:
                out.put(count - RUNS[symbol - 16][0], RUNS[symbol - 16][2])


FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8


class Streams:
    """Streams from coded tokens, one after the other."""

    def __init__(self, coded: bytes) -> None:
        self.coder = Decoder(coded)
        self.before = {"Stored": 0, "Tokens": 16383}
        self.settings: Choosing | Settings | None = None

    def again(self, name: str) -> int:
        if not self.coder.by("Same", name):
            self.before[name] = self.coder.number(name)
        return self.before[name]

    def next(self, plaintext: bytes, size: int) -> bytes:
        """The stream with this plaintext, of so many bytes. Refuses other tokens."""
        require(size <= 2 * len(plaintext) + 2**16)
        coder = self.coder
        if self.settings is None or coder.by("Other"):
            self.settings = read_choice(coder)
        tokens: Guessed | Tokens
        if isinstance(self.settings, Choosing):
            tokens = Guessed(plaintext, coder, self.settings)
        else:
            tokens = Tokens(plaintext, coder, self.settings)
        out, p = Writer(), 0
        kind, last = 2, 0
        while not last:
            last = coder.by("Last")
            kind = 2 if coder.by("Type", kind, 0) else coder.by("Type", kind, 1)
            out.put(last, 1)
            out.put(kind, 2)
            if kind == 0:
                out.pad(coder.number("Padding"))
                stored = self.again("Stored")
                require(stored <= min(65535, len(plaintext) - p))
                out.put(stored, 16)
                out.put(65535 - stored, 16)
                for byte in plaintext[p : p + stored]:
                    out.put(byte, 8)
                p += stored
            else:
                count = 2**31 if last else self.again("Tokens")
                made: list[tuple[int, Token]] = []
                while p < len(plaintext) if last else len(made) < count:
                    require(p < len(plaintext))
                    token = tokens.next(p)
                    made.append((plaintext[p], token))
                    p += max(token[0], 1)
                put_block(out, coder, kind, made)
            require(len(out.bits) <= 8 * size + 7)
        out.pad(coder.number("Padding"))
        require(p == len(plaintext) and len(out.bits) == 8 * size)
        return out.bytes()

    def done(self) -> None:
        self.coder.decisions.done()


def stream(plaintext: bytes, coded: bytes, size: int) -> bytes:
    """The only stream of coded tokens, with this plaintext and so many bytes."""
    streams = Streams(coded)
    made = streams.next(plaintext, size)
    streams.done()
    return made


def put_block(out: Writer, coder: Decoder, kind: int, tokens: list[tuple[int, Token]]) -> None:
    literal, distance = FIXED, [5] * 32
    if kind == 2:
        counts, far = [0] * 286, [0] * 30
        counts[256] = 1
        for byte, token in tokens:
            if token[0]:
                (symbol, *_), (distant, *_) = symbols_of(token)
                counts[symbol] += 1
                far[distant] += 1
            else:
                counts[byte] += 1
        codes = Codes(coder, counts, far)
        codes.put(out)
        literal, distance = codes.literal, codes.distance
    literals, distances = Code(literal), Code(distance)
    for byte, token in tokens:
        if token[0] == 0:
            literals.put(out, byte)
            continue
        for code, (symbol, extra, bits) in zip(
            (literals, distances), symbols_of(token), strict=True
        ):
            code.put(out, symbol)
            out.put(extra, bits)
    literals.put(out, 256)
