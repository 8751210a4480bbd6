"""The float coder is correct without changes, so errors after a change are caused by the change."""

from pathlib import Path

import numpy as np
import pytest
from float_bb_ans import SPARE_WORDS, FloatBitsBack, Message, bernoulli, gaussian
from float_networks import FloatVae, NumpyNetworks, TorchNetworks

from bitsback_lab.digits import binarised_mnist_test_images

RECIPES = Path(__file__).parents[2] / "recipes"
X = binarised_mnist_test_images()[:50].reshape(50, -1).view(np.uint8)


@pytest.mark.parametrize("name", ["mnist-binary-paper", "mnist-binary"])
@pytest.mark.parametrize("networks", [TorchNetworks, NumpyNetworks])
def test_the_images_come_back_and_the_message_is_as_before(
    name: str, networks: type[TorchNetworks] | type[NumpyNetworks]
) -> None:
    vae = FloatVae(RECIPES / f"{name}-float.safetensors")
    coder = FloatBitsBack(networks(vae), vae.latents, vae.pixels)
    start = coder.encode(X[:0])
    message = coder.encode(X)
    assert len(message.words) != SPARE_WORDS
    assert (np.concatenate(list(coder.decode(message, len(X)))) == X).all()
    assert (message.heads == start.heads).all()
    assert (message.words == start.words).all()


def test_what_is_pushed_is_popped() -> None:
    rng = np.random.default_rng(0)
    mean, deviation = (
        rng.normal(size=40).astype(np.float32),
        np.exp(rng.normal(-2, 1, 40)).astype(np.float32),
    )
    for starts, bits in (
        (gaussian(mean, deviation), 14),
        (bernoulli(rng.random(40).astype(np.float32)), 16),
    ):
        assert (np.diff(starts.astype(np.int64)) > 0).all()
        assert (starts[:, 0] == 0).all()
        assert (starts[:, -1] == 1 << bits).all()
        message = Message(40, rng.integers(0, 1 << 32, 7, np.uint32))
        pushed = rng.integers(0, starts.shape[1] - 1, (30, 40))
        for symbols in pushed:
            message.push(slice(0, 40), starts, symbols, bits)
        for symbols in pushed[::-1]:
            assert (message.pop(slice(0, 40), starts, bits) == symbols).all()
        assert (message.heads == 1 << 31).all()
        assert len(message.words) == 7


def test_a_message_that_ends_is_an_error() -> None:
    message = Message(2, np.zeros(0, np.uint32))
    with pytest.raises(EOFError):
        message.pop(slice(0, 2), bernoulli(np.full(2, 0.5, np.float32)), 16)
