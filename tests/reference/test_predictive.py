"""Images of any size: the core sees of each pixel what the specification says that it sees, and
codes the same bits.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agreement import a_message, check_messages
from bitsback import MessageError, _core
from bitsback.models import Model, bundled
from bitsback.models import item_shape as program
from bundled_models import spec_model
from choices import Drawn, Seeded
from networks import SIMD_PATHS, engine
from random_counted import random_counted, random_flat
from random_predictive import (
    Grower,
    random_item,
    random_items,
    random_mixed,
    random_predictive,
    random_shapes,
    slow_predictive,
)
from random_series import random_series
from reference.jpeg_colours import blues
from reference.model import Model as SpecModel
from reference.planes import ItemShape
from reference.predicted_plane import Plane
from reference.predictive_rules import Offsets
from reference.values import Ints

SEEDS = range(60)
SLOW = pytest.mark.slow


def sampled(remainder: int) -> list[Any]:
    """All seeds, of which those with another remainder modulo 2 are left for the long run."""
    return [seed if seed % 2 == remainder else pytest.param(seed, marks=SLOW) for seed in SEEDS]


def predictor(model: SpecModel) -> _core.Predictor:
    """The core's."""
    of = model.predictive
    settings = [
        {"cell": one.cell, "decay": one.decay, "ridge": one.ridge, **offsets(one.offsets)}
        for one in of.predictors
    ]
    starts = [model.tensors[f"x.start.{j}"].ravel() for j in range(len(of.predictors))]
    return _core.Predictor(
        predictors=settings, window=offsets(of.window), see=model.tensors["x.see"], starts=starts
    )


def offsets(of: Offsets) -> dict[str, Any]:
    """The arguments of the core's predictor."""
    return {"own": of.own, "first": of.first, "second": of.second}


def to_symbols(x: Ints, shapes: list[ItemShape]) -> NDArray[Any]:
    """The elements in the order and dtype of the core."""
    return x.astype(np.uint8 if max(shape.levels for shape in shapes) <= 256 else np.uint16)


def check_contexts(model: SpecModel, shapes: list[ItemShape], x: Ints, *paths: str) -> int:
    """Checks each symbol's context, prediction and unit on each SIMD path. Returns the largest
    sum.
    """
    of = model.predictive
    contexts = np.full((len(x), of.width), -1)
    predictions, units = (np.full(len(x), -1) for _ in range(2))
    planes: dict[int, Plane] = {}
    for step in model.planes(shapes).steps():
        at = [place.element for place in step.places]
        step.learn(x[at].tolist())
        contexts[at] = step.contexts
        predictions[at] = [pixel.prediction for pixel in step.pixels]
        units[at] = [pixel.unit.index for pixel in step.pixels]
        planes |= {id(place.plane): place.plane for place in step.places}
    for path in paths:
        with engine(path):
            ours = predictor(model)
            seen = ours.contexts(to_symbols(x, shapes), shapes)
        assert (ours.width, ours.lag, ours.delay) == (of.width, of.lag, of.delay)
        for one, other in zip(seen, (contexts, predictions, units), strict=True):
            np.testing.assert_array_equal(one, other)
    solvers = [solver for plane in planes.values() for solver in plane.solvers]
    return max(int(abs(sums).max()) for solver in solvers for sums in solver.sums.values())


@pytest.mark.parametrize("seed", sampled(0))
def test_contexts_are_those_of_the_specification(seed: int) -> None:
    model = SpecModel.from_bytes(random_predictive(seed))
    shapes = random_shapes(Seeded(np.random.default_rng(seed)), model.levels)
    check_contexts(model, shapes, random_items(seed, shapes), *SIMD_PATHS)


@settings(max_examples=25)
@given(st.data(), st.integers(0, 2**32 - 1), st.sampled_from(SIMD_PATHS))
def test_contexts_of_models_that_hypothesis_draws(data: Any, seed: int, path: str) -> None:
    choose = Drawn(data.draw)
    model = SpecModel(*Grower(choose, seed).model())
    shapes = random_shapes(choose, model.levels, most=150)
    check_contexts(model, shapes, random_items(seed, shapes), path)


def test_sums_that_hardly_fit() -> None:
    """Cells of 32 columns that forget as slowly as they may: after many rows of a board of the
    least and the greatest level, which is foreseen and yet far from the median, sums are near 2^31.
    """
    model = SpecModel.from_bytes(slow_predictive())
    shape = ItemShape(1, 200, 32, 1, 65536)
    x = random_item(np.random.default_rng(0), shape, "board").ravel()
    largest = check_contexts(model, [shape], x, *SIMD_PATHS)
    assert 2**31 * 0.85 < largest < 2**31


@pytest.mark.parametrize("seed", sampled(1))
def test_messages_are_those_of_the_specification(seed: int) -> None:
    data = random_predictive(seed)
    theirs = SpecModel.from_bytes(data)
    shapes = random_shapes(Seeded(np.random.default_rng(seed)), theirs.levels, most=100)
    x, lanes = random_items(seed, shapes), 1 + seed % 5
    with engine(SIMD_PATHS[seed % len(SIMD_PATHS)]):
        ours = Model.from_bytes(data)
        assert ours.any_shape and ours.identity == theirs.identity
        check_messages(
            ours,
            theirs,
            shapes,
            to_symbols(x, shapes),
            a_message(seed, lanes, words=20 * (seed % 3) ** 3),
        )


@pytest.mark.parametrize(
    "name", [name for name in bundled.names() if bundled.outline(name).any_shape]
)
def test_bundled_models(name: str) -> None:
    ours, theirs = bundled.load(name), spec_model(name)
    levels = min(256, theirs.levels)
    shapes = [ItemShape(1, 3, 17, 1, levels), ItemShape(2, 4, 5, 3, levels)]
    x = random_items(1, shapes)
    check_messages(ours, theirs, shapes, to_symbols(x, shapes), a_message(1, 2))


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_planes_of_few_rows_and_many_columns(path: str) -> None:
    """More pixels could be coded at one time than the plane has rows."""
    ours, theirs = bundled.load("universal-fast-16"), spec_model("universal-fast-16")
    shapes = [ItemShape(1, 1, 400, 1, 9), ItemShape(1, 3, 390, 1, 9)]
    x = random_items(1, shapes)
    with engine(path):
        check_messages(ours, theirs, shapes, to_symbols(x, shapes), a_message(1, 2))


@settings(max_examples=12)
@given(st.data(), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 8]))
def test_messages_of_models_that_hypothesis_draws(data: Any, seed: int, lanes: int) -> None:
    choose = Drawn(data.draw)
    parts = Grower(choose, seed).model()
    theirs = SpecModel(*parts)
    shapes = random_shapes(choose, theirs.levels, most=60)
    x = random_items(seed, shapes)
    check_messages(
        Model.build(*parts),
        theirs,
        shapes,
        to_symbols(x, shapes),
        a_message(seed, lanes, words=100),
    )


@pytest.mark.parametrize("make", [random_predictive, random_mixed])
@pytest.mark.parametrize("path", SIMD_PATHS)
def test_colours_of_jpeg(make: Callable[[int, int], bytes], path: str) -> None:
    with engine(path):
        data = make(3, 256)
        ours, theirs = Model.from_bytes(data), SpecModel.from_bytes(data)
        shapes = [ItemShape(2, 5, 7, 3, 256, jpeg=True), ItemShape(1, 3, 4, 3, 256)]
        x = random_items(1, shapes)
        check_messages(ours, theirs, shapes, to_symbols(x, shapes), a_message(1, 2, words=200))


def test_other_colours_are_refused() -> None:
    """No Y, Cb and Cr make a saturated green whose blue is odd by one from what they make."""
    model = Model.from_bytes(random_predictive(3, 256))
    bound = model.bind([(1, program.ItemShape(1, 1, 2, 3, 256, jpeg=True))])
    message = a_message(1, 1)
    before = message.copy()
    x = np.array([10, 200, 10, 0, 255, 0], np.uint8)
    assert 10 not in blues(200, 10)
    with pytest.raises(MessageError, match="colour that JPEG has not"):
        bound.push(message, x)
    assert message == before
    for shape in (
        program.ItemShape(1, 1, 2, 1, 256, True),
        program.ItemShape(1, 1, 2, 3, 255, True),
    ):
        with pytest.raises(MessageError, match="three channels and 256 levels"):
            model.bind([(1, shape)]).push(message, x[: shape.elements])


def test_the_colours_are_those_of_the_specification() -> None:
    rng = np.random.default_rng(0)
    for green, red in [(0, 0), (255, 255), (0, 255), *rng.integers(0, 256, (5, 2)).tolist()]:
        allowed = set(blues(green, red))
        for blue in range(256):
            colour = np.array([red, green, blue], np.uint8)
            assert _core.are_jpeg_colours(colour) == (blue in allowed)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "make", [random_predictive, random_mixed, random_counted, random_flat, random_series]
)
def test_they_cost_the_same(seed: int, make: Callable[[int], bytes]) -> None:
    data = make(seed)
    ours, theirs = Model.from_bytes(data), SpecModel.from_bytes(data)
    shapes = random_shapes(Seeded(np.random.default_rng(seed)), ours.levels)
    shapes.append(ItemShape(3, 1000, 700, 3, 2))
    for some in (shapes, shapes[:1]):
        of = ours.bind([(1, program.ItemShape(*shape)) for shape in some])
        assert of.memory == theirs.plane_memory(some)
        assert of.macs == theirs.plane_macs(some)
        assert of.steps == theirs.plane_steps(some)


def test_models_and_items_of_every_kind_are_among_them() -> None:
    seen: Counter[Any] = Counter()
    for seed in SEEDS:
        model = SpecModel.from_bytes(random_predictive(seed))
        of = model.predictive
        shapes = random_shapes(Seeded(np.random.default_rng(seed)), model.levels)
        seen[f"{len(of.predictors)} predictors"] += 1
        seen["cells of several sizes"] += len({one.cell for one in of.predictors}) > 1
        seen["a lag that an offset asks for"] += of.lag > 2 * max(c.cell for c in of.predictors)
        seen["no delay"] += of.delay == 1
        seen["48 inputs"] += any(one.offsets.inputs(2) == 48 for one in of.predictors)
        seen["the largest window"] += of.window.inputs(2) == 240
        seen["no references are looked at"] += of.window.inputs(2) == of.window.inputs(0)
        seen["mixed shapes"] += len({shape[:4] for shape in shapes}) > 1
        seen["mixed levels"] += len({shape.levels for shape in shapes}) > 1
        for shape in shapes:
            seen["one pixel"] += shape.rows == shape.columns == 1
            seen["one row"] += shape.rows == 1 < shape.columns
            seen["one column"] += shape.columns == 1 < shape.rows
            seen["slices"] += shape.slices > 1
            seen["slices with channels"] += shape.slices > 1 < shape.channels
            seen[f"{min(shape.channels, 5)} channels"] += 1
            seen[f"{shape.levels} levels"] += 1
            seen["colours of JPEG"] += shape.jpeg
    wanted = [f"{n} predictors" for n in (1, 2, 3, 4)] + [f"{n} channels" for n in (1, 2, 3, 4, 5)]
    wanted += [f"{n} levels" for n in (2, 3, 256, 1000, 4096, 65536)]
    wanted += ["cells of several sizes", "a lag that an offset asks for", "no delay", "48 inputs"]
    wanted += ["the largest window", "no references are looked at", "mixed shapes", "mixed levels"]
    wanted += ["colours of JPEG", "one pixel", "one row", "one column", "slices"]
    wanted += ["slices with channels"]
    assert [kind for kind in wanted if not seen[kind]] == []
