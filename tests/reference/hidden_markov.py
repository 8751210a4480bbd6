"""Bits back over the path of a hidden Markov model's states (docs/codecs.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .codecs import Array
from .counts import Weighted
from .message import Message


def frequency(distribution: Weighted, c: int) -> int:
    return distribution.cumulative(c + 1) - distribution.cumulative(c)


@dataclass
class HiddenMarkov:
    """Series [series, length]; each weight is a number of its row."""

    initial: Weighted
    transition: Sequence[Weighted]
    emission: Sequence[Weighted]
    series: int
    length: int

    def filtered(self, x: Sequence[int]) -> list[list[int]]:
        """How likely each state is at each step, by the symbols up to it."""
        states = range(self.initial.size)
        a: list[list[int]] = []
        for t, c in enumerate(x):
            if t == 0:
                p = [frequency(self.initial, k) << 8 for k in states]
            else:
                p = [
                    sum(a[-1][j] * frequency(self.transition[j], k) for j in states) >> 24
                    for k in states
                ]
            w = [p[k] * frequency(self.emission[k], c) for k in states]
            e = sum(w).bit_length() - 32
            a.append([v >> e if e > 0 else v << -e for v in w])
        return a

    def before(self, a: Sequence[int], state: int) -> Weighted:
        return Weighted(
            [
                float(likely * frequency(row, state) >> 4)
                for likely, row in zip(a, self.transition, strict=True)
            ]
        )

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        n, length = range(self.series), self.length
        x = [symbols[i * length : (i + 1) * length] for i in n]
        if not (self.series and length):
            return
        a = [self.filtered(row) for row in x]
        z = Array([Weighted(list(map(float, a[i][-1]))) for i in n]).pop(message)
        for t in reversed(range(length)):
            Array([self.emission[z[i]] for i in n]).push(message, [x[i][t] for i in n])
            if t == 0:
                break
            y = Array([self.before(a[i][t - 1], z[i]) for i in n]).pop(message)
            Array([self.transition[y[i]] for i in n]).push(message, z)
            z = y
        Array([self.initial] * self.series).push(message, z)

    def pop(self, message: Message) -> Any:
        n, length = range(self.series), self.length
        x: list[list[int]] = [[] for _ in n]
        if not (self.series and length):
            return []
        z = Array([self.initial] * self.series).pop(message)
        for t in range(length):
            for i, c in enumerate(Array([self.emission[z[i]] for i in n]).pop(message)):
                x[i].append(c)
            a = [self.filtered(row)[-1] for row in x]
            if t + 1 < length:
                y = Array([self.transition[z[i]] for i in n]).pop(message)
                Array([self.before(a[i], y[i]) for i in n]).push(message, z)
                z = y
        Array([Weighted(list(map(float, a[i]))) for i in n]).push(message, z)
        return [c for row in x for c in row]
