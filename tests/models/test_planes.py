"""A free model: both laws, whatever goes wrong, and that neither the instruction set nor what else
is in a batch changes what is seen of a pixel.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback import Message, MessageError, ModelError
from bitsback.models import Model, bundled
from bitsback.models.planes import PlaneShape
from laws import check_laws, messages
from networks import SIMD_PATHS, engine
from random_predictive import random_item, random_items, random_predictive, random_shapes
from random_programs import Seeded
from reference.planes import PlaneShape as SpecShape

LARGE = [
    SpecShape(1, 40, 150, 3, 256),
    SpecShape(1, 3, 400, 1, 2),
    SpecShape(5, 30, 33, 1, 4096),
    SpecShape(1, 90, 7, 6, 65536),
]
"""Many rows at once, and many cells to solve together."""


class PlanesCodec:
    """A free model as a codec of items of some shapes."""

    def __init__(self, model: Model, shapes: list[PlaneShape]) -> None:
        self.model, self.shapes = model, shapes

    def push(self, message: Message, symbols: NDArray[Any]) -> None:
        self.model.push_planes(message, symbols, self.shapes)

    def pop(self, message: Message) -> NDArray[Any]:
        return self.model.pop_planes(message, self.shapes, np.uint16)


def to_shapes(shapes: list[SpecShape]) -> list[PlaneShape]:
    return [PlaneShape(*shape) for shape in shapes]


@settings(max_examples=40)
@given(messages(), st.integers(0, 500), st.sampled_from(SIMD_PATHS))
def test_both_laws(message: Message, seed: int, path: str) -> None:
    with engine(path):
        model = Model.from_bytes(random_predictive(seed))
        shapes = random_shapes(Seeded(np.random.default_rng(seed)), model.levels)
        codec = PlanesCodec(model, to_shapes(shapes))
        check_laws(codec, message, random_items(seed, shapes).astype(np.uint16))


@pytest.mark.parametrize("seed", [1, 5, 7])
def test_large_items_are_the_same_on_every_path(seed: int) -> None:
    data = random_predictive(seed, levels=65536)
    shapes, x = to_shapes(LARGE), random_items(seed, LARGE).astype(np.uint16)
    pushed, seen = set(), set()
    for path in SIMD_PATHS:
        with engine(path):
            model = Model.from_bytes(data)
            message = Message([1 << 40] * 4, depth=0)
            model.push_planes(message, x, shapes)
            pushed.add(message.to_bytes())
            np.testing.assert_array_equal(model.pop_planes(message, shapes, np.uint16), x)
            assert model.planes is not None
            contexts = model.planes.predictor.contexts(x, shapes)
            seen.add(b"".join(part.tobytes() for part in contexts))
    assert len(pushed) == len(seen) == 1


def test_an_item_is_seen_alike_alone_and_among_others() -> None:
    model = Model.from_bytes(random_predictive(3, levels=65536))
    assert model.planes is not None
    predictor = model.planes.predictor
    rng = np.random.default_rng(0)
    shapes = [*LARGE, *LARGE[:2], *([SpecShape(1, 9, 9, 2, 17)] * 40)]
    items = [random_item(rng, shape, "smooth").ravel().astype(np.uint16) for shape in shapes]
    together = predictor.contexts(np.concatenate(items), shapes)
    alone = [predictor.contexts(item, [shape]) for item, shape in zip(items, shapes, strict=True)]
    for part, parts in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(part, np.concatenate(parts))


def test_bytes_and_words_are_the_same_symbols() -> None:
    model = Model.from_bytes(random_predictive(2))
    shapes = [SpecShape(2, 11, 13, 3, 200)]
    x = random_items(2, shapes)
    pushed = []
    for dtype in (np.uint8, np.uint16):
        message = Message([1 << 40], depth=0)
        model.push_planes(message, x.astype(dtype), to_shapes(shapes))
        pushed.append(message.to_bytes())
        popped = model.pop_planes(message, to_shapes(shapes), dtype)
        assert popped.dtype == dtype
        np.testing.assert_array_equal(popped, x)
    assert pushed[0] == pushed[1]


def test_no_items_change_nothing() -> None:
    model = Model.from_bytes(random_predictive(0))
    message = Message([1 << 40], depth=0)
    model.push_planes(message, np.zeros(0, np.uint8), [])
    assert model.pop_planes(message, [], np.uint8).size == 0
    assert message == Message([1 << 40], depth=0)
    assert model.plane_room([]) == model.plane_work([]) == model.plane_steps([]) == 0


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
        model.push_planes(message, symbols, [PlaneShape(*shape) for shape in shapes])
    assert message == Message([1 << 40], depth=0)


@pytest.mark.parametrize(
    ("shape", "dtype", "match"),
    [
        (PlaneShape(1, 2, 2, 1, 257), np.uint8, "levels"),
        (PlaneShape(1, 2, 2, 1, 8), np.int32, "int32"),
        (PlaneShape(1, 2, 0, 1, 8), np.uint8, "elements"),
    ],
)
def test_what_cannot_be_popped(shape: PlaneShape, dtype: Any, match: str) -> None:
    model = Model.from_bytes(random_predictive(1, levels=65536))
    message = Message([1 << 40], depth=0)
    with pytest.raises(MessageError, match=match):
        model.pop_planes(message, [shape], dtype)
    assert message == Message([1 << 40], depth=0)


def test_free_models_have_no_size_and_others_no_planes() -> None:
    free, sized = Model.from_bytes(random_predictive(0)), bundled.load("mnist-binary")
    assert free.free and not sized.free
    assert free.size_of((28, 28)) is None and free.fitted((28, 28)) is None
    assert "any size" in free.items_in_words
    with pytest.raises(ModelError, match="free"):
        free.at((28, 28))
    for asks in (sized.plane_room, sized.plane_work, sized.plane_steps):
        with pytest.raises(ModelError, match="not planes"):
            asks([PlaneShape(1, 28, 28, 1, 2)])
    message = Message([1 << 40], depth=0)
    with pytest.raises(ModelError, match="not planes"):
        sized.push_planes(message, np.zeros(1, np.uint8), [PlaneShape(1, 1, 1, 1, 2)])
