"""Bits back with ANS as in research code: probabilities from a float network, and a vectorised ANS
in NumPy.

It is correct as long as encoder and decoder compute exactly the same floats; `float_decoding.py`
shows what happens otherwise. Source: Townsend, Bird, Barber 2019; precisions, heads and the ten
images per step are those of the example of craystack (https://github.com/j-towns/craystack).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]

STEP = 10  # images coded at once
PRIOR_BITS = 8  # a latent is one of 256 buckets that are equally likely under N(0, 1)
POSTERIOR_BITS = 14
PIXEL_BITS = 16
LOW = 1 << 31  # a head lies within [2^31, 2^63)
# random words of an initial message, since the first images need bits to choose latents with
SPARE_WORDS = 10_000


class Networks(Protocol):
    """The two networks as functions of NumPy arrays, computed in any way."""

    def posterior(self, x: Pixels) -> tuple[Floats, Floats]:
        """Mean and standard deviation, each [n, latents], for x [n, pixels]."""

    def likelihood(self, z: Floats) -> Floats:
        """The probability of a one, [n, pixels], for z [n, latents]."""


# The message.


class Message:
    """An ANS stack: heads uint64 [lanes], and below them uint32 words that all lanes share."""

    def __init__(self, lanes: int, words: NDArray[np.uint32]) -> None:
        self.heads = np.full(lanes, LOW, np.uint64)
        self.words = words

    def push(
        self, lanes: slice, starts: NDArray[np.uint64], symbols: NDArray[Any], bits: int
    ) -> None:
        """Pushes one symbol per lane: symbol c of lane i has the interval [starts[i, c], starts[i,
        c + 1]) out of 2^bits.
        """
        start, size = _interval(starts, symbols)
        head = self.heads[lanes]
        full = head >= size << np.uint64(63 - bits)
        self.words = np.concatenate([self.words, head[full].astype(np.uint32)])
        head[full] >>= np.uint64(32)
        head[:] = (head // size << np.uint64(bits)) + head % size + start

    def pop(self, lanes: slice, starts: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
        """Undoes `push` and returns the symbols [lanes]. Raises EOFError if no words are left."""
        head = self.heads[lanes]
        place = head & np.uint64((1 << bits) - 1)
        symbols: NDArray[np.int64] = (starts[:, 1:] <= place[:, None]).sum(1)
        start, size = _interval(starts, symbols)
        head[:] = size * (head >> np.uint64(bits)) + place - start
        empty = head < LOW
        left = len(self.words) - int(empty.sum())
        if left < 0:
            raise EOFError("the message has ended")
        head[empty] = head[empty] << np.uint64(32) | self.words[left:]
        self.words = self.words[:left]
        return symbols


def _interval(
    starts: NDArray[np.uint64], symbols: NDArray[Any]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    lanes, c = np.arange(len(starts)), symbols.astype(np.int64)
    return starts[lanes, c], starts[lanes, c + 1] - starts[lanes, c]


# The distributions: the starts of the symbols' intervals, [lanes, symbols + 1]. Here floats become
# integers, and a difference in the last bit moves the edge of an interval now and then.


def _quantiles(p: torch.Tensor) -> Floats:
    out: Floats = torch.special.ndtri(p).numpy()
    return out


BUCKETS = 1 << PRIOR_BITS
EDGES = _quantiles(torch.arange(BUCKETS + 1, dtype=torch.float64) / BUCKETS)
CENTRES = _quantiles((torch.arange(BUCKETS, dtype=torch.float64) + 0.5) / BUCKETS)


def uniform(lanes: int) -> NDArray[np.uint64]:
    """p(z): the buckets of each latent are equally likely."""
    return np.tile(np.arange(BUCKETS + 1, dtype=np.uint64), (lanes, 1))


def gaussian(mean: Floats, deviation: Floats) -> NDArray[np.uint64]:
    """q(z|x): a normal distribution over the buckets of the prior, all of which get an interval."""
    standard = (EDGES - mean.reshape(-1, 1)) / deviation.reshape(-1, 1)
    below = torch.special.ndtr(torch.from_numpy(standard)).numpy() * (
        (1 << POSTERIOR_BITS) - BUCKETS
    )
    starts: NDArray[np.uint64] = (np.rint(below) + np.arange(BUCKETS + 1)).astype(np.uint64)
    return starts


def bernoulli(p: Floats) -> NDArray[np.uint64]:
    """p(x|z): zeros and ones."""
    total = 1 << PIXEL_BITS
    zeros = np.clip(np.rint((1 - p.reshape(-1)) * total), 1, total - 1).astype(np.uint64)
    return np.stack([np.zeros_like(zeros), zeros, np.full_like(zeros, total)], 1)


# Bits back.


class FloatBitsBack:
    """Codes images, uint8 [n, pixels], zeros and ones, STEP at a time; n must be a multiple of
    STEP.
    """

    def __init__(self, networks: Networks, latents: int, pixels: int) -> None:
        self.networks, self.latents, self.pixels = networks, latents, pixels
        self.z = slice(0, STEP * latents)  # the lanes of the latents, and those of the pixels
        self.x = slice(self.z.stop, self.z.stop + STEP * pixels)

    def encode(self, images: Pixels, seed: int = 0) -> Message:
        """The message from which the images come out from the first to the last."""
        words = np.random.default_rng(seed).integers(0, 1 << 32, SPARE_WORDS, np.uint32)
        message = Message(self.x.stop, words)
        for x in images.reshape(-1, STEP, self.pixels)[::-1]:
            z = message.pop(self.z, gaussian(*self.networks.posterior(x)), POSTERIOR_BITS)
            message.push(self.x, self._likelihood(z), x.reshape(-1), PIXEL_BITS)
            message.push(self.z, uniform(len(z)), z, PRIOR_BITS)
        return message

    def decode(self, message: Message, count: int) -> Iterator[Pixels]:
        """The images, STEP at a time, [STEP, pixels]. Errors cannot be detected here."""
        for _ in range(count // STEP):
            z = message.pop(self.z, uniform(STEP * self.latents), PRIOR_BITS)
            x = (
                message.pop(self.x, self._likelihood(z), PIXEL_BITS)
                .astype(np.uint8)
                .reshape(STEP, self.pixels)
            )
            message.push(self.z, gaussian(*self.networks.posterior(x)), z, POSTERIOR_BITS)
            yield x

    def _likelihood(self, z: NDArray[np.int64]) -> NDArray[np.uint64]:
        return bernoulli(self.networks.likelihood(CENTRES[z].reshape(STEP, self.latents)))
