"""The samples of lossless JPEG streams (docs/jpeg-format.md, J7)."""

from collections.abc import Callable
from dataclasses import dataclass

from .counted import squash, stretch
from .fields import require
from .jpeg_coefficients import clamp, cut
from .jpeg_markers import Frame
from .jpeg_mixing import Decisions

Plane = list[int]  # in rows
TERMS, CONTEXTS, LEVELS = 14, 6, 48


def level(x: int) -> int:
    """The steps of half an octave."""
    lead = x.bit_length() - 1
    return 2 * lead + 1 + (x >> (lead - 1) & 1 if lead > 0 else 0) if x else 0


@dataclass
class Scale:
    value: int
    n: int = 0


@dataclass
class Counter:
    one: int = 2**21
    n: int = 0


class Samples:
    """The samples of streams, one after the other."""

    def __init__(self, decisions: Decisions) -> None:
        self.decisions = decisions
        self.counters: dict[tuple[int, int, int], Counter] = {}
        self.mixers: dict[tuple[int, int], list[int]] = {}
        start = [0, 0, 0, 19_661, 0, 0, 0, 0, 39_322, 0, 0, 0, 0, 0]
        self.linear = [list(start) for _ in range(4)]
        self.scales: dict[tuple[int, int, int], Scale] = {}

    def pop(self, frame: Frame) -> list[Plane]:
        planes: list[Plane] = []
        misses: list[int] = []
        for c, component in enumerate(frame.components):

            def before(back: int, c: int = c) -> Plane | None:
                if c < back:
                    return None
                own, other = frame.components[c], frame.components[c - back]
                same = (own.rows, own.columns) == (other.rows, other.columns)
                return planes[c - back] if same else None

            self.c = c
            known = [before(1), before(2)]
            misses = self.pop_plane(
                component.rows, component.columns, known, misses if known[0] else [], planes
            )
        return planes

    def pop_plane(
        self,
        rows: int,
        columns: int,
        known: list[Plane | None],
        misses_before: list[int],
        planes: list[Plane],
    ) -> list[int]:
        own: Plane = []
        misses: list[int] = []
        planes.append(own)
        for row in range(rows):
            for column in range(columns):
                at = row * columns + column
                right = row > 0 and column + 1 < columns
                near = around(own, columns, row, column)
                guess = gradient(near)
                x = [one - guess for one in near] + [0] * 6
                first, second = known
                if first:
                    other = around(first, columns, row, column)
                    x[8] = first[at] - gradient(other)
                    x[9], x[10] = (one - gradient(other) for one in other[:2])
                    if column + 1 < columns:
                        x[11] = first[at + 1] - first[at]
                    if row + 1 < rows:
                        x[12] = first[at + columns] - first[at]
                if second:
                    x[13] = second[at] - gradient(around(second, columns, row, column))
                missed = [
                    misses[at - 1] if column > 0 else 0,
                    misses[at - columns] if row > 0 else 0,
                    misses[at - columns - 1] if row > 0 and column > 0 else 0,
                    misses[at - columns + 1] if right else 0,
                    misses_before[at] if misses_before else 0,
                ]
                sample, miss = self.pop_sample(near, guess, x, missed, first is not None)
                own.append(sample)
                misses.append(miss)
        return misses

    def pop_sample(
        self, near: list[int], guess: int, x: list[int], missed: list[int], before: bool
    ) -> tuple[int, int]:
        c, weights = self.c, self.linear[self.c]
        raw = guess * 2**8 + (sum(w * u for w, u in zip(weights, x, strict=True)) >> 8)
        predicted = clamp(raw, 0, 65_535 << 8)
        whole = (predicted + 2**7) >> 8
        self.mean = predicted - whole * 2**8
        pattern = 0
        for one in near[:6]:
            pattern = 2 * pattern + (one * 2**8 > raw)
        left, above, above_left, above_right = near[:4]
        ml, ma, mal, mar, mb = (abs(one) for one in missed)
        slopes = abs(left - above_left) + abs(above - above_left) + abs(above - above_right)
        rough = level(2 * slopes + 2 * ml + ma + 2 * mb)
        size = level(2 * ml + 2 * ma + mal + mar + 3 * mb)
        beside = missed[4] if before else (missed[0] + missed[1]) >> 1
        beside_level = min(level(abs(beside)), 30)
        self.slots = [
            c * LEVELS + rough,
            c * LEVELS + size,
            min(level(ml), 31) * 32 + min(level(ma), 31),
            ((self.mean + 2**7 >> 5) * 24 + size // 2) * 4 + c,
            (31 - beside_level if beside < 0 else 31 + beside_level) * 16 + size // 4,
            pattern * 16 + rough // 3 + (1024 if c else 0),
        ]
        self.sets = [128 if c else 0, rough * 4]
        scales = [
            self.scales.setdefault((t, c, number), Scale(2 ** (10 + number // 2)))
            for t, number in enumerate((rough, size))
        ]
        self.rates = [2**28 // max(scale.value, 40) for scale in scales]
        rest = self.pop_residual()
        sample = whole + rest
        require(0 <= sample <= 65_535, "a sample of 16 bits")
        for scale in scales:
            far = (abs(rest * 2**8 - self.mean) * 154 >> 4) + 82
            rate = max(1311, 65_536 // (1 + scale.n))
            scale.value = min(scale.value + ((far - scale.value) * rate >> 16), 2**30)
            scale.n = min(scale.n + 1, 100)
        power = sum(u * u for u in x) + 64
        step = clamp(cut((sample * 2**8 - raw) * 8000, power), -(2**24), 2**24)
        self.linear[c] = [
            clamp(w + (step * u + 2**11 >> 12), -(2**20), 2**20)
            for w, u in zip(weights, x, strict=True)
        ]
        return sample, rest

    def pop_residual(self) -> int:
        if not self.pop_bit(0, lambda t: -odds(self.below(t, 128) - self.below(t, -128), 2**28)):
            return 0
        minus = self.pop_bit(
            1,
            lambda t: odds(self.below(t, -128), self.below(t, -128) + 2**28 - self.below(t, 128)),
        )

        def tail(t: int, low: int) -> int:
            x = low * 2**8 - 2**7
            return self.below(t, -x if minus else 2 * self.mean - x)

        e = 1
        while e < 16 and self.pop_bit(
            1 + e,
            lambda t: odds(tail(t, 2**e), tail(t, 2 ** (e - 1))),  # noqa: B023
        ):
            e += 1
        low, bit = 2 ** (e - 1), 0
        for depth in range(e - 1):
            left = e - 2 - depth
            half = 2**left
            node = 72 + 16 * min(depth - 2, 2) + left
            if depth < 2:
                node = 36 + 2 * e + bit if depth else 18 + e

            def part(t: int, low: int = low, half: int = half) -> int:
                beyond = tail(t, low + 2 * half)
                return odds(tail(t, low + half) - beyond, tail(t, low) - beyond)

            bit = self.pop_bit(node, part)
            low += bit * half
        return -low if minus else low

    def below(self, t: int, x: int) -> int:
        return squash(clamp((x - self.mean) * self.rates[t] >> 12, -(2**16), 2**16 - 1))

    def pop_bit(self, node: int, odds_of: Callable[[int], int]) -> int:
        counters = [
            self.counters.setdefault((i, slot, node), Counter())
            for i, slot in enumerate(self.slots)
        ]
        x = [stretch(max(counter.one, 1)) for counter in counters]
        x += [odds_of(0), odds_of(1), 2**8]
        kind = node if node < 2 else 2 if node < 18 else 3
        found, outputs = [], []
        for m, number in enumerate((self.sets[0] + node, self.sets[1] + kind)):
            weights = self.mixers.setdefault((m, number), [9830] * (CONTEXTS + 2) + [0])
            total = sum(w * u for w, u in zip(weights, x, strict=True))
            outputs.append(clamp(total >> 15, -(2**16), 2**16 - 1))
            found.append(weights)
        bit = self.decisions.pop(clamp(squash(sum(outputs) >> 1) >> 12, 1, 65_535))
        for weights, output in zip(found, outputs, strict=True):
            error = 2**16 * bit - (squash(output) >> 12)
            weights[:] = [
                clamp(w + (u * error + 2**17 >> 18), -(2**20), 2**20)
                for w, u in zip(weights, x, strict=True)
            ]
        for counter in counters:
            goal = 2**22 - 1 if bit else 0
            counter.one += (goal - counter.one) * (65_536 // (counter.n + 2)) >> 16
            counter.n = min(counter.n + 1, 255)
        return bit


def odds(part: int, whole: int) -> int:
    return stretch(clamp(((part + 1) << 22) // (whole + 2), 420, 2**22 - 420))


def around(plane: Plane, columns: int, row: int, column: int) -> list[int]:
    """To the left, above, above to the left and to the right, two to the left, two above, two
    above to the right and to the left.
    """
    at = row * columns + column
    up, back, right = row > 0, column > 0, row > 0 and column + 1 < columns
    left = plane[at - 1] if back else plane[at - columns] if up else 0
    above = plane[at - columns] if up else left
    above_left = plane[at - columns - 1] if up and back else left
    above_right = plane[at - columns + 1] if right else above
    left2 = plane[at - 2] if column > 1 else left
    above2 = plane[at - 2 * columns] if row > 1 else above
    above2_right = plane[at - 2 * columns + 1] if row > 1 and right else above_right
    above2_left = plane[at - 2 * columns - 1] if row > 1 and back else above_left
    return [left, above, above_left, above_right, left2, above2, above2_right, above2_left]


def gradient(near: list[int]) -> int:
    left, above, above_left = near[:3]
    return clamp(left + above - above_left, min(left, above), max(left, above))
