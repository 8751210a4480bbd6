"""Series: the core and the specification code the same bits, for a smooth series, steps, noise, and
extremes.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agreement import Pair, assert_both_refuse, check_shapes
from bitsback import Message
from bitsback.models import Model, bundled, file
from bitsback.models import item_shape as program
from bundled_models import spec_model
from choices import Drawn, Seeded
from laws import to_reference
from random_counted import small_counted
from random_series import random_series, series_model, small_series
from reference.model import Model as SpecModel
from reference.planes import ItemShape

SHAPES = [(1, 19, 1, 1), (1, 13, 1, 2), (1, 1, 1, 1), (1, 2, 1, 3), (1, 3, 1, 9), (2, 3, 2, 2)]


def a_series(rng: np.random.Generator, shape: ItemShape) -> NDArray[np.uint16]:
    count, levels = shape.elements, shape.levels
    time = np.arange(count)
    kind = rng.integers(6)
    if kind == 0:
        x = levels * (0.5 + 0.4 * np.sin(time / 9)) + rng.normal(0, 1, count)
    elif kind == 1:
        x = np.cumsum(rng.integers(-2, 3, count))
    elif kind == 2:
        x = rng.integers(0, levels, count)
    elif kind == 3:
        x = np.where(time // 5 % 2, levels - 1, 0)
    elif kind == 4:
        x = np.full(count, levels - 1)
    else:
        x = time * levels // max(count, 1)
    return np.clip(np.rint(x), 0, levels - 1).astype(np.uint16)


check_items = partial(check_shapes, shapes=SHAPES, few=256, counts=[1, 2], draw=a_series)


@pytest.mark.parametrize("seed", range(16))
def test_the_core_is_the_specification(seed: int) -> None:
    data = random_series(seed)
    choose = Seeded(np.random.default_rng(seed))
    check_items(SpecModel.from_bytes(data), Model.from_bytes(data), choose, seed)


@settings(max_examples=15)
@given(st.data(), st.integers(0, 2**32 - 1))
def test_models_that_hypothesis_draws(data: Any, seed: int) -> None:
    choose = Drawn(data.draw)
    written = series_model(choose, seed)
    check_items(SpecModel.from_bytes(written), Model.from_bytes(written), choose, seed)


def test_the_model_that_ships() -> None:
    ours, model = bundled.load("series"), spec_model("series")
    assert ours.identity == model.identity
    check_items(model, ours, Seeded(np.random.default_rng(0)), 0)


def test_a_series_that_is_longer_than_what_is_solved_each_step() -> None:
    """From step 65 on, weights are solved every `every` steps."""
    data = file.write(json.dumps(small_series()), {})
    model, spec = Model.from_bytes(data), SpecModel.from_bytes(data)
    x = a_series(np.random.default_rng(2), ItemShape(1, 200, 1, 1, 250))
    message = Message.random(3)
    reference = to_reference(message)
    model.bind([(1, program.ItemShape(1, 100, 1, 2, 250))]).push(message, x)
    spec.planes([ItemShape(1, 100, 1, 2, 250)]).push(reference, x.tolist())
    assert to_reference(message) == reference


def test_exact_bytes() -> None:
    """If these bytes change, existing archives are lost."""
    model = Model.build(json.dumps(small_series()), {})
    message = Message([2**32 + 1, 2**64 - 1], depth=0)
    x = np.array([128, 130, 131, 120, 133, 119, 135, 118, 255, 0, 140, 110], np.uint8)
    model.bind([(1, program.ItemShape(1, 6, 1, 2, 256))]).push(message, x)
    assert message.to_bytes().hex() == (
        "0201e5f07ec304000000ffffffffffffffffb62e0080feffffaac5399730"
    )


BROKEN: dict[str, tuple[list[str | int], Any]] = {
    "no predictors": (["predictors"], []),
    "five predictors": (["predictors"], [small_series()] * 5),
    "no scales": (["scales"], []),
    "a scale of 0": (["scales"], [0]),
    "a scale that is a flag": (["scales"], [True]),
    "17 scales": (["scales"], [9] * 17),
    "too little precision": (["precision"], 19),
    "too much precision": (["precision"], 25),
    "no inputs": (["predictors", 0, "inputs"], []),
    "65 inputs": (["predictors", 0, "inputs"], [[1, 0]] * 65),
    "the symbol itself": (["predictors", 0, "inputs"], [[0, 0]]),
    "a later channel of the same step": (["predictors", 0, "inputs"], [[0, -1]]),
    "a later step": (["predictors", 0, "inputs"], [[-1, 0]]),
    "too far back": (["predictors", 0, "inputs"], [[65, 0]]),
    "too far beside": (["predictors", 0, "inputs"], [[1, -65]]),
    "no pair": (["predictors", 0, "inputs"], [[1]]),
    "no forgetting": (["predictors", 0, "forgetting"], 0),
    "forgetting too slowly": (["predictors", 0, "forgetting"], 15),
    "never": (["predictors", 0, "every"], 0),
    "no ridge": (["predictors", 0, "ridge"], 0),
    "another key": (["mean_shift"], 4),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_format_does_not_allow_is_refused(name: str) -> None:
    assert_both_refuse(small_series(), *BROKEN[name])


@pytest.mark.parametrize("small", [small_series, small_counted])
def test_a_model_with_a_size_may_code_its_items_as_any_others(small: Callable[[], Any]) -> None:
    description = small()
    description["variables"]["x"] = {"channels": 2, "levels": 256, "size": [3, 4]}
    del description["test"]["size"]
    pair = Pair.of(file.write(json.dumps(description), {}))
    pair.check_chain(pair.items(5), 2)
    pair.check_set(pair.items(4), 1)
