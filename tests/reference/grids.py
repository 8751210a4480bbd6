"""The grids of docs/model-format.md: T[i][j][c] = 2^16 times the probability of a symbol below c,
rounded down.
"""

import struct
from collections.abc import Sequence

from .codecs import TABLES

Grid = Sequence[Sequence[Sequence[int]]]


def _read(name: str, kind: str) -> tuple[int, ...]:
    data = (TABLES / name).read_bytes()
    return struct.unpack(f"<{len(data) // struct.calcsize(kind)}{kind}", data)


X = _read("exp2.bin", "I")


def _beta_binomial() -> Grid:
    table = _read("beta_binomial.bin", "H")
    rows = [table[start : start + 256] for start in range(0, len(table), 256)]
    return [rows[start : start + 32] for start in range(0, len(rows), 32)]


BETA_BINOMIAL = _beta_binomial()  # [64][32][256]


def exponential(
    base: Sequence[int],
    first_statistic: Sequence[int],
    second_statistic: Sequence[int],
    first_value: Sequence[int],
    second_value: Sequence[int],
) -> Grid:
    """p(c) proportional to 2^(base[c] + a * first[c] + b * second[c]), for each a and each b."""
    statistics = list(zip(base, first_statistic, second_statistic, strict=True))
    return [
        [
            _row([of * 2**10 + a * first + b * second for of, first, second in statistics])
            for b in second_value
        ]
        for a in first_value
    ]


def _row(e: Sequence[int]) -> list[int]:
    """The cumulative probabilities of symbols with the exponents e, in units of 2^-20."""
    weights = []
    for exponent in e:
        d = max(e) - exponent
        weights.append(X[(d >> 10) % 1024] >> min(d >> 20, 63))
    starts = [sum(weights[:c]) for c in range(len(weights))]
    return [start * 2**16 // sum(weights) for start in starts]
