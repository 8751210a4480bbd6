"""The one computation in floating point: the weights of fixed systems are pinned, since every
decoder must arrive at them, bit for bit.
"""

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import pytest

from reference.least_squares import solve
from reference.message import splitmix64
from reference.values import Ints

INPUTS = [1, 2, 3, 5, 8, 17, 24, 31, 48]
RIDGES = [1, 128, 2**20]
SUM = 2**31 - 1  # of the largest magnitude
KINDS = [
    "sums",
    "large",
    "singular",
    "nearly singular",
    "zero",
    "anything",
    "indefinite",
    "least",
    "most",
    "one",
]


def numbers(seed: int, count: int, top: int) -> Ints:
    """Pseudo-random integers from -top to top."""
    words = (splitmix64(k, seed) >> 32 for k in range(count))
    return np.array([word % (2 * top + 1) - top for word in words], np.int64)


def system(kind: str, n: int, seed: int) -> Ints:
    """The lower triangle [n + 1, n + 1] of the sums of n inputs and a target."""
    if kind in ("sums", "large", "singular", "nearly singular"):
        v = numbers(seed, 3 * (n + 1) ** 2, 1023 if kind == "large" else 90).reshape(-1, n + 1)
        v[:, n] = (v[:, 0] + 3 * v[:, n // 2]) // 4
        if kind == "singular":
            v[:, n // 2 :] = v[:, :1]
        if kind == "nearly singular":
            v[1:, n // 2 :] = v[1:, :1]
        return np.tril(v.T @ v)
    if kind == "anything":
        sums = numbers(seed, (n + 1) ** 2, SUM // (n + 1)).reshape(n + 1, n + 1)
        np.fill_diagonal(sums, SUM - abs(sums.diagonal()))
        sums[n, :n] *= n + 1
        return np.tril(sums)
    if kind == "indefinite":
        return np.tril(numbers(seed, (n + 1) ** 2, SUM).reshape(n + 1, n + 1))
    sums = np.full((n + 1, n + 1), {"zero": 0, "least": -SUM, "most": SUM, "one": 0}[kind])
    np.fill_diagonal(sums, {"zero": 0, "least": SUM, "most": SUM, "one": 1}[kind])
    if kind == "one":
        sums[n] = SUM
    return np.tril(sums)


def systems() -> Iterator[tuple[str, int, int, Ints]]:
    """Kind, inputs, ridge and sums."""
    for number, kind in enumerate(KINDS):
        for n in INPUTS:
            for ridge in RIDGES:
                yield kind, n, ridge, system(kind, n, 1000 * number + n)


def in_scalars(sums: list[list[int]], ridge: int) -> list[int]:
    """The same as the page has it, one double after the other."""
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
            c[i][j] = t
        if not c[j][j] > 0:
            return [0] * n
        for i in range(j + 1, n + 1):
            lower[i][j] = c[i][j] / c[j][j]
    y = [0.0] * n
    for i in range(n - 1, -1, -1):
        t = lower[n][i]
        for k in range(n - 1, i, -1):
            t = t - lower[k][i] * y[k]
        y[i] = t
    if any(math.isnan(one) for one in y):
        return [0] * n
    return [math.floor(min(max(one * 4096 + 0.5, -32767.0), 32767.0)) for one in y]


def digest(weights: list[list[int]]) -> str:
    """SHA-256 of all weights, as I32."""
    flat = [w for of in weights for w in of]
    return hashlib.sha256(np.array(flat, "<i4").tobytes()).hexdigest()


PINNED = {
    "sums": "75405291c08f4e444fa62bb7c953ace850397d411c4f881eea4504c381ffe275",
    "large": "cfa08b8b6ecb89d832bd336b7321b5ff03a616585f5b755563f170328030234a",
    "singular": "d2228c5ec5193c5584c7c1f9e343a3b1d06186fc1a568c3fcc52044517c02882",
    "nearly singular": "a019263bebdb1474bb41021cd1a38ab894399a1be6af31756dd73423c6dc7d81",
    "zero": "dfd4fa3f90407b099654a8b124110b69a720fd900ef9d6c0470819c5531f8eb1",
    "anything": "5587f4452dd15cdf2431c6116a88a8dc3289cf68cc8df903735432318a4f1fc5",
    "indefinite": "dfd4fa3f90407b099654a8b124110b69a720fd900ef9d6c0470819c5531f8eb1",
    "least": "d81bfc57b7037e11a3fb08fb35df2b567326d85fcc80bac40c1681f9f5c2dfa4",
    "most": "2d87e7f6cb4352374581fa7da942e9376f3c123ea3b7306739b9eb94be908a00",
    "one": "f29d1992d04b185e4477c6b072b0f11707bf8e3b8a9ddae4615bba3683c4e046",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_of_fixed_systems_never_change(kind: str) -> None:
    weights = [solve(sums, ridge) for of, _, ridge, sums in systems() if of == kind]
    assert digest(weights) == PINNED[kind]


def test_many_at_once_and_one_after_the_other_are_the_same() -> None:
    for kind, n, ridge, sums in systems():
        assert solve(sums, ridge) == in_scalars(sums.tolist(), ridge), (kind, n, ridge)


def test_systems_of_every_outcome_are_among_them() -> None:
    """Ordinary weights, clamped ones, and none."""
    weights = [w for _, _, ridge, sums in systems() for w in solve(sums, ridge)]
    assert min(weights) == -32767 and max(weights) == 32767
    assert sum(0 < abs(w) < 32767 for w in weights) > len(weights) // 4
    assert not any(solve(np.tril(np.full((3, 3), -1)), 1))


def test_weights_solve_the_system() -> None:
    """An exact linear relation is found: the target is half the first input and twice the last."""
    v = numbers(7, 400 * 4, 500).reshape(400, 4)
    v[:, :3] *= 2
    v[:, 3] = v[:, 0] // 2 + 2 * v[:, 2]
    assert solve(np.tril(v.T @ v), 1) == [2048, 0, 8192]
