"""Autoregressive pixels in the core: long chains in one call, and refused mismatches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agreement import Pair, a_message, runs
from bitsback import BitsbackError, _core
from bitsback.models import Model
from random_models import random_context_model, random_context_model_file

MODELS: dict[str, dict[str, Any]] = {
    "bernoulli": {},
    "family": {"codec": "exponential", "levels": 9, "precision": 20},
    "mixture": {"codec": "mixture", "levels": 256, "precision": 24, "planes": 3},
    "two groups": {
        "shape": (3, 4, 3), "codec": "mixture", "levels": 1000, "precision": 22,
        "groups": [[2, 0], [1]], "flat": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_chain_is_its_batches_one_after_the_other(name: str) -> None:
    """A batch may have more items than the core codes at once."""
    pair = Pair.of(random_context_model_file(**MODELS[name]))
    sizes = [1, 1, 2, 3, 300, 5]
    x = pair.items(sum(sizes))
    together, single = a_message(3, 4), a_message(3, 4)
    pair.ours.push(together, x, runs(sizes))
    end = len(x)
    for size in sizes:
        pair.ours.codec(size).push(single, x[end - size : end])
        end -= size
    assert together == single
    assert (pair.ours.pop(together, runs(sizes[::-1])) == x).all()
    assert together == a_message(3, 4)


def test_more_rows_and_columns_than_are_coded_at_once() -> None:
    """A model without a size would code these as well; the reference takes a while for them."""
    pair = Pair.of(random_context_model_file(shape=(70, 3), latents=1, hidden=4))
    pair.check_codec(pair.items(3), a_message(1, 3))
    pair = Pair.of(random_context_model_file(shape=(3, 90), latents=1, hidden=4, flat=True))
    pair.check_codec(pair.items(3), a_message(1, 3))


Arguments = dict[str, Any]


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Arguments:
    """The arguments that a model gives to the core's autoregressive distribution."""
    found: Arguments = {}

    def record(_: str, variable: int, **given: Any) -> None:
        found.update(given, variable=variable)

    model = Model.build(*random_context_model(**MODELS[request.param]))
    size = model.whole_size()
    with monkeypatch.context() as patched:
        patched.setattr(_core, "distribution", record)
        model.distributions["p(x|z)"].core(size, {"x": 0, "z": 1})
    return found


def group(**changes: Any) -> Callable[[Arguments], list[Any]]:
    """The groups, with the first one changed."""

    def changed(given: Arguments) -> list[Any]:
        first = dict(given["groups"][0])
        for name, value in changes.items():
            first[name] = value(first) if callable(value) else value
        return [first, *given["groups"][1:]]

    return changed


CHANGES: dict[str, tuple[str, Any]] = {
    "another height": ("size", lambda given: (given["size"][0] + 1, *given["size"][1:])),
    "no rows": ("size", lambda given: (0, *given["size"][1:])),
    "another number of channels": ("size", lambda given: (*given["size"][:2], 4)),
    "no channels": ("size", lambda given: (*given["size"][:2], 0)),
    "a size that overflows": ("size", (2**32, 2**32, 1)),
    "a window with no rows": ("window", (0, 3)),
    "a window with no side": ("window", (2, 0)),
    "a window too high": ("window", (9, 3)),
    "a window too wide": ("window", (2, 9)),
    "another window": ("window", (3, 3)),
    "another number of planes": ("planes", lambda given: np.repeat(given["planes"], 2, 0)),
    "planes of other levels": ("planes", lambda given: np.repeat(given["planes"], 2, 1)),
    "planes of one dimension": ("planes", lambda given: given["planes"][0]),
    "no planes": ("planes", lambda given: given["planes"][:0]),
    "no features": ("features", None),
    "flat symbols of other levels": ("flat", np.ones(3, np.uint8)),
    "no groups": ("groups", []),
    "a group twice": ("groups", lambda given: given["groups"] * 2),
    "a group of no channels": ("groups", group(channels=[])),
    "a channel that is not there": ("groups", group(channels=[7])),
    "channels that are another group's": ("groups", group(channels=[1, 1])),
    "no outputs": ("groups", group(outputs=[])),
    "too many outputs": ("groups", group(outputs=lambda of: of["outputs"] * 2)),
    "an output that is not there": (
        "groups",
        group(outputs=lambda of: [100, *of["outputs"][1:]]),
    ),
    "an output of another width": ("groups", group(outputs=lambda of: [1, *of["outputs"][1:]])),
    "a network of other width": (
        "groups",
        group(network=lambda of: _core.Network([(1, 1, 5, 0, 255)])),
    ),
}


@pytest.mark.parametrize("arguments", MODELS, indirect=True)
@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_is_refused(arguments: Arguments, change: str) -> None:
    _core.distribution("autoregressive", **arguments)
    name, value = CHANGES[change]
    arguments[name] = value(arguments) if callable(value) else value
    with pytest.raises((BitsbackError, ValueError, IndexError)):
        _core.distribution("autoregressive", **arguments)


@pytest.mark.parametrize("arguments", ["two groups"], indirect=True)
def test_flat_symbols_and_networks_for_them_go_together(arguments: Arguments) -> None:
    for name, value in (
        ("flat", None),
        ("groups", group(flat=None, flat_outputs=[])),
        ("groups", group(flat_outputs=[0])),
        ("groups", group(flat=lambda of: _core.Network([(1, 1, 5, 0, 255)]))),
    ):
        changed = arguments | {name: value(arguments) if callable(value) else value}
        with pytest.raises((BitsbackError, ValueError, IndexError)):
            _core.distribution("autoregressive", **changed)
