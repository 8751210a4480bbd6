"""Codecs of docs/codecs.md: float parameters, accuracy and shapes."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import (
    Autoregressive,
    Bernoulli,
    BetaBinomial,
    Categorical,
    FromCdf,
    Laplace,
    NegativeBinomial,
    Normal,
    Poisson,
    Uniform,
)
from laws import check_laws


def divergence(codec: Any, exact: NDArray[np.float64], symbols: NDArray[Any]) -> float:
    """The divergence in bits per symbol."""
    bits = codec.bits(symbols)
    assert float(np.sum(2.0**-bits)) == pytest.approx(1, abs=1e-12)
    likely = exact > 1e-300
    return float(np.sum(exact[likely] * (np.log2(exact[likely]) + bits[likely])))


def log_choose(n: float, k: float) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@pytest.mark.parametrize("rate", [0.01, 1.0, 7.3, 100.0, 254.0])
def test_poisson(rate: float) -> None:
    logs = [c * math.log(rate) - rate - math.lgamma(c + 1) for c in range(512)]
    codec = Poisson.from_float(np.full(512, rate), 512)
    assert -1e-9 < divergence(codec, np.exp(logs), np.arange(512)) < 1e-3


@pytest.mark.parametrize(("successes", "p"), [(0.3, 0.5), (1.0, 0.1), (20.0, 0.3), (5.5, 0.9)])
def test_negative_binomial(successes: float, p: float) -> None:
    logs = [
        log_choose(c + successes - 1, c) + successes * math.log(p) + c * math.log(1 - p)
        for c in range(512)
    ]
    codec = NegativeBinomial.from_float(successes, np.full(512, p), 512)
    assert -1e-6 < divergence(codec, np.exp(logs), np.arange(512)) < 1e-3


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.1, 0.2), (30.0, 2.0), (500.0, 300.0)])
def test_beta_binomial(a: float, b: float) -> None:
    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    logs = [log_choose(255, c) + log_beta(c + a, 255 - c + b) - log_beta(a, b) for c in range(256)]
    codec = BetaBinomial.from_float(np.full(256, a), b, 255)
    assert -1e-9 < divergence(codec, np.exp(logs), np.arange(256)) < 1e-3


@pytest.mark.parametrize(("mean", "scale"), [(0.3, 0.5), (-20.0, 7.0), (99.9, 30.0)])
def test_laplace(mean: float, scale: float) -> None:
    def cdf(x: float) -> float:
        t = math.exp(-abs(x - mean) / scale) / 2
        return t if x < mean else 1 - t

    symbols = np.arange(-100, 101)
    exact = np.diff([0.0, *(cdf(c - 0.5) for c in symbols[1:]), 1.0])
    codec = Laplace.from_float(np.full(201, mean), scale, within=(-100, 100))
    assert -1e-9 < divergence(codec, exact, symbols) < 2e-3


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


def test_frequencies_broadcast() -> None:
    each = Categorical([[[3, 1]], [[1, 3]]], 2, (2, 3))
    assert each.bits(np.zeros((2, 3), int)).round(2).tolist() == [[0.42] * 3, [2.0] * 3]
    assert Categorical([3, 1], 2).bits(1) == 2
    assert Categorical([[3, 1]], 2).shape == (1,)


def test_parameters_broadcast() -> None:
    assert Normal(np.zeros((3, 1), int), [2**16, 2**15], 9).mean.shape == (3, 2)
    assert BetaBinomial.from_float([[1.0], [2.0]], [1.0, 2.0, 3.0], 9).beta.shape == (2, 3)
    assert NegativeBinomial(5, [1, 2], 9).successes.shape == (2,)


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
