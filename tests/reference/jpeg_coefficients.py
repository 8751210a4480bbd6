"""The coefficients of JPEG streams (docs/jpeg-format.md, J6)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from .counted import squash, stretch
from .fields import require
from .jpeg_markers import Component, Frame
from .jpeg_mixing import CONTEXTS, DISTRIBUTIONS, Decisions, Mixing, hashed
from .message import HIGH

Block = list[int]  # in rows
ZIGZAG = sorted(range(64), key=lambda r: (s := r // 8 + r % 8, r // 8 if s % 2 else -(r // 8)))
NONE: Block = [0] * 64
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
    right = [sum(signed[j] * d[8 * n + j] for j in range(8)) >> 8 for n in range(8)]
    bottom = [sum(signed[j] * d[8 * j + n] for j in range(8)) >> 8 for n in range(8)]
    return right, bottom


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
            steps[ZIGZAG[k]] = step or 1
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
        return self.f(t, -x) if negative else self.f(t, 2 * self.means[t] - x)

    def odds(self, parts: Callable[[int], tuple[int, int]]) -> list[int]:
        found = []
        for t in range(DISTRIBUTIONS):
            part, whole = parts(t)
            found.append(stretch(clamp((part + 1) * 2**22 // (whole + 2), 420, 2**22 - 420)))
        return found


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
        around = {
            "L": (0, -1), "A": (-1, 0), "AL": (-1, -1), "AR": (-1, 1), "LL": (0, -2), "AA": (-2, 0)
        }  # fmt: skip
        for name, (down, across) in around.items():
            place = own.place(row + down, column + across)
            if place is not None:
                self.blocks[name] = own.blocks[place]
                self.lasts[name] = own.lasts[place]
                counts[name] = sum(u != 0 for u in own.blocks[place][1:])
                d = own.dequantised[place]
                rights, bottoms = zip(edges(d, OUTSIDE), edges(d, INSIDE), strict=True)
                sides[name] = list(rights), list(bottoms)
        zeros = [[0] * 8, [0] * 8]
        self.R, self.Rp = sides.get("L", (zeros, zeros))[0]
        self.B, self.Bp = sides.get("A", (zeros, zeros))[1]
        for known, nothing in ((self.blocks, NONE), (self.lasts, 0), (counts, 0)):
            replace(known, nothing)
        for name, other in {"AL": "L", "AR": "L"}.items():
            self.blocks.setdefault(name, self.blocks[other] if self.top else NONE)
        for name, other in {"AL": "A", "AR": "A", "LL": "L", "AA": "A"}.items():
            self.lasts.setdefault(name, self.lasts[other])
            self.blocks.setdefault(name, NONE)
        self.counts = counts["L"], counts["A"]
        self.luma, self.luma_last, self.before, self.before_last = NONE, 0, NONE, 0
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
            self.before_last = before.lasts[place]


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
        self.values: dict[tuple[int, int], Linear] = {}
        self.sizes: dict[tuple[int, int], Linear] = {}
        self.scales: dict[tuple[int, ...], Scale] = {}
        self.c = 0

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

    def set_keys(self, kind: int, place: Callable[[int], int], values: list[int]) -> None:
        assert len(values) == CONTEXTS
        for n, value in enumerate(values):
            start = hashed((4 * self.c + kind) * 128 + place(n), 0)
            self.mixing.keys[n] = hashed(value % 2**32, (start + n) % HIGH)

    def pop_last(self, own: Plane, at: Neighbours) -> int:
        l, a, ar, al, ll, aa = (at.lasts[name] for name in ("L", "A", "AR", "AL", "LL", "AA"))  # noqa: E741
        (nl, na), y, b = at.counts, at.luma_last, at.before_last
        near = (3 * l + 3 * a + ar + al) >> 1
        inv = [2**20 // q for q in own.q]
        e = thirds(
            sum((abs(at.R[n]) * inv[8 * n] + abs(at.B[n]) * inv[n]) >> 16 for n in range(1, 8))
        )
        values = [
            (l >> 1) * 32 + (a >> 1), nl * 64 + na, y * 64 + b,
            b * 64 + (y >> 3) * 8 + (near >> 5),
            l * 64 + ll, (nl + na) * 64 + e, e * 8 + (y >> 3), ar * 64 + a,
            min(l, a) * 64 + max(l, a), (nl + na) * 64 + (y >> 1), near >> 1,
            ((l >> 2) * 16 + (a >> 2)) * 256 + (ar >> 2) * 16 + (al >> 2), e * 64 + (near >> 3),
            y * 64 + (near >> 3), a * 64 + aa, (l + a + ar + al + ll + aa) >> 1,
        ]  # fmt: skip
        self.set_keys(3, lambda n: 64, values)
        node, c = 1, self.c
        for t in range(6):
            if t in (0, 3):
                self.mixing.find(node)
            sets = [
                64 * c + node, 256 + 8 * (near >> 4) + t, 256 + 32 * t + (y >> 1), 8 * c + t,
                16 * (l >> 2) + (a >> 2), 8 * e + t,
            ]  # fmt: skip
            slot = node if t < 3 else node % 2 ** (t - 3) + 2 ** (t - 3)
            node = 2 * node + self.mixing.pop([0] * DISTRIBUTIONS, sets, slot)
        return node - 64

    def value_model(self, r: int) -> Linear:
        i, j = divmod(r, 8)
        first = (8192, 8192) if r == 0 else (0, 9830) if i == 0 else (9830, 0) if j == 0 else None
        start = [*(first or (4915, 4915)), *[0] * 22]
        return self.values.setdefault((self.c, r), Linear(start))

    def size_model(self, r: int) -> Linear:
        return self.sizes.setdefault((self.c, r), Linear([819] * 24))

    def scales_of(self, r: int, e: int) -> list[Scale]:
        places = [(t, self.c, r, e) for t in range(3)] + [(3, min(self.c, 1), e)]
        first = [int(text) for text in SCALES.split()]
        return [self.scales.setdefault(place, Scale(first[e])) for place in places]


class BlockCoder:
    """A block, from its last place down to DC."""

    def __init__(self, all_: Coefficients, own: Plane, at: Neighbours, last: int, s: int) -> None:
        self.all, self.q, self.at, self.last, self.s = all_, own.q, at, last, s
        self.u, self.d = [0] * 64, [0] * 64
        self.coded: list[int] = []  # others than DC

    def pop(self, k: int) -> None:
        r, c, s, at, last = ZIGZAG[k], self.all.c, self.s, self.at, self.last
        (i, j), q, d, dc = divmod(r, 8), self.q, self.d, k == 0
        one, inv = 16 * q[r], 2**20 // q[r]
        nonzero = sum(u != 0 for u in self.coded)

        def steps(x: int) -> int:
            """S(x)"""
            return x * inv >> 16

        def limited(x: int) -> int:
            """Q(x)"""
            return clamp(x >> s, -32767, 32767)

        L, A, AL, AR, LL, AA = (at.blocks[n] for n in ("L", "A", "AL", "AR", "LL", "AA"))  # noqa: N806
        rows = sum(OUTSIDE[b] * d[8 * i + b] for b in range(8))
        columns = sum(OUTSIDE[a] * d[8 * a + j] for a in range(8))
        left = (at.R[i] * 256 - rows) * INVERSE[j] >> 20
        above = (at.B[j] * 256 - columns) * INVERSE[i] >> 20
        if at.left:
            left = 0 if at.top else above
        if at.top:
            above = left

        # Sizes nearby.
        if dc:
            near = (abs(L[0] - AL[0]) + abs(A[0] - AL[0])) * 2**7
            inside = bl = le = up = ur = lu = ro = co = 0
        else:
            near = 13 * (abs(L[r]) + abs(A[r])) + 4 * (abs(AL[r]) + abs(AR[r]))
            near = (near + 3 * (abs(LL[r]) + abs(AA[r]))) * 1638 >> 8
            spots = [(a, b) for a in range(8) for b in range(8) if a or b]
            far = {
                8 * a + b: 840 // ((a - i) ** 2 + (b - j) ** 2)
                for a, b in spots
                if abs(a - i) <= 2 and abs(b - j) <= 2 and 8 * a + b != r
            }
            inside = 16 * sum(f * abs(d[n]) for n, f in far.items()) // sum(far.values())
            by = {
                8 * a + b: 6 // (1 + (a - i) ** 2 + (b - j) ** 2)
                for a, b in spots
                if abs(a - i) <= 1 and abs(b - j) <= 1
            }
            whole_weight = sum(by.values())

            def sized(size: Callable[[int], int]) -> int:
                return 16 * sum(f * q[n] * size(n) for n, f in by.items())

            bl = sized(lambda n: 2 * (abs(L[n]) + abs(A[n])) + abs(AL[n]) + abs(AR[n]))
            bl //= 6 * whole_weight
            le, up, ur = (sized(lambda n, x=x: abs(x[n])) // whole_weight for x in (L, A, AR))
            lu = sum(f * abs(at.luma[n]) for n, f in by.items()) // whole_weight
            ro = 16 * sum(abs(d[8 * i + b]) for b in range(j + 1, 8))
            co = 16 * sum(abs(d[8 * a + j]) for a in range(i + 1, 8))

        # The value.
        def known(down: int, across: int, of: Block, otherwise: bool = False) -> int:
            outside = i + down > 7 or j + across > 7 or otherwise
            return 0 if outside else of[r + 8 * down + across]

        luma, before = at.luma[r], at.before[r] * at.before_q[r] * 16
        x = [left, above, L[r] * one, A[r] * one, luma, before]
        near_places = [(0, 1), (1, 0), (0, 2), (2, 0)]
        x += [16 * known(*place, d, dc) for place in near_places]
        x += [AL[r] * one, AR[r] * one]
        x += [LL[0] * one, AA[0] * one] if dc else [at.R[i], at.B[j]]
        x += [at.Rp[i], at.Bp[j]]
        x.append(L[r - 1] * q[r - 1] * 16 if j > 0 and r > 1 else 0)
        x.append(A[r - 8] * q[r - 8] * 16 if i > 0 and r > 8 else 0)
        x.append(16 * known(1, 1, d, dc))
        x.append(0 if dc else (left if j > 0 else above) * min(256, steps(inside)) >> 8)
        x = [limited(value) for value in x] + [0] * 4
        model = self.all.value_model(r)
        p = model.predict(x, s)
        whole = clamp(steps(p) + 128 >> 8, -32767, 32767) if dc else 0
        rest = p - whole * one
        left, above = left - whole * one, above - whole * one
        spread = abs(left - above)

        # The size.
        def apart(a: Block, b: Block) -> int:
            return abs(a[0] - b[0]) * one

        y = [one * 77 >> 8]
        if dc:
            y += [apart(L, AL), apart(A, AL), apart(A, AR), apart(L, LL), apart(A, AA)]
            y += [spread, apart(L, A), one * last // 10]
            y.append((abs(at.R[1]) + abs(at.B[1]) + abs(at.R[2]) + abs(at.B[2])) // 2)
        else:
            y += [abs(block[r]) * one for block in (L, A, AL, AR, LL, AA)] + [0, inside, bl]
        y += [abs(left), abs(above)]
        y += [0, 0, 0] if dc else [abs(luma), abs(before), abs(rest)]
        y += [le, up, ur, lu if c > 0 else 0, ro, co]
        total = sum(abs(self.u[n]) * q[n] for n in range(1, 64))
        y += [16 * total // (1 + nonzero), one * (last - k) // 20, 0]
        y = [limited(value) for value in y]
        if not dc:
            y[7] = min(abs(x[6]) + abs(x[7]), 32767)
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
        o, m, f, n, g = sh(2 * rho), sh(2 * mu), sh(lamda), halves(near), halves(steps(inside))
        count = min(nonzero, 15)
        u1, u2, u4, u5 = (known(*place, self.u) for place in near_places)
        u3 = known(1, 1, self.u)
        p1, p2 = [*self.coded[::-1], 0, 0][:2]
        rs = sum(abs(self.u[8 * i + b]) for b in range(8) if b != j)
        cs = sum(abs(self.u[8 * a + j]) for a in range(8) if a != i)
        if dc:
            rs, cs = thirds(steps(spread)), last
        values = [
            min(7, abs(L[r])) * 8 + min(7, abs(A[r])),
            m * 32 + n,
            (w(u1, 3) * 7 + w(u2, 3)) * 7 + w(u3, 3),
            count * 64 + (last >> 1),
            halves(steps(bl)) * 32 + g,
            f * 64 + sh(beta),
            (w(AL[r], 3) * 7 + w(AR[r], 3)) * 64 + w(LL[r], 2) * 5 + w(AA[r], 2),
            (f * 64 + o) * 64 + (w(beta + 128 >> 8, 2) if c > 1 else 0),
            w(p1, 5) * 11 + w(p2, 5),
            min(rs, 31) * 32 + min(cs, 31),
            e * 16 + count,
            o * 64 + m,
            (halves(abs(lamda)) * 64 + e) * 16 + min(15, abs(beta) >> 7),
            w(u4, 2) * 5 + w(u5, 2) + 25 * w(u1, 2) + 125 * w(u2, 2) + 625 * n,
            sh(2 * steps(left)) * 64 + g,
            sh(2 * steps(above)) * 64 + g,
        ]
        self.all.set_keys(2 if dc else 1, lambda number: 64 if number == 10 else r, values)
        scales = self.all.scales_of(r, e)
        logistic = Logistic([rho, mu, 0, rho], scales)
        chi, s2, bd = min(c, 1), min(12, halves(abs(rho))), 8 if dc else min(7, i + j)
        v = self.pop_value(
            logistic,
            k < last or dc,
            Sets(
                64 * c + r, e, count, s2, min(15, halves(abs(mu))),
                600 + 3 * (2 * e + chi), 600 + 64 * s2, 64 + 8 * bd + 4 * chi,
                256 + 64 * (k >> 1) + 4 * (last >> 2),
                330 + 4 * (2 * (13 * min(12, n) + min(12, g)) + chi),
            ),
        )  # fmt: skip

        # Learning.
        for scale, mean in zip(scales, logistic.means, strict=True):
            scale.learn(abs(256 * v - mean))
        self.u[r] = v + whole
        require(abs(self.u[r]) <= 32767, "a coefficient of 16 bits")
        d[r] = clamp(self.u[r] * q[r], -(2**20), 2**20)
        floor = (((19661 + expected**2 >> 8) * q[r] ** 2) >> (2 * s - 4)) + 1
        model.learn(x, 16 * d[r] - p >> s, 300, floor)
        size_model.learn(y, abs(v) * one - z >> s, 120, (one * one >> (2 * s + 3)) + 1)
        if not dc:
            self.coded.append(self.u[r])

    def pop_value(self, of: Logistic, may_be_zero: bool, by: "Sets") -> int:
        mixing, bands = self.all.mixing, [by.by_band, by.by_place, by.by_sizes]
        mixing.find(0)
        if may_be_zero:
            odds = of.odds(lambda t: (of.f(t, 128) - of.f(t, -128), 2**28))
            sets = [256 + by.z, by.by_size, by.by_rest + 4 * by.count, *bands]
            if not mixing.pop([-one for one in odds], sets, 0):
                return 0
        odds = of.odds(lambda t: (of.f(t, -128), of.f(t, -128) + 2**28 - of.f(t, 128)))
        sets = [512 + by.z, by.by_size + 1, by.by_rest + 4 * by.middle + 1]
        negative = mixing.pop(odds, sets + [one + 1 for one in bands], 1)
        e = 1
        while True:
            odds = of.odds(
                lambda t, e=e: (of.beyond(t, 2**e, negative), of.beyond(t, 2 ** (e - 1), negative))
            )
            rest = by.by_rest + 4 * by.count + (2 if e == 1 else 3)
            sets = [768 + 4 * by.z + min(e, 3), 1000 + 10 * by.e + min(e, 9), rest]
            if not mixing.pop(odds, sets + [one + 2 for one in bands], 2 * min(e, 7) + negative):
                break
            e += 1
            require(e <= 16, "a magnitude of 16 bits")
        mixing.find(2 * e + negative)
        low, high, known = 2 ** (e - 1), 2**e, 1
        for t, b in enumerate(range(e - 2, -1, -1)):

            def parts(n: int, b: int = b, low: int = low, high: int = high) -> tuple[int, int]:
                end = of.beyond(n, high, negative)
                return of.beyond(n, low + 2**b, negative) - end, of.beyond(n, low, negative) - end

            rest = 1432 + 16 * by.s2 + 2 * min(e, 7) + (t > 0)
            sets = [1792 + 4 * by.z + min(t, 3), 1500 + 10 * by.e + min(e, 9), rest]
            slot = known if t < 3 else 8 + min(t, 7)
            bit = mixing.pop(of.odds(parts), sets + [one + 3 for one in bands], slot)
            low, high = (low + 2**b, high) if bit else (low, low + 2**b)
            known = 2 * known + bit
        return -low if negative else low


@dataclass
class Sets:
    """What the sets of the mixers of a coefficient depend on."""

    z: int
    e: int
    count: int
    s2: int
    middle: int
    by_size: int
    by_rest: int
    by_band: int
    by_place: int
    by_sizes: int
