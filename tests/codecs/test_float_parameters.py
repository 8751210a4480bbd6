"""Float parameters are rounded once, by correctly rounded operations, to documented integers.
Codecs of docs/codecs.md are as accurate as these allow, for parameters of all shapes.
"""

from fractions import Fraction
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback import Message, MessageError
from bitsback.codecs import (
    Autoregressive,
    Bernoulli,
    Categorical,
    CdfTable,
    DiscretisedMixture,
    FromCdf,
    GaussianBuckets,
    Normal,
    Uniform,
)
from laws import check_laws
from reference import codecs as spec
from reference.weights import Weighted


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


def divergence(codec: Any, exact: NDArray[np.float64], symbols: NDArray[Any]) -> float:
    """The divergence in bits per symbol."""
    bits = codec.bits(symbols)
    assert float(np.sum(2.0**-bits)) == pytest.approx(1, abs=1e-12)
    likely = exact > 1e-300
    return float(np.sum(exact[likely] * (np.log2(exact[likely]) + bits[likely])))


def test_a_distribution_function_is_rounded_as_closely_as_tables_are() -> None:
    symbols = np.arange(-100, 101)
    exact = np.diff([0, *(NormalDist(3.2, 9).cdf(c - 0.5) for c in symbols[1:]), 1])
    codec = FromCdf(np.vectorize(NormalDist(3.2, 9).cdf), 201, -100, (201,))
    assert -1e-9 < divergence(codec, exact, symbols) < 2e-3
    ours = Normal.from_float(np.full(201, 3.2), 9, within=(-100, 100))
    likely = exact > 2.0**-15
    np.testing.assert_allclose(codec.bits(symbols)[likely], ours.bits(symbols)[likely], rtol=0.01)


class Straight:
    """With parameters for each symbol, as the distributions of scipy.stats have them."""

    def __init__(self, width: Any) -> None:
        self.width = np.asarray(width)[..., None]

    def cdf(self, x: Any) -> Any:
        return np.clip((x + 0.5) / self.width, 0, 1)


def test_a_distribution_may_have_a_method_and_parameters_for_each_symbol() -> None:
    codec = FromCdf(Straight([[1], [2], [4]]), levels=4)
    assert codec.shape == (3, 1)
    assert codec.bits([[0], [1], [3]]).round(3).tolist() == [[0], [1], [2]]
    check_laws(codec, Message.random(1, lanes=2), np.array([[0], [1], [3]]))


def test_probabilities_are_as_good_as_they_are_given() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(256, 0.05), 50)
    symbols = np.arange(50) * 5
    bits = Categorical.from_probability(p).bits(symbols)
    exact = -np.log2(p[np.arange(50), symbols])
    likely = exact < 15
    np.testing.assert_allclose(bits[likely], exact[likely], atol=0.02)
    assert bits.max() <= 24


@pytest.mark.parametrize("scale", [2.0**-800, 1e-9, 1.0, 1e300])
def test_probabilities_need_not_sum_to_one(scale: float) -> None:
    p = np.array([0.5, 0.25, 0.125, 0.125])
    codec = Categorical.from_probability(p * scale, 20)
    assert codec.bits(2) == pytest.approx(3, abs=1e-4)


@pytest.mark.parametrize("largest", [2.0**-900, 5e-200, 1.7e308])
@pytest.mark.parametrize("others", [0.0, -0.0, 5e-324])
def test_probabilities_may_be_extreme(largest: float, others: float) -> None:
    """Zeros of both signs, the smallest positive number, and infinite sums."""
    p = np.full((2, 100), others)
    p[[0, 1, 1], [0, 3, 70]] = largest
    starts = [Weighted(row).starts for row in p.tolist()]
    np.testing.assert_array_equal(Categorical.from_probability(p).frequencies, np.diff(starts))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 3, 99])
def test_what_is_no_probability_is_refused_in_any_row(wrong: float, place: int, dtype: Any) -> None:
    p = np.ones((4, 100), dtype)
    p[2, place] = wrong
    with pytest.raises(MessageError, match="probabilities must be finite and not negative"):
        Categorical.from_probability(p)


def test_a_row_of_no_probabilities_is_refused() -> None:
    for largest in (0.0, -0.0, 2.0**-901):
        with pytest.raises(MessageError, match="all zero or below"):
            Categorical.from_probability([[0.5, 0.5], [largest, 0.0]])


def test_frequencies_broadcast() -> None:
    each = Categorical([[[3, 1]], [[1, 3]]], 2, (2, 3))
    assert each.bits(np.zeros((2, 3), int)).round(2).tolist() == [[0.42] * 3, [2.0] * 3]
    assert Categorical([3, 1], 2).bits(1) == 2
    assert Categorical([[3, 1]], 2).shape == (1,)


def test_parameters_broadcast() -> None:
    assert Normal(np.zeros((3, 1), int), [2**16, 2**15], 9).mean.shape == (3, 2)
    assert Normal.from_float([[1.0], [2.0]], [1.0, 2.0, 3.0], 9).inverse_scale.shape == (2, 3)


@pytest.mark.parametrize(
    ("shape", "together"), [((4,), 0), ((2, 3), 1), ((2, 3), 0), ((2, 2, 3), 1), ((2, 2, 3), 2)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64])
def test_autoregressive_arrays_have_any_shape_and_dtype(
    shape: tuple[int, ...], together: int, dtype: Any
) -> None:
    low = -3 if np.dtype(dtype).kind == "i" else 3

    def step(x: NDArray[Any], position: Any) -> Normal:
        assert x.dtype == np.int64 and x.shape == shape
        assert isinstance(position, int) == (len(shape) - together == 1)
        mean = int(x.sum()) % 7 + low if position != (0,) * (len(shape) - together) else low
        return Normal(np.full(shape[:together], mean * 256), 2**16, 20, low)

    def before_alone(x: NDArray[Any], position: Any) -> Normal:
        seen = np.zeros_like(x)
        places = shape[together:]
        at = position if isinstance(position, tuple) else (position,)
        flat = seen.reshape(*shape[:together], -1)
        here = int(np.ravel_multi_index(at, places))
        flat[..., :here] = x.reshape(flat.shape)[..., :here]
        return step(seen, position)

    codec = Autoregressive(before_alone, shape, dtype, together)
    popped = codec.pop(Message.random(7))
    assert popped.dtype == dtype and popped.shape == codec.bits(popped).shape == shape
    check_laws(codec, Message.random(8, lanes=3), popped)


def test_what_positions_cost_where_symbols_have_no_cost_of_their_own() -> None:
    from bitsback.codecs import ChainRule

    class Joint(ChainRule[Any, Any]):
        """Both symbols of a position at once."""

        def push(self, message: Message, symbols: Any) -> None:
            super().push(message, (symbols[0], symbols[1]))

        def pop(self, message: Message) -> Any:
            return np.array(super().pop(message))

        def bits(self, symbols: Any) -> float:
            return super().bits((symbols[0], symbols[1]))

    pair = Joint(Uniform(4, ()), lambda a: Bernoulli(np.where(a > 1, 2**15, 2**14)))
    codec = Autoregressive(lambda x, position: pair, (2, 3))
    assert codec.bits([[0, 2, 3], [1, 1, 1]]).tolist() == [4.0, 3.0, 3.0]
