"""Float parameters are rounded once, by correctly rounded operations, to documented integers."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import MessageError
from bitsback.codecs import Bernoulli, CdfTable, DiscretisedMixture, GaussianBuckets
from reference import codecs as spec


@given(st.floats(0, 1), st.integers(1, 24))
def test_a_probability_becomes_the_nearest_frequency(p: float, precision: int) -> None:
    nearest = round(Fraction(p) * 2**precision)  # halves to even
    expected = min(max(nearest, 1), 2**precision - 1)
    assert Bernoulli.from_probability([p], precision).frequency.tolist() == [expected]


@given(st.floats(-16, 16), st.floats(2**-10, 2**6))
def test_a_mean_and_a_scale_become_the_nearest_integers(mean: float, scale: float) -> None:
    codec = GaussianBuckets.from_float([mean], [scale], 10)
    assert codec.mean.tolist() == [round(Fraction(mean) * 2**16)]
    assert codec.inverse_scale.tolist() == [round(float(Fraction(2**16) / Fraction(scale)))]


def test_the_ends_of_the_ranges_are_taken() -> None:
    assert GaussianBuckets.from_float(
        [-16.0, 16.0], [2.0**6, 2.0**-10], 10
    ).inverse_scale.tolist() == [
        2**10,
        2**26,
    ]
    assert Bernoulli.from_probability([0.0, 1.0], 8).frequency.tolist() == [1, 255]
    assert Bernoulli.from_probability([[0.25, 0.5]], 2).frequency.tolist() == [[1, 2]]


def test_one_scale_serves_many_means() -> None:
    codec = GaussianBuckets.from_float(np.zeros((2, 3)), 0.5, 10)
    assert codec.mean.shape == codec.inverse_scale.shape == (2, 3)


@pytest.mark.parametrize("p", [-1e-9, 1 + 1e-9, np.nan, np.inf])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(MessageError, match="probability"):
        Bernoulli.from_probability([0.5, p])


@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        (16.001, 1), (-16.001, 1), (np.nan, 1), (np.inf, 1), (0, 65), (0, 2.0**-11), (0, 0),
        (0, -1), (0, np.nan),
    ],
)  # fmt: skip
def test_what_is_no_mean_or_no_scale_is_refused(mean: float, scale: float) -> None:
    with pytest.raises(MessageError, match=r"mean|scale"):
        GaussianBuckets.from_float([mean], [scale], 10)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=256).filter(lambda p: max(p) > 2**-32),
    st.integers(12, 24),
)
def test_a_row_of_probabilities_is_divided_up_in_integers(row: list[float], precision: int) -> None:
    q = [round(Fraction(p) * 2**32) for p in row]
    cumulative = [2**16 * sum(q[:c]) // sum(q) for c in range(len(row))]
    exact = spec.CdfTable(cumulative, precision)
    codec = CdfTable.from_probability([row, row], precision)
    assert codec.starts.tolist() == [[exact.cumulative(c) for c in range(len(row) + 1)]] * 2
    assert codec.index.tolist() == [0, 1]


weights = st.lists(st.floats(0, 1e6), min_size=1, max_size=5).filter(lambda w: max(w) > 1e-300)


@given(weights, st.floats(-(2**16), 2**16), st.floats(2**-10, 2**16))
def test_a_mixture_is_the_nearest_integers(weight: list[float], mean: float, scale: float) -> None:
    codec = DiscretisedMixture.from_float([weight], mean, scale, 256)
    q = [round(Fraction(w / max(weight)) * 2**32) for w in weight]
    ends = [2**16 * sum(q[:k]) // sum(q) for k in range(len(q) + 1)]
    assert codec.weight.tolist() == [[b - a for a, b in pairwise(ends)]]
    assert codec.mean.tolist() == [[round(Fraction(mean) * 2**8)] * len(weight)]
    assert codec.inverse_scale.tolist() == [
        [round(float(Fraction(2**16) / Fraction(scale)))] * len(weight)
    ]


def test_the_ends_of_the_ranges_of_a_mixture_are_taken() -> None:
    codec = DiscretisedMixture.from_float(
        [1.0, 0.0], [-(2.0**16), 2.0**16], [2.0**-10, 2.0**16], 256
    )
    assert codec.weight.tolist() == [2**16, 0]
    assert codec.mean.tolist() == [-(2**24), 2**24]
    assert codec.inverse_scale.tolist() == [2**26, 1]


@pytest.mark.parametrize(
    "row", [[-1e-9, 1], [1 + 1e-9, 0], [np.nan, 1], [np.inf, 1], [0, 0], [1e-11, 0]]
)
def test_what_is_no_row_of_probabilities_is_refused(row: list[float]) -> None:
    with pytest.raises(MessageError, match="probabilities"):
        CdfTable.from_probability([[0.5, 0.5], row])
    with pytest.raises(MessageError, match="probabilities"):
        CdfTable.from_probability(np.full(5, 0.2))


@pytest.mark.parametrize("weight", [[-1e-9, 1], [np.nan, 1], [np.inf, 1], [0, 0]])
def test_what_is_no_weight_is_refused(weight: list[float]) -> None:
    with pytest.raises(MessageError, match="weights"):
        DiscretisedMixture.from_float(weight, 0, 1, 256)


@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        (65537, 1), (-65537, 1), (np.nan, 1), (np.inf, 1), (0, 65537), (0, 2.0**-11), (0, 0),
        (0, -1), (0, np.nan),
    ],
)  # fmt: skip
def test_what_is_no_component_is_refused(mean: float, scale: float) -> None:
    with pytest.raises(MessageError, match=r"(mean|scale) of a mixture"):
        DiscretisedMixture.from_float([1.0], mean, scale, 256)
