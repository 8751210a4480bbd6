"""The cost of symbols: the logarithms of exact frequencies, the same on every machine."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import MessageError
from bitsback.codecs import (
    Adaptive,
    Bernoulli,
    BernoulliTable,
    BitsBack,
    Categorical,
    CdfTable,
    GaussianBuckets,
    LatentMixture,
    Multiset,
    Uniform,
)
from bitsback.codecs.exact_functions import log2_of, total
from reference.combinators import log2


@given(st.lists(st.integers(1, 2**24), min_size=1))
def test_the_logarithm_is_that_of_the_specification(numbers: list[int]) -> None:
    ours = log2_of(np.array(numbers))
    assert ours.tolist() == [log2(number) for number in numbers]
    np.testing.assert_allclose(ours, np.log2(numbers), rtol=4e-16, atol=4e-16)


def test_powers_of_two_have_whole_logarithms() -> None:
    assert log2_of(2 ** np.arange(25)).tolist() == list(range(25))


@given(st.lists(st.floats(0, 1e9)))
def test_a_sum_is_rounded_once(bits: list[float]) -> None:
    assert total(np.array(bits)) == float(sum(map(Fraction, bits)))


def test_each_symbol_has_a_cost_of_its_own() -> None:
    assert Uniform(8, (2, 2)).bits([[0, 1], [2, 7]]).tolist() == [[3, 3], [3, 3]]
    assert Uniform(8, ()).bits(3) == 3
    assert Bernoulli([[1], [2]], 3).bits([[0], [1]]).shape == (2, 1)


@pytest.mark.parametrize(
    "codec",
    [
        Uniform(2, (1,)),
        Adaptive(2, (1,)),
        Bernoulli([5]),
        BernoulliTable(np.ones(256, int), [3]),
        Categorical([1, 1], 1, (1,)),
        Categorical([[1, 1]], 1),
        GaussianBuckets([0], [2**16], 1),
        CdfTable([[0, 1, 2]], [0], 1),
    ],
)
def test_symbols_that_cannot_be_pushed_cost_nothing_that_could_be_said(codec: Uniform) -> None:
    for symbols in ([2], [0, 0], [-1], [0.5]):
        with pytest.raises(MessageError):
            codec.bits(symbols)


def test_a_latent_mixture_costs_what_the_mixture_does_whatever_is_chosen() -> None:
    """The exact posterior makes each choice as good as any other."""
    weights, chances = np.array([0.2, 0.5, 0.3]), np.array([[0.9, 0.2], [0.5, 0.5], [0.1, 0.99]])
    codec = LatentMixture(weights, [Bernoulli.from_probability(row) for row in chances])
    for x in ([0, 0], [0, 1], [1, 0], [1, 1]):
        of_each = weights * np.prod(np.where(x, chances, 1 - chances), axis=1)
        assert codec.bits(x) == pytest.approx(-math.log2(of_each.sum()), abs=2e-3)


def test_latents_cost_a_sample_of_the_negative_elbo() -> None:
    codec = BitsBack(
        prior=Uniform(2, ()),
        likelihood=lambda z: Categorical([[1, 3], [3, 1]][int(z)], 2, ()),
        posterior=lambda x: Uniform(2, ()),
    )
    samples = [2.0, 2 - math.log2(3)]
    assert min(abs(codec.bits(0) - sample) for sample in samples) < 1e-12


def test_items_cost_less_by_the_bits_of_their_order() -> None:
    codec = Multiset(Uniform(16, ()), 5)
    assert codec.bits([1, 2, 3, 4, 5]) == pytest.approx(20 - math.log2(120))
    assert codec.bits([3, 1, 1, 3, 3]) == pytest.approx(20 - math.log2(10))
    with pytest.raises(MessageError, match="5 items"):
        codec.bits([1, 2])


def test_what_comes_often_gets_cheap() -> None:
    """By Laplace's rule n symbols with counts c cost log2(n! / (c1! c2! ...)), plus the information
    of the counts.
    """
    symbols = np.random.default_rng(0).choice([0, 0, 0, 1, 4], 500)
    counts = np.bincount(symbols, minlength=5)
    orders = math.factorial(500) // math.prod(map(math.factorial, counts.tolist()))
    expected = math.log2(orders) + math.log2(math.comb(504, 4))
    assert Adaptive(5, (500,)).bits(symbols).sum() == pytest.approx(expected, abs=0.01)
