"""Models of items of any shape: those that ship code the bits of the specification, and all cost
what it says.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agreement import a_message, check_messages
from bitsback import MessageError, _core
from bitsback.models import Model, bundled
from bitsback.models import item_shape as program
from bundled_models import spec_model
from choices import Seeded
from networks import SIMD_PATHS, engine
from random_counted import random_counted, random_flat
from random_items import random_items, random_shapes
from random_series import random_series
from random_wavefronts import wavefront
from reference.jpeg_colours import blues
from reference.model import Model as SpecModel
from reference.planes import ItemShape
from reference.values import Ints

ANY_SHAPE = [name for name in bundled.names() if bundled.outline(name).any_shape]


def to_symbols(x: Ints, shapes: list[ItemShape]) -> NDArray[Any]:
    """The elements in the order and dtype of the core."""
    return x.astype(np.uint8 if max(shape.levels for shape in shapes) <= 256 else np.uint16)


@pytest.mark.parametrize("name", ANY_SHAPE)
def test_bundled_models(name: str) -> None:
    ours, theirs = bundled.load(name), spec_model(name)
    levels = min(256, theirs.levels)
    shapes = [ItemShape(1, 3, 9, 1, levels), ItemShape(2, 3, 3, 3, levels)]
    x = random_items(1, shapes)
    check_messages(ours, theirs, shapes, to_symbols(x, shapes), a_message(1, 2))


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_planes_of_few_rows_and_many_columns(path: str) -> None:
    """More pixels could be coded at one time than the plane has rows."""
    ours, theirs = bundled.load("universal-fast"), spec_model("universal-fast")
    shapes = [ItemShape(1, 1, 130, 1, 9), ItemShape(1, 3, 120, 1, 9)]
    x = random_items(1, shapes)
    with engine(path):
        check_messages(ours, theirs, shapes, to_symbols(x, shapes), a_message(1, 2))


def test_other_colours_are_refused() -> None:
    """No Y, Cb and Cr make a saturated green whose blue is odd by one from what they make."""
    model = wavefront(3)
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
@pytest.mark.parametrize("make", [random_counted, random_flat, random_series])
def test_they_cost_the_same(seed: int, make: Callable[[int], bytes]) -> None:
    data = make(seed)
    ours, theirs = Model.from_bytes(data), SpecModel.from_bytes(data)
    shapes = random_shapes(Seeded(np.random.default_rng(seed)), ours.levels)
    shapes.append(ItemShape(3, 1000, 700, 3, 2))
    for some in (shapes, shapes[:1]):
        of = ours.bind([(1, program.ItemShape(*shape)) for shape in some])
        assert of.memory == theirs.plane_memory(some)
        assert of.macs == theirs.plane_macs(some)
        assert of.steps == 0
