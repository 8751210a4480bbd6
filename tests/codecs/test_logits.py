"""Probabilities from logits are those of a sigmoid and a softmax, up to the precision of a codec;
centres of buckets are their medians.
"""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import MessageError
from bitsback.codecs import Bernoulli, Categorical, GaussianBuckets


@given(st.floats(-30, 30), st.integers(8, 24))
def test_a_logit_is_the_probability_of_its_sigmoid(x: float, precision: int) -> None:
    p = 1 / (1 + np.exp(-x))
    found = int(Bernoulli.from_logits(x, precision).frequency)
    exact = p * 2**precision
    assert abs(found - exact) <= 1 + 4e-5 * min(exact, 2**precision - exact) + 2**precision * 1.2e-7


def test_odds_and_their_inverse_are_symmetric() -> None:
    x = np.linspace(-20, 20, 1001)
    one, other = Bernoulli.from_logits(x).frequency, Bernoulli.from_logits(-x).frequency
    assert np.abs(one.astype(int) + other - 2**16).max() <= 1
    assert (np.diff(one.astype(int)) >= 0).all()
    assert Bernoulli.from_logits([-np.inf, 0, np.inf]).frequency.tolist() == [1, 2**15, 2**16 - 1]


def test_logits_are_the_probabilities_of_their_softmax() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30)) * 4
    p = np.exp(x - x.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    codec = Categorical.from_logits(x)
    found = codec.frequencies / 2**24
    assert np.abs(found - p).max() < 4e-4
    lost = (p * np.log2(p / found)).sum(-1)  # bits a symbol, by the rounding
    assert lost.max() < 1e-5


def test_any_number_may_be_added_to_a_row() -> None:
    x = np.array([[0.5, -2, 7], [3, 3, 3]])
    assert Categorical.from_logits(x) == Categorical.from_logits(x - np.array([[64.0], [-1024.0]]))
    assert Categorical.from_logits(np.float32(x)) == Categorical.from_logits(x)


def test_no_chance_is_the_least_frequency() -> None:
    assert Categorical.from_logits([0, -np.inf, 0], 8).frequencies.tolist() == [127, 1, 128]


@pytest.mark.parametrize("x", [[np.nan, 0], [np.inf, 0], [-np.inf, -np.inf]])
def test_what_is_no_logit_is_refused(x: list[float]) -> None:
    with pytest.raises(MessageError, match="logit"):
        Categorical.from_logits(x)


def test_it_says_which_logit_is_none() -> None:
    with pytest.raises(MessageError, match=r"index \(1, 0\) is nan"):
        Bernoulli.from_logits([[0.5], [np.nan]])
    with pytest.raises(MessageError, match=r"\[..., levels\]"):
        Categorical.from_logits(3.0)


@pytest.mark.parametrize("bits", range(1, 13))
def test_centres_are_the_medians_of_buckets(bits: int) -> None:
    exact = [NormalDist().inv_cdf((c + 0.5) / (1 << bits)) for c in range(1 << bits)]
    assert np.abs(GaussianBuckets.centres(bits) - exact).max() <= 2.0**-16
    for z in (0, 1, (1 << bits) - 1):
        narrow = GaussianBuckets.from_float(GaussianBuckets.centres(bits)[z], 2.0**-10, bits)
        assert narrow.bits(z) < 1.1


@pytest.mark.parametrize("bits", [0, 13])
def test_there_are_1_to_12_bits_of_buckets(bits: int) -> None:
    with pytest.raises(MessageError, match="1 to 12"):
        GaussianBuckets.centres(bits)
