"""Contexts that are counted beside the network of `predictive`: the core codes the bits that the
specification does.
"""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agreement import a_message, assert_both_refuse, check_messages
from bitsback.models import Model
from choices import Choices, Drawn, Seeded
from networks import SIMD_PATHS, engine
from random_predictive import Grower, random_items, random_mixed, random_shapes, small_predictive
from reference.model import Model as SpecModel


def symbol_type(model: SpecModel) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if model.levels <= 256 else np.uint16


def check(ours: Model, theirs: SpecModel, choose: Choices, seed: int, lanes: int) -> None:
    """Items of some shapes."""
    shapes = random_shapes(choose, theirs.levels, most=60)
    x = random_items(seed, shapes).astype(symbol_type(theirs))
    check_messages(ours, theirs, shapes, x, a_message(seed, lanes, words=20 * (seed % 3) ** 3))


@pytest.mark.parametrize("seed", range(24))
def test_the_core_is_the_specification(seed: int) -> None:
    data = random_mixed(seed)
    with engine(SIMD_PATHS[seed % len(SIMD_PATHS)]):
        ours, theirs = Model.from_bytes(data), SpecModel.from_bytes(data)
        assert ours.identity == theirs.identity
        check(ours, theirs, Seeded(np.random.default_rng(seed)), seed, 1 + seed % 3)


@settings(max_examples=12)
@given(st.data(), st.integers(0, 2**32 - 1))
def test_models_that_hypothesis_draws(data: Any, seed: int) -> None:
    choose = Drawn(data.draw)
    parts = Grower(choose, seed).model(counts=True)
    check(Model.build(*parts), SpecModel(*parts), choose, seed, 2)


TERM: list[str | int] = ["counts", "contexts", 0, "terms", 0]
BROKEN: dict[str, tuple[list[str | int], Any]] = {
    "sure of everything": (["counts", "sure"], 0),
    "surer than can be": (["counts", "sure"], 29),
    "a lag of its own": (["counts", "lag"], 16),
    "a precision of its own": (["counts", "precision"], 24),
    "no queue": (["counts", "queues"], 0),
    "no contexts": (["counts", "contexts"], []),
    "no mixers": (["counts", "mixers"], []),
    "another place": (TERM, {"place": "error", "shift": 0, "most": 3}),
    "a later pixel": (TERM, [0, 0, 1, 0]),
    "the pixel itself": (TERM, [0, 0, 0, 0]),
    "an input that is not there": (TERM, {"inputs": [[99, 1]], "steps": [64]}),
    "no inputs": (TERM, {"inputs": [], "steps": [64]}),
    "an input of a great weight": (TERM, {"inputs": [[0, 65]], "shift": 0, "range": [0, 9]}),
    "no quantiles": (["counts", "quantiles"], 0),
    "quantiles of contexts without nodes": (["counts", "quantiles"], 6),
    "a node without quantiles": (["counts", "contexts", 0, "node"], "split"),
    "features of no layer": (["counts", "features"], "z"),
    "features below zero": (["counts", "features"], "mean"),
    "another selector": (["counts", "mixers", 0, "select"], ["odd"]),
    "nothing": (["counts"], None),
    "a list": (["counts"], []),
}

DEEP: dict[str, tuple[list[str | int], Any]] = {
    "bits of deep symbols": (["counts", "quantiles"], None),
    "more quantiles": (["counts", "quantiles"], 9),
    "another node": (["counts", "contexts", 0, "node"], "bit"),
    "a candidate": (["counts", "candidate"], {}),
}


@pytest.mark.parametrize("name", [*BROKEN, *DEEP])
def test_what_the_format_does_not_allow_is_refused(name: str) -> None:
    levels = {"levels": 1000} if name in DEEP else {}
    description, tensors = small_predictive(counts=True, **levels)
    assert_both_refuse(json.loads(description), *{**BROKEN, **DEEP}[name], tensors)
