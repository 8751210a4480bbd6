"""The decisions of JPEG streams: the arithmetic coder, contexts and mixers (docs/jpeg-format.md, J5
and J6.3).
"""

from dataclasses import dataclass

import numpy as np

from bitsback import tables

from .counted import squash, stretch
from .fields import require

CONTEXTS, DISTRIBUTIONS = 8, 4
SETS = [2816, 1664, 2304, 1696]
MIXERS = len(SETS)


class Decisions:
    """The coded decisions, from the first on."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.low, self.high, self.value = 0, 2**32 - 1, 0
        for _ in range(4):
            self.shift()

    def shift(self) -> None:
        require(self.at < len(self.data) + 3, "three zeros behind the end")
        byte = self.data[self.at] if self.at < len(self.data) else 0
        self.value, self.at = (self.value << 8 | byte) % 2**32, self.at + 1

    def pop(self, p: int) -> int:
        """p: the probability of a one, in units of 2^-16."""
        middle = self.low + ((self.high - self.low) * p >> 16)
        bit = int(self.value <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            self.low = self.low * 2**8 % 2**32
            self.high = (self.high * 2**8 + 255) % 2**32
            self.shift()
        return bit

    def done(self) -> None:
        require(self.at == len(self.data) + 3, "all bytes are needed")


def logarithm(x: int) -> int:
    """That of x >= 1, in units of 2^-11."""
    lead = x.bit_length() - 1
    table = tables.stretch()
    return (lead * 90852 >> 6) + int(table[384] - table[384 + (x * 64 >> lead) - 64])


def limited(odds: int, most: int) -> int:
    return min(max(odds >> 2, -most), most)


@dataclass
class Slot:
    check: int
    p: int = 2**21
    n: int = 0

    def learn(self, bit: int) -> None:
        goal = (2**22 - 1) * bit
        p = self.p + ((goal - self.p >> 6) * (2**16 // (self.n + 2)) >> 10)
        self.p, self.n = min(max(p, 32), 2**22 - 32), min(self.n + 1, 127)


class Weights:
    def __init__(self) -> None:
        start = [1000] * CONTEXTS + [2**16 // (MIXERS * DISTRIBUTIONS)] * DISTRIBUTIONS + [0]
        self.w, self.n = np.array(start, np.int64), 0

    def learn(self, x: "np.ndarray[tuple[int], np.dtype[np.int64]]", error: int) -> None:
        e = error * max(16 * 500 // (16 + self.n), 50) + 2**15 >> 16
        self.w = np.minimum(np.maximum(self.w + (x * e + 2**14 >> 15), 1 - 2**15), 2**15 - 1)
        self.n = min(self.n + 1, 255)


class Mixing:
    """What is learned of decisions."""

    def __init__(self, decisions: Decisions) -> None:
        self.decisions = decisions
        self.tables: list[dict[int, Slot]] = [{} for _ in range(CONTEXTS)]
        self.weights: list[dict[int, Weights]] = [{} for _ in SETS]

    @staticmethod
    def find(place: int, values: list[int]) -> list[int]:
        """The lines of these values of the contexts."""
        assert len(values) == CONTEXTS
        lines = []
        for value in values:
            h = (value + place * 0x27D4EB2F) * 0x9E3779B1 % 2**32
            h = (h ^ h >> 15) * 0x85EBCA77 % 2**32
            lines.append((h ^ h >> 15) * 0xC2B2AE3D % 2**32)
        return lines

    def pop(self, lines: list[int], t: int, parts: list[tuple[int, int]], sets: list[int]) -> int:
        """A decision. t: the place of its slots in their lines; parts: the probabilities of one and
        zero by the distributions; sets: of the mixers.
        """
        slots, inputs = [], []
        for line, table in zip(lines, self.tables, strict=True):
            number, check = (line >> 17) * 16 + t, (line >> 4) % 8
            if number not in table or table[number].check != check:
                table[number] = Slot(check)
            slots.append(table[number])
            inputs.append(limited(stretch(slots[-1].p), 2**12 - 1))
        for one, zero in parts:
            odds = logarithm((one >> 6) + 1) - logarithm((zero >> 6) + 1)
            inputs.append(limited(odds, 2**11))
        x = np.array([*inputs, 2**5], np.int64)
        found = [
            known.setdefault(number, Weights())
            for known, number in zip(self.weights, sets, strict=True)
        ]
        total = (sum(int(of.w @ x) for of in found) + 2**31) % 2**32 - 2**31
        p = squash(min(max(total >> 13, -(2**16)), 2**16 - 1))
        bit = self.decisions.pop(min(max(p >> 12, 1), 2**16 - 1))
        for slot in slots:
            slot.learn(bit)
        for of in found:
            of.learn(x, 2**28 * bit - p >> 6)
        return bit
