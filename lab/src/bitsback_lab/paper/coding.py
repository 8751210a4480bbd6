"""Code lengths of images under a model, exact and as the growth of a message.

Random bits come from SplitMix64, and sums of logarithms are rounded at the end (`rounded`), so that
all machines get the same numbers.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback import Message, Model, _core

Bits = NDArray[np.float64]
Symbols = NDArray[np.uint8]

WORD = 32
BATCH = 500
"""Images that a network sees at once here."""
MOST_LATENT_WORDS = 64
"""Random words for the latents of an image: far more than any model here pops."""


def length(message: Message) -> float:
    """log2 of the message as a number, in bits, minus the words borrowed from the implicit tail."""
    return message.bits - WORD * (message.depth or 0)


def random_message(seed: int, words: int, lanes: int = 1) -> Message:
    """A message of random bits: `lanes` full heads and a finite tail of `words` words."""
    drawn = _core.splitmix64(seed, 0, lanes + words)
    return Message(
        drawn[:lanes] | np.uint64(1 << WORD), (drawn[lanes:] >> np.uint64(WORD)).astype(np.uint32)
    )


def as_symbols(images: NDArray[Any]) -> Symbols:
    """Images [n, rows, columns] of bool or uint8 as a model takes them: uint8 [n, pixels]."""
    return np.ascontiguousarray(images).reshape(len(images), -1).view(np.uint8)


class Counted(Protocol):
    """A codec that knows the information content of its symbols."""

    def pop(self, message: Message) -> NDArray[Any]: ...

    def bits(self, symbols: Any) -> NDArray[np.float64]: ...


def code_lengths(
    prior: Callable[[int], Counted],
    likelihood: Callable[[NDArray[Any]], Counted],
    posterior: Callable[[Symbols], Counted],
    x: Symbols,
    seed: int,
) -> Bits:
    """The exact information of x [n, pixels], with one sample of the latents of each image: bits,
    [n].

    prior, likelihood, posterior: as those of a `Model`. Samples are popped from random bits, which
    the seed determines.
    """
    bits = np.empty(len(x))
    for start in range(0, len(x), BATCH):
        items = x[start : start + BATCH]
        codec = posterior(items)
        z = codec.pop(random_message((seed << 20) + start + 1, len(items) * MOST_LATENT_WORDS, 8))
        pushed = _each(likelihood(z).bits(items)) + _each(prior(len(items)).bits(z))
        bits[start : start + len(items)] = pushed - _each(codec.bits(z))
    return bits


def mean_net(
    prior: Callable[[int], Counted],
    likelihood: Callable[[NDArray[Any]], Counted],
    posterior: Callable[[Symbols], Counted],
    x: Symbols,
    samples: int,
) -> float:
    """The mean over all images and `samples` samples of each, in bits per image."""
    return float(
        np.mean(
            [code_lengths(prior, likelihood, posterior, x, seed).mean() for seed in range(samples)]
        )
    )


def negative_elbo(model: Model, x: Symbols, samples: int = 10) -> float:
    """The negative ELBO of x [n, pixels] in bits per pixel: the exact code length, the mean of
    `samples` samples per image.
    """
    return mean_net(model.prior, model.likelihood, model.posterior, x, samples) / model.pixels


def _each(information: NDArray[np.float64]) -> Bits:
    """The information of all symbols of each image together."""
    bits: Bits = information.reshape(len(information), -1).sum(1)
    return bits


def growth(model: Model, message: Message, x: Symbols) -> Bits:
    """Pushes the images of x [n, pixels] one by one, each as a batch. Returns the growth of the
    message for each, in bits, [n].
    """
    lengths = np.empty(len(x) + 1)
    lengths[0] = length(message)
    for i in range(len(x)):
        model.push(message, x[i : i + 1], [(1, 1)])
        lengths[i + 1] = length(message)
    return np.diff(lengths)


def archive_size(images: NDArray[Any], model: Model, embed: bool = False) -> int:
    """The bytes of an archive of the images, which is decoded again and compared. Raises
    BitsbackError if it differs.
    """
    buffer = io.BytesIO()
    bitsback.compress(images, buffer, model=model, embed="always" if embed else "never")
    size = buffer.tell()
    buffer.seek(0)
    restored = bitsback.decompress(buffer, model=model)
    if restored is None or not np.array_equal(restored, images):
        raise bitsback.BitsbackError(
            f"the model {model.name} did not restore the images; please report this"
        )
    return size


def rounded(value: float | np.floating[Any], digits: int = 6) -> float:
    """The number rounded for JSON, since the last digits of a sum of logarithms differ between
    processors.
    """
    return round(float(value), digits)
