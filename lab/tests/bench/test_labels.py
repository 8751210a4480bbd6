"""Labels in a plot overlap neither each other nor points, where there is room."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from bitsback_lab.bench.plot import Box, Point, Spot, place

FRAME = Box(0, 0, 1000, 800)


def around(points: list[Point]) -> list[Box]:
    return [Box(x - 5, y - 5, x + 5, y + 5) for x, y in points]


def placed(points: list[Point]) -> list[Spot]:
    return place(points, [(80, 16)] * len(points), around(points), FRAME, 8)


def test_a_lonely_point_has_its_name_on_the_right() -> None:
    (found,) = placed([(500, 400)])
    assert found.box == Box(508, 392, 588, 408)
    assert found.way == 8


def test_at_the_right_edge_the_name_is_on_the_left() -> None:
    (found,) = placed([(990, 400)])
    assert found.box.right < 990


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(200, 800), st.floats(200, 600)), min_size=1, max_size=12))
def test_nothing_is_covered(points: list[Point]) -> None:
    found = placed(points)
    assert all(one.box.within(FRAME) for one in found)
    assert not any(one.box.meets(box) for one in found for box in around(points))
    assert not any(one.box.meets(other.box) for one, other in combinations(found, 2))
    assert placed(points) == found


def test_without_room_there_are_names_all_the_same() -> None:
    points = [(10.0, 10.0)] * 4
    assert len(place(points, [(80, 16)] * 4, around(points), Box(0, 0, 20, 20), 8)) == 4
