"""Data with any two values are recognised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from bitsback.format.layout import DTYPES
from bitsback.format.two_values import find_two_values, from_symbols, to_symbols

dtypes = st.sampled_from(sorted(DTYPES)).map(np.dtype)


@given(st.data())
def test_symbols_stand_for_the_elements(data: st.DataObject) -> None:
    dtype = data.draw(dtypes)
    size = dtype.itemsize
    # Arbitrary bytes, also those that are no bool.
    values = data.draw(
        st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=2, unique=True)
    )
    elements = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=40))
    array = np.frombuffer(b"".join(elements), dtype)
    levels = find_two_values(array)
    assert levels is not None and set(elements) <= set(levels)
    for order in (levels, levels[::-1]):
        symbols = to_symbols(array, order)
        assert symbols.dtype == np.uint8 and set(symbols.tolist()) <= {0, 1}
        restored = from_symbols(symbols, order, dtype)
        assert restored.dtype == dtype and restored.tobytes() == array.tobytes()


@given(dtypes.flatmap(lambda dtype: hnp.arrays(dtype, st.integers(0, 20))))
def test_more_than_two_values_are_not_levels(array: NDArray[Any]) -> None:
    size = array.dtype.itemsize
    octets = array.tobytes()
    values = {octets[at : at + size] for at in range(0, len(octets), size)}
    assert (find_two_values(array) is None) == (len(values) not in (1, 2))


@pytest.mark.parametrize(
    ("array", "low", "high"),
    [
        (np.array([1, -1], "<i2"), -1, 1),
        (np.array([1, -1], ">i8"), -1, 1),
        (np.array([1.0, -1.0], ">f4"), -1, 1),
        (np.array([-1.0, -2.0], "<f8"), -2, -1),
        (np.array([200, 100], np.uint8), 100, 200),
        (np.array([256, 1], ">u2"), 1, 256),
        (np.array([True, True]), 0, 1),
        (np.array([0, 0], np.uint8), 0, 1),
        (np.array([255, 255], np.uint8), 0, 255),
        (np.array([7.5], "<f2"), 0, 7.5),
        (np.array([-3], "<i4"), -3, 0),
    ],
)
def test_the_lower_level_is_symbol_0_and_zero_is_background(
    array: NDArray[Any], low: float, high: float
) -> None:
    levels = find_two_values(array)
    assert levels is not None
    assert [np.frombuffer(level, array.dtype)[0] for level in levels] == [low, high]


def test_zeros_of_both_signs_are_two_values() -> None:
    array = np.array([0.0, -0.0, 0.0])
    assert find_two_values(array) == (np.array(-0.0).tobytes(), np.array(0.0).tobytes())
    assert find_two_values(np.array([0.0, -0.0, 1.0])) is None
