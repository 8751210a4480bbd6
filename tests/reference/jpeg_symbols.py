"""The coefficients of JPEG streams as symbols (docs/jpeg-format.md, J9)."""

from dataclasses import dataclass
from itertools import islice

import numpy as np

from .codecs import TABLES
from .fields import require
from .jpeg_coefficients import (
    AROUND,
    INVERSE,
    NONE,
    OUTSIDE,
    ZIGZAG,
    Block,
    Plane,
    clamp,
    edges,
    smoothed,
)
from .jpeg_markers import Frame

Distribution = list[int]
"""The rate of learning, and then the probability of a symbol below s."""

EVEN = [18000, *range(2048, 32768, 2048)]
FALLING = [
    18000, 16000, 20000, 24000, 25600, 27200, 28100, 29000,
    29600, 30200, 30700, 31200, 31600, 32000, 32300, 32600,
]  # fmt: skip
SLOW, QUICK = 163, 546
"""The final rates of distributions of coefficients, and of others."""


class Symbols:
    """The coded symbols, from the first on."""

    def __init__(self, data: bytes) -> None:
        require(len(data) >= 8 and len(data) % 2 == 0, "whole words, at least four")
        self.words, self.at = np.frombuffer(data, "<u2").tolist(), 0
        self.a, self.b = (self.word() << 16 | self.word() for _ in range(2))

    def word(self) -> int:
        require(self.at < len(self.words), "words of symbols")
        self.at += 1
        return self.words[self.at - 1]

    def advance(self, start: int, size: int) -> None:
        a = size * (self.a >> 15) + self.a % 2**15 - start
        if a < 2**16:
            a = a << 16 | self.word()
        self.a, self.b = self.b, a

    def bits(self, n: int) -> int:
        s = self.a % 2**15 >> 15 - n
        self.advance(s << 15 - n, 2 ** (15 - n))
        return s

    def by(self, p: Distribution) -> int:
        """A symbol by a distribution, which does not learn it."""
        starts = [0, *(mul(p[s], 32735) + 2 * s for s in range(1, 16)), 2**15]
        s = max(s for s in range(16) if starts[s] <= self.a % 2**15)
        self.advance(starts[s], starts[s + 1] - starts[s])
        return s

    def alone(self, p: Distribution) -> int:
        s = self.by(p)
        learn(p, s, QUICK)
        return s

    def blend(self, of: list[Distribution], weights: list[int], learns: bool, final: int) -> int:
        """A symbol by a blend of distributions. All learn it; weights only if `learns`."""
        m = of[0]
        for p, weight in zip(of[1:], weights, strict=True):
            m = [a + mul(b - a, weight) for a, b in zip(m, p, strict=True)]
        s = self.by(m)
        if learns:
            learn_weights([probability(p, s) for p in of], weights)
        for p in of:
            learn(p, s, final)
        return s

    def done(self) -> None:
        require(self.at == len(self.words), "all words are needed")
        require(self.a == self.b == 2**16, "the last states")


def mul(x: int, y: int) -> int:
    return x * y + 2**14 >> 15


def learn(p: Distribution, s: int, final: int) -> None:
    goals = [final, *(32767 if i > s else 0 for i in range(1, 16))]
    p[:] = [now + mul(goal - now, p[0]) for now, goal in zip(p, goals, strict=True)]


def probability(p: Distribution, s: int) -> int:
    return (32767 if s == 15 else p[s + 1]) - (0 if s == 0 else p[s])


def learn_weights(probabilities: list[int], weights: list[int]) -> None:
    x = probabilities[0]
    for n, p in enumerate(probabilities[1:]):
        apart = p - x
        x += apart * weights[n] >> 15
        step = clamp(64 * apart >> max(x, 1).bit_length() - 1, -256, 256)
        weights[n] = clamp(weights[n] + step, 512, 32255)


def fine(x: int) -> int:
    x = min(x, 1023)
    lead = x.bit_length() - 1
    return 3 * lead + 1 + sum(x * 2**8 >> lead >= bound for bound in (323, 406)) if x else 0


def coarse(x: int) -> int:
    return min(fine(min(x, 255)) >> 1, 11)


class Tables:
    """First distributions and weights: jpeg_symbols.bin."""

    def __init__(self) -> None:
        numbers = iter(np.fromfile(TABLES / "jpeg_symbols.bin", "<i2").tolist())

        def take(*shape: int) -> np.ndarray:  # type: ignore[type-arg]
            count = int(np.prod(shape))
            return np.array(list(islice(numbers, count))).reshape(shape)

        self.places = take(2, 2, 464, 16)
        self.groups = take(2, 64, 16)
        self.last_values = take(2, 16, 16)
        self.weights = take(2, 64, 3)
        self.group_weights = take(2, 3)


FIRST = Tables()


@dataclass
class Known:
    """A block that is decoded."""

    u: Block
    sizes: list[int]
    right: list[int]
    bottom: list[int]
    last: int
    nonzero: int


NOTHING = Known(NONE, NONE, [0] * 8, [0] * 8, 0, 0)


class Coefficients:
    """The coefficients of streams, one after the other."""

    def __init__(self, coded: bytes) -> None:
        self.symbols = Symbols(coded)
        self.distributions: dict[tuple[object, ...], Distribution] = {}
        self.weights: list[list[list[int]]] = FIRST.weights.tolist()
        self.group_weights = [weights[:2] for weights in FIRST.group_weights.tolist()]
        self.c = self.t = 0

    def done(self) -> None:
        self.symbols.done()

    def of(self, first: "Distribution | np.ndarray", *place: object) -> Distribution:  # type: ignore[type-arg]
        """The distribution of a place, which is `first` at first."""
        return self.distributions.setdefault(place, [int(p) for p in first])

    def pop(self, frame: Frame) -> list[list[Block]]:
        """The blocks of the components of a stream."""
        planes: list[Plane] = []
        for self.c, component in enumerate(frame.components):
            self.t = min(self.c, 1)
            own = Plane.of(component)
            before = planes[-1] if self.c > 1 else None
            if before and (before.rows, before.columns) != (own.rows, own.columns):
                before = None
            known: list[Known] = []
            for row in range(own.rows):
                for column in range(own.columns):
                    y = related(own, row, column, planes[0] if planes else None, before)
                    block = BlockCoder(self, own, known, row, column, before).pop(y)
                    known.append(block)
                    own.blocks.append(block.u)
                    own.lasts.append(block.last)
            planes.append(own)
        return [plane.blocks for plane in planes]

    def value(self, s: int, k: int) -> int:
        """The value of a symbol."""
        require(s < 15, "a symbol of a coefficient")
        if s <= 8:
            magnitude = s + 1 >> 1
        elif s <= 10:
            magnitude = 5 + self.symbols.bits(1)
        elif s <= 12:
            magnitude = 7 + self.symbols.bits(2)
        else:
            exponent = 2 + self.symbols.alone(self.of(FALLING, "X", self.t, k))
            require(exponent <= 15, "an exponent of 15")
            low = 2**8 * self.symbols.bits(exponent - 8) if exponent > 8 else 0
            magnitude = 2**exponent + low + self.symbols.bits(min(exponent, 8)) + 7
        return magnitude if s % 2 else -magnitude


def related(own: Plane, row: int, column: int, first: Plane | None, before: Plane | None) -> int:
    """y: the last place in another component."""
    if before:
        return before.lasts[row * own.columns + column]
    if not first or first.rows % own.rows or first.columns % own.columns:
        return 0
    v, h = first.rows // own.rows, first.columns // own.columns
    return max(
        first.lasts[(row * v + down) * first.columns + column * h + across]
        for down in range(v)
        for across in range(h)
    )


class BlockCoder:
    """A block, from its last place down to DC."""

    def __init__(
        self,
        all_: Coefficients,
        own: Plane,
        known: list[Known],
        row: int,
        column: int,
        before: Plane | None,
    ) -> None:
        self.all, self.symbols, self.q = all_, all_.symbols, own.q
        self.left, self.top, self.learns = column == 0, row == 0, column % 4 == 0
        found: dict[str, Known] = {}
        for name, (down, across) in AROUND.items():
            place = own.place(row + down, column + across)
            if place is not None:
                found[name] = known[place]
        self.R = found["L"].right if "L" in found else [0] * 8
        self.B = found["A"].bottom if "A" in found else [0] * 8
        left, above = found.get("L"), found.get("A")
        found["L"] = left or above or NOTHING
        found["A"] = above or found["L"]
        self.l, self.a = found["L"].last, found["A"].last
        self.al, self.ar = (found[name].last if name in found else self.a for name in ("AL", "AR"))
        for name in ("AL", "AR"):
            found.setdefault(name, found["L"] if self.top else NOTHING)
        self.at = [found.get(name, NOTHING) for name in ("L", "A", "AL", "AR", "LL", "AA")]
        self.before = before.blocks[row * own.columns + column] if before else NONE
        self.u, self.d = [0] * 64, [0] * 64

    def pop(self, y: int) -> Known:
        last = self.pop_last(y)
        for k in range(last, 0, -1):
            self.put(k, self.pop_coefficient(k, last))
        self.put(0, self.pop_dc(last))
        right, bottom = edges(self.d, OUTSIDE)
        sizes = smoothed([min(abs(d), 2047) for d in self.d])
        return Known(self.u, sizes, right, bottom, last, self.nonzero())

    def put(self, k: int, u: int) -> None:
        require(abs(u) <= 32767, "a coefficient of 16 bits")
        r = ZIGZAG[k]
        self.u[r], self.d[r] = u, (u * self.q[r] + 2**15) % 2**16 - 2**15

    def nonzero(self) -> int:
        return sum(u != 0 for u in self.u[1:])

    def row(self, i: int) -> int:
        return self.R[i] - sum(OUTSIDE[b] * self.d[8 * i + b] for b in range(8))

    def column(self, j: int) -> int:
        return self.B[j] - sum(OUTSIDE[a] * self.d[8 * a + j] for a in range(8))

    def pop_last(self, y: int) -> int:
        all_, t, l, a = self.all, self.all.t, self.l, self.a  # noqa: E741
        near = 3 * l + 3 * a + self.ar + self.al >> 3
        gaps = [(self.R[n], self.q[8 * n]) for n in range(1, 8)]
        gaps += [(self.B[n], self.q[n]) for n in range(1, 8)]
        e = sum(min(abs(gap) >> 8, 65535) * (65536 // q) >> 16 for gap, q in gaps)
        e = min(fine(e) >> 1, 15)
        nonzero = min(self.at[0].nonzero + self.at[1].nonzero, 63) >> 2
        first = FIRST.groups[t][near]
        three = [
            all_.of(first, "G0", min(all_.c, 2), near, y >> 2),
            all_.of(EVEN, "G1", t, l >> 2, a >> 2, nonzero),
            all_.of(first, "G2", t, near, e),
        ]
        group = self.symbols.blend(three, all_.group_weights[t], True, QUICK)
        place = self.symbols.alone(all_.of(EVEN, "I", t, group, near >> 1))
        require(place < 4, "a place in a group")
        return 4 * group + place

    def blend(self, k: int, places: list[int]) -> int:
        all_ = self.all
        first = FIRST.places[all_.t][min(k, 1)]
        four = [all_.of(first[n], "C", all_.t, k, n) for n in places]
        return self.symbols.blend(four, all_.weights[all_.t][k], self.learns, SLOW)

    def pop_coefficient(self, k: int, last: int) -> int:
        r, t = ZIGZAG[k], self.all.t
        (i, j), q = divmod(r, 8), self.q[r]
        x, y = (0, 9830) if i == 0 else (9830, 0) if j == 0 else (4915, 4915)
        p = self.row(i) * (INVERSE[j] * x // q) + self.column(j) * (INVERSE[i] * y // q) >> 30
        sizes = [min(abs(block.u[r]), 1023) for block in self.at]
        near = sum(f * size for f, size in zip((13, 13, 4, 4, 3, 3), sizes, strict=True))
        near += 20 * min(abs(self.before[r]), 1023)
        smooth = (block.sizes[r] for block in self.at[:4])
        beside = sum(f * size for f, size in zip((2, 2, 1, 1), smooth, strict=True))
        g = {}
        for n in ZIGZAG[k + 1 :]:
            down, across = n // 8 - i, n % 8 - j
            if abs(down) <= 2 and abs(across) <= 2:
                g[n] = 840 // (down**2 + across**2)
        total = sum(f * min(abs(self.d[n]), 2047) for n, f in g.items())
        inner = total * (240 * 2**28 // (sum(g.values()) * q)) >> 32 if g else 0
        size = (near * 6144 >> 16) + (beside * (8256 // q) >> 18) + inner + (abs(p) >> 8)
        if k == last:
            first = FIRST.last_values[t][fine(size) >> 1]
            s = self.symbols.alone(self.all.of(first, "V", t, k, fine(size) >> 1))
            require(s > 0, "a last coefficient other than 0")
        else:
            s = self.blend(
                k,
                [
                    fine(size),
                    32 + 8 * coarse(abs(p) >> 3) + (fine(size) >> 2),
                    128 + 12 * coarse(near) + coarse(inner),
                    272 + 16 * min(self.nonzero(), 11) + min(last - 1 - k, 15),
                ],
            )
        value = self.all.value(s, k)
        return -value if p < 0 else value

    def pop_dc(self, last: int) -> int:
        factor = INVERSE[0] * 8192 // self.q[0]
        left, above = self.row(0) * factor >> 30, self.column(0) * factor >> 30
        if self.left:
            left = 0 if self.top else above
        if self.top:
            above = left
        p = left + above
        whole = clamp(p + 128 >> 8, -32767, 32767)
        spread = min(fine(abs(left - above) >> 3), 29)
        of_l, of_a, of_al = (block.u[0] for block in self.at[:3])
        apart = coarse(4 * (abs(of_l - of_al) + abs(of_a - of_al)))
        s = self.blend(
            0,
            [
                spread,
                32 + 8 * (last >> 3) + (spread >> 2),
                128 + 12 * apart + min(self.l + self.a >> 3, 11),
                272 + 16 * min(spread >> 1, 11) + min(self.nonzero(), 15),
            ],
        )
        value = self.all.value(s, 0)
        return whole - value if p < 256 * whole else whole + value
