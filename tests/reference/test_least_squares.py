"""The only computation in floating point: the weights of fixed systems are pinned, since every
decoder must compute them, bit for bit, as the core does on every path.
"""

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import pytest

from bitsback import _core
from networks import SIMD_PATHS, engine
from reference.least_squares import solve, triangle
from reference.message import splitmix64
from reference.values import Ints

INPUTS = [2, 3, 4, 9, 17, 24, 33, 34, 48]
RIDGES = [1, 128, 2**20]
SUM = 2**26  # the largest that a model may start from
DECAY = 252, 0, 0
KINDS = [
    "sums", "large", "singular", "nearly singular", "rounding", "zero", "anything", "indefinite",
    "least", "most", "one",
]  # fmt: skip


def numbers(seed: int, count: int, top: int) -> Ints:
    """Pseudo-random integers from -top to top."""
    words = (splitmix64(k, seed) >> 32 for k in range(count))
    return np.array([word % (2 * top + 1) - top for word in words], np.int64)


def system(kind: str, n: int, ridge: int, seed: int) -> Ints:
    """The initial sums of a predictor of n inputs, as a lower triangle [n + 1, n + 1]."""
    if kind in ("sums", "large", "singular", "nearly singular"):
        v = numbers(seed, 3 * (n + 1) ** 2, 600 if kind == "large" else 90).reshape(-1, n + 1)
        v[:, n] = (v[:, 0] + 3 * v[:, n // 2]) // 4
        if kind == "singular":
            v[:, n // 2 :] = v[:, :1]
        if kind == "nearly singular":
            v[1:, n // 2 :] = v[1:, :1]
        return np.tril(v.T @ v)
    if kind == "rounding":  # without rounding, it would be singular with its ridge
        v = numbers(seed + ridge, (n - 1) * (n + 1), 600).reshape(n - 1, n + 1)
        v[:, n] = (v[:, 0] + 3 * v[:, n // 2]) // 4
        sums = v.T @ v
        np.fill_diagonal(sums, np.maximum(sums.diagonal() - ridge, 0))
        return np.tril(-(-256 * sums // DECAY[0]))
    if kind == "anything":
        sums = numbers(seed, (n + 1) ** 2, SUM // (n + 1)).reshape(n + 1, n + 1)
        np.fill_diagonal(sums, SUM - abs(sums.diagonal()))
        sums[n, :n] *= n + 1
        return np.tril(sums)
    if kind == "indefinite":
        sums = numbers(seed, (n + 1) ** 2, SUM).reshape(n + 1, n + 1)
        np.fill_diagonal(sums, abs(sums.diagonal()))
        return np.tril(sums)
    sums = np.full((n + 1, n + 1), {"zero": 0, "least": -SUM, "most": SUM, "one": 0}[kind])
    np.fill_diagonal(sums, {"zero": 0, "least": SUM, "most": SUM, "one": 1}[kind])
    if kind == "one":
        sums[n] = SUM
    return np.tril(sums)


def systems(*kinds: str) -> Iterator[tuple[Ints, int]]:
    """All systems of some kinds: initial sums and ridge."""
    for kind in kinds:
        for n in INPUTS:
            for ridge in RIDGES:
                yield system(kind, n, ridge, 1000 * KINDS.index(kind) + n), ridge


def sums_of(start: Ints) -> Ints:
    """The sums of the first row of an image."""
    return DECAY[0] * start >> 8


def in_scalars(sums: list[list[int]], ridge: int) -> list[int]:
    """The same by the definition in docs/model-format.md, one double at a time."""
    n = len(sums) - 1
    h = [[float(one) for one in row] for row in sums]
    c, lower = ([[0.0] * (n + 1) for _ in range(n + 1)] for _ in range(2))
    for i in range(n):
        h[i][i] = float(sums[i][i] + ridge)
    for j in range(n):
        for i in range(j, n + 1):
            t = h[i][j]
            for k in range(j):
                t = t - c[i][k] * lower[j][k]
            c[i][j] = 0.0 if i > j and abs(t) < 2.0**-200 else t
        if not 2.0**-200 <= c[j][j] <= 2.0**200:
            return [0] * n
        for i in range(j + 1, n + 1):
            lower[i][j] = c[i][j] / c[j][j]
    y = [0.0] * n
    for i in range(n - 1, -1, -1):
        t = lower[n][i]
        for k in range(n - 1, i, -1):
            t = t - lower[k][i] * y[k]
        y[i] = 0.0 if abs(t) < 2.0**-200 else t
    if any(math.isnan(one) for one in y):
        return [0] * n
    return [math.floor(min(max(one * 4096 + 0.5, -32767.0), 32767.0)) for one in y]


def digest(weights: list[list[int]]) -> str:
    """SHA-256 of all weights, as I32."""
    flat = [w for of in weights for w in of]
    return hashlib.sha256(np.array(flat, "<i4").tobytes()).hexdigest()


PINNED = {
    "sums": "3949b916aeff41d6ef6052522008c0c6ef095ae75983b0391a6f2620e1604ede",
    "large": "1425236f20e81689c8d540becd56dcfadbabba26a99370344acac67434775d9b",
    "singular": "eb654b20bf27b3977c131bfb57d6e70543b0b13d1c133c6c96501827a5471e2f",
    "nearly singular": "956dd339db264a23fd84c6de34dc7b842ca45239f39b9248a2bcdcfc5df4f6e0",
    "rounding": "05815b643890bb72361f79f1dd63a682f223d437103162d7684107df160b3b06",
    "zero": "d915342299b266cf98862d66f8f6985a32f53907f627a54198dbf4e988bb11c2",
    "anything": "3fcb58ebef94a1c5e9db8e1b2d429e324a6460b65d894816f26c7666ba9867fa",
    "indefinite": "d915342299b266cf98862d66f8f6985a32f53907f627a54198dbf4e988bb11c2",
    "least": "9b3826cf9875332c8eefd49ee4b9baa749a86f7a5a1c3dd992df1a704b0e505e",
    "most": "89095b4e2104b7e53b03ee00cbe0d3937e5a3d3431c80ce5d8e84a7dcb08e78f",
    "one": "67fb68c891fcf75960df582567914a9292cecc193a02c99f71474015d1a62d77",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_of_fixed_systems_never_change(kind: str) -> None:
    weights = [solve(sums_of(start), ridge) for start, ridge in systems(kind)]
    assert digest(weights) == PINNED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_many_at_once_and_one_after_the_other_are_the_same(kind: str) -> None:
    for start, ridge in systems(kind):
        sums = sums_of(start)
        assert solve(sums, ridge) == in_scalars(sums.tolist(), ridge), (len(start) - 1, ridge)


# Places in the rows below the pixel, of which no pixel of a row meets two that are set.
PLACES = [(dr, dq) for dr in (1, 2) for dq in range(-8, 9)]
SET = {1: 8, 2: 25}  # by row, a column


def weights_in_the_core(start: Ints, ridge: int) -> list[int]:
    """The weights of all inputs but the first, which is of the plane itself. They follow from the
    predictions of a third plane, where one place of the other two differs from the rest by 2^4
    levels.
    """
    n = len(start) - 1
    first, second = PLACES[: min(n - 1, 32)], PLACES[: max(n - 33, 0)]
    own = [(0, -1)]
    rows = np.zeros((3, triangle(n)), np.int32)
    rows[2] = start[np.tril_indices(n + 1)]
    predictor = _core.Predictor(
        predictors=[
            {"cell": 8, "decay": DECAY, "ridge": ridge}
            | {"own": own, "first": first, "second": second}
        ],
        window={"own": own, "first": [], "second": []},
        see=np.zeros(2048, np.uint8),
        starts=[rows.ravel()],
    )
    weights = []
    for channel, places in ((0, first), (1, second)):  # green, of number 1, is the first plane
        x = np.full((1, 3, 34, 3), 2**15, np.uint16)
        for row, column in SET.items():
            x[0, row, column, channel] += 2**4
        _, predictions, _ = predictor.contexts(x.ravel(), [(*x.shape, 2**16, False)])
        changes = predictions.reshape(x.shape)[0, 0, :, 2] - 2**23
        weights += [int(changes[SET[dr] - dq]) for dr, dq in places]
    return weights


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_core_arrives_at_them(kind: str, path: str) -> None:
    for start, ridge in systems(kind):
        expected = solve(sums_of(start), ridge)[1:]
        with engine(path):
            assert weights_in_the_core(start, ridge) == expected, (len(start) - 1, ridge)


def test_systems_of_every_outcome_are_among_them() -> None:
    """The outcomes are ordinary weights, clamped weights and no weights."""
    weights = [w for start, ridge in systems(*KINDS) for w in solve(sums_of(start), ridge)]
    assert min(weights) == -32767 and max(weights) == 32767
    assert sum(0 < abs(w) < 32767 for w in weights) > len(weights) // 4
    assert not any(solve(np.tril(np.full((3, 3), -1)), 1))


def test_weights_solve_the_system() -> None:
    """An exact linear relation is found: the target is half the first input and twice the last."""
    v = numbers(7, 400 * 4, 500).reshape(400, 4)
    v[:, :3] *= 2
    v[:, 3] = v[:, 0] // 2 + 2 * v[:, 2]
    assert solve(np.tril(v.T @ v), 1) == [2048, 0, 8192]
