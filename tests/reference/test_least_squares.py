"""The only computations in floating point: the weights of fixed systems are pinned, since every
decoder must compute them, bit for bit, as the core does on every path.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from bitsback.models import file
from networks import SIMD_PATHS
from random_items import random_items
from random_wavefronts import described, small_wavefront
from reference import least_squares, wavefront_plane
from reference.message import splitmix64
from reference.planes import ItemShape
from reference.test_wavefront import check_features
from reference.values import Ints
from reference.wavefront_rules import INPUTS

SUM = 2**24  # the largest that a wavefront may start from
RIDGES = [1, 128, 2**20]
KINDS = [
    "sums", "large", "singular", "nearly singular", "rounding", "zero", "anything", "indefinite",
    "least", "most", "one",
]  # fmt: skip
OF_SERIES = [1, 2, 3, 4, 9, 17, 24, 33, 64]  # inputs
OF_WAVEFRONTS = [15, 18]


def numbers(seed: int, count: int, top: int) -> Ints:
    """Pseudo-random integers from -top to top."""
    words = (splitmix64(k, seed) >> 32 for k in range(count))
    return np.array([word % (2 * top + 1) - top for word in words], np.int64)


def system(kind: str, n: int, ridge: int) -> Ints:
    """The sums of products of n inputs and a target, as a lower triangle [n + 1, n + 1]."""
    seed = 1000 * KINDS.index(kind) + n
    if kind in ("sums", "large", "singular", "nearly singular"):
        v = numbers(seed, 3 * (n + 1) ** 2, 250 if kind == "large" else 90).reshape(-1, n + 1)
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
        return np.tril(sums)
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


def systems(inputs: list[int], *kinds: str) -> Iterator[tuple[Ints, int]]:
    """All systems of some kinds: sums and ridge."""
    for kind in kinds:
        for n in inputs:
            for ridge in RIDGES:
                yield system(kind, n, ridge), ridge


def of_series(sums: Ints, ridge: int) -> list[int]:
    return least_squares.solve(sums.astype(np.float64), ridge)


def of_wavefronts(sums: Ints, ridge: int) -> list[int]:
    return wavefront_plane.solve(sums.astype(np.float32), ridge)


def of_series_in_scalars(sums: Ints, ridge: int) -> list[int]:
    """The same by the definition in docs/model-format.md, one double at a time."""
    n = len(sums) - 1
    h = [[float(one) for one in row] for row in sums.tolist()]
    c, lower = ([[0.0] * (n + 1) for _ in range(n + 1)] for _ in range(2))
    for i in range(n):
        h[i][i] += float(ridge)
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
    most = 2.0**21 - 1
    return [math.floor(min(max(one * 65536 + 0.5, -most), most)) for one in y]


def of_wavefronts_in_scalars(sums: Ints, ridge: int) -> list[int]:
    """The same by the definition in docs/model-format.md, one single at a time."""
    n, single = len(sums) - 1, np.float32
    h = [[single(one) for one in row] for row in sums.tolist()]
    c, lower = ([[single(0)] * (n + 1) for _ in range(n + 1)] for _ in range(2))
    for i in range(n):
        h[i][i] = h[i][i] + single(ridge)
    for j in range(n):
        for i in range(j, n + 1):
            t = h[i][j]
            for k in range(j):
                t = t - lower[j][k] * c[i][k]
            c[i][j] = (t + single(196608)) - single(196608)
        inverse = single(1) / (c[j][j] if c[j][j] > single(ridge) else single(ridge))
        for i in range(j + 1, n + 1):
            lower[i][j] = c[i][j] * inverse
    y = [single(0)] * n
    for i in range(n - 1, -1, -1):
        t = lower[n][i]
        for k in range(n - 1, i, -1):
            t = t - lower[k][i] * y[k]
        y[i] = (t + single(3072)) - single(3072)
    weights = []
    for one in y:
        t = single(4096) * one
        t = t if t > single(-32767) else single(-32767)
        weights.append(int(t if t < single(32767) else single(32767)))
    return weights


def digest(weights: list[list[int]]) -> str:
    """SHA-256 of all weights, as I32."""
    flat = [w for of in weights for w in of]
    return hashlib.sha256(np.array(flat, "<i4").tobytes()).hexdigest()


PINNED = {
    "series": {
        "sums": "757dfdf72759ed5e61701504a95923e88430df80dc0ead99911c5d88edcc2db0",
        "large": "de609752aa39188e5c225fcd26805cfc69a2c8743e1ffd97dbcf534034e0bdd1",
        "singular": "7eca079c71c6b884e91ed980cd181d85b2b4bed50745d99055506fc187d8831d",
        "nearly singular": "d208510f922327a32faaaa78f25b79bbb510a90f6d7168ceac89687560884314",
        "rounding": "fb73ee403eabacd7c666cf016a8f748cddc2286a932e1d90a7c9ca726bf77438",
        "zero": "2d2866396343e1af5ae396f5fc7d03f40bb50e53061dabfd4f301131494c00de",
        "anything": "04241e94d7b69f569155571bfff7fd78bff2966a7e24944ec4c9f176ce3371d3",
        "indefinite": "2deaf3c9c9882b0fbc9bd7710724bab38902b03056e452bc9fbe5530958c9ec7",
        "least": "331bc589753f582d36022d0592d9bd8a98c2cd299ef5fce036f4d47beec7d629",
        "most": "006808c07795fca1bed79c3a642b1b7fb8e5d7be7fba12b99d17ad608f301ee8",
        "one": "fd6c76ab7bc574ba172e4e9b4dbc2adcffe048729ad108a0112fdd67dcc3657d",
    },
    "wavefronts": {
        "sums": "ca4a0cf800751c97e753fa724472aa4f39406c30eb10c4397d0bd972ddcbb86e",
        "large": "f0e5f227823889a981c9343eb4a6b51f44ce9d4f5de31ce5cafe91ad903694b7",
        "singular": "d7d4d0de1c8110edb66156e6bbad965cea42d725c97cf6db53241b2c3fd47298",
        "nearly singular": "c3a0e0d51c27a0f37c9c92100c5f73eeeed20d6292e28b79132c899b9c170d72",
        "rounding": "ef26ad07ad723e092d852aa73b5747e62b35e0bd767ec5487f26ead5666f9fd8",
        "zero": "58553b15fb3888e443e29fff5663675b8f70e37f0ea6c54076489d6ff04c1032",
        "anything": "a41378f465e15f2b48ad34cecb61b330491cc2dc6987fcc75be7938f99b783ff",
        "indefinite": "4e2108ef0bccf2fcb30153041f62a0d5bc685977ae71eb746e9021d56c5be68d",
        "least": "97c1124cede6805df78d7381f7ff58a3ba56cfeabe0d77f33d54628c80d2ca2b",
        "most": "69d59c5c8191594129e6f5af697436cb251155fccb843b8ee0333d655e01f1b7",
        "one": "d2ac42c36c423e41651517c59ae4f76d0c5aed83805a320fabe8789736a1d3ca",
    },
}
Solve = Callable[[Ints, int], list[int]]
SOLVERS: dict[str, tuple[list[int], Solve, Solve]] = {
    "series": (OF_SERIES, of_series, of_series_in_scalars),
    "wavefronts": (OF_WAVEFRONTS, of_wavefronts, of_wavefronts_in_scalars),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_weights_of_fixed_systems_never_change(solver: str, kind: str) -> None:
    inputs, solve, _ = SOLVERS[solver]
    weights = [solve(sums, ridge) for sums, ridge in systems(inputs, kind)]
    assert digest(weights) == PINNED[solver][kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_many_at_once_and_one_after_the_other_are_the_same(solver: str, kind: str) -> None:
    inputs, solve, in_scalars = SOLVERS[solver]
    with np.errstate(all="ignore"):
        for sums, ridge in systems(inputs, kind):
            assert solve(sums, ridge) == in_scalars(sums, ridge), (len(sums) - 1, ridge)


@pytest.mark.parametrize("kind", KINDS)
def test_the_core_arrives_at_them(kind: str) -> None:
    """Wavefronts start from the systems, whose weights their predictions follow."""
    shapes = [ItemShape(1, 3, 33, 3, 256), ItemShape(2, 2, 17, 1, 5000)]
    x = random_items(1, shapes)
    for ridge in RIDGES:
        description, tensors = small_wavefront(65536, ridge=ridge)
        for row, n in zip(tensors["x.start"], INPUTS, strict=True):
            row[:] = 0
            sums = system(kind, n, ridge)[np.tril_indices(n + 1)]
            row[: len(sums)] = np.clip(sums, -SUM, SUM)
        about: dict[str, Any] = json.loads(description)["distributions"]["p(x)"]
        check_features(file.write(*described(about, tensors, 65536)), shapes, x, *SIMD_PATHS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_systems_of_every_outcome_are_among_them(solver: str) -> None:
    """The outcomes are ordinary weights, clamped weights and no weights."""
    inputs, solve, _ = SOLVERS[solver]
    weights = [w for sums, ridge in systems(inputs, *KINDS) for w in solve(sums, ridge)]
    most = {"series": 2**21 - 1, "wavefronts": 32767}[solver]
    assert min(weights) == -most and max(weights) == most
    assert sum(0 < abs(w) < most for w in weights) > len(weights) // 4


def test_a_system_without_weights() -> None:
    assert not any(of_series(np.tril(np.full((3, 3), -1)), 1))


def test_weights_solve_the_system() -> None:
    """An exact linear relation is found: the target is half the first input and twice the last."""
    v = numbers(7, 400 * 4, 500).reshape(400, 4)
    v[:, :3] *= 2
    v[:, 3] = v[:, 0] // 2 + 2 * v[:, 2]
    assert of_series(np.tril(v.T @ v), 1) == [2**15, 0, 2**17]
    assert of_wavefronts(np.tril(v.T @ v), 1) == [2048, 0, 8192]
