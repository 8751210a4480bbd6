"""Frequencies from float weights, and the distributions of counts (docs/codecs.md).

Python's floats are doubles, and each operation rounds separately.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate


def spread(cumulative: Sequence[int], precision: int) -> list[int]:
    """The starts R(0) ... R(L) from T[0] ... T[L - 1], in units of 2^-32."""
    levels = len(cumulative)
    starts = [c + (t * (2**precision - levels) >> 32) for c, t in enumerate(cumulative)]
    return [*starts, 2**precision]


@dataclass
class Weighted:
    """L symbols with these weights."""

    weights: Sequence[float]
    precision: int = 24

    @property
    def size(self) -> int:
        return len(self.weights)

    @cached_property
    def starts(self) -> list[int]:
        _, exponent = math.frexp(max(self.weights))
        q = [round(math.ldexp(w, 32 - exponent)) for w in self.weights]
        k = 2**63 // sum(q)
        return spread([below * k >> 31 for below in [0, *accumulate(q)][:-1]], self.precision)

    def cumulative(self, c: int) -> int:
        return self.starts[c]


@dataclass
class Cumulative:
    """L symbols, of which F gives the probability of a draw below each of the edges."""

    f: Callable[[float], float]
    low: int
    size: int
    precision: int = 24

    @cached_property
    def starts(self) -> list[int]:
        edges = [self.low + c - 0.5 for c in range(1, self.size)]
        t = accumulate((round(self.f(edge) * 2**32) for edge in edges), max, initial=0)
        return spread(list(t), self.precision)

    def cumulative(self, c: int) -> int:
        return self.starts[c]


def climb(
    levels: int, place: int, up: Callable[[float], float], down: Callable[[float], float]
) -> Weighted:
    weights = [0.0] * levels
    weights[place] = 1.0
    for c in range(place, levels - 1):
        weights[c + 1] = weights[c] * (up(float(c)) / down(float(c)))
    for c in reversed(range(place)):
        weights[c] = weights[c + 1] * (down(float(c)) / up(float(c)))
    return Weighted(weights)


def poisson(rate: int, levels: int) -> Weighted:
    return climb(levels, min(rate >> 16, levels - 1), lambda c: rate / 65536, lambda c: c + 1)


def negative_binomial(successes: int, probability: int, levels: int) -> Weighted:
    n, p, failure = successes / 65536, probability / 2**24, (2**24 - probability) / 2**24
    place = min(max(math.floor((n - 1) * failure / p), 0), levels - 1)
    return climb(levels, place, lambda c: (n + c) * failure, lambda c: c + 1)


def beta_binomial(alpha: int, beta: int, trials: int) -> Weighted:
    a, b, n = alpha / 65536, beta / 65536, float(trials)
    return climb(
        trials + 1,
        trials * alpha // (alpha + beta),
        lambda c: (n - c) * (a + c),
        lambda c: (c + 1) * (b + (n - 1 - c)),
    )
