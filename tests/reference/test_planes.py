"""Planes in docs/model-format.md, worked out by hand."""

import numpy as np
import pytest

from bitsback.models import file
from random_wavefronts import small_wavefront
from reference.model import Model
from reference.planes import Field, ItemShape, median_edge
from reference.rules import ModelError
from reference.wavefront import WavefrontCodec
from reference.wavefront_plane import Unit, logarithm, recent


def test_a_plane_looks_at_the_nearest_channels_and_slices() -> None:
    of = ItemShape(3, 1, 1, 3, 2)
    assert [of.references(p) for p in range(9)] == [
        [], [0], [1, 0],
        [0], [3, 1], [4, 2],
        [3, 0], [6, 4], [7, 5],
    ]  # fmt: skip
    assert ItemShape(1, 1, 1, 5, 2).references(4) == [3, 2]
    assert ItemShape(3, 1, 1, 1, 2).references(2) == [1, 0]


def test_green_is_coded_before_red_and_blue() -> None:
    for channels, order in [(1, [0]), (2, [0, 1]), (3, [1, 0, 2]), (4, [1, 0, 2, 3])]:
        shape = ItemShape(1, 1, 1, channels, 256)
        assert [shape.element(p, 0, 0) for p in range(channels)] == order
    shape = ItemShape(2, 3, 4, 3, 256)
    item = np.arange(shape.elements).reshape(2, 3, 4, 3)
    assert shape.element(3, 2, 1) == item[1, 2, 1, 1]
    places = [(p, r, q) for p in range(6) for r in range(3) for q in range(4)]
    assert sorted(shape.element(*place) for place in places) == item.ravel().tolist()


def test_what_is_met_outside_of_a_plane() -> None:
    x = Field(2, 3, start=9)
    for r in range(2):
        for q in range(3):
            x[r, q] = 10 * r + q
    assert [x[-1, 0], x[-5, 8], x[0, -1], x[0, -8]] == [9, 9, 9, 9]
    assert [x[1, -1], x[1, -8]] == [0, 0]
    assert [x[0, 3], x[1, 10]] == [2, 12]
    assert [x[2, 1], x[9, 5], x[2, -1]] == [11, 12, 0]


def test_nothing_is_known_before_it_is_coded() -> None:
    with pytest.raises(KeyError):
        Field(1, 1, start=0)[0, 0]


@pytest.mark.parametrize(
    ("a", "b", "c", "median"),
    [(1, 5, 9, 1), (1, 5, 0, 5), (1, 5, 2, 4), (1, 5, 5, 1), (1, 5, 1, 5), (3, 3, 3, 3)],
)
def test_the_median_of_three(a: int, b: int, c: int, median: int) -> None:
    x = Field(2, 2, start=0)
    x[0, 0], x[0, 1], x[1, 0] = c, b, a
    assert median_edge(x, 1, 1) == median


def test_the_mean_of_errors() -> None:
    assert recent(Field(4, 4, start=100), 0, 0) == 100
    errors = Field(3, 3, start=0)
    for place, error in {(0, 1): 1, (1, 0): 2, (1, 1): 40, (1, 2): 8, (2, 0): 80}.items():
        errors[place] = error
    # Two to the left of column 1 is, outside, what stands above the left edge.
    assert recent(errors, 2, 1) == (2 * 80 + 2 * 40 + 2 + 8 + 2 + 1 + 4) >> 3


def test_units() -> None:
    assert [logarithm(s) for s in (16, 17, 18, 31, 32, 35, 36)] == [32, 32, 33, 39, 40, 40, 41]
    of = Unit(0)  # 16 / 64 of a level
    assert (of.shift, of.value, of.log) == (0, 16, 32)
    assert [of.norm(d) for d in (16, 1, 0, -1, -16)] == [16, 1, 0, -1, -16]
    assert [of.step(d) for d in (511, 512, -600, 2**16)] == [511, 511, -511, 511]
    assert [Unit(48).norm(d) for d in (64, 3, 2, 1, -1, -2, -3)] == [16, 1, 1, 0, 0, 0, -1]
    wide = Unit(2**14)
    assert (wide.shift, wide.value) == (3, (2**14 + 16) >> 3)
    assert [wide.step(d) for d in (8, 4, 3, -4, -5)] == [1, 1, 0, 0, -1]
    assert [wide.down(d) for d in (9, -9, 2**20)] == [1, -2, 2**15 - 1]


def test_the_first_pixel_of_an_image() -> None:
    """All is 128: the error that is expected is 8 levels, the unit 528 / 64 of a level."""
    codec = Model.from_bytes(file.write(*small_wavefront())).planes([ItemShape(1, 1, 1, 1, 256)])
    assert isinstance(codec, WavefrontCodec)
    ((place,),) = codec.steps()
    known = place.plane.predict(0, 0)
    assert (known.value, known.unit.mean, known.unit.value) == (128 * 64, 512, 528)
    log = 8 * 9  # 528 lies between 512 and 576
    features = place.plane.features(0, 0, known)
    assert features == [0] * 17 + [2 * (log - 56), -32, 0] + [0] * 12


@pytest.mark.parametrize(
    "shape",
    [(0, 1, 1, 1, 2), (1, 1, 0, 1, 2), (1, 2**13, 2**13 + 1, 1, 2), (1, 1, 1, 1, 1),
     (1, 1, 1, 1, 257)],
)  # fmt: skip
def test_shapes_that_are_none(shape: tuple[int, int, int, int, int]) -> None:
    model = Model.from_bytes(file.write(*small_wavefront()))
    with pytest.raises(ModelError):
        model.planes([ItemShape(*shape)])
