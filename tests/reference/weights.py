"""Frequencies from float weights and from distribution functions (docs/codecs.md).

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
