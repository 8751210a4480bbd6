"""The shipped tables are those of docs/format.md and agree with the functions they tabulate."""

import re
from pathlib import Path

import numpy as np
import pytest
from mpmath import erfinv, mp, mpf, quad, sqrt

from bitsback import BitsbackError, tables

DOCS = Path(__file__).resolve().parents[2] / "docs"


def cdf(x: mpf) -> mpf:
    """Integrates the density, independently of how the tables were made."""
    return mpf(1) / 2 + quad(lambda u: mp.exp(-u * u / 2), [0, x]) / sqrt(2 * mp.pi)


@pytest.mark.parametrize(
    "j", [0, 1, 500, 767, 1000, 1023, 1024, 1025, 1100, 1300, 1577, 1800, 2047, 2048]
)
def test_entries_of_the_distribution_function(j: int) -> None:
    with mp.workdps(40):
        assert tables.normal_cdf()[j] == int(mp.nint(cdf(mpf(j) / 128 - 8) * 2**28))


@pytest.mark.parametrize(
    "j", [1, 2, 3, 100, 1000, 2048, 3333, 4095, 4096, 4097, 5000, 6144, 7777, 8190, 8191]
)
def test_entries_of_the_quantile(j: int) -> None:
    with mp.workdps(40):
        assert tables.normal_quantile()[j] == int(
            mp.nint(sqrt(2) * erfinv(2 * mpf(j) / 8192 - 1) * 2**16)
        )


@pytest.mark.parametrize("j", [*range(0, 2049, 73), 1, 1023, 1024, 1025, 2047, 2048])
def test_entries_of_the_logistic_distribution_function(j: int) -> None:
    """The check uses the hyperbolic tangent, unlike the generator of the table; halves occur only
    at its middle.
    """
    with mp.workdps(40):
        exact = (1 + mp.tanh((mpf(j) / 64 - 16) / 2)) / 2
        assert tables.logistic_cdf()[j] == int(mp.nint(exact * 2**28))


@pytest.mark.parametrize("f", [*range(0, 1024, 41), 1, 511, 512, 513, 1023])
def test_entries_of_the_powers_of_two(f: int) -> None:
    """Checks by the exponential function, independently of how the table was made."""
    with mp.workdps(40):
        assert tables.exp2()[f] == int(mp.nint(mp.exp((28 - mpf(f) / 1024) * mp.log(2))))


BETA_BINOMIALS = [
    (i, j, (31 * i + 17 * j + 1) % 256) for i in range(0, 64, 9) for j in range(0, 32, 6)
]


@pytest.mark.parametrize(
    ("i", "j", "c"),
    [
        (0, 0, 1), (3, 31, 9), (20, 5, 1), (31, 16, 128), (32, 2, 250), (63, 31, 254), (0, 31, 255),
        *BETA_BINOMIALS,
    ],
)  # fmt: skip
def test_entries_of_the_beta_binomials(i: int, j: int, c: int) -> None:
    """Checks by the beta function, independently of how the table was made."""
    with mp.workdps(40):
        mean, concentration = 1 / (1 + mp.exp(mpf(63 - 2 * i) / 6)), mpf(2) ** (mpf(2 * j - 22) / 5)
        alpha, beta = mean * concentration, (1 - mean) * concentration
        below = sum(
            mp.binomial(255, s) * mp.beta(s + alpha, 255 - s + beta) for s in range(c)
        ) / mp.beta(alpha, beta)
        assert tables.beta_binomial()[i, j, c] == min(int(mp.floor(below * 2**16)), 2**16 - 1)


def test_rows_of_beta_binomials_begin_at_zero_and_never_fall() -> None:
    rows = tables.beta_binomial().astype(np.int64)
    assert rows.shape == (64, 32, 256)
    assert (rows[..., 0] == 0).all()
    assert (np.diff(rows) >= 0).all()


def test_their_shapes_and_symmetries() -> None:
    p, q = tables.normal_cdf().astype(np.int64), tables.normal_quantile()
    assert p.shape == (2049,)
    assert q.shape == (8193,)
    assert p[0] == 0
    assert p[2048] == 2**28
    assert (np.diff(p) >= 0).all()
    assert (p + p[::-1] == 2**28).all()
    assert q[0] == q[8192] == 0
    assert (np.diff(q[1:-1]) > 0).all()
    assert (q + q[::-1] == 0).all()
    logistic, powers = tables.logistic_cdf().astype(np.int64), tables.exp2().astype(np.int64)
    assert logistic.shape == (2049,)
    assert (np.diff(logistic) >= 0).all()
    assert (logistic + logistic[::-1] == 2**28).all()
    assert powers.shape == (1024,)
    assert (np.diff(powers) < 0).all()


def test_they_are_native_read_only_and_read_once() -> None:
    for table in (tables.normal_cdf, tables.normal_quantile):
        assert table().dtype == np.int32
        assert table().dtype.isnative
        assert table() is table()
        with pytest.raises(ValueError, match="read-only"):
            table()[0] = 1


def test_the_documents_name_the_bytes_that_ship() -> None:
    documented = dict(
        re.findall(
            r"\| `(\w+\.bin)` \|.*\| `([0-9a-f]{64})` \|",
            "".join((DOCS / name).read_text("utf-8") for name in ("format.md", "codecs.md")),
        )
    )
    assert documented == tables._SHA256


def test_damage_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables._SHA256, "normal_cdf.bin", "0" * 64)
    with pytest.raises(BitsbackError, match=r"normal_cdf\.bin.*damaged.*install"):
        tables._load("normal_cdf.bin", "<i4")


def test_a_missing_file_is_loud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tables, "files", lambda _: tmp_path)
    with pytest.raises(BitsbackError, match=r"normal_cdf\.bin.*install"):
        tables._load("normal_cdf.bin", "<i4")
