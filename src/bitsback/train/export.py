"""From a trained twin to the model file of docs/model-format.md."""

import copy
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitsback import _core
from bitsback.models import Model
from bitsback.train.quantise import LATENT, Grid
from bitsback.train.recipe import ACTIVE_NATS, latent_nats
from bitsback.train.tables import bucket_centres, inverse_scales
from bitsback.train.twins import LinearTwin, VaeTwin

GAUSSIAN_PRECISION = 24
BATCH = 256
TEST_SEED = 1
TEST_COUNT = 4


@dataclass(frozen=True)
class Card:
    """What a model file says about itself."""

    name: str
    about: str
    licence: str
    item_shape: tuple[int, ...]


def export(twin: VaeTwin, card: Card, growth: int) -> Model:
    """The integer model that `twin` computes in eval mode. `growth`: see bitsback.train.growth.

    The test vectors are the twin's own answers, so reading the file compares the integer engine with the twin.
    Raises ModelError if the two differ, or a bound of the format is broken.
    """
    tensors: dict[str, NDArray[Any]] = {
        "posterior.inverse_scale": inverse_scales(),
        "likelihood.value.table": bucket_centres(twin.architecture.bits),
        **{f"likelihood.{name}": tensor for name, tensor in twin.pixel_likelihood.tensors().items()},
    }
    hidden = _add_hidden(tensors, "posterior", twin.encoder.layers, "x")
    posterior = [
        *hidden,
        _add(tensors, "posterior", "mean", twin.mean, hidden[-1]["name"]),
        _add(tensors, "posterior", "scale", twin.scale, hidden[-1]["name"]),
    ]
    hidden = _add_hidden(tensors, "likelihood", twin.decoder.layers, "value")
    likelihood = [
        {"op": "table", "name": "value", "input": "z"},
        *hidden,
        *(_add(tensors, "likelihood", name, layer, hidden[-1]["name"]) for name, layer in twin.output_layers().items()),
    ]
    likelihood_twin = twin.pixel_likelihood
    description = {
        "format": "bitsback-model", "version": 0,
        "name": card.name, "about": card.about, "licence": card.licence,
        "architecture": "vae",
        "item": {"shape": list(card.item_shape), "levels": twin.architecture.levels},
        "chain": {"growth": growth, "batch": BATCH},
        "latent": {"count": twin.architecture.latents, "bits": twin.architecture.bits},
        "posterior": {"codec": "gaussian", "precision": GAUSSIAN_PRECISION, "network": posterior},
        "likelihood": {"codec": likelihood_twin.codec, "precision": likelihood_twin.precision, "network": likelihood},
        "test": {"seed": TEST_SEED, "count": TEST_COUNT, "sha256": _test_digests(twin)},
    }  # fmt: skip
    return Model.build(json.dumps(description, separators=(",", ":")), tensors)


def _add_hidden(tensors: dict[str, NDArray[Any]], network: str, layers: nn.ModuleList, source: str) -> list[Any]:
    entries: list[Any] = []
    for position, layer in enumerate(layers):
        assert isinstance(layer, LinearTwin)
        entries.append(_add(tensors, network, f"hidden{position + 1}", layer, source))
        source = entries[-1]["name"]
    return entries


def _add(tensors: dict[str, NDArray[Any]], network: str, name: str, layer: LinearTwin, source: str) -> dict[str, Any]:
    """The layer's entry in the description; its tensors join the others."""
    integers = layer.requantised()
    tensors[f"{network}.{name}.weight"] = integers.weight.numpy().astype(np.int8)
    tensors[f"{network}.{name}.bias"] = integers.bias.numpy().astype(np.int32)
    tensors[f"{network}.{name}.multiplier"] = integers.multiplier.numpy().astype(np.int32)
    clamp = [layer.target.lo, layer.target.hi]
    return {"op": "linear", "name": name, "input": source, "shift": integers.shift, "clamp": clamp}


@torch.no_grad()
def posterior_integers(twin: VaeTwin, x: Tensor) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The integers of mean and scale, each int32 [b, latents], that the twin computes for pixels [b, pixels]."""
    mean, scale = twin.posterior(x.double())
    return _integers(twin.mean.target, mean), _integers(twin.scale.target, scale)


@torch.no_grad()
def likelihood_integers(twin: VaeTwin, buckets: NDArray[Any]) -> dict[str, NDArray[np.int32]]:
    """The integers of the likelihood's outputs, int32 [b, pixels], that the twin computes for buckets [b, latents]."""
    centres = torch.from_numpy(bucket_centres(twin.architecture.bits).astype(np.float64))
    value = LATENT.real(centres[torch.from_numpy(buckets.astype(np.int64))])
    hidden = twin.decoder(value)
    return {name: _integers(layer.target, layer(hidden)) for name, layer in twin.output_layers().items()}


def _integers(grid: Grid, value: Tensor) -> NDArray[np.int32]:
    return grid.integers(value).numpy().astype(np.int32)


def _test_digests(twin: VaeTwin) -> dict[str, str]:
    architecture = twin.architecture
    x_size, z_size = TEST_COUNT * architecture.pixels, TEST_COUNT * architecture.latents
    words = _core.splitmix64(TEST_SEED, 0, x_size + z_size) >> np.uint64(32)
    x = (words[:x_size] % np.uint64(architecture.levels)).astype(np.float64).reshape(TEST_COUNT, -1)
    z = (words[x_size:] % np.uint64(2**architecture.bits)).astype(np.int64).reshape(TEST_COUNT, -1)
    mean, scale = posterior_integers(twin, torch.from_numpy(x))
    outputs = {"mean": mean, "scale": scale, **likelihood_integers(twin, z)}
    return {name: hashlib.sha256(out.astype("<i4").tobytes()).hexdigest() for name, out in outputs.items()}


def prune(twin: VaeTwin, x: Tensor) -> VaeTwin:
    """The twin without the latents that say nothing of `x`: one that only follows the prior still costs its pops.

    The likelihood sees the prior's mean, 0, in their place.
    """
    kept = torch.nonzero(latent_nats(twin, x) > ACTIVE_NATS)[:, 0]
    pruned = copy.deepcopy(twin)
    pruned.architecture = replace(twin.architecture, latents=len(kept))
    first = pruned.decoder.layers[0]
    assert isinstance(first, LinearTwin)
    with torch.no_grad():
        for layer in (pruned.mean, pruned.scale):
            layer.linear.weight = nn.Parameter(layer.linear.weight[kept])
            layer.linear.bias = nn.Parameter(layer.linear.bias[kept])
        first.linear.weight = nn.Parameter(first.linear.weight[:, kept])
    return pruned
