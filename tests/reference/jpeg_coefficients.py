"""The coefficients of JPEG streams (docs/jpeg-format.md, J6)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .counted import squash
from .fields import require
from .jpeg_markers import Component, Frame
from .jpeg_mixing import DISTRIBUTIONS, Decisions, Mixing
from .least_squares import solve

Block = list[int]  # in rows
ZIGZAG = sorted(range(64), key=lambda r: (s := r // 8 + r % 8, r // 8 if s % 2 else -(r // 8)))
NONE: Block = [0] * 64
AROUND = {
    "L": (0, -1), "A": (-1, 0), "AL": (-1, -1), "AR": (-1, 1), "LL": (0, -2), "AA": (-2, 0)
}  # fmt: skip
"""The rows and columns between a block and its neighbours."""
INSIDE = [1448, 2009, 1892, 1703, 1448, 1138, 784, 400]
OUTSIDE = [1448, 2162, 2446, 2754, 2896, 2711, 2122, 1168]
INVERSE = [11585, 7762, 6858, 6092, 5793, 6188, 7908, 14361]
BASIS = [[1448] * 8] + [
    [round(2**11 * math.cos((2 * x + 1) * f * math.pi / 16)) for x in range(8)] for f in range(1, 8)
]
SCALES = """
    255 268 285 306 332 366 407 460 527 611 716 849 1017 1228 1494 1830 2252 2785 3455 4300 5365
    6706 8396 10526 13208 16588 20847 26212 32972 41489 52220 65740 82774 104236 131276 165345
    208268 262348 330485 416332 524492"""


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def cut(a: int, b: int) -> int:
    """a / b, towards 0."""
    return a // b if a >= 0 else -(-a // b)


def level(x: int, steps: int, first: int, bounds: list[int]) -> int:
    """The steps of an octave of a number in units of 2^-8."""
    lead = x.bit_length() - 1
    m = x * 2**8 >> lead
    return steps * (lead - 8) + first + sum(m >= bound for bound in bounds)


def thirds(x: int) -> int:
    return 0 if x < 8 else clamp(level(x, 3, 16, [323, 406]), 0, 40)


def halves(x: int) -> int:
    return 0 if x < 16 else clamp(level(x, 2, 9, [362]), 0, 24)


def sh(x: int) -> int:
    return 32 + halves(x) if x >= 0 else 32 - halves(-x)


def w(x: int, n: int) -> int:
    return clamp(x, -n, n) + n


def edges(d: Block, table: list[int]) -> tuple[list[int], list[int]]:
    """To the right, and below."""
    signed = [-t if j % 2 else t for j, t in enumerate(table)]
    right = [sum(signed[j] * d[8 * n + j] for j in range(8)) for n in range(8)]
    bottom = [sum(signed[j] * d[8 * j + n] for j in range(8)) for n in range(8)]
    return right, bottom


ADJACENT = [
    [
        (8 * a + b, (2 - abs(a - i)) * (2 - abs(b - j)))
        for a in range(max(i - 1, 0), min(i + 2, 8))
        for b in range(max(j - 1, 0), min(j + 2, 8))
        if a or b
    ]
    for i in range(8)
    for j in range(8)
]
"""The coefficients around each one, but DC, and their weights."""


def smoothed(d: Block) -> list[int]:
    """The sizes of coefficients but DC, with those around them."""
    size = [abs(x) for x in d]
    return [sum([size[place] * w for place, w in adjacent]) for adjacent in ADJACENT]


@dataclass
class Plane:
    """A component, as far as its blocks are known."""

    rows: int
    columns: int
    q: list[int]
    blocks: list[Block] = field(default_factory=list)
    dequantised: list[Block] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, component: Component) -> "Plane":
        steps = [0] * 64
        for k, step in enumerate(component.steps):
            steps[ZIGZAG[k]] = clamp(step, 1, 2047)
        return cls(component.rows, component.columns, steps)

    def place(self, row: int, column: int) -> int | None:
        inside = 0 <= row < self.rows and 0 <= column < self.columns
        return row * self.columns + column if inside else None


def luma_of(first: Plane, own: Plane, row: int, column: int) -> Block:
    v, h = first.rows // own.rows, first.columns // own.columns
    sums = [[0] * 8 for _ in range(8)]
    for down in range(v):
        for across in range(h):
            block = first.blocks[(row * v + down) * first.columns + column * h + across]
            d = [u * q for u, q in zip(block, first.q, strict=True)]
            half = [
                [sum(d[8 * i + j] * BASIS[j][x] for j in range(8)) >> 8 for x in range(8)]
                for i in range(8)
            ]
            for y in range(8):
                for x in range(8):
                    pixel = sum(half[i][x] * BASIS[i][y] for i in range(8)) >> 12
                    sums[(8 * down + y) // v][(8 * across + x) // h] += pixel
    pixels = [[cut(total, v * h) for total in line] for line in sums]
    half = [
        [sum(line[x] * BASIS[j][x] for x in range(8)) >> 12 for j in range(8)] for line in pixels
    ]
    return [
        clamp(sum(half[y][j] * BASIS[i][y] for y in range(8)) >> 12, -(2**24), 2**24)
        for i in range(8)
        for j in range(8)
    ]


class Linear:
    """A linear prediction and its weights."""

    def __init__(self, weights: list[int]) -> None:
        self.weights = weights

    def predict(self, x: list[int], s: int) -> int:
        total = sum(a * b for a, b in zip(self.weights, x, strict=True)) % 2**32
        return (total - 2**32 * (total >= 2**31) >> 14) * 2**s


class Solved(Linear):
    """One with weights by least squares."""

    def __init__(self, weights: list[int]) -> None:
        super().__init__(weights)
        self.sums = 16 * np.eye(23, dtype=np.float32)
        self.sums[22] = [*np.float32(weights) / np.float32(2**10), 0]
        self.count = 0

    def learn(self, x: list[int], target: int, floor: int) -> None:
        self.count += 1
        if self.count <= 256 or self.count % 2 == 0:
            sample = np.array([*x, target], np.float32)
            factors = np.float32(64) / np.float32(floor) * sample
            self.sums += np.tril(sample[:, None] * factors)
        if self.count in (16, 32, 64, 128) or self.count % 256 == 0:
            solved = solve(self.sums.astype(np.float64), 0.25)
            self.weights = [weight >> 2 for weight in solved]
        if self.count % 256 == 0:
            self.sums *= np.float32(0.9375)
            self.sums[abs(self.sums) < 2.0**-64] = 0


class Learned(Linear):
    """One by normalised least mean squares."""

    def learn(self, x: list[int], error: int, rate: int, floor: int) -> None:
        step = cut(error * rate * 2**14, sum(value * value for value in x) + floor)
        step = clamp(step, -32767, 32767)
        self.weights = [
            clamp(a + (step * b + 2**11 >> 12), -(2**20), 2**20)
            for a, b in zip(self.weights, x, strict=True)
        ]


@dataclass
class Scale:
    sigma: int
    n: int = 0

    def learn(self, miss: int) -> None:
        goal = (miss * 154 >> 4) + 82
        change = (goal - self.sigma) * max(1311, 65536 // (1 + self.n)) >> 16
        self.sigma, self.n = min(self.sigma + change, 2**30), min(self.n + 1, 100)


class Logistic:
    """The four distributions of a coefficient."""

    def __init__(self, means: list[int], scales: list[Scale]) -> None:
        self.means, self.scales = means, scales

    def f(self, t: int, x: int) -> int:
        scaled = (x - self.means[t]) * (2**28 // max(self.scales[t].sigma, 40)) >> 12
        return squash(clamp(scaled, -(2**16), 2**16 - 1))

    def beyond(self, t: int, v: int, negative: int) -> int:
        """T(v)"""
        x = 256 * v - 128
        return self.f(t, -x) if negative else 2**28 - self.f(t, x)

    def parts(self, parts: Callable[[int], tuple[int, int]]) -> list[tuple[int, int]]:
        return [parts(t) for t in range(DISTRIBUTIONS)]


class Neighbours:
    """What is known around a block."""

    def __init__(
        self, own: Plane, row: int, column: int, first: Plane | None, before: Plane | None
    ) -> None:
        self.left, self.top = column == 0, row == 0
        self.blocks: dict[str, Block] = {}
        self.lasts: dict[str, int] = {}
        counts: dict[str, int] = {}
        sides: dict[str, tuple[list[list[int]], list[list[int]]]] = {}
        self.smoothed: dict[str, list[int]] = {}
        for name, (down, across) in AROUND.items():
            place = own.place(row + down, column + across)
            if place is not None:
                self.blocks[name] = own.blocks[place]
                self.lasts[name] = own.lasts[place]
                counts[name] = sum(u != 0 for u in own.blocks[place][1:])
                d = own.dequantised[place]
                self.smoothed[name] = smoothed(d)
                rights, bottoms = zip(edges(d, OUTSIDE), edges(d, INSIDE), strict=True)
                sides[name] = list(rights), list(bottoms)
        zeros = [[0] * 8, [0] * 8]
        self.R, self.Rp = sides.get("L", (zeros, zeros))[0]
        self.B, self.Bp = sides.get("A", (zeros, zeros))[1]
        for known, nothing in (
            (self.blocks, NONE),
            (self.lasts, 0),
            (counts, 0),
            (self.smoothed, NONE),
        ):
            replace(known, nothing)
        for name, other in {"AL": "L", "AR": "L"}.items():
            for known in (self.blocks, self.smoothed):
                known.setdefault(name, known[other] if self.top else NONE)
        for name, other in {"AL": "A", "AR": "A", "LL": "L", "AA": "A"}.items():
            self.lasts.setdefault(name, self.lasts[other])
            for known in (self.blocks, self.smoothed):
                known.setdefault(name, NONE)
        self.counts = counts["L"], counts["A"]
        self.luma, self.luma_last, self.before = NONE, 0, NONE
        self.before_q = NONE
        if first and first.rows % own.rows == 0 and first.columns % own.columns == 0:
            self.luma = luma_of(first, own, row, column)
            large = [
                k
                for k in range(1, 64)
                if abs(self.luma[ZIGZAG[k]]) * (2**20 // own.q[ZIGZAG[k]]) >> 16 > 128
            ]
            self.luma_last = max(large, default=0)
        if before and (before.rows, before.columns) == (own.rows, own.columns):
            place = row * own.columns + column
            self.before, self.before_q = before.blocks[place], before.q


def replace(known: dict[str, object], nothing: object) -> None:
    """L where it is outside, and A."""
    left, above = known.get("L"), known.get("A")
    known["L"] = left if left is not None else above if above is not None else nothing
    known["A"] = above if above is not None else known["L"]


class Coefficients:
    """The coefficients of streams, one after the other."""

    def __init__(self, coded: bytes) -> None:
        self.decisions = Decisions(coded)
        self.mixing = Mixing(self.decisions)
        self.values: dict[tuple[int, int], Solved] = {}
        self.sizes: dict[tuple[int, int], Learned] = {}
        self.scales: dict[tuple[int, ...], Scale] = {}
        self.c = 0

    def done(self) -> None:
        self.decisions.done()

    def pop(self, frame: Frame) -> list[list[Block]]:
        """The blocks of the components of a stream."""
        planes: list[Plane] = []
        for self.c, component in enumerate(frame.components):
            own = Plane.of(component)
            first = planes[0] if planes else None
            before = planes[-1] if self.c > 1 else None
            for row in range(own.rows):
                for column in range(own.columns):
                    at = Neighbours(own, row, column, first, before)
                    last = self.pop_last(own, at)
                    coder = BlockCoder(self, own, at, last, 2 + frame.precision - 8)
                    for k in range(last, -1, -1):
                        coder.pop(k)
                    own.blocks.append(coder.u)
                    own.dequantised.append(coder.d)
                    own.lasts.append(last)
            planes.append(own)
        return [plane.blocks for plane in planes]

    def find(self, kind: int, place: int, values: list[int]) -> list[int]:
        return self.mixing.find((4 * self.c + kind) * 128 + place, values)

    def pop_last(self, own: Plane, at: Neighbours) -> int:
        l, a, ar, al, ll, aa = (at.lasts[name] for name in ("L", "A", "AR", "AL", "LL", "AA"))  # noqa: E741
        (nl, na), y = at.counts, at.luma_last
        near = (3 * l + 3 * a + ar + al) >> 1
        inv = [2**20 // q for q in own.q]
        e = thirds(
            sum(
                ((abs(at.R[n]) >> 8) * inv[8 * n] >> 16) + ((abs(at.B[n]) >> 8) * inv[n] >> 16)
                for n in range(1, 8)
            )
        )
        values = [
            l * 64 + ll, e * 8 + (y >> 3), (nl + na) * 64 + (y >> 1),
            ((l >> 2) * 16 + (a >> 2)) * 256 + (ar >> 2) * 16 + (al >> 2), e * 64 + (near >> 3),
            y * 64 + (near >> 3), a * 64 + aa, (l + a + ar + al + ll + aa) >> 1,
        ]  # fmt: skip
        node, c = 1, self.c
        lines: list[int] = []
        for t in range(6):
            if t in (0, 3):
                lines = self.find(3, 64 + node, values)
            sets = [
                64 * c + node, 256 + 32 * t + (y >> 1), 16 * (l >> 2) + (a >> 2), 8 * e + t,
            ]  # fmt: skip
            slot = node if t < 3 else node % 2 ** (t - 3) + 2 ** (t - 3)
            node = 2 * node + self.mixing.pop(lines, slot, [(0, 0)] * DISTRIBUTIONS, sets)
        return node - 64

    def value_model(self, r: int) -> Solved:
        i, j = divmod(r, 8)
        first = (8192, 8192) if r == 0 else (0, 9830) if i == 0 else (9830, 0) if j == 0 else None
        start = [*(first or (4915, 4915)), *[0] * 20]
        return self.values.setdefault((self.c, r), Solved(start))

    def size_model(self, r: int) -> Learned:
        return self.sizes.setdefault((self.c, r), Learned([819] * 24))

    def scales_of(self, r: int, k: int, e: int, n: int, g: int) -> list[Scale]:
        places = [(t, self.c, r, e) for t in range(3)] + [(3, min(self.c, 1), k % 2, n, g)]
        first = [int(text) for text in SCALES.split()]
        return [self.scales.setdefault(place, Scale(first[place[-1]])) for place in places]


class BlockCoder:
    """A block, from its last place down to DC."""

    def __init__(self, all_: Coefficients, own: Plane, at: Neighbours, last: int, s: int) -> None:
        self.all, self.q, self.at, self.last, self.s = all_, own.q, at, last, s
        self.u, self.d = [0] * 64, [0] * 64

    def pop(self, k: int) -> None:
        r, c, s, at, last = ZIGZAG[k], self.all.c, self.s, self.at, self.last
        (i, j), q, d, dc = divmod(r, 8), self.q, self.d, k == 0
        one, inv = 16 * q[r], 2**20 // q[r]
        older = ZIGZAG[k + 2 : last + 1]  # all coded ones but the last
        nonzero = sum(d[n] != 0 for n in older)

        def steps(x: int) -> int:
            """S(x)"""
            return x * inv >> 16

        def limited(x: int) -> int:
            """Q(x)"""
            return clamp(x >> s, -8191, 8191)

        L, A, AL, AR, LL, AA = (at.blocks[n] for n in ("L", "A", "AL", "AR", "LL", "AA"))  # noqa: N806
        rows = sum(OUTSIDE[b] * d[8 * i + b] for b in range(8))
        columns = sum(OUTSIDE[a] * d[8 * a + j] for a in range(8))
        top, leftmost = i == 0 and not dc, j == 0 and not dc
        first_row = at.R[0] - sum(OUTSIDE[b] * d[b] for b in range(8))
        first_column = at.B[0] - sum(OUTSIDE[a] * d[8 * a] for a in range(8))
        left = (at.R[i] - rows - (first_column if top else 0)) * INVERSE[j] >> 20
        above = (at.B[j] - columns - (first_row if leftmost else 0)) * INVERSE[i] >> 20
        if at.left:
            left = 0 if at.top else above
        if at.top:
            above = left

        # Sizes nearby.
        if dc:
            near = (abs(L[0] - AL[0]) + abs(A[0] - AL[0])) * 2**7
            inside = bl = 0
        else:
            near = 13 * (abs(L[r]) + abs(A[r])) + 4 * (abs(AL[r]) + abs(AR[r]))
            near = (near + 3 * (abs(LL[r]) + abs(AA[r]))) * 1638 >> 8
            spots = [(a, b) for a in range(8) for b in range(8) if a or b]
            far = {
                8 * a + b: 840 // ((a - i) ** 2 + (b - j) ** 2)
                for a, b in spots
                if abs(a - i) <= 2 and abs(b - j) <= 2 and 8 * a + b != r
            }
            inside = sum(f * abs(d[n]) for n, f in far.items() if n in older)
            inside = inside * (2**30 // sum(far.values())) >> 26
            sizes = (at.smoothed[name][r] for name in ("L", "A", "AL", "AR"))
            bl = sum(f * size for f, size in zip((2, 2, 1, 1), sizes, strict=True)) * 43 >> 8

        le, up, ur = (at.smoothed[name][r] for name in ("L", "A", "AR"))
        lu = smoothed(at.luma)[r] >> 4
        ro = 16 * sum(abs(d[8 * i + b]) for b in range(j + 1, 8))
        co = 16 * sum(abs(d[8 * a + j]) for a in range(i + 1, 8))

        # The value.
        def known(down: int, across: int, of: Block, otherwise: bool = False) -> int:
            outside = i + down > 7 or j + across > 7 or otherwise
            return 0 if outside else of[r + 8 * down + across]

        def step_of_dc(a: Block, b: Block) -> int:
            return (a[0] - b[0]) * 16 * q[0]

        luma, before = at.luma[r], at.before[r] * at.before_q[r] * 16
        x = [left, above, L[r] * one, A[r] * one, luma, before]
        near_places = [(0, 1), (1, 0), (0, 2), (2, 0)]
        x += [16 * known(*place, d, dc) for place in near_places]
        x += [AL[r] * one, AR[r] * one]
        x += [LL[0] * one, AA[0] * one] if dc else [at.R[i] >> 8, at.B[j] >> 8]
        x += [at.Rp[i] >> 8, at.Bp[j] >> 8]
        if leftmost:
            x.append(step_of_dc(L, AL))
        else:
            x.append(L[r - 1] * q[r - 1] * 16 if j > 0 and r > 1 else 0)
        if top:
            x.append(step_of_dc(AR, A))
        else:
            x.append(A[r - 8] * q[r - 8] * 16 if i > 0 and r > 8 else 0)
        x.append(16 * known(1, 1, d, dc))
        x.append(0 if dc else (left if j > 0 else above) * min(256, steps(inside)) >> 8)
        pairs = [(A, AL), (L, AL)] if top else [(A, AA), (A, AL)] if leftmost else []
        x += [step_of_dc(*pair) for pair in pairs] or [0, 0]
        x = [limited(value) for value in x]
        model = self.all.value_model(r)
        p = model.predict(x, s)
        whole = clamp(steps(p) + 128 >> 8, -32767, 32767) if dc else 0
        rest = p - whole * one
        left, above = left - whole * one, above - whole * one
        spread = abs(left - above)

        # The size.
        y = [one * 77 >> 8]
        if dc:
            pairs = [(L, AL), (A, AL), (A, AR), (L, LL), (A, AA)]
            y += [abs(step_of_dc(*pair)) for pair in pairs]
            y += [spread, abs(step_of_dc(L, A)), one * last * 26 >> 8]
            y.append(sum(abs(edge) >> 9 for edge in (at.R[1], at.B[1], at.R[2], at.B[2])))
        else:
            y += [abs(block[r]) * one for block in (L, A, AL, AR, LL, AA)] + [0, inside, bl]
        y += [abs(left), abs(above)]
        y += [0, 0, 0] if dc else [abs(luma), abs(before), abs(rest)]
        y += [le, up, ur, lu, ro, co]
        total = sum(abs(d[n]) for n in older)
        y += [16 * total // (1 + nonzero), one * (last - k) * 13 >> 8, 0]
        y = [limited(value) for value in y]
        if not dc:
            y[7] = min(abs(x[6]) + abs(x[7]), 8191)
        size_model = self.all.size_model(r)
        z = size_model.predict(y, s)
        if dc:
            least = steps(154 * spread >> 8) + (102 * near >> 8)
        else:
            least = 90 * near + 77 * steps(inside) + 64 * steps(bl) + 26 * steps(abs(rest)) >> 8
        expected = min(max(steps(z), (39 * least >> 8) + 3), 2**19)
        e = thirds(expected)
        middle = above if i == 0 and j > 0 else left if j == 0 and i > 0 else left + above >> 1

        # Contexts.
        rho, mu, lamda, beta = steps(rest), steps(middle), steps(luma), steps(before)
        o, m, n, g = sh(2 * rho), sh(2 * mu), halves(near), halves(steps(inside))
        count = min(nonzero, 15)
        u1, u2, u4, u5 = (known(*place, self.u) for place in near_places)
        rs = sum(abs(self.u[8 * i + b]) for b in range(8) if b != j)
        cs = sum(abs(self.u[8 * a + j]) for a in range(8) if a != i)
        if dc:
            rs, cs = thirds(steps(spread)), last
        values = [
            halves(steps(bl)) * 32 + g,
            (w(AL[r], 3) * 7 + w(AR[r], 3)) * 64 + w(LL[r], 2) * 5 + w(AA[r], 2),
            min(rs, 31) * 32 + min(cs, 31),
            o * 64 + m,
            (halves(abs(lamda)) * 64 + e) * 16 + min(15, abs(beta) >> 7),
            w(u4, 2) * 5 + w(u5, 2) + 25 * w(u1, 2) + 125 * w(u2, 2) + 625 * n,
            sh(2 * steps(left)) * 64 + g,
            sh(2 * steps(above)) * 64 + g,
        ]
        lines = self.all.find(2 if dc else 1, r, values)
        scales = self.all.scales_of(r, k, e, n, g)
        logistic = Logistic([rho, mu, 0, rho], scales)
        chi, s2 = min(c, 1), min(12, halves(abs(rho)))
        v = self.pop_value(
            lines,
            logistic,
            k < last or dc,
            Sets(
                64 * c + r, count, s2, min(15, halves(abs(mu))),
                600 + 64 * s2, 256 + 64 * (k >> 1) + 4 * (last >> 2),
                330 + 4 * (2 * (13 * min(12, n) + min(12, g)) + chi),
            ),
        )  # fmt: skip

        # Learning.
        for scale, mean in zip(scales, logistic.means, strict=True):
            scale.learn(abs(256 * v - mean))
        self.u[r] = v + whole
        require(abs(self.u[r]) <= 32767, "a coefficient of 16 bits")
        d[r] = clamp(self.u[r] * q[r], -(2**16), 2**16)
        floor = (((65536 + expected**2 >> 8) * q[r] ** 2) >> (2 * s - 4)) + 1
        model.learn(x, 16 * d[r] >> s, min(floor, 2**24))
        size_model.learn(y, abs(v) * one - z >> s, 120, (one * one >> (2 * s + 3)) + 1)

    def pop_value(self, lines: list[int], of: Logistic, may_be_zero: bool, by: "Sets") -> int:
        def pop(slot: int, parts: Callable[[int], tuple[int, int]], sets: list[int]) -> int:
            return self.all.mixing.pop(lines, slot, of.parts(parts), sets)

        low, high = ([of.beyond(t, 1, one) for t in range(DISTRIBUTIONS)] for one in (1, 0))
        if may_be_zero:
            sets = [256 + by.z, by.by_rest + 4 * by.count, by.by_place, by.by_sizes]
            if not pop(0, lambda t: (low[t] + high[t], 2**28 - low[t] - high[t]), sets):
                return 0
        sets = [512 + by.z, by.by_rest + 4 * by.middle + 1, by.by_place + 1, by.by_sizes + 1]
        negative = pop(1, lambda t: (low[t], high[t]), sets)

        def between(a: int, b: int) -> Callable[[int], int]:
            """The probability of a <= |v| < b."""
            return lambda t: of.beyond(t, a, negative) - of.beyond(t, b, negative)

        e = 1
        while True:
            below = between(2 ** (e - 1), 2**e)
            rest = by.by_rest + 4 * by.count + (2 if e == 1 else 3)
            sets = [768 + 4 * by.z + min(e, 3), rest, by.by_place + 2, by.by_sizes + 2]
            more = pop(
                1 + min(e, 5),
                lambda t, e=e, below=below: (of.beyond(t, 2**e, negative), below(t)),
                sets,
            )
            if not more:
                break
            e += 1
            require(e <= 16, "a magnitude of 16 bits")
        least, end, known = 2 ** (e - 1), 2**e, 1
        for t, b in enumerate(range(e - 2, -1, -1)):
            upper, lower = between(least + 2**b, end), between(least, least + 2**b)
            rest = 1432 + 16 * by.s2 + 2 * min(e, 7) + (t > 0)
            sets = [1792 + 4 * by.z + min(t, 3), rest, by.by_place + 3, by.by_sizes + 3]
            slot = (
                7 if e == 2 else 7 + known if e == 3 else 10 + known if t < 2 else min(12 + t, 15)
            )
            bit = pop(slot, lambda n, u=upper, low=lower: (u(n), low(n)), sets)
            least, end = (least + 2**b, end) if bit else (least, least + 2**b)
            known = 2 * known + bit
        return -least if negative else least


@dataclass
class Sets:
    """What the sets of the mixers of a coefficient depend on."""

    z: int
    count: int
    s2: int
    middle: int
    by_rest: int
    by_place: int
    by_sizes: int
