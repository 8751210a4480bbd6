"""Models of the codec `series` drawn at random, and small ones."""

import json
from typing import Any

import numpy as np

from bitsback.models import file
from choices import Choices, Seeded
from reference.item_vectors import hash_items
from reference.program import read_program

LEVELS = [65536, 256, 2, 1000]


def describe(levels: int, precision: int, predictors: list[Any], scales: list[int]) -> Any:
    items: dict[str, Any] = {"shape": [1, 3, 1, 2], "levels": 1000, "seeds": [1]}
    about = {
        "format": "bitsback-model",
        "version": 1,
        "name": "a-series",
        "about": "",
        "licence": "",
        "variables": {"x": {"planes": "any", "levels": levels}},
        "networks": {},
        "distributions": {
            "p(x)": {
                "codec": "series",
                "precision": precision,
                "predictors": predictors,
                "scales": scales,
            }
        },
        "code": ["push x ~ p(x)"],
        "chain": {"growth": 1, "batch": 1},
        "test": {"seed": 1, "count": 1, "size": [1, 1], "sha256": {}, "items": items},
    }
    items["sha256"] = hash_items(read_program(about, {}).prediction, items)
    return about


def series_model(choose: Choices, seed: int) -> bytes:
    """A model file."""
    levels = choose.of(LEVELS)
    of = prediction(choose, seed)
    description = describe(levels, of["precision"], of["predictors"], of["scales"])
    return file.write(json.dumps(description), {})


def prediction(choose: Choices, seed: int) -> dict[str, Any]:
    """The fields of the distribution of x, but for `codec`."""
    rng = np.random.default_rng(seed)
    predictors = []
    for _ in range(choose.of([1, 2, 4])):
        reach = choose.of([3, 64])
        most = choose.of([1, 4, 12, 64])
        drawn = zip(
            rng.integers(0, reach + 1, most).tolist(),
            rng.integers(-reach, reach + 1, most).tolist(),
            strict=True,
        )
        inputs = [[back, of] for back, of in drawn if back > 0 or of > 0] or [[1, 0]]
        predictors.append(
            {
                "inputs": inputs,
                "forgetting": choose.of([8, 1, 14]),
                "every": choose.of([8, 1, 4096]),
                "ridge": choose.of([1, 4096, 2**20]),
            }
        )
    scales = rng.integers(1, choose.of([600, 65537]), choose.of([1, 3, 16])).tolist()
    precision = choose.of([24, 20])
    return {"precision": precision, "predictors": predictors, "scales": scales}


def random_series(seed: int) -> bytes:
    return series_model(Seeded(np.random.default_rng(seed)), seed)


def small_series() -> Any:
    """A description."""
    predictor = {"inputs": [[1, 0], [0, 1]], "forgetting": 8, "every": 8, "ridge": 128}
    return describe(256, 24, [predictor], [128, 256])
