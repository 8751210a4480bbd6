"""A model of items of any shape: both laws, errors, and contexts, which depend neither on the
instruction set nor on the rest of a batch.
"""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback import Message, MessageError, ModelError, _core
from bitsback.models import Model, bundled
from bitsback.models.distributions.predictive import PredictiveDistribution
from bitsback.models.item_shape import ItemShape
from bitsback.models.model import BoundModel
from choices import Seeded
from laws import check_laws, messages
from networks import SIMD_PATHS, engine
from random_counted import small_counted
from random_predictive import random_item, random_items, random_predictive, random_shapes
from random_series import small_series
from reference.planes import ItemShape as SpecShape

LARGE = [
    SpecShape(1, 40, 150, 3, 256),
    SpecShape(1, 3, 400, 1, 2),
    SpecShape(5, 30, 33, 1, 4096),
    SpecShape(1, 90, 7, 6, 65536),
]
"""Many rows at once, and many cells to solve together."""


def bound(model: Model, shapes: list[SpecShape]) -> BoundModel:
    return model.bind([(1, ItemShape(*shape)) for shape in shapes])


def predictor_of(model: Model) -> _core.Predictor:
    assert isinstance(model.adaptive, PredictiveDistribution)
    return model.adaptive.predictor


@settings(max_examples=40)
@given(messages(), st.integers(0, 500), st.sampled_from(SIMD_PATHS))
def test_both_laws(message: Message, seed: int, path: str) -> None:
    with engine(path):
        model = Model.from_bytes(random_predictive(seed))
        shapes = random_shapes(Seeded(np.random.default_rng(seed)), model.levels)
        codec = bound(model, shapes)
        check_laws(codec, message, random_items(seed, shapes).astype(np.uint16))


@pytest.mark.parametrize(
    "name", ["universal", "universal-16", "universal-mixed", "bilevel", "series"]
)
def test_bits_are_what_the_message_grows_by(name: str) -> None:
    model = bundled.load(name)
    shapes = [SpecShape(1, 20, 30, 1, 2), SpecShape(1, 9, 1, 2, 2)]
    codec, message = bound(model, shapes), Message()
    x = np.random.default_rng(0).integers(0, 2, codec.elements, np.uint8)
    codec.push(message, x)
    assert abs(message.net_bits - codec.bits(x)) < 0.1


@pytest.mark.parametrize("seed", [1, 5, 7])
def test_large_items_are_the_same_on_every_path(seed: int) -> None:
    data = random_predictive(seed, levels=65536)
    x = random_items(seed, LARGE).astype(np.uint16)
    pushed, seen = set(), set()
    for path in SIMD_PATHS:
        with engine(path):
            model = Model.from_bytes(data)
            message = Message([1 << 40] * 4, depth=0)
            codec = bound(model, LARGE)
            codec.push(message, x)
            pushed.add(message.to_bytes())
            np.testing.assert_array_equal(codec.pop(message), x)
            contexts = predictor_of(model).contexts(x, LARGE)
            seen.add(b"".join(part.tobytes() for part in contexts))
    assert len(pushed) == len(seen) == 1


def test_an_item_is_seen_alike_alone_and_among_others() -> None:
    model = Model.from_bytes(random_predictive(3, levels=65536))
    predictor = predictor_of(model)
    rng = np.random.default_rng(0)
    shapes = [*LARGE, *LARGE[:2], *([SpecShape(1, 9, 9, 2, 17)] * 40)]
    items = [random_item(rng, shape, "smooth").ravel().astype(np.uint16) for shape in shapes]
    together = predictor.contexts(np.concatenate(items), shapes)
    alone = [predictor.contexts(item, [shape]) for item, shape in zip(items, shapes, strict=True)]
    for part, parts in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(part, np.concatenate(parts))


@pytest.mark.parametrize("kind", ["predictive", "counted", "series"])
def test_bytes_and_words_are_the_same_symbols(kind: str) -> None:
    if kind == "predictive":
        model = Model.from_bytes(random_predictive(2))
    else:
        small = small_counted() if kind == "counted" else small_series()
        model = Model.build(json.dumps(small), {})
    shapes = [SpecShape(2, 11, 13, 3, 200)]
    x = random_items(2, shapes)
    pushed = []
    for dtype in (np.uint8, np.uint16):
        message = Message([1 << 40], depth=0)
        codec = bound(model, shapes)
        codec.push(message, x.astype(dtype))
        pushed.append(message.to_bytes())
        popped = codec.pop(message)
        assert popped.dtype == np.uint8
        np.testing.assert_array_equal(popped, x)
    assert pushed[0] == pushed[1]


def test_no_items_change_nothing() -> None:
    model = Model.from_bytes(random_predictive(0))
    message = Message([1 << 40], depth=0)
    none = bound(model, [])
    none.push(message, np.zeros(0, np.uint8))
    assert none.pop(message).size == 0
    assert message == Message([1 << 40], depth=0)
    assert none.memory == none.macs == none.steps == none.most_elements == 0


@pytest.mark.parametrize(
    ("shapes", "symbols", "match"),
    [
        ([(1, 2, 2, 1, 8)], np.zeros(3, np.uint8), "more elements"),
        ([(1, 2, 2, 1, 8)], np.zeros(5, np.uint8), "fewer elements"),
        ([(1, 2, 2, 1, 8)], np.full(4, 8, np.uint8), "symbol"),
        ([(1, 2, 2, 1, 1)], np.zeros(4, np.uint8), "levels"),
        ([(1, 2, 2, 1, 257)], np.zeros(4, np.uint16), "more levels"),
        ([(1, 0, 2, 1, 8)], np.zeros(0, np.uint8), "elements"),
        ([(1 << 20, 1 << 20, 1 << 20, 1 << 20, 8)], np.zeros(4, np.uint8), "elements"),
        ([(1, 2, 2, 1, 8)], np.zeros((2, 2), np.uint8), "dimensions"),
        ([(1, 2, 2, 1, 8)], np.zeros(4, np.int32), "int32"),
    ],
)
def test_items_that_do_not_fit(
    shapes: list[tuple[int, int, int, int, int]], symbols: NDArray[Any], match: str
) -> None:
    model = Model.from_bytes(random_predictive(1, levels=256))
    message = Message([1 << 40], depth=0)
    with pytest.raises(MessageError, match=match):
        bound(model, [SpecShape(*shape) for shape in shapes]).push(message, symbols)
    assert message == Message([1 << 40], depth=0)


@pytest.mark.parametrize(
    ("shape", "match"),
    [(SpecShape(1, 2, 2, 1, 257), "more levels"), (SpecShape(1, 2, 0, 1, 8), "elements")],
)
def test_what_cannot_be_popped(shape: SpecShape, match: str) -> None:
    model = Model.from_bytes(random_predictive(1, levels=256))
    message = Message([1 << 40], depth=0)
    with pytest.raises(MessageError, match=match):
        bound(model, [shape]).pop(message)
    assert message == Message([1 << 40], depth=0)


def test_the_symbols_of_items_of_many_levels_are_words() -> None:
    model = Model.from_bytes(random_predictive(1, levels=65536))
    for levels, dtype in ((256, np.uint8), (257, np.uint16)):
        shapes = [SpecShape(1, 2, 2, 1, 8), SpecShape(1, 2, 2, 1, levels)]
        assert bound(model, shapes).pop(Message([1 << 40], depth=0)).dtype == dtype


def test_what_has_any_shape_and_what_has_a_size() -> None:
    agnostic, one_shape = Model.from_bytes(random_predictive(0)), bundled.load("mnist-binary")
    assert agnostic.any_shape and not one_shape.any_shape
    assert agnostic.size_of((28, 28)) is None
    assert "any size" in agnostic.items_in_words
    with pytest.raises(ModelError, match="any size"):
        agnostic.shape_of((28, 28))
    for shape in ((1, 28, 29, 1, 2), (2, 28, 28, 1, 2), (1, 28, 28, 3, 2), (1, 28, 28, 1, 3)):
        with pytest.raises(ModelError, match="28"):
            bound(one_shape, [SpecShape(1, 28, 28, 1, 2), SpecShape(*shape)])
