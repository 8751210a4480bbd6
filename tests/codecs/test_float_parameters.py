"""Float parameters are rounded once, by correctly rounded operations, to documented integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import MessageError
from bitsback.codecs import Bernoulli, Gaussian


@given(st.floats(0, 1), st.integers(1, 24))
def test_a_probability_becomes_the_nearest_frequency(p: float, precision: int) -> None:
    nearest = round(Fraction(p) * 2**precision)  # halves to even
    expected = min(max(nearest, 1), 2**precision - 1)
    assert Bernoulli.from_probability([p], precision).frequency.tolist() == [expected]


@given(st.floats(-16, 16), st.floats(2**-10, 2**6))
def test_a_mean_and_a_scale_become_the_nearest_integers(mean: float, scale: float) -> None:
    codec = Gaussian.from_float([mean], [scale], 10)
    assert codec.mean.tolist() == [round(Fraction(mean) * 2**16)]
    assert codec.inverse_scale.tolist() == [round(float(Fraction(2**16) / Fraction(scale)))]


def test_the_ends_of_the_ranges_are_taken() -> None:
    assert Gaussian.from_float([-16.0, 16.0], [2.0**6, 2.0**-10], 10).inverse_scale.tolist() == [2**10, 2**26]
    assert Bernoulli.from_probability([0.0, 1.0], 8).frequency.tolist() == [1, 255]
    assert Bernoulli.from_probability([[0.25, 0.5]], 2).frequency.tolist() == [[1, 2]]


def test_one_scale_serves_many_means() -> None:
    codec = Gaussian.from_float(np.zeros((2, 3)), 0.5, 10)
    assert codec.mean.shape == codec.inverse_scale.shape == (2, 3)


@pytest.mark.parametrize("p", [-1e-9, 1 + 1e-9, np.nan, np.inf])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(MessageError, match="probability"):
        Bernoulli.from_probability([0.5, p])


@pytest.mark.parametrize(
    ("mean", "scale"),
    [(16.001, 1), (-16.001, 1), (np.nan, 1), (np.inf, 1), (0, 65), (0, 2.0**-11), (0, 0), (0, -1), (0, np.nan)],
)
def test_what_is_no_mean_or_no_scale_is_refused(mean: float, scale: float) -> None:
    with pytest.raises(MessageError, match=r"mean|scale"):
        Gaussian.from_float([mean], [scale], 10)
