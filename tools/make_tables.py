"""Makes the two tables of the normal distribution that docs/format.md defines, in high-precision arithmetic.

    python tools/make_tables.py            writes src/bitsback/tables/*.bin and prints their SHA-256
    python tools/make_tables.py --check    recomputes them and compares with the bytes that ship

Needs mpmath. The tables are data: what ships is what counts, and no user's machine recomputes it.
"""

import argparse
import hashlib
import struct
import sys
from pathlib import Path
from statistics import NormalDist

from mpmath import mp, mpf, ncdf, nint

TABLES = Path(__file__).resolve().parent.parent / "src" / "bitsback" / "tables"

# 60 decimal digits, where a tie would have to hide below 10^-40 to be misjudged; the code refuses one that close.
DIGITS = 60
TIE = mpf(10) ** -40


def nearest(value: mpf) -> int:
    """The integer nearest to `value`; refuses a value too near a tie for the working precision to decide."""
    rounded = nint(value)
    if abs(abs(value - rounded) - mpf(1) / 2) < TIE:
        raise ArithmeticError(f"{value} is too near a tie: raise DIGITS")
    return int(rounded)


def normal_cdf() -> list[int]:
    """P[j], j = 0 ... 2048: the distribution function of N(0, 1) at j / 128 - 8, times 2^28."""
    return [nearest(ncdf(mpf(j) / 128 - 8) * 2**28) for j in range(2049)]


def quantile(j: int) -> int:
    """Q[j] for 0 < j < 8192: the integer k for which k - 1/2 and k + 1/2 enclose 2^16 times the quantile at j / 8192.

    A float gives the guess. What decides is the distribution function at the two ends, in high precision.
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
    """Q[j], j = 0 ... 8192: the quantile of N(0, 1) at j / 8192, times 2^16; the two ends, infinite, are stored as 0."""
    return [0, *(quantile(j) for j in range(1, 8192)), 0]


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the tables of the normal distribution.")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there, write nothing")
    check: bool = parser.parse_args().check
    mp.dps = DIGITS
    differs = False
    for name, table in (("normal_cdf.bin", normal_cdf()), ("normal_quantile.bin", normal_quantile())):
        data = struct.pack(f"<{len(table)}i", *table)
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
