"""Counted contexts: the core codes the bits that the specification does, on drawings, gradients and
noise, of few levels and many, and at the ends of what there can be.
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

from agreement import assert_both_refuse, check_shapes
from bitsback import Message, ModelError
from bitsback.models import Model, file
from bitsback.models import item_shape as program
from choices import Choices, Drawn, Seeded
from networks import SIMD_PATHS, engine
from random_counted import (
    counted_model,
    flat_model,
    random_counted,
    random_flat,
    small_counted,
    small_flat,
    small_guesses,
)
from reference.model import Model as SpecModel
from reference.planes import ItemShape
from reference.rules import ModelError as SpecError

MakeModel = Callable[[Choices, int], bytes]
SHAPES = [(1, 7, 9, 1), (1, 4, 5, 3), (1, 1, 1, 1), (1, 1, 13, 1), (1, 9, 1, 1), (2, 3, 4, 2)]


def a_picture(rng: np.random.Generator, shape: ItemShape) -> NDArray[np.uint8]:
    slices, rows, columns, channels, levels, _ = shape
    place = np.add.outer(np.arange(slices * rows), np.arange(columns * channels))
    kind = rng.integers(5)
    if kind == 0:
        x = np.where(place % 7 < 3, levels - 1, 0)
    elif kind == 1:
        x = place * levels // (place.max() + 1)
    elif kind == 2:
        x = rng.integers(0, levels, place.shape)
    elif kind == 3:
        x = np.full(place.shape, levels - 1)
    else:
        x = (rng.random(place.shape) < 0.1) * (levels // 2)
    return x.astype(np.uint8).ravel()


check_items = partial(check_shapes, shapes=SHAPES, few=5, counts=[1, 2, 4], draw=a_picture)


@pytest.mark.parametrize("make", [random_counted, random_flat])
@pytest.mark.parametrize("seed", range(24))
def test_the_core_is_the_specification(seed: int, make: Callable[[int], bytes]) -> None:
    data = make(seed)
    choose = Seeded(np.random.default_rng(seed))
    with engine(SIMD_PATHS[seed % len(SIMD_PATHS)]):
        check_items(SpecModel.from_bytes(data), Model.from_bytes(data), choose, seed)


@settings(max_examples=15)
@given(st.data(), st.integers(0, 2**32 - 1), st.sampled_from([counted_model, flat_model]))
def test_models_that_hypothesis_draws(data: Any, seed: int, make: MakeModel) -> None:
    choose = Drawn(data.draw)
    written = make(choose, seed)
    check_items(SpecModel.from_bytes(written), Model.from_bytes(written), choose, seed)


def test_exact_bytes() -> None:
    """If these change, archives that people have kept are lost."""
    model = Model.build(json.dumps(small_counted()), {})
    message = Message([2**32 + 1, 2**64 - 1], depth=0)
    x = np.array([128, 130, 131, 120, 133, 119, 135, 118, 255, 0, 140, 110], np.uint8)
    model.bind([(1, program.ItemShape(1, 3, 4, 1, 256))]).push(message, x)
    assert message.to_bytes().hex() == (
        "02015c98ce8078000100ffb3a1c4f1ff0000ffffffff0114ea1b406b473f"
    )


TERM: list[str | int] = ["contexts", 0, "terms", 0]
BROKEN: dict[str, tuple[list[str | int], Any]] = {
    "no contexts": (["contexts"], []),
    "33 contexts": (["contexts"], [{"offset": 26, "limit": 1, "terms": []}] * 33),
    "no mixers": (["mixers"], []),
    "five mixers": (["mixers"], [{"select": [], "start": 0, "rates": [1, 1]}] * 5),
    "too little precision": (["precision"], 15),
    "too much precision": (["precision"], 25),
    "no lag": (["lag"], 0),
    "too long a lag": (["lag"], 4097),
    "no queue": (["queues"], 0),
    "a table that is too small": (["table"], 9),
    "a table that is too large": (["table"], 25),
    "no trust": (["trust"], 0),
    "too fast a first update": (["contexts", 0, "offset"], 15),
    "no counts": (["contexts", 0, "limit"], 0),
    "counts that are too high": (["contexts", 0, "limit"], 256),
    "a slot of three numbers": (["slot"], [16, 7, 9]),
    "a probability that is too coarse": (["slot"], [11, 8]),
    "a count that is too large": (["slot"], [16, 11]),
    "a slot that is too large": (["slot"], [23, 8]),
    "65 terms": (["contexts", 0, "terms"], [[0, 0, -1, 8]] * 65),
    "too long a key": (["contexts", 0, "terms"], [[0, 0, -1, 0]] * 64 + [[0, 0, -1, 7]]),
    "too fast a mixer": (["mixers", 0, "rates"], [2048, 1]),
    "a mixer that gets faster": (["mixers", 0, "rates"], [1, 2]),
    "weights that start too high": (["mixers", 0, "start"], 2**15),
    "a context that there is not": (["mixers", 0, "select"], [{"known": 2}]),
    "no selector": (["mixers", 0, "select"], ["nodes"]),
    "nine selectors": (["mixers", 0, "select"], [{"known": 0}] * 9),
    "too many sets": (["mixers", 0, "select"], ["node"] * 3),
    "the pixel itself": (TERM, [0, 0, 0, 0]),
    "a later pixel": (TERM, [0, 0, 1, 0]),
    "a later row": (TERM, [0, 1, -9, 0]),
    "a pixel that is coded at the same time": (TERM, [0, -1, 3, 0]),
    "a plane too far back": (TERM, [16, 0, 0, 0]),
    "a plane that comes later": (TERM, [-1, 0, 0, 0]),
    "too far beside": (TERM, [1, 0, 16, 0]),
    "too far above": (TERM, [1, -16, 0, 0]),
    "too large a shift": (TERM, [1, 0, 0, 16]),
    "no place": (TERM, [1, 0, 0]),
    "a flag": (TERM, [1, 0, 0, True]),
    "no term": (TERM, "row"),
    "an empty sum": (TERM, {"sum": [], "steps": [0]}),
    "a weight that is too large": (TERM, {"sum": [[1, 0, 0, 65]], "steps": [0]}),
    "no steps": (TERM, {"sum": [[1, 0, 0, 1]], "steps": []}),
    "steps that fall": (TERM, {"sum": [[1, 0, 0, 1]], "steps": [1, 1]}),
    "a range of nothing": (TERM, {"sum": [[1, 0, 0, 1]], "shift": 0, "range": [1, 0]}),
    "too wide a range": (TERM, {"sum": [[1, 0, 0, 1]], "shift": 0, "range": [0, 65536]}),
    "both": (TERM, {"sum": [[1, 0, 0, 1]], "shift": 0, "range": [0, 1], "steps": [1]}),
    "another place": (TERM, {"place": "slice", "shift": 0, "most": 3}),
    "a place that is too large": (TERM, {"place": "row", "shift": 0, "most": 65536}),
    "another key": (["mean_shift"], 4),
    "no candidates that may be equal": (TERM, {"equal": [0, 0, -1]}),
    "no candidates in a place": (TERM, {"place": "candidate", "shift": 0, "most": 255}),
    "failures of no candidates": (["mixers", 0, "select"], ["failures"]),
    "a prediction by nothing": (TERM, {"place": "prediction", "shift": 0, "most": 255}),
    "odds by nothing": (["mixers", 0, "select"], ["odds"]),
    "no predictors": (["predictors"], []),
    "33 predictors": (["predictors"], [[0, 0, -1, 0]] * 33),
    "a predictor with steps": (["predictors"], [{"sum": [[1, 0, 0, 1]], "steps": [0]}]),
    "a predictor of places": (["predictors"], [{"place": "row", "shift": 0, "most": 3}]),
    "a prediction by itself": (["predictors"], [{"place": "prediction", "shift": 0, "most": 3}]),
    "a predictor of too many values": (
        ["predictors"],
        [{"sum": [[1, 0, 0, 1]], "shift": 0, "range": [0, 256]}],
    ),
    "a predictor of a later pixel": (["predictors"], [[0, 0, 0, 0]]),
    "maps of one number": (["maps"], [1]),
    "maps without counts": (["maps"], [1, 0]),
    "maps that count too far": (["maps"], [1, 1024]),
    "mixers that weigh too much": (["maps"], [17, 255]),
    "mixers that weigh less than nothing": (["maps"], [-1, 255]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_format_does_not_allow_is_refused(name: str) -> None:
    assert_both_refuse(small_counted(), *BROKEN[name])


FIRST: list[str | int] = ["contexts", 1, "terms", 0]
BROKEN_CANDIDATES: dict[str, tuple[list[str | int], Any]] = {
    "no contexts": (["contexts"], []),
    "33 contexts": (["contexts"], [{"offset": 26, "limit": 1, "terms": []}] * 33),
    "no mixers": (["mixers"], []),
    "a table that is too large": (["table"], 25),
    "a memory of no context": (["memory"], 2),
    "a memory that needs a candidate": (["memory"], 1),
    "too sure": (["sure"], 16),
    "the node": (["mixers", 0, "select"], ["node"]),
    "the depth": (["mixers", 0, "select"], ["depth"]),
    "another slot": (["slot"], [16, 7]),
    "a later pixel": (FIRST, {"equal": [0, 0, 0]}),
    "an equal pixel that is no place": (FIRST, {"equal": [0, -1]}),
    "an equal pixel with a shift": (FIRST, {"equal": [0, 0, -1, 1]}),
    "an equal pixel of many values": (FIRST, {"equal": [0, 0, -1], "steps": [0]}),
    "a candidate within a candidate": (["candidate"], {}),
    "predictors of its own": (["predictors"], [[0, 0, -1, 0]]),
    "maps that do not count": (["maps"], [1, 0]),
    "a prediction": (FIRST, {"place": "prediction", "shift": 0, "most": 255}),
}


@pytest.mark.parametrize("name", BROKEN_CANDIDATES)
def test_candidates_that_the_format_does_not_allow_are_refused(name: str) -> None:
    path, value = BROKEN_CANDIDATES[name]
    assert_both_refuse(small_guesses(), ["candidate", *path], value)


def test_predictors_need_a_lag_of_two() -> None:
    description = small_counted()
    fields = description["distributions"]["p(x)"]
    fields["contexts"] = fields["contexts"][:1]
    fields["mixers"][0]["select"] = []
    fields["lag"] = 1
    assert_both_refuse(description, ["predictors"], [[0, 0, -1, 0]])


NEAR = [0, 0, -1]
SELECT: list[str | int] = ["mixers", 0, "select", 1]
BROKEN_FLAT: dict[str, tuple[list[str | int], Any]] = {
    "nothing around": (["flat", "around"], []),
    "65 pixels around": (["flat", "around"], [NEAR] * 65),
    "a later pixel": (["flat", "around"], [[0, 0, 0]]),
    "a pixel with a shift": (["flat", "around"], [[0, 0, -1, 0]]),
    "a plane too far back": (["flat", "around"], [[16, 0, 0]]),
    "nine regions": (["flat", "regions"], [[NEAR]] * 9),
    "an empty region": (["flat", "regions"], [[]]),
    "a region that is coded at the same time": (["flat", "regions"], [[[0, -1, 3]]]),
    "a region of 65 pixels": (["flat", "regions"], [[NEAR] * 65]),
    "too fast a first update": (["flat", "offset"], 15),
    "counts that are too high": (["flat", "limit"], 256),
    "another key": (["flat", "table"], 10),
    "a context of more than pixels": (TERM, {"place": "row", "shift": 0, "most": 3}),
    "a mixer by more than pixels": (SELECT, {"sum": [[1, 0, 0, 1]], "steps": [1]}),
}


@pytest.mark.parametrize("name", BROKEN_FLAT)
def test_flat_surroundings_that_the_format_does_not_allow_are_refused(name: str) -> None:
    assert_both_refuse(small_flat(), *BROKEN_FLAT[name])


def test_only_surroundings_of_two_levels_are_flat() -> None:
    flat = small_flat()["distributions"]["p(x)"]["flat"]
    for description in (small_counted(3), small_guesses()):
        assert_both_refuse(description, ["flat"], flat)


def test_data_of_many_levels_are_refused() -> None:
    description = small_counted()
    description["variables"]["x"]["levels"] = 257
    data = file.write(json.dumps(description), {})
    with pytest.raises(ModelError, match="256 levels"):
        Model.from_bytes(data)
    with pytest.raises(SpecError):
        SpecModel.from_bytes(data)
