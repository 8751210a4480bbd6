"""Small random models, whole and valid: their networks mean nothing, their integers must agree all the same."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.models import file
from networks import random_linear
from reference.model import LIKELIHOODS, build_networks, hash_outputs

Tensors = dict[str, NDArray[Any]]


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
    """The description and the tensors of a model. With bits <= 8 its likelihood begins with a linear layer over z."""
    rng = np.random.default_rng(seed)
    pixels = int(np.prod(shape))
    tensors: Tensors = {}
    networks: dict[str, list[Any]] = {"posterior": [], "likelihood": []}

    def linear(net: str, name: str, of: str, sizes: tuple[int, int], clamp: tuple[int, int], top: int = 255) -> None:
        layer = random_linear(rng, *sizes, clamp, top=top)
        networks[net].append({"op": "linear", "name": name, "input": of, "shift": layer.shift, "clamp": list(clamp)})
        for part, dtype in (("weight", np.int8), ("bias", np.int32), ("multiplier", np.int32)):
            tensors[f"{net}.{name}.{part}"] = getattr(layer, part).astype(dtype)

    linear("posterior", "hidden", "x", (pixels, hidden), (0, 255), levels - 1)
    linear("posterior", "mean", "hidden", (hidden, latents), (-2048, 2047))
    linear("posterior", "scale", "hidden", (hidden, latents), (0, 255))
    if bits > 8:
        networks["likelihood"].append({"op": "table", "name": "value", "input": "z"})
        tensors["likelihood.value.table"] = (np.arange(2**bits) >> (bits - 8)).astype(np.uint8)
    linear("likelihood", "hidden", "value" if bits > 8 else "z", (latents, hidden), (0, 255), 2 ** min(bits, 8) - 1)
    if likelihood == "bernoulli":
        linear("likelihood", "raw", "hidden", (hidden, pixels), (-500, 500))
        networks["likelihood"].append({"op": "table", "name": "logit", "input": "raw"})
        tensors["likelihood.logit.table"] = (np.arange(1001) * 255 // 1000).astype(np.uint8)
        tensors["likelihood.probability"] = rng.integers(1, 2**likelihood_precision, 256).astype(np.uint16)
    else:
        sizes = (64, 32) if likelihood == "beta-binomial" else (7, 5)
        for name, size in zip(("first", "second"), sizes, strict=True):
            linear("likelihood", name, "hidden", (hidden, pixels), (0, size - 1))
    if likelihood == "exponential":
        for name, count in zip(LIKELIHOODS["exponential"][1], (levels, levels, levels, 7, 5), strict=True):
            tensors[f"likelihood.{name}"] = rng.integers(-4000, 4001, count).astype(np.int16)
    tensors["posterior.inverse_scale"] = rng.integers(2**16, 2**21, 256).astype(np.uint32)

    about: dict[str, Any] = {
        "format": "bitsback-model",
        "version": 0,
        "name": "random",
        "about": "random networks: nothing to compress with",
        "licence": "CC0-1.0",
        "architecture": "vae",
        "item": {"shape": list(shape), "levels": levels},
        "chain": {"growth": growth, "batch": batch},
        "latent": {"count": latents, "bits": bits},
        "posterior": {"codec": "gaussian", "precision": 24, "network": networks["posterior"]},
        "likelihood": {
            "codec": likelihood,
            "precision": likelihood_precision,
            "network": networks["likelihood"],
        },
        "test": {"seed": 2**64 - 1 - seed, "count": 3},
    }
    outputs = LIKELIHOODS[likelihood][0]
    hashes = hash_outputs(build_networks(about, tensors), about["test"]["seed"], about["test"]["count"], outputs)
    about["test"]["sha256"] = hashes
    return json.dumps(about), tensors


def random_model_file(seed: int = 0, **sizes: Any) -> bytes:
    return file.write(*random_model(seed, **sizes))
