"""Distributions from logits (docs/codecs.md)."""

from collections.abc import Sequence
from math import ldexp

from .codecs import COMPONENTS, Bernoulli, look_up
from .combinators import X
from .weights import Weighted

C = 1477.3197218702985  # 2^10 log2(e), to the nearest double


def bernoulli(logit: float, precision: int) -> Bernoulli:
    table, reach = COMPONENTS["logistic"]
    t = round(ldexp(min(max(logit, -16.0), 16.0), 24))
    f = (look_up(table, t, reach, units=24) << precision) + 2**27 >> 28
    return Bernoulli(min(max(f, 1), 2**precision - 1), precision)


def categorical(logits: Sequence[float], precision: int) -> Weighted:
    d = [round(min((max(logits) - x) * C, 40.0 * 2**10)) for x in logits]
    return Weighted([float(X[v % 1024] >> v // 1024) for v in d], precision)
