"""The short cuts of engines, tested up to and beyond the limit of their exactness: sums of 16 bits,
the high word of a product, sums with other values.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from networks import SIMD_PATHS, build, engine, largest_multiplier, random_linear, run_on
from reference.layers import Linear as SpecLinear

WORDS = (-32768, 32767)


# ---- chains: sums of products in 16 bits ----


def lane_of(total: int) -> NDArray[np.int64]:
    """The largest weights of one sign whose sum is `total`, at the first two of each four inputs,
    whose products vpmaddubsw adds.
    """
    most = 127 if total > 0 else -128
    full, rest = divmod(total, most)
    weights = np.array([most] * full + [rest] * (rest != 0))
    lane = np.zeros((-(-len(weights) // 2), 4), np.int64)
    lane[:, :2].flat[: len(weights)] = weights
    return lane.ravel()


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("top", [1, 2, 3, 15, 63, 100, 127, 128, 129, 200, 255])
@pytest.mark.parametrize("limit", [32767, -32768])
@pytest.mark.parametrize("beyond", [-1, 0, 1, 2])
def test_sums_at_the_limit_of_16_bits(path: str, top: int, limit: int, beyond: int) -> None:
    """The largest and the smallest sum that fit into 16 bits, and one more, in each output of a
    panel separately.
    """
    total = abs(limit) // top + beyond
    lane = lane_of(total if limit > 0 else -total)
    weight = np.zeros((21, len(lane)), np.int64)
    x = np.full((7, len(lane)), top)
    for o in (0, 7, 8, 15, 16, 20):
        weight[:] = 0
        weight[o] = lane
        layer = SpecLinear(weight, np.zeros(21, np.int64), np.ones(21, np.int64), 2, WORDS)
        result = run_on(path, layer, x.astype(np.uint8), top)
        assert (result == layer.apply(x)).all()
        assert result[0, o] == (abs(limit) // limit * total * top + 2) >> 2


@pytest.mark.parametrize("path", SIMD_PATHS)
@given(st.data())
def test_weights_of_one_size_make_the_longest_chains_there_are(
    path: str, data: st.DataObject
) -> None:
    """Every sum meets its bound, for inputs of nothing but 0 and the largest value."""
    top = data.draw(st.sampled_from([1, 7, 63, 127, 255]))
    size = data.draw(st.integers(1, 128))
    inputs, outputs, rows = (data.draw(st.integers(1, most)) for most in (200, 40, 8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    sign = np.array(data.draw(st.sampled_from([[1], [-1], [-1, 1]])))
    weight = (size * rng.choice(sign, (outputs, inputs))).clip(-128, 127)
    multiplier = np.full(outputs, largest_multiplier(top * 128 * inputs, 34))
    layer = SpecLinear(weight, np.zeros(outputs, np.int64), multiplier, 34, WORDS)
    x = rng.choice([0, top], (rows, inputs), p=[0.2, 0.8])
    assert (run_on(path, layer, x.astype(np.uint8), top) == layer.apply(x)).all()


# ---- requantisation ----


@pytest.mark.parametrize("path", SIMD_PATHS)
@given(st.data())
def test_every_shift_multiplier_and_accumulator(path: str, data: st.DataObject) -> None:
    """Biases are the accumulators. Many results lie halfway between integers."""
    shift = data.draw(st.integers(1, 52))
    bits = data.draw(st.integers(1, min(31, 52 - 1)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    most = largest_multiplier(2**bits - 1, shift)
    acc = rng.integers(1 - 2**bits, 2**bits, 80)
    multiplier = np.exp2(rng.uniform(0, np.log2(most), 80)).astype(np.int64).clip(1, most)
    multiplier[::2] = np.exp2(np.log2(multiplier[::2]).astype(int)).astype(np.int64)
    clamp = data.draw(st.sampled_from([WORDS, (0, 255), (0, 127), (-2048, 2047), (-5, 9)]))
    layer = SpecLinear(np.zeros((80, 1), np.int64), acc, multiplier, shift, clamp)
    x = np.zeros((1, 1), np.int64)
    assert (run_on(path, layer, x.astype(np.uint8), 1) == layer.apply(x)).all()


# ---- sums ----


@pytest.mark.parametrize("path", SIMD_PATHS)
@given(st.data())
def test_sums_with_other_values(path: str, data: st.DataObject) -> None:
    """The layer's result is clamped to its own range before it is added."""
    top = data.draw(st.sampled_from([1, 127, 255]))
    clamp = data.draw(st.sampled_from([WORDS, (0, 255), (-256, 255), (-7, 9), (5, 300)]))
    low = data.draw(st.integers(0, 254))
    high = data.draw(st.integers(low + 1, 255))
    inputs, outputs, rows = (data.draw(st.integers(1, most)) for most in (70, 70, 9))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    spec = random_linear(rng, inputs, outputs, clamp, data.draw(st.booleans()), top)
    x = rng.integers(0, top + 1, (rows, inputs))
    other = rng.integers(0, 256, (rows, outputs))
    with engine(path):
        result = build(spec, top=top).run_sum(x.astype(np.uint8), other.astype(np.uint8), low, high)
    assert (result == (other + spec.apply(x)).clip(low, high)).all()
