"""Bits back over the path of a hidden Markov model's states (docs/codecs.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from .codecs import Array
from .counts import Weighted
from .message import Message


def frequency(distribution: Weighted, c: int) -> int:
    return distribution.cumulative(c + 1) - distribution.cumulative(c)


@dataclass
class HiddenMarkov:
    """Series of these lengths, one after the other; each weight is a number of its row."""

    initial: Weighted
    transition: Sequence[Weighted]
    emission: Sequence[Weighted]
    lengths: Sequence[int]

    def filtered(self, x: Sequence[int]) -> list[list[int]]:
        """The weights of the states at each step, given the symbols up to it."""
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
        ends = list(accumulate(self.lengths))
        x = [symbols[end - n : end] for n, end in zip(self.lengths, ends, strict=True)]
        a = [self.filtered(row) for row in x]
        z: dict[int, int] = {}
        for t in reversed(range(max(self.lengths, default=0))):
            last, beyond = self.ending(t), self.beyond(t)
            popped = Array([self.posterior(a[i][t]) for i in last]).pop(message)
            z.update(zip(last, popped, strict=True))
            Array([self.emission[z[i]] for i in beyond]).push(message, [x[i][t] for i in beyond])
            if t == 0:
                Array([self.initial for i in beyond]).push(message, [z[i] for i in beyond])
                break
            y = Array([self.before(a[i][t - 1], z[i]) for i in beyond]).pop(message)
            Array([self.transition[k] for k in y]).push(message, [z[i] for i in beyond])
            z.update(zip(beyond, y, strict=True))

    def pop(self, message: Message) -> Any:
        x: list[list[int]] = [[] for _ in self.lengths]
        z: dict[int, int] = {}
        for t in range(max(self.lengths, default=0)):
            last, beyond = self.ending(t), self.beyond(t)
            if t == 0:
                z = dict(enumerate_pops(beyond, [self.initial for i in beyond], message))
            else:
                y = dict(enumerate_pops(beyond, [self.transition[z[i]] for i in beyond], message))
                a = [self.before(self.filtered(x[i])[-1], y[i]) for i in beyond]
                Array(a).push(message, [z[i] for i in beyond])
                z = y
            for i, c in enumerate_pops(beyond, [self.emission[z[i]] for i in beyond], message):
                x[i].append(c)
            q = [self.posterior(self.filtered(x[i])[-1]) for i in last]
            Array(q).push(message, [z[i] for i in last])
        return [c for row in x for c in row]

    def posterior(self, a: Sequence[int]) -> Weighted:
        return Weighted(list(map(float, a)))

    def beyond(self, t: int) -> list[int]:
        return [i for i, length in enumerate(self.lengths) if length > t]

    def ending(self, t: int) -> list[int]:
        return [i for i, length in enumerate(self.lengths) if length == t + 1]


def enumerate_pops(
    series: Sequence[int], distributions: Sequence[Weighted], message: Message
) -> Iterator[tuple[int, int]]:
    """A step of one symbol for each of these series, with the number of its series."""
    return iter(list(zip(series, Array(distributions).pop(message), strict=True)))
