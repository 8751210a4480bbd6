"""Small random models, whole and valid: their networks mean nothing, their integers must agree all
the same.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.models import file
from networks import random_linear
from reference.context import window_size
from reference.model import build_networks, hash_outputs
from reference.pixels import EXPONENTIAL

Tensors = dict[str, NDArray[Any]]

FAMILY = (7, 5)  # values of either statistic of a random exponential family


class Parts:
    """Networks and tensors that grow together."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: Tensors = {}
        self.networks: dict[str, list[Any]] = {"posterior": [], "likelihood": [], "pixel": []}

    def linear(
        self,
        net: str,
        name: str,
        of: str,
        sizes: tuple[int, int],
        clamp: tuple[int, int],
        top: int = 255,
    ) -> Any:
        """A layer from sizes[0] inputs of at most `top` to sizes[1] outputs; its description."""
        layer = random_linear(self.rng, *sizes, clamp, top=top)
        entry = {
            "op": "linear",
            "name": name,
            "input": of,
            "shift": layer.shift,
            "clamp": list(clamp),
        }
        self.networks[net].append(entry)
        for part, dtype in (("weight", np.int8), ("bias", np.int32), ("multiplier", np.int32)):
            self.tensors[f"{net}.{name}.{part}"] = getattr(layer, part).astype(dtype)
        return entry

    def table(self, net: str, name: str, of: str, entries: NDArray[Any]) -> None:
        self.networks[net].append({"op": "table", "name": name, "input": of})
        self.tensors[f"{net}.{name}.table"] = entries

    def conv(
        self, net: str, name: str, of: str, size: tuple[int, int], channels: tuple[int, int], clamp: tuple[int, int],
        kernel: int = 3, stride: int = 1, top: int = 255,
    ) -> tuple[int, int]:  # fmt: skip
        """From channels[0] to channels[1]; the size of its output."""
        entry = self.linear(net, name, of, (kernel**2 * channels[0], channels[1]), clamp, top)
        entry |= {"op": "conv", "size": list(size), "kernel": kernel, "stride": stride}
        return -(-size[0] // stride), -(-size[1] // stride)

    def add(self, net: str, name: str, of: str, other: str) -> None:
        self.networks[net].append(
            {"op": "add", "name": name, "input": of, "other": other, "clamp": [0, 255]}
        )

    def value_of_z(self, bits: int) -> str:
        """The layer with the latents as bytes; with bits <= 8 they are their own."""
        if bits <= 8:
            return "z"
        self.table("likelihood", "value", "z", (np.arange(2**bits) >> (bits - 8)).astype(np.uint8))
        return "value"

    def bernoulli(self, net: str, hidden: int, pixels: int, precision: int) -> None:
        self.linear(net, "raw", "hidden", (hidden, pixels), (-500, 500))
        self.table(net, "logit", "raw", (np.arange(1001) * 255 // 1000).astype(np.uint8))
        self.tensors[f"{net}.probability"] = self.rng.integers(1, 2**precision, 256).astype(
            np.uint16
        )

    def grid(self, net: str, hidden: int, pixels: int, sizes: tuple[int, int]) -> None:
        for name, size in zip(("first", "second"), sizes, strict=True):
            self.linear(net, name, "hidden", (hidden, pixels), (0, size - 1))

    def family(self, net: str, levels: int) -> None:
        for name, count in zip(EXPONENTIAL.tensors, (levels, levels, levels, *FAMILY), strict=True):
            self.tensors[f"{net}.{name}"] = self.rng.integers(-4000, 4001, count).astype(np.int16)

    def mixture(self, net: str, hidden: int, components: int, levels: int) -> None:
        """Means beyond both ends of the symbols; components from far wider than all of them to a
        point.
        """
        self.linear(net, "weight", "hidden", (hidden, components), (0, 255))
        self.linear(net, "mean", "hidden", (hidden, components), (-1000, 64 * levels + 1000))
        self.linear(net, "scale", "hidden", (hidden, components), (0, 255))
        for name, most in (("exponential", 24), ("inverse_scale", 26)):
            self.tensors[f"{net}.{name}"] = np.exp2(self.rng.uniform(0, most, 256)).astype(
                np.uint32
            )
            self.tensors[f"{net}.{name}"][[7, 100]] = 1, 2**most

    def inverse_scales(self) -> None:
        self.tensors["posterior.inverse_scale"] = self.rng.integers(2**16, 2**21, 256).astype(
            np.uint32
        )

    def model(self, seed: int, **about: Any) -> tuple[str, Tensors]:
        """The description, with the hashes of the test vectors, and the tensors."""
        about = {
            "format": "bitsback-model",
            "version": 0,
            "name": "random",
            "about": "random networks: nothing to compress with",
            "licence": "CC0-1.0",
            **about,
            "test": {"seed": 2**64 - 1 - seed, "count": 3},
        }
        about["test"]["sha256"] = hash_outputs(about, build_networks(about, self.tensors))
        return json.dumps(about), self.tensors


def random_model(
    seed: int = 0,
    shape: tuple[int, ...] = (3, 5),
    latents: int = 7,
    bits: int = 10,
    hidden: int = 33,
    growth: int = 96,
    batch: int = 8,
    likelihood_precision: int = 16,
    likelihood: str = "bernoulli",
    levels: int = 2,
) -> tuple[str, Tensors]:
    """The description and the tensors of a model. With bits <= 8 its likelihood begins with a
    linear layer over z.
    """
    parts = Parts(seed)
    pixels = int(np.prod(shape))
    parts.linear("posterior", "hidden", "x", (pixels, hidden), (0, 255), levels - 1)
    parts.linear("posterior", "mean", "hidden", (hidden, latents), (-2048, 2047))
    parts.linear("posterior", "scale", "hidden", (hidden, latents), (0, 255))
    value = parts.value_of_z(bits)
    parts.linear("likelihood", "hidden", value, (latents, hidden), (0, 255), 2 ** min(bits, 8) - 1)
    if likelihood == "bernoulli":
        parts.bernoulli("likelihood", hidden, pixels, likelihood_precision)
    else:
        parts.grid(
            "likelihood", hidden, pixels, (64, 32) if likelihood == "beta-binomial" else FAMILY
        )
    if likelihood == "exponential":
        parts.family("likelihood", levels)
    parts.inverse_scales()
    return parts.model(
        seed,
        architecture="vae",
        item={"shape": list(shape), "levels": levels},
        chain={"growth": growth, "batch": batch},
        latent={"count": latents, "bits": bits},
        posterior={"codec": "gaussian", "precision": 24, "network": parts.networks["posterior"]},
        likelihood={
            "codec": likelihood,
            "precision": likelihood_precision,
            "network": parts.networks["likelihood"],
        },
    )


def random_context_model(
    seed: int = 0,
    shape: tuple[int, int] = (5, 7),
    levels: int = 2,
    codec: str = "bernoulli",
    precision: int = 16,
    window: tuple[int, int] = (2, 3),
    planes: int = 2,
    components: int = 3,
    latents: int = 5,
    bits: int = 10,
    hidden: int = 12,
    kernel: int = 3,
    stride: int = 2,
    factor: int = 2,
    spare: int = 0,
    growth: int = 96,
    batch: int = 8,
) -> tuple[str, Tensors]:
    """A model whose networks have every kind of layer.

    The features come from cells of `factor` x `factor` pixels, with `spare` rows and columns more
    of these than needed.
    """
    parts = Parts(seed)
    rng = parts.rng
    parts.table("posterior", "spread", "x", np.linspace(0, 255, levels).astype(np.uint8))
    few = parts.conv("posterior", "few", "spread", shape, (1, 4), (0, 255), kernel, stride)
    parts.conv("posterior", "change", "few", few, (4, 4), (-200, 200))
    parts.add("posterior", "hidden", "few", "change")
    for name, clamp in (("mean", (-2048, 2047)), ("scale", (0, 255))):
        parts.linear("posterior", name, "hidden", (few[0] * few[1] * 4, latents), clamp)
    parts.inverse_scales()

    cells = -(-shape[0] // factor) + spare, -(-shape[1] // factor) + spare
    size = cells[0] * factor, cells[1] * factor
    value = parts.value_of_z(bits)
    outputs = size[0] * size[1] * 3
    parts.linear("likelihood", "cells", value, (latents, outputs), (0, 255), 2 ** min(bits, 8) - 1)
    parts.networks["likelihood"].append(
        {"op": "shuffle", "name": "up", "input": "cells", "size": list(cells), "factor": factor}
    )
    parts.conv("likelihood", "change", "up", size, (3, 3), (-200, 200))
    parts.add("likelihood", "hidden", "up", "change")
    parts.conv("likelihood", "features", "hidden", size, (3, 2), (0, 255), kernel=1)

    parts.tensors["pixel.planes"] = rng.integers(0, 256, (planes, levels)).astype(np.uint8)
    parts.linear(
        "pixel", "first_hidden", "context", (planes * window_size(*window) + 2, hidden), (0, 255)
    )
    parts.linear("pixel", "change", "first_hidden", (hidden, hidden), (-200, 200))
    parts.add("pixel", "hidden", "first_hidden", "change")
    if codec == "bernoulli":
        parts.bernoulli("pixel", hidden, 1, precision)
    elif codec == "exponential":
        parts.grid("pixel", hidden, 1, FAMILY)
        parts.family("pixel", levels)
    else:
        parts.mixture("pixel", hidden, components, levels)
    return parts.model(
        seed,
        architecture="context-vae",
        item={"shape": list(shape), "levels": levels},
        chain={"growth": growth, "batch": batch},
        latent={"count": latents, "bits": bits},
        posterior={"codec": "gaussian", "precision": 24, "network": parts.networks["posterior"]},
        likelihood={"size": list(size), "network": parts.networks["likelihood"]},
        pixel={
            "codec": codec,
            "precision": precision,
            "window": list(window),
            "network": parts.networks["pixel"],
        },
    )


def random_model_file(seed: int = 0, **sizes: Any) -> bytes:
    return file.write(*random_model(seed, **sizes))


def random_context_model_file(seed: int = 0, **sizes: Any) -> bytes:
    return file.write(*random_context_model(seed, **sizes))
