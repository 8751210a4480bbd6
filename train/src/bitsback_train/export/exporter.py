"""Export a trained module to the model file of docs/model-format.md."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bitsback.models import Model
from bitsback.models.outline import VERSION
from bitsback_train.export.answers import TEST_COUNT, vector_digests
from bitsback_train.export.network_writer import NetworkWriter, Tensors
from bitsback_train.export.vectors import TEST_SEED
from bitsback_train.network.architectures import AnyVae
from bitsback_train.network.context import FACTOR, ContextModule
from bitsback_train.network.convolutions import seen_planes
from bitsback_train.network.dense import FineLinearModule, VaeModule
from bitsback_train.network.exact_tables import bucket_centres, inverse_scales
from bitsback_train.network.mixtures import MEAN, MEAN_SHIFT
from bitsback_train.network.rounding import TOP, seven_bits

GAUSSIAN_PRECISION = 24
BATCH = 256
# the batch of a context VAE, which keeps its features in memory: 256 images of 28 x 28
MOST_BATCH_PIXELS = 200_704


@dataclass(frozen=True)
class Card:
    """A model file's description of itself."""

    name: str
    about: str
    licence: str
    item_shape: tuple[int, ...] = ()
    """The shape of its items; None for a size-agnostic model."""

    def heading(self) -> dict[str, Any]:
        """The first fields of the description."""
        return {
            "format": "bitsback-model", "version": VERSION,
            "name": self.name, "about": self.about, "licence": self.licence,
        }  # fmt: skip


def export(module: AnyVae, card: Card, growth: int) -> Model:
    """The integer model that `module` computes in eval mode. `growth`: see `code_lengths.py`.

    The test vectors are the module's own answers, so reading the file compares the integer engine
    with the module. Raises ModelError if the two differ, or if a bound of the format is exceeded.
    """
    return Model.build(*described(module, card, growth))


def described(module: AnyVae, card: Card, growth: int) -> tuple[str, Tensors]:
    """The description and the tensors of that model."""
    tensors: Tensors = {}
    parts = _parts(module, card, tensors)
    description = {
        **card.heading(),
        "variables": parts.variables,
        "networks": {network.name: network.described() for network in parts.networks},
        "distributions": parts.distributions,
        "code": parts.code,
        "chain": {"growth": growth, "batch": chain_batch(module)},
        "test": {"seed": TEST_SEED, "count": TEST_COUNT, "sha256": vector_digests(module)},
    }  # fmt: skip
    return json.dumps(description, separators=(",", ":")), tensors


def chain_batch(module: AnyVae) -> int:
    """The largest batch of the chain."""
    if isinstance(module, ContextModule):
        return max(1, min(BATCH, MOST_BATCH_PIXELS // module.architecture.pixels))
    return BATCH


@dataclass(frozen=True)
class Parts:
    """The variables, networks, distributions and code of a description."""

    variables: dict[str, dict[str, Any]]
    networks: list[NetworkWriter]
    distributions: dict[str, Any]
    code: list[str]


def _parts(module: AnyVae, card: Card, tensors: Tensors) -> Parts:
    a = module.architecture
    size = card.item_shape if len(card.item_shape) == 2 else (1, a.pixels)
    x = {"channels": 1, "levels": a.levels, "size": size}
    networks, likelihood = (
        _context_parts(module, tensors)
        if isinstance(module, ContextModule)
        else _dense_parts(module, tensors)
    )
    tensors["posterior.inverse_scale"] = inverse_scales()
    posterior = {
        "codec": "gaussian", "precision": GAUSSIAN_PRECISION,
        "network": "posterior", "outputs": ["mean", "scale"],
    }  # fmt: skip
    return Parts(
        {"x": x, "z": {"channels": a.latents, "bits": a.bits}},
        networks,
        {"q(z|x)": posterior, "p(x|z)": likelihood, "p(z)": {"codec": "uniform"}},
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"],
    )


NetworksAndPixels = tuple[list[NetworkWriter], dict[str, Any]]
"""Networks, and the distribution of x."""


def _dense_parts(module: VaeModule, tensors: Tensors) -> NetworksAndPixels:
    """The parts of a model with independent pixels, given the latents."""
    posterior = NetworkWriter("posterior", ["x"], tensors)
    source = _seven_bits(posterior, module.architecture.levels)
    source = posterior.add("flatten", "row", source)
    for position, layer in enumerate(module.encoder.layers):
        source = posterior.layer(f"hidden{position + 1}", source, layer)
    posterior.layer("mean", source, module.mean)
    posterior.layer("scale", source, module.scale)
    likelihood = NetworkWriter("likelihood", ["z"], tensors)
    centres = bucket_centres(module.architecture.bits)
    source = likelihood.add("lookup_table", "value", "z", table=centres)
    for position, layer in enumerate(module.decoder.layers):
        source = likelihood.layer(f"hidden{position + 1}", source, layer)
    for name, layer in module.output_layers().items():
        row = likelihood.layer(f"{name}_row", source, layer)
        likelihood.add("image", name, row, grid=1)
    return [posterior, likelihood], _pixels(module, likelihood)


def _context_parts(module: ContextModule, tensors: Tensors) -> NetworksAndPixels:
    """The parts of a model with autoregressive pixels."""
    a = module.architecture
    posterior = NetworkWriter("posterior", ["x"], tensors)
    source = _seven_bits(posterior, a.levels)
    half = posterior.layer("half", source, module.encoder[0])
    quarter = posterior.layer("quarter", half, module.encoder[1])
    quarter = posterior.residuals("quarter", quarter, module.encoder[2:])
    dense = posterior.layer("dense", posterior.add("flatten", "row", quarter), module.dense)
    posterior.layer("mean", dense, module.mean)
    posterior.layer("scale", dense, module.scale)
    likelihood = NetworkWriter("likelihood", ["z"], tensors)
    value = likelihood.add("lookup_table", "value", "z", table=bucket_centres(a.bits))
    row = likelihood.layer("row", value, module.cell)
    cells = likelihood.add("image", "cells", row, grid=FACTOR)
    around = likelihood.layer("around", cells, module.decoder[0])
    around = likelihood.residuals("around", around, module.decoder[1:-1])
    squares = likelihood.layer("squares", around, module.decoder[-1])
    likelihood.add("pixel_shuffle", "features", squares, factor=FACTOR)
    pixel = _pixel_network(module, tensors)
    networks = [posterior, likelihood, pixel]
    group = {"channels": [0], **_pixels(module, pixel)}
    if module.flat:
        flat = _flat_network(module, tensors)
        networks.append(flat)
        group["flat"] = {"network": flat.name, "outputs": group["outputs"]}
    return networks, {
        "codec": "autoregressive",
        "order": "raster",
        "window": [a.above, a.side],
        "network": likelihood.name,
        "outputs": ["features"],
        "groups": [group],
    }


def _pixel_network(module: ContextModule, tensors: Tensors) -> NetworkWriter:
    tensors["x.planes"] = seen_planes(module.architecture.levels).numpy()
    pixel = NetworkWriter("pixel", ["context"], tensors)
    hidden = pixel.layer("hidden", "context", module.pixel[0])
    hidden = pixel.residuals("hidden", hidden, module.pixel[1:])
    for name, layer in module.outputs.items():
        if isinstance(layer, FineLinearModule):
            pixel.fine(f"{name}_hidden", hidden, layer)
        else:
            pixel.layer(name, hidden, layer)
    if "mean" in module.outputs:
        context = pixel.fine("mean_context", "context", module.mean_context, module.inputs)
        pixel.sum("mean", "mean_hidden", context, MEAN)
    return pixel


def _flat_network(module: ContextModule, tensors: Tensors) -> NetworkWriter:
    a = module.architecture
    tensors["x.flat"] = (np.arange(a.levels) < a.flat_levels).astype(np.uint8)
    flat = NetworkWriter("flat", ["features"], tensors)
    hidden = flat.layer("hidden", "features", module.flat[0])
    for name, layer in module.flat_output_layers().items():
        flat.layer(name, hidden, layer)
    return flat


def _seven_bits(network: NetworkWriter, levels: int) -> str:
    """The name of the value that the first layer of the posterior gets for the symbols x."""
    if levels <= TOP + 1:
        return "x"
    table = seven_bits(torch.arange(levels), levels).numpy().astype(np.uint8)
    return network.add("lookup_table", "seen", "x", table=table)


def _pixels(module: AnyVae, network: NetworkWriter) -> dict[str, Any]:
    """The codec of the pixels, from outputs of a network; adds its tensors to the others."""
    likelihood = module.pixel_likelihood
    network.tensors.update(
        {f"{network.name}.{name}": tensor for name, tensor in likelihood.tensors().items()}
    )
    shift = {"mean_shift": MEAN_SHIFT} if likelihood.codec == "mixture" else {}
    return {
        "codec": likelihood.codec,
        "precision": likelihood.precision,
        **shift,
        "network": network.name,
        "outputs": list(likelihood.outputs),
    }
