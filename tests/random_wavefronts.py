"""Models of the codec `wavefront` drawn at random."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.models import Model, file
from bitsback.models.item_shape import ItemShape
from bitsback.models.item_vectors import ItemVectors
from model_parts import Tensors

INPUTS, FEATURES, OUTPUTS = (18, 15, 18), (32, 32, 40), 8
PART = 516
"""The most that magnitudes of weights may sum up to in a part: 127 * 516 < 2^16."""


def random_wavefront(seed: int, levels: int = 256, **settings: Any) -> tuple[str, Tensors]:
    """The description and the tensors of a model. settings: of its distribution."""
    return described(*random_distribution(seed, **settings), levels)


def random_distribution(seed: int, **settings: Any) -> tuple[dict[str, Any], Tensors]:
    """That of x, and its tensors."""
    rng = np.random.default_rng(seed)
    about = {
        "codec": "wavefront",
        "decay": [[80, 66, 66], [84, 84, 84], [0, 0, 0], [252, 0, 0]][rng.integers(4)],
        "ridge": int(rng.choice([256, 1, 1 << 20])),
        "hidden": rng.choice([16, 32, 80, 128], 3).tolist(),
        "residual": rng.integers(0, 4, 3).tolist(),
    } | settings
    tensors: Tensors = {"x.start": _start(rng)}
    for references in range(3):
        _network(rng, f"x.{references}", FEATURES[references], about, references, tensors)
    return about, tensors


def small_wavefront(levels: int = 256, **settings: Any) -> tuple[str, Tensors]:
    return random_wavefront(0, levels, **{"hidden": [16] * 3, "residual": [1] * 3} | settings)


def described(about: dict[str, Any], tensors: Tensors, levels: int = 256) -> tuple[str, Tensors]:
    """A model with this distribution, and with one small item in its test."""
    description: dict[str, Any] = {
        "format": "bitsback-model",
        "version": 1,
        "name": "random",
        "about": "random networks: nothing to compress with",
        "licence": "CC0-1.0",
        "variables": {"x": {"planes": "any", "levels": levels}},
        "networks": {},
        "distributions": {"p(x)": about},
        "code": ["push x ~ p(x)"],
        "chain": {"growth": 96, "batch": 8},
        "test": {"seed": 1, "count": 1, "size": [1, 1], "sha256": {}},
    }
    of = Model.build(json.dumps(description), tensors, tested=False).adaptive
    assert of is not None
    items = ItemVectors(ItemShape(1, 2, 3, 1, min(levels, 16)), (1,))
    description["test"]["items"] = items.described(of)
    return json.dumps(description), tensors


def wavefront(seed: int, levels: int = 256, **settings: Any) -> Model:
    return Model.from_bytes(file.write(*random_wavefront(seed, levels, **settings)))


def _start(rng: np.random.Generator) -> NDArray[np.int32]:
    """The sums of some random inputs, or any allowed values."""
    start = np.zeros((3, 190), np.int32)
    kind = rng.choice(["sums", "zero", "anything", "least", "most"])
    for row, n in zip(start, INPUTS, strict=True):
        v = rng.integers(-60, 61, (4 * n, n + 1))
        v[:, n] = v[:, 0] // 2 + v[:, n // 2]
        sums = v.T @ v
        if kind == "zero":
            sums[:] = 0
        elif kind == "anything":
            sums = rng.integers(-(2**24), 2**24 + 1, sums.shape)
        elif kind != "sums":
            sums[:] = 2**24 if kind == "most" else -(2**24)
        np.fill_diagonal(sums, abs(sums.diagonal()))
        row[: (n + 1) * (n + 2) // 2] = sums[np.tril_indices(n + 1)]
    return start


def _network(
    rng: np.random.Generator,
    name: str,
    features: int,
    about: dict[str, Any],
    references: int,
    tensors: Tensors,
) -> None:
    hidden, residual = about["hidden"][references], about["residual"][references]
    names = ["hidden", *(f"residual.{k}" for k in range(residual)), "output"]
    inputs = features
    for layer in names:
        outputs = OUTPUTS if layer == "output" else hidden
        weight = _weight(rng, outputs, inputs)
        low, high = (127 * of.sum(1) for of in (np.minimum(weight, 0), np.maximum(weight, 0)))
        tensors[f"{name}.{layer}.weight"] = weight.astype(np.int8)
        if layer == "output":
            bias = rng.integers(-(1 << 20), 1 << 20, outputs)
            room = ((1 << 31) - 1 - (1 << 20)) // np.maximum(np.maximum(high, -low), 1)
            multiplier = np.minimum(rng.integers(1, 1 << 14, outputs), room)
        else:
            words = -(-inputs // 64)
            least, most = -65536 * words - low, 65534 * words - high
            near = np.clip(rng.integers(-8000, 8001, outputs) - (high + low) // 2, least, most)
            anywhere = rng.integers(least, most + 1)
            bias = np.where(rng.random(outputs) < 0.8, near, anywhere)
            multiplier = rng.choice([512, 100, 3000, 1, 32767], outputs).astype(np.int16)
        tensors[f"{name}.{layer}.bias"] = bias.astype(np.int32)
        tensors[f"{name}.{layer}.multiplier"] = multiplier.astype(
            np.int32 if layer == "output" else np.int16
        )
        inputs = hidden


def _weight(rng: np.random.Generator, outputs: int, inputs: int) -> NDArray[np.int64]:
    """Weights whose sums come near the bounds, some at them."""
    i = np.arange(inputs)
    part = i // 64 * 2 + i % 4 // 2
    weight = rng.normal(0, 1, (outputs, inputs)) ** 3
    for k in range(int(part.max()) + 1):
        of = weight[:, part == k]
        most = PART * rng.choice([0.2, 0.6, 1], (outputs, 1)) / abs(of).sum(1, keepdims=True)
        weight[:, part == k] = np.clip(of * most, -128, 127)
    whole: NDArray[np.int64] = weight.astype(np.int64)
    # All sums together have a bound as well, in outputs that for both signs.
    for row in whole:
        while 127 * abs(row).sum() > 65_534 * -(-inputs // 64):
            row //= 2
    return whole
