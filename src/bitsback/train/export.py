"""From a trained twin to the model file of docs/model-format.md."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bitsback.models import Model
from bitsback.train.answers import TEST_COUNT, TEST_SEED, vector_digests
from bitsback.train.context import FACTOR, ContextTwin
from bitsback.train.convolutions import cells, seen_planes
from bitsback.train.layers import NetworkDescription, Tensors
from bitsback.train.mixtures import MEAN
from bitsback.train.quantise import TOP, seven_bits
from bitsback.train.recipe import Twin
from bitsback.train.tables import bucket_centres, inverse_scales
from bitsback.train.twins import FineLinearTwin, VaeTwin

GAUSSIAN_PRECISION = 24
BATCH = 256
# of a context VAE, which keeps the features of a batch in memory: 256 images of 28 x 28
MOST_BATCH_PIXELS = 200_704


@dataclass(frozen=True)
class Card:
    """What a model file says about itself."""

    name: str
    about: str
    licence: str
    item_shape: tuple[int, ...]


def export(twin: Twin, card: Card, growth: int) -> Model:
    """The integer model that `twin` computes in eval mode. `growth`: see bitsback.train.growth.

    The test vectors are the twin's own answers, so reading the file compares the integer engine
    with the twin. Raises ModelError if the two differ, or a bound of the format is broken.
    """
    return Model.build(*described(twin, card, growth))


def described(twin: Twin, card: Card, growth: int) -> tuple[str, Tensors]:
    """The description and the tensors of that model."""
    tensors: Tensors = {"posterior.inverse_scale": inverse_scales()}
    parts = (
        _context_parts(twin, tensors)
        if isinstance(twin, ContextTwin)
        else _dense_parts(twin, tensors)
    )
    a = twin.architecture
    description = {
        "format": "bitsback-model", "version": 0,
        "name": card.name, "about": card.about, "licence": card.licence,
        "architecture": "context-vae" if isinstance(twin, ContextTwin) else "vae",
        "item": {"shape": list(card.item_shape), "levels": a.levels},
        "chain": {"growth": growth, "batch": chain_batch(twin)},
        "latent": {"count": a.latents, "bits": a.bits},
        **parts,
        "test": {"seed": TEST_SEED, "count": TEST_COUNT, "sha256": vector_digests(twin)},
    }  # fmt: skip
    return json.dumps(description, separators=(",", ":")), tensors


def chain_batch(twin: Twin) -> int:
    """The largest batch of the chain."""
    if isinstance(twin, ContextTwin):
        return max(1, min(BATCH, MOST_BATCH_PIXELS // twin.architecture.pixels))
    return BATCH


def _dense_parts(twin: VaeTwin, tensors: Tensors) -> dict[str, Any]:
    """The networks of a `vae`."""
    posterior = NetworkDescription("posterior", tensors)
    source = _seven_bits(posterior, twin.architecture.levels)
    for position, layer in enumerate(twin.encoder.layers):
        source = posterior.linear(f"hidden{position + 1}", source, layer)
    posterior.linear("mean", source, twin.mean)
    posterior.linear("scale", source, twin.scale)
    likelihood = NetworkDescription("likelihood", tensors)
    source = likelihood.table("value", "z", bucket_centres(twin.architecture.bits))
    for position, layer in enumerate(twin.decoder.layers):
        source = likelihood.linear(f"hidden{position + 1}", source, layer)
    for name, layer in twin.output_layers().items():
        likelihood.linear(name, source, layer)
    return {"posterior": _posterior(posterior), "likelihood": _pixels(twin, likelihood)}


def _context_parts(twin: ContextTwin, tensors: Tensors) -> dict[str, Any]:
    """The networks of a `context-vae`."""
    a = twin.architecture
    posterior = NetworkDescription("posterior", tensors)
    source = _seven_bits(posterior, a.levels)
    half = posterior.conv("half", source, twin.encoder[0], a.shape)
    quarter = posterior.conv("quarter", half, twin.encoder[1], cells(a.shape, 2))
    quarter = posterior.residuals("quarter", quarter, twin.encoder[2:], twin.cells)
    dense = posterior.linear("dense", quarter, twin.dense)
    posterior.linear("mean", dense, twin.mean)
    posterior.linear("scale", dense, twin.scale)
    likelihood = NetworkDescription("likelihood", tensors)
    value = likelihood.table("value", "z", bucket_centres(a.bits))
    cell = likelihood.linear("cells", value, twin.cell)
    around = likelihood.conv("around", cell, twin.decoder[0], twin.cells)
    around = likelihood.residuals("around", around, twin.decoder[1:-1], twin.cells)
    squares = likelihood.conv("squares", around, twin.decoder[-1], twin.cells)
    likelihood.shuffle("features", squares, twin.cells, FACTOR)
    size = [FACTOR * side for side in twin.cells]
    pixel = {**_pixels(twin, _pixel_network(twin, tensors)), "window": [a.above, a.side]}
    dull = {"dull": _dull_network(twin, tensors).entries} if twin.dull else {}
    return {
        "posterior": _posterior(posterior),
        "likelihood": {"size": size, "network": likelihood.entries},
        "pixel": pixel,
        **dull,
    }


def _pixel_network(twin: ContextTwin, tensors: Tensors) -> NetworkDescription:
    tensors["pixel.planes"] = seen_planes(twin.architecture.levels).numpy()
    pixel = NetworkDescription("pixel", tensors)
    hidden = pixel.linear("hidden", "context", twin.pixel[0])
    hidden = pixel.residuals("hidden", hidden, twin.pixel[1:])
    for name, layer in twin.outputs.items():
        if isinstance(layer, FineLinearTwin):
            pixel.fine(f"{name}_hidden", hidden, layer)
        else:
            pixel.linear(name, hidden, layer)
    if "mean" in twin.outputs:
        context = pixel.fine("mean_context", "context", twin.mean_context, twin.inputs)
        pixel.add("mean", "mean_hidden", context, MEAN)
    return pixel


def _dull_network(twin: ContextTwin, tensors: Tensors) -> NetworkDescription:
    a = twin.architecture
    tensors["pixel.dull"] = (np.arange(a.levels) < a.dull_levels).astype(np.uint8)
    dull = NetworkDescription("dull", tensors)
    hidden = dull.linear("hidden", "features", twin.dull[0])
    for name, layer in twin.dull_output_layers().items():
        dull.linear(name, hidden, layer)
    return dull


def _seven_bits(network: NetworkDescription, levels: int) -> str:
    """The name of what the first layer of the posterior is told of the symbols x."""
    if levels <= TOP + 1:
        return "x"
    table = seven_bits(torch.arange(levels), levels).numpy().astype(np.uint8)
    return network.table("seen", "x", table)


def _posterior(network: NetworkDescription) -> dict[str, Any]:
    return {"codec": "gaussian", "precision": GAUSSIAN_PRECISION, "network": network.entries}


def _pixels(twin: Twin, network: NetworkDescription) -> dict[str, Any]:
    """The part of the description that has the codec of the pixels; the codec's tensors join the
    others.
    """
    likelihood = twin.pixel_likelihood
    network.tensors.update(
        {f"{network.name}.{name}": tensor for name, tensor in likelihood.tensors().items()}
    )
    return {
        "codec": likelihood.codec,
        "precision": likelihood.precision,
        "network": network.entries,
    }
