"""Rows of weights of any magnitude and dtype code the same bits as their frequencies."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import Message, MessageError
from bitsback.codecs import Categorical
from laws import check_laws


def of_frequencies(weights: NDArray[Any]) -> Categorical:
    """The same, from a single row each."""
    rows = [Categorical.from_probability(row).frequencies for row in weights]
    return Categorical(np.array(rows), 24)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ">f8", np.int64])
@pytest.mark.parametrize("levels", [1, 2, 15, 16, 63, 64, 65, 129, 1000])
def test_it_is_the_codec_of_its_frequencies(levels: int, dtype: Any) -> None:
    rng = np.random.default_rng(levels)
    weights = (rng.random((70, levels)) ** 9 * 1000).astype(dtype)
    weights[:, -1] = 1
    codec, same = Categorical.from_probability(weights), of_frequencies(weights)
    np.testing.assert_array_equal(codec.frequencies, same.frequencies)
    symbols = rng.integers(0, levels, 70)
    np.testing.assert_array_equal(codec.bits(symbols), same.bits(symbols))
    for message in (Message.random(1), Message.random(2, lanes=4)):
        other = message.copy()
        assert codec.pop(message).tolist() == same.pop(other).tolist()
        assert message == other
        check_laws(codec, message, symbols)


@pytest.mark.parametrize("largest", [2.0**-900, 5e-200, 1.7e308])
@pytest.mark.parametrize("others", [0.0, -0.0, 5e-324])
def test_extremes(largest: float, others: float) -> None:
    """Zeros of both signs, the smallest positive number, and infinite sums."""
    weights = np.full((3, 100), others)
    weights[[0, 1, 2], [0, 70, 99]] = largest
    weights[1, 3] = largest
    codec, same = Categorical.from_probability(weights), of_frequencies(weights)
    np.testing.assert_array_equal(codec.frequencies, same.frequencies)
    for symbols in ([0, 70, 99], [1, 3, 0], [99, 69, 98]):
        check_laws(codec, Message.random(5, lanes=3), symbols)
        assert codec.bits(symbols).tolist() == same.bits(symbols).tolist()


def test_the_least_floats_of_32_bits() -> None:
    weights = np.array([[1e-45, 0], [3e-45, 1.0]], np.float32)
    codec = Categorical.from_probability(weights, precision=12)
    np.testing.assert_array_equal(codec.frequencies, [[4095, 1], [1, 4095]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 3, 16, 99])
def test_a_weight_that_is_none_is_refused_wherever_it_is(
    wrong: float, place: int, dtype: Any
) -> None:
    weights = np.ones((4, 100), dtype)
    weights[2, place] = wrong
    with pytest.raises(MessageError, match="probabilities must be finite and not negative"):
        Categorical.from_probability(weights)


@pytest.mark.parametrize("largest", [0.0, -0.0, 2.0**-901])
def test_a_row_of_nothing_is_refused(largest: float) -> None:
    with pytest.raises(MessageError, match="all zero or below"):
        Categorical.from_probability([[0.5, 0.5], [largest, 0.0]])


def test_weights_are_kept_and_shape_as_they_are() -> None:
    weights = np.ones((2, 3, 5), np.float32)
    codec = Categorical.from_probability(weights)
    assert codec.shape == (2, 3)
    assert codec.pop(Message.random()).shape == (2, 3)
    assert codec.frequencies.shape == (2, 3, 5)
    assert codec._weights.weights.dtype == np.float32  # type: ignore[attr-defined]
    assert repr(Categorical.from_probability([[0.5, 0.25]], 4)) == (
        "Categorical.from_probability([[0.5, 0.25]], precision=4)"
    )


CHANGED = """
import numpy as np
from bitsback import Message, MessageError
from bitsback.codecs.categorical import OwnWeights
for lie in (1e300, -1e300, np.nan, np.inf, 0.0):
    for levels in (3, 200):
        weights = np.ones((50, levels))
        codec = OwnWeights.from_weights(weights, 24)
        weights[:, : levels // 2] = lie
        for symbol in (0, 1, levels - 1):
            message = Message.random(lanes=2)
            before = message.copy()
            try:
                codec.push(message, np.full(50, symbol, np.uint32))
            except MessageError as error:
                assert "changed after it was made" in str(error)
                assert message == before
        assert codec.pop(Message.random(lanes=2)).max() < levels
"""


def test_changed_weights_are_refused_or_code_something() -> None:
    """Runs in its own process, since the core must not crash."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", CHANGED], check=True)
