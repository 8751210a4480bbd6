"""The interval of each symbol, for distributions small enough to check whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback.codecs import DiscretisedMixture, GaussianBuckets
from bitsback.codecs.discretised import Component
from reference import codecs as spec

means = st.one_of(st.sampled_from([-(2**20), -1, 0, 1, 2**20]), st.integers(-(2**20), 2**20))
inverse_scales = st.one_of(st.sampled_from([2**10, 2**16, 2**26]), st.integers(2**10, 2**26))
precisions = st.integers(1, 12).flatmap(
    lambda bits: st.tuples(st.just(bits), st.integers(bits + 4, 24))
)


@given(means, inverse_scales, precisions)
def test_every_bucket_has_a_frequency_and_they_fill_the_whole(
    mean: int, v: int, widths: tuple[int, int]
) -> None:
    bits, precision = widths
    buckets = np.arange(2**bits)
    codec = GaussianBuckets(np.full(2**bits, mean), np.full(2**bits, v), bits, precision)
    frequency = codec.frequency(buckets)
    assert frequency.min() >= 1
    assert int(frequency.sum()) == 2**precision
    reference = spec.GaussianBuckets(mean, v, bits, precision)
    starts = [reference.cumulative(c) for c in range(2**bits + 1)]
    assert starts == [0, *np.cumsum(frequency).tolist()]


@pytest.mark.parametrize("bits", [4, 8, 10, 12])
def test_the_prior_as_a_posterior_is_nearly_uniform(bits: int) -> None:
    """N(0, 1) over buckets that are equally likely under N(0, 1): its frequencies cost only
    rounding over bits.
    """
    count = 2**bits
    codec = GaussianBuckets.from_float(np.zeros(count), np.ones(count), bits)
    cost = np.mean(24 - np.log2(codec.frequency(np.arange(count))))
    assert bits <= cost < bits + 2e-3


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 0.05), (1.5, 0.02), (-2.9, 0.3), (0.3, 0.9)])
def test_a_posterior_is_close_to_the_normal_distribution_it_names(
    mean: float, scale: float
) -> None:
    from statistics import NormalDist

    bits, count = 12, 4096
    edges = [NormalDist().inv_cdf(c / count) for c in range(1, count)]
    exact = np.diff([0.0, *(NormalDist(mean, scale).cdf(edge) for edge in edges), 1.0])
    codec = GaussianBuckets.from_float(np.full(count, mean), np.full(count, scale), bits)
    ours = codec.frequency(np.arange(count)) / 2.0**24
    likely = exact > 1e-300
    divergence = float(np.sum(exact[likely] * np.log2(exact[likely] / ours[likely])))
    assert -1e-9 < divergence < 2e-3  # bits a latent


@pytest.mark.parametrize("component", ["logistic", "normal"])
@pytest.mark.parametrize(
    ("mean", "scale"), [(120.3, 0.4), (0.0, 9.0), (-3.7, 30.0), (255.2, 2.0), (90.0, 500.0)]
)
def test_a_mixture_is_close_to_the_distribution_it_names(
    component: Component, mean: float, scale: float
) -> None:
    """The probabilities sum to one, and the ends of the range take the tails."""
    from statistics import NormalDist

    def cdf(x: float) -> float:
        if component == "normal":
            return NormalDist(mean, scale).cdf(x)
        return float(1 / (1 + np.exp((mean - x) / scale)))

    exact = np.diff([0.0, *(cdf(c - 0.5) for c in range(1, 256)), 1.0])
    codec = DiscretisedMixture.from_float(np.ones((256, 1)), mean, scale, 256, 24, component)
    ours = 2.0 ** -codec.bits(np.arange(256))
    assert ours.sum() == pytest.approx(1, abs=1e-12)
    likely = exact > 1e-300
    divergence = float(np.sum(exact[likely] * np.log2(exact[likely] / ours[likely])))
    assert -1e-9 < divergence < 2e-3  # bits a symbol
