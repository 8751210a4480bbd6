"""Planes in docs/model-format.md, worked out by hand."""

import numpy as np
import pytest

from random_predictive import random_predictive
from reference.model import Model
from reference.planes import Field, ItemShape, median_edge
from reference.predicted_plane import blend, recent
from reference.rules import ModelError
from reference.units import Unit


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


def test_recent_errors_and_the_blend() -> None:
    assert recent(Field(4, 4, start=100), 0, 0) == 100
    errors = Field(3, 3, start=0)
    for place, error in {(0, 1): 1, (1, 0): 2, (1, 1): 40, (1, 2): 8, (2, 0): 80}.items():
        errors[place] = error
    # Two to the left of column 1 is, outside, what stands above the left edge.
    assert recent(errors, 2, 1) == (2 * 80 + 2 * 40 + 2 + 8 + 2 + 1 + 4) >> 3
    assert blend([700], [5]) == 700
    assert blend([0, 256], [3, 3]) == 128
    assert blend([0, 100], [0, 48]) == (128**2 * 100 + (256**2 + 128**2) // 2) // (256**2 + 128**2)
    assert blend([7, 2**24], [0, 2**24]) == 7


def test_units() -> None:
    assert [Unit.of(s).index for s in (4, 5, 7, 8, 9, 10, 16, 31, 32)] == [
        8, 9, 11, 12, 12, 13, 16, 19, 20,
    ]  # fmt: skip
    assert [Unit.of(16).steps(d) for d in (16, 15, 1, 0, -1, -16)] == [16, 15, 1, 0, -1, -16]
    assert [Unit.of(32).steps(d) for d in (3, 1, -1, -3)] == [1, 0, -1, -2]
    assert [Unit.of(32).nearest(d) for d in (3, 1, -1, -3)] == [2, 1, 0, -1]
    assert [Unit.of(16).fine(1), Unit.of(20).fine(2**24), Unit.of(2**24).fine(2**24)] == [
        256, 205 * 2**24, 2**12,
    ]  # fmt: skip


def test_the_first_pixel_of_an_image() -> None:
    """All is 128: the error that is expected is 8 levels, the unit 2,064 / 256 of a level."""
    model = Model.from_bytes(random_predictive(3))
    of, see = model.predictive, model.predictive.see
    (step,) = model.planes([ItemShape(1, 1, 1, 1, 256)]).steps()
    predictors = 1 + len(of.predictors)
    window = [see[1024]] * of.window.inputs(2)
    ends = [see[1024 + 256], see[1024 + 254], 4 * 11, 4 * 10, 0, 0, 0, 0]
    seen = [see[1024]] * predictors + [64] * predictors + [see[1024]] * 4
    assert step.contexts.tolist() == [window + seen + ends]
    assert [(one.prediction, one.size) for one in step.pixels] == [(128 * 256, 256)]


def test_times_leave_no_pixel_unknown() -> None:
    """`lag` and `delay` are as small as possible."""
    about = {seed: Model.from_bytes(random_predictive(seed)).predictive for seed in range(30)}
    for of in about.values():
        own = [at for offsets in of.all_offsets for at in offsets.own]
        cells = [one.cell for one in of.predictors]
        lags = (
            lag
            for lag in range(200)
            if lag >= 2 * max(cells) and all(dq + 1 <= lag * -dr for dr, dq in own)
        )
        between = of.lag
        assert between == next(lags)
        others = [at for offsets in of.all_offsets for at in offsets.of_references]
        delays = (
            delay for delay in range(1, 2000) if all(between * dr + dq < delay for dr, dq in others)
        )
        assert of.delay == next(delays)
    assert any(of.lag > 2 * max(one.cell for one in of.predictors) for of in about.values())
    assert any(of.delay == 1 for of in about.values())


@pytest.mark.parametrize(
    "shape",
    [(0, 1, 1, 1, 2), (1, 1, 0, 1, 2), (1, 2**13, 2**13 + 1, 1, 2), (1, 1, 1, 1, 1),
     (1, 1, 1, 1, 257)],
)  # fmt: skip
def test_shapes_that_are_none(shape: tuple[int, int, int, int, int]) -> None:
    model = Model.from_bytes(random_predictive(0, levels=256))
    with pytest.raises(ModelError):
        model.planes([ItemShape(*shape)])
