"""Makes the tables that docs/format.md and docs/model-format.md define, in high-precision
arithmetic.

    python tools/make_tables.py            writes src/bitsback/tables/*.bin and prints their SHA-256
    python tools/make_tables.py --check    recomputes them and compares with the bytes that ship

Needs mpmath. The tables are data: the bytes in the package are normative, and no user's machine
recomputes them.
"""

import argparse
import hashlib
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

from mpmath import exp, floor, log, mp, mpf, ncdf, nint, power

TABLES = Path(__file__).resolve().parent.parent / "src" / "bitsback" / "tables"

# Decimal digits. Only a tie closer than 10^-40 could be misjudged, and the code refuses such a one.
DIGITS = 60
TIE = mpf(10) ** -40


def nearest(value: mpf) -> int:
    """The integer nearest to `value`; refuses a value too near a tie for the working precision to
    decide.
    """
    rounded = nint(value)
    if abs(abs(value - rounded) - mpf(1) / 2) < TIE:
        raise ArithmeticError(f"{value} is too near a tie: raise DIGITS")
    return int(rounded)


def normal_cdf() -> list[int]:
    """P[j], j = 0 ... 2048: the distribution function of N(0, 1) at j / 128 - 8, times 2^28."""
    return [nearest(ncdf(mpf(j) / 128 - 8) * 2**28) for j in range(2049)]


def quantile(j: int) -> int:
    """Q[j] for 0 < j < 8192: the k for which k - 1/2 and k + 1/2 enclose 2^16 times the quantile at
    j / 8192.

    A float gives the guess; the distribution function at the two ends decides, in high precision.
    """
    target = mpf(j) / 8192
    guess = round(NormalDist().inv_cdf(j / 8192) * 2**16)
    for k in (guess, guess - 1, guess + 1):
        below, above = (target - ncdf((k + half) / 2**16) for half in (mpf(-1) / 2, mpf(1) / 2))
        if min(abs(below), abs(above)) < TIE:
            raise ArithmeticError(f"the quantile at {j} / 8192 is too near a tie: raise DIGITS")
        if below > 0 > above:
            return k
    raise ArithmeticError(f"the guess of the quantile at {j} / 8192 is off by more than one")


def normal_quantile() -> list[int]:
    """Q[j], j = 0 ... 8192: the quantile of N(0, 1) at j / 8192, times 2^16; 0 for the two ends,
    infinite.
    """
    return [0, *(quantile(j) for j in range(1, 8192)), 0]


def logistic_cdf() -> list[int]:
    """P[j], j = 0 ... 2048: the logistic distribution function at j / 64 - 16, times 2^28."""
    return [
        nearest(2**28 / (1 + exp(16 - mpf(j) / 64))) if j != 1024 else 2**27 for j in range(2049)
    ]


def exp2() -> list[int]:
    """X[f], f = 0 ... 1023: 2^(28 - f / 1024)."""
    return [2**28, *(nearest(power(2, 28 - mpf(f) / 1024)) for f in range(1, 1024))]


def beta_binomial_row(alpha: mpf, beta: mpf) -> list[int]:
    """T[c], c = 0 ... 255: 2^16 times the probability that a beta-binomial with n = 255 is below c,
    rounded down.
    """
    n, top = 255, 2**16 - 1
    probability = mpf(1)
    for t in range(n):
        probability *= (beta + t) / (alpha + beta + t)
    row, below = [0], mpf(0)
    for c in range(n):
        below += probability
        scaled = below * 2**16
        if 1 / 2 < scaled < top and abs(scaled - nint(scaled)) < TIE:
            raise ArithmeticError(f"{scaled} is too near an integer: raise DIGITS")
        row.append(int(floor(min(scaled, top))))
        probability *= (n - c) * (alpha + c) / ((c + 1) * (beta + n - c - 1))
    return row


def beta_binomial() -> list[int]:
    """The rows (i, j), i = 0 ... 63 by the mean and j = 0 ... 31 by the concentration, in C
    order.
    """
    table: list[int] = []
    for i in range(64):
        mean = 1 / (1 + exp(mpf(63 - 2 * i) / 6))
        for j in range(32):
            concentration = power(2, mpf(2 * j - 22) / 5)
            table += beta_binomial_row(mean * concentration, (1 - mean) * concentration)
    return table


def stretch() -> list[int]:
    """S[64 * lead + f], lead = 0 ... 21 and f = 0 ... 63: the log-odds against a probability of a *
    2^-22, a = 2^lead * (1 + f / 64), in units of 2^-11; 0 from a half on.
    """
    table = []
    for lead in range(21):
        for f in range(64):
            a = power(2, lead) * (1 + mpf(f) / 64)
            table.append(nearest(2**11 * log((2**22 - a) / a)))
    return table + [0] * 64


MAKERS: dict[str, tuple[str, Callable[[], list[int]]]] = {
    "normal_cdf.bin": ("i", normal_cdf),
    "normal_quantile.bin": ("i", normal_quantile),
    "logistic_cdf.bin": ("i", logistic_cdf),
    "exp2.bin": ("I", exp2),
    "beta_binomial.bin": ("H", beta_binomial),
    "stretch.bin": ("i", stretch),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the tables that ship with bitsback.")
    parser.add_argument(
        "--check", action="store_true", help="compare with the files, write nothing"
    )
    check: bool = parser.parse_args().check
    mp.dps = DIGITS
    differs = False
    for name, (kind, make) in MAKERS.items():
        table = make()
        data = struct.pack(f"<{len(table)}{kind}", *table)
        path = TABLES / name
        if check and path.read_bytes() != data:
            differs = True
            print(f"{path} is not what this script computes", file=sys.stderr)
        if not check:
            path.write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {name}")
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
