"""Linear layers: every engine gives the integers of the specification, for any sizes and values, up
to and beyond the limits of their short cuts: sums of 16 bits, the high word of a product, sums with
other values.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback import ModelError
from networks import SIMD_PATHS, build, engine, largest_multiplier, random_linear, run_on
from reference.layers import Linear as SpecLinear
from reference.values import Value

BYTES, WORDS, SIGNED_BYTES = (0, 255), (-32768, 32767), (-128, 127)
SIZES = [1, 2, 3, 15, 16, 17, 63, 64, 65, 100, 784]


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("inputs", SIZES)
@pytest.mark.parametrize("outputs", SIZES)
def test_sizes(path: str, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(inputs * 1000 + outputs)
    for clamp in (BYTES, WORDS):
        layer = random_linear(rng, inputs, outputs, clamp)
        for rows in (1, 7):
            x = rng.integers(0, 256, (rows, inputs), np.uint8)
            assert (run_on(path, layer, x) == layer.apply(x.astype(np.int64))).all()


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("clamp", [BYTES, SIGNED_BYTES])
def test_batches(path: str, clamp: tuple[int, int]) -> None:
    """An item's integers do not depend on how many are beside it."""
    rng = np.random.default_rng(1)
    layer = random_linear(rng, 51, 67, clamp)
    x = rng.integers(0, 256, (70, 51), np.uint8)
    expected = layer.apply(x.astype(np.int64))
    for rows in range(71):
        assert (run_on(path, layer, x[:rows]) == expected[:rows]).all()


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 63, 64, 65, 784])
@pytest.mark.parametrize("sign", [-1, 1])
def test_nothing_saturates(path: str, inputs: int, sign: int) -> None:
    """Weights of 127 and inputs of 255: 2 * 255 * 127 exceeds 16 bits, where vpmaddubsw would
    saturate.
    """
    weight = np.full((3, inputs), 127 * sign)
    weight[1, ::2] *= -1
    weight[2, 0] = -128
    acc = 255 * weight.sum(axis=1)
    layer = SpecLinear(weight, np.zeros(3, np.int64), np.ones(3, np.int64), 10, WORDS)
    out = run_on(path, layer, np.full((2, inputs), 255, np.uint8))
    assert out.tolist() == [((acc + 512) >> 10).tolist()] * 2


@pytest.mark.parametrize("path", SIMD_PATHS)
@given(st.data())
def test_extremes(path: str, data: st.DataObject) -> None:
    """Any shift, accumulators up to +-(2^31 - 1), products up to 2^53, all clamps."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    inputs, outputs, rows = (data.draw(st.integers(1, top)) for top in (130, 130, 9))
    clamp = data.draw(st.sampled_from([BYTES, WORDS, SIGNED_BYTES, (3, 200), (0, 256), (-5, -1)]))
    top = data.draw(st.sampled_from([0, 1, 2, 7, 31, 63, 100, 126, 127, 128, 129, 254, 255]))
    layer = random_linear(rng, inputs, outputs, clamp, extreme=data.draw(st.booleans()), top=top)
    x = (
        rng.choice([0, top], (rows, inputs))
        if data.draw(st.booleans())
        else rng.integers(0, top + 1, (rows, inputs))
    )
    result = run_on(path, layer, x.astype(np.uint8), top)
    assert (result == layer.apply(x.astype(np.int64))).all()


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_halves_round_up_and_the_shift_rounds_down_below_zero(path: str) -> None:
    """(acc * 1 + 4) >> 3 for acc from -20 to 20: halves go towards plus infinity, never away from
    zero.
    """
    acc = np.arange(-20, 21)
    layer = SpecLinear(np.zeros((41, 1), np.int64), acc, np.ones(41, np.int64), 3, SIGNED_BYTES)
    result = run_on(path, layer, np.zeros((1, 1), np.uint8))[0].tolist()
    assert result == [int(np.floor(a / 8 + 0.5)) for a in acc]
    assert result[8] == -1  # -12 / 8
    assert result[16] == 0  # -4 / 8


# ---- bounds ----


def bytes_for(layer: SpecLinear) -> Value:
    """Bytes that the layer may read."""
    return Value(layer.weight.shape[1], 1, BYTES)


def layer_of(
    weight: int,
    inputs: int,
    bias: int = 0,
    multiplier: int = 1,
    shift: int = 1,
    clamp: tuple[int, int] = BYTES,
) -> SpecLinear:
    return SpecLinear(
        np.full((1, inputs), weight), np.array([bias]), np.array([multiplier]), shift, clamp
    )


def accumulator(bound: int) -> SpecLinear:
    """A layer whose |acc| can reach just `bound`, above 2^30."""
    inputs = 2**15
    return layer_of(-127, inputs, bound - 255 * 127 * inputs)


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_accumulator_of_31_bits_is_taken_and_one_more_is_refused(sign: int) -> None:
    taken, refused = accumulator(2**31 - 1), accumulator(2**31)
    taken.bias *= sign
    refused.bias *= sign
    taken.check(bytes_for(taken))
    build(taken)
    with pytest.raises(ModelError, match="32 bits"):
        build(refused)


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_the_largest_accumulators_are_exact(path: str) -> None:
    layer = accumulator(2**31 - 1)
    layer.bias *= -1
    layer.shift, layer.clamp, layer.multiplier = 52, WORDS, np.array([2**21])
    layer.check(bytes_for(layer))
    x = np.full((1, 2**15), 255, np.uint8)
    expected = layer.apply(x.astype(np.int64))
    assert expected.tolist() == [[-1]]
    assert (run_on(path, layer, x) == expected).all()


@pytest.mark.parametrize("shift", [1, 30, 52])
def test_a_product_of_53_bits_is_taken_and_one_more_is_refused(shift: int) -> None:
    """bound * multiplier + half < 2^53, met to the last bit by a bound that divides it."""
    total = 2**53 - 1 - 2 ** (shift - 1)
    multiplier = next(
        m for m in range(2**23, 2**24) if total % m == 0 or total // m != (total + 1) // m
    )
    bound = total // multiplier
    taken, refused = (layer_of(0, 1, -bound, m, shift) for m in (multiplier, multiplier + 1))
    while bound * refused.multiplier[0] + 2 ** (shift - 1) < 2**53:
        refused.multiplier += 1
    taken.check(bytes_for(taken))
    build(taken)
    with pytest.raises(ModelError, match="53 bits"):
        build(refused)


def test_the_bounds_count_the_range_of_the_input() -> None:
    layer = layer_of(127, 2**16)
    build(layer, top=254)
    build(layer, top=1)
    with pytest.raises(ModelError, match="32 bits"):
        build(layer_of(127, 2**17), top=255)
    with pytest.raises(ModelError, match="beyond"):
        build(layer, top=256)
    with pytest.raises(ModelError, match="beyond"):
        build(layer, low=-1)


@pytest.mark.parametrize(
    "number",
    [
        *({"shift": shift} for shift in (0, 53)),
        *({"multiplier": multiplier} for multiplier in (0, -1)),
        *({"clamp": clamp} for clamp in ((5, 5), (6, 5), (-32769, 5), (0, 32768))),
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(number: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        build(layer_of(1, 1, **number))


def test_shapes_that_do_not_go_together_are_refused() -> None:
    rng = np.random.default_rng(0)
    for broken in ("bias", "multiplier"):
        layer = random_linear(rng, 4, 5, BYTES)
        setattr(layer, broken, np.ones(4, np.int64))
        with pytest.raises(ModelError):
            build(layer)
    with pytest.raises(ValueError, match="4"):
        build(random_linear(rng, 4, 5, BYTES))(np.zeros((2, 3), np.uint8))


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
