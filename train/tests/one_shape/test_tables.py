"""The tables of a model: exact, within the format's bounds, and the same on every machine."""

import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest

from bitsback_train.layers.rounding import LOGIT, SCALE
from bitsback_train.network.exact_tables import (
    bucket_centres,
    inverse_scales,
    latent_grid,
    probabilities,
)


def test_each_inverse_scale_is_the_integer_nearest_to_its_power_of_two() -> None:
    for index, value in enumerate(inverse_scales().tolist()):
        exponent = 16 * SCALE.scale + index - SCALE.zero
        below, above = ((value + half) ** SCALE.scale for half in (Fraction(-1, 2), Fraction(1, 2)))
        assert below <= 2**exponent < above


def test_inverse_scales_keep_the_bounds_of_the_format() -> None:
    table = inverse_scales()
    assert table.dtype == np.uint32 and table.shape == (256,)
    assert table.min() >= 2**10 and table.max() <= 2**26
    assert bool((np.diff(table.astype(np.int64)) > 0).all())


def test_probabilities_are_the_sigmoid_and_never_certain() -> None:
    table = probabilities()
    assert table.dtype == np.uint16 and table.shape == (256,)
    assert table.min() >= 1 and table[LOGIT.zero] == 2**15
    for index, value in enumerate(table.tolist()):
        sigmoid = 1 / (1 + math.exp((LOGIT.zero - index) / LOGIT.scale))
        assert value == min(max(round(sigmoid * 2**16), 1), 2**16 - 1)


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_bucket_centres_are_the_medians_of_equally_likely_buckets(bits: int) -> None:
    centres, grid = bucket_centres(bits), latent_grid(bits)
    assert centres.min() >= grid.lo and grid.hi - 4 <= centres.max() <= grid.hi
    normal = NormalDist()
    medians = np.array([normal.inv_cdf((c + 0.5) / 2**bits) for c in range(2**bits)])
    assert (
        np.abs((centres.astype(float) - grid.zero) / grid.scale - medians).max()
        <= 0.5 / grid.scale + 1e-4
    )
    assert bool((np.diff(centres.astype(int)) >= 0).all())
