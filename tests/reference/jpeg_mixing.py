"""The decisions of JPEG streams: the arithmetic coder, contexts and mixers (docs/jpeg-format.md, J5
and J6.3).
"""

import numpy as np

from .candidates import FACTOR
from .counted import Mapped, Slot, Weights, squash, stretch
from .counted_rules import POINTS, Context
from .fields import require
from .message import HIGH

CONTEXTS, MIXERS, DISTRIBUTIONS = 16, 6, 4
RULES = Context(32, 127, False, [])
P_BITS, TABLE_BITS, TRUST = 22, 18, 60


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


def hashed(word: int, start: int) -> int:
    key = (start ^ word) * FACTOR % HIGH
    return key ^ key >> 32


class Mixing:
    """What is learned of decisions."""

    def __init__(self, decisions: Decisions) -> None:
        self.decisions = decisions
        self.tables: list[dict[int, Slot]] = [{} for _ in range(CONTEXTS)]
        self.weights: list[dict[int, Weights]] = [{} for _ in range(MIXERS)]
        self.maps: list[dict[int, list[Mapped]]] = [{} for _ in range(MIXERS)]
        self.keys = [0] * CONTEXTS
        self.line = [0] * CONTEXTS

    def find(self, node: int) -> None:
        """The lines in which the slots of the next decisions lie."""
        self.line = [(key ^ node) * FACTOR % HIGH for key in self.keys]

    def pop(self, odds: list[int], sets: list[int], t: int) -> int:
        """A decision. odds: by the distributions; sets: of the mixers; t: the place of the slot in
        its line.
        """
        slots, inputs = [], []
        for line, table in zip(self.line, self.tables, strict=True):
            number, check = line >> 64 - TABLE_BITS ^ t, line // 2**20 % 8
            if number not in table or table[number].check != check:
                table[number] = Slot(P_BITS, 2 ** (P_BITS - 1), 0, check)
            slots.append(table[number])
            inputs.append(stretch(slots[-1].q) if slots[-1].n else 0)
            inputs.append((slots[-1].q - 2**21) * min(slots[-1].n, TRUST) >> 14)
        inputs += [2**7, sum(odds) >> 2, *(min(max(x, -(2**13)), 2**13) for x in odds)]
        x = np.array(inputs, np.int64)
        found, outputs = [], []
        for known, number in zip(self.weights, sets, strict=True):
            if number not in known:
                start = [800, 0] * CONTEXTS + [0, 2**14] + [0] * DISTRIBUTIONS
                known[number] = Weights(np.array(start, np.int64))
            found.append(known[number])
            outputs.append(min(max(int(found[-1].w @ x) >> 13, -(2**16)), 2**16 - 1))
        mean = sum(outputs) // MIXERS
        j, f = divmod(min(max(mean, -(2**15)), 2**15 - 1) + 2**15, 2**11)
        total, mapped = squash(mean), []
        for maps, number in zip(self.maps, sets, strict=True):
            if number not in maps:
                maps[number] = [Mapped(squash(2**11 * (i - 16)) >> 6) for i in range(POINTS)]
            a, b = maps[number][j : j + 2]
            total += 2**6 * ((a.r * (2**11 - f) + b.r * f) // 2**11)
            mapped.append(b if f >= 2**10 else a)
        bit = self.decisions.pop(min(max(total // (1 + MIXERS) >> 12, 1), 2**16 - 1))
        for slot in slots:
            slot.learn(bit, RULES)
        for weights, output in zip(found, outputs, strict=True):
            weights.learn(x, 2**28 * bit - squash(output), (1200, 120))
        for entry in mapped:
            entry.learn(bit, 255)
        return bit
