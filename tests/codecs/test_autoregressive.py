"""Autoregressive symbols keep the two laws, alone and as the likelihood of a context VAE."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agreement import runs
from bitsback import Message, MessageError, Model
from bitsback.codecs import Autoregressive, Bernoulli, BitsBack, Uniform
from bitsback.codecs.array_codec import pushed_frequencies
from laws import LANES, check_laws, messages, random_words
from random_models import random_context_model

CODECS = {
    "bernoulli": {"levels": 2, "precision": 16},
    "exponential": {"levels": 5, "precision": 20},
    "mixture": {"levels": 256, "precision": 24},
}


def alternating(shape: tuple[int, int]) -> Autoregressive:
    """Bits, each of which probably differs from the one before it."""

    def step(x: NDArray[np.uint8], position: int) -> Bernoulli:
        before = x[:, position - 1] if position else np.zeros(len(x), np.uint8)
        return Bernoulli(np.where(before == 1, 100, 65000), 16)

    return Autoregressive(step, shape)


@cache
def model(codec: str, seed: int = 0) -> Model:
    return Model.build(*random_context_model(seed, codec=codec, **CODECS[codec]))  # type: ignore[arg-type]


@st.composite
def shaped_bits(draw: st.DrawFn) -> NDArray[np.uint8]:
    shape = draw(st.integers(0, 4)), draw(st.integers(0, 6))
    return (
        np.array(
            draw(
                st.lists(
                    st.integers(0, 1), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]
                )
            )
        )
        .astype(np.uint8)
        .reshape(shape)
    )


@given(shaped_bits(), messages())
def test_both_laws(x: NDArray[np.uint8], message: Message) -> None:
    check_laws(alternating(x.shape), message, x)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=30)
@given(st.integers(0, 3), st.integers(0, 2**32 - 1), messages())
def test_both_laws_of_pixels_in_context(codec: str, size: int, seed: int, message: Message) -> None:
    rng, it = np.random.default_rng(seed), model(codec)
    z = rng.integers(0, 1 << it.bits, (size, it.latents))
    check_laws(
        it.likelihood(z), message, rng.integers(0, it.levels, (size, it.pixels)).astype(np.uint8)
    )


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(3))
def test_a_chain_of_the_core_is_bits_back_with_it(codec: str, seed: int) -> None:
    it = model(codec, seed)
    x = np.random.default_rng(seed).integers(0, it.levels, (17, it.pixels)).astype(np.uint8)
    ours = Message([2**32 + seed] * LANES[seed], random_words(seed, 50), 0)
    before, theirs, sizes = ours.to_bytes(), ours.copy(), [1, 3, 8, 5]
    it.push(ours, x, runs(sizes))
    end = len(x)
    for size in sizes:
        by_steps: BitsBack[Any, Any] = BitsBack(it.prior(size), it.likelihood, it.posterior)
        by_steps.push(theirs, x[end - size : end])
        end -= size
    assert ours.to_bytes() == theirs.to_bytes()
    np.testing.assert_array_equal(it.codec(5).pop(theirs), x[:5])
    np.testing.assert_array_equal(it.pop(ours, runs(sizes[::-1])), x)
    assert ours.to_bytes() == before


@pytest.mark.parametrize("codec", CODECS)
def test_information_is_what_the_message_grows_by(codec: str) -> None:
    rng, it = np.random.default_rng(0), model(codec)
    likelihood = it.likelihood(rng.integers(0, 1 << it.bits, (40, it.latents)))
    message = Message([2**32] * 4, random_words(0, 2000), 0)
    x = likelihood.pop(message)
    before = message.bits
    likelihood.push(message, x)
    information = likelihood.bits(x)
    assert information.shape == (40,)
    assert abs(message.bits - before - float(information.sum())) < 0.01


def test_a_pixel_is_coded_without_knowledge_of_those_behind_it() -> None:
    rng, it = np.random.default_rng(0), model("bernoulli")
    likelihood = it.likelihood(rng.integers(0, 1 << it.bits, (1, it.latents)))
    x = np.zeros((1, it.pixels), np.uint8)
    before = pushed_frequencies(lambda message: likelihood.push(message, x))
    x[0, 17] = 1
    after = pushed_frequencies(lambda message: likelihood.push(message, x))
    changed = np.flatnonzero(after != before)
    rows, columns = it.item_shape
    above, side = 2, 3
    near = [
        row * columns + column
        for row in range(rows)
        for column in range(columns)
        if (row == 17 // columns and 0 < column - 17 % columns <= side)
        or (0 < row - 17 // columns <= above and abs(column - 17 % columns) <= side)
    ]
    assert set(changed) <= {17, *near} and len(changed) > 1


def test_bits_back_over_it() -> None:
    """Two positions of latents that depend on each other, and symbols that depend on both."""
    prior = alternating((3, 2))
    codec = BitsBack(
        prior, lambda z: Bernoulli(1000 + 5000 * z.sum(1).astype(int)), lambda x: prior
    )
    message = Message([2**32] * 2, random_words(1, 20), 0)
    check_laws(codec, message, np.array([0, 1, 1], np.uint8))


def test_what_cannot_be_coded() -> None:
    codec = alternating((2, 3))
    message = Message([2**32], (), 0)
    for symbols in ([[0, 1, 2], [0, 0, 0]], [[0, 1], [0, 1]], [[0.5] * 3] * 2, [[-1, 0, 0]] * 2):
        for method in (lambda x: codec.push(message, x), codec.bits):
            with pytest.raises(MessageError):
                method(symbols)
    assert message == Message([2**32], (), 0)


def test_an_error_half_way_leaves_the_message_as_it_was() -> None:
    def step(x: NDArray[np.uint8], position: int) -> Uniform:
        if position == 1:
            raise ValueError("no")
        return Uniform(200, (len(x),))

    codec = Autoregressive(step, (4, 3))
    message = Message([2**32 + 5] * 2, random_words(0, 20))
    before = message.to_bytes()
    for work in (
        lambda: codec.pop(message),
        lambda: codec.push(message, np.ones((4, 3), np.uint8)),
    ):
        with pytest.raises(ValueError, match="no"):
            work()
        assert message.to_bytes() == before
