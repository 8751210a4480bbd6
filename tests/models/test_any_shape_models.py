"""Models of items of any shape: what they code, and errors."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import Message, MessageError, ModelError
from bitsback.models import Model, bundled
from bitsback.models.item_shape import ItemShape
from bitsback.models.model import BoundModel
from random_counted import small_counted
from random_items import random_items
from random_series import small_series
from random_wavefronts import wavefront
from reference.planes import ItemShape as SpecShape


def bound(model: Model, shapes: list[SpecShape]) -> BoundModel:
    return model.bind([(1, ItemShape(*shape)) for shape in shapes])


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


MODELS: dict[str, Callable[[], Model]] = {
    "wavefront": lambda: wavefront(2),
    "wavefront with contexts": lambda: wavefront(2, contexts=10),
    "counted": lambda: Model.build(json.dumps(small_counted()), {}),
    "series": lambda: Model.build(json.dumps(small_series()), {}),
}


@pytest.mark.parametrize("kind", MODELS)
def test_bytes_and_words_are_the_same_symbols(kind: str) -> None:
    model, shapes = MODELS[kind](), [SpecShape(2, 11, 13, 3, 200)]
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


@pytest.mark.parametrize("kind", MODELS)
def test_no_items_change_nothing(kind: str) -> None:
    model = MODELS[kind]()
    message = Message([1 << 40], depth=0)
    none = bound(model, [])
    none.push(message, np.zeros(0, np.uint8))
    assert none.pop(message).size == 0
    assert message == Message([1 << 40], depth=0)
    assert none.macs == none.steps == none.most_elements == 0
    assert (none.memory > 0) == (kind == "counted"), "its tables are there without items"


@pytest.mark.parametrize(
    ("shapes", "symbols", "match"),
    [
        ([(1, 2, 2, 1, 8)], np.zeros(3, np.uint8), "too few elements"),
        ([(1, 2, 2, 1, 8)], np.zeros(5, np.uint8), "too many elements"),
        ([(1, 2, 2, 1, 8)], np.full(4, 8, np.uint8), "symbol"),
        ([(1, 2, 2, 1, 1)], np.zeros(4, np.uint8), "levels"),
        ([(1, 2, 2, 1, 257)], np.zeros(4, np.uint16), "more levels"),
        ([(1, 0, 2, 1, 8)], np.zeros(0, np.uint8), "elements"),
        ([(1 << 20, 1 << 20, 1 << 20, 1 << 20, 8)], np.zeros(4, np.uint8), "elements"),
        ([(1, 2, 2, 1, 8)], np.zeros((2, 2), np.uint8), "dimensions"),
        ([(1, 2, 2, 1, 8)], np.zeros(4, np.int32), "int32"),
        ([(1, 1, 1, 3, 256, True)], np.array([255, 0, 9], np.uint8), "JPEG"),
    ],
)
def test_items_that_do_not_fit(
    shapes: list[tuple[int, ...]], symbols: NDArray[Any], match: str
) -> None:
    message = Message([1 << 40], depth=0)
    with pytest.raises(MessageError, match=match):
        bound(wavefront(1), [SpecShape(*shape) for shape in shapes]).push(message, symbols)
    assert message == Message([1 << 40], depth=0)


@pytest.mark.parametrize(
    ("shape", "match"),
    [(SpecShape(1, 2, 2, 1, 257), "more levels"), (SpecShape(1, 2, 0, 1, 8), "elements")],
)
def test_what_cannot_be_popped(shape: SpecShape, match: str) -> None:
    message = Message([1 << 40], depth=0)
    with pytest.raises(MessageError, match=match):
        bound(wavefront(1), [shape]).pop(message)
    assert message == Message([1 << 40], depth=0)


def test_the_symbols_of_items_of_many_levels_are_words() -> None:
    model = wavefront(1, 65536)
    for levels, dtype in ((256, np.uint8), (257, np.uint16)):
        shapes = [SpecShape(1, 2, 2, 1, 8), SpecShape(1, 2, 2, 1, levels)]
        assert bound(model, shapes).pop(Message([1 << 40], depth=0)).dtype == dtype


def test_what_has_any_shape_and_what_has_a_size() -> None:
    agnostic, one_shape = wavefront(0), bundled.load("mnist-binary")
    assert agnostic.any_shape and not one_shape.any_shape
    assert agnostic.size_of((28, 28)) is None
    assert "any size" in agnostic.items_in_words
    with pytest.raises(ModelError, match="any size"):
        agnostic.shape_of((28, 28))
    for shape in ((1, 28, 29, 1, 2), (2, 28, 28, 1, 2), (1, 28, 28, 3, 2), (1, 28, 28, 1, 3)):
        with pytest.raises(ModelError, match="28"):
            bound(one_shape, [SpecShape(1, 28, 28, 1, 2), SpecShape(*shape)])
