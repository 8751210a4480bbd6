"""Float models, of NumPy and of PyTorch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.codecs import (
    Bernoulli,
    Codec,
    GaussianBuckets,
    Logistic,
    Named,
    Normal,
    Serial,
    Uniform,
)

BITS = 8


def numbers(z: Any) -> NDArray[np.float64]:
    """Numbers near the middles of buckets."""
    return (z - 2 ** (BITS - 1) + 0.5) / 2 ** (BITS - 2)


@dataclass
class Linear:
    """Two-valued images [side, side], and a mean of z that is linear in them."""

    weights: NDArray[np.float64]  # [latents, pixels]
    side: int = 4

    def prior(self, images: int) -> Codec[Any]:
        return Uniform(2**BITS, (images, len(self.weights)))

    def likelihood(self, z: Any) -> Codec[Any]:
        ones = 1 / (1 + np.exp(-3 * np.tanh(numbers(z)) @ self.weights))
        return Bernoulli.from_probability(ones.reshape(-1, self.side, self.side))

    def posterior(self, x: NDArray[Any]) -> Codec[Any]:
        mean = (x.reshape(len(x), -1) - 0.5) @ self.weights.T / 4
        return GaussianBuckets.from_float(mean, 0.5, BITS)


def linear(seed: int = 0) -> Linear:
    return Linear(np.random.default_rng(seed).normal(size=(3, 16)))


def digits(count: int = 90) -> NDArray[np.uint8]:
    rng = np.random.default_rng(5)
    mask = np.repeat(rng.random((count, 4, 1)) < 0.5, 4, 2)
    return (mask ^ (rng.random(mask.shape) < 0.1)).astype(np.uint8)


class Network:
    """16-bit values around the output of a PyTorch network of two kinds of latents."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.down = torch.nn.Linear(4, 2).eval()
        self.up = torch.nn.Sequential(
            torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)
        ).eval()

    def prior(self, images: int) -> Codec[Any]:
        return Serial(Uniform(2**BITS, (images, 2)), Named({"sign": Uniform(2, (images, 1))}))

    @torch.no_grad()
    def likelihood(self, z: Any) -> Codec[Any]:
        buckets, named = z
        assert buckets.dtype == named["sign"].dtype == np.int64
        mean = self.up(torch.tensor(numbers(buckets), dtype=torch.float32)).double().numpy()
        signs = 2 * named["sign"] - 1
        return Logistic.from_float(2000 + 300 * mean * signs, 20, 4096)

    @torch.no_grad()
    def posterior(self, x: NDArray[Any]) -> Codec[Any]:
        mean = self.down(torch.tensor((x.astype(np.float32) - 2000) / 300)).double().numpy()
        sign = Bernoulli.from_probability(1 / (1 + np.exp(-mean[:, :1])))
        return Serial(GaussianBuckets.from_float(np.tanh(mean), 0.6, BITS), Named({"sign": sign}))


def values(count: int = 60) -> NDArray[np.uint16]:
    return np.random.default_rng(6).integers(1500, 2500, (count, 4)).astype(np.uint16)


@dataclass
class Steps:
    """One number each, near one of two means; the functions are closures over it."""

    spread: float

    def functions(self) -> tuple[Any, Any, Any]:
        return (
            lambda images: Uniform(2, (images,)),
            lambda z: Normal.from_float(z * 50.0 - 25, self.spread, within=(-100, 100)),
            lambda x: Bernoulli.from_probability(1 / (1 + np.exp(-x / self.spread))),
        )
