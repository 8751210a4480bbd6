"""From a trained twin to the model file of docs/model-format.md."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bitsback.models import Model
from bitsback.models.outline import VERSION
from bitsback.train.export import latent_grids, latent_layers
from bitsback.train.export.answers import TEST_COUNT, TEST_SEED, vector_digests
from bitsback.train.export.network_writer import NetworkWriter, Tensors
from bitsback.train.quantise.exact_tables import bucket_centres, inverse_scales
from bitsback.train.quantise.rounding import TOP, seven_bits
from bitsback.train.twins.architectures import Twin
from bitsback.train.twins.context import FACTOR, ContextTwin
from bitsback.train.twins.convolutions import seen_planes
from bitsback.train.twins.dense import FineLinearTwin, VaeTwin
from bitsback.train.twins.layered import LayeredTwin, TopDownTwin
from bitsback.train.twins.mixtures import MEAN, MEAN_SHIFT
from bitsback.train.twins.pyramid import PyramidTwin

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
    item_shape: tuple[int, ...] = ()
    """Of its items; a size-agnostic model leaves it open."""


def export(twin: Twin, card: Card, growth: int) -> Model:
    """The integer model that `twin` computes in eval mode. `growth`: see `code_lengths.py`.

    The test vectors are the twin's own answers, so reading the file compares the integer engine
    with the twin. Raises ModelError if the two differ, or a bound of the format is broken.
    """
    return Model.build(*described(twin, card, growth))


def described(twin: Twin, card: Card, growth: int) -> tuple[str, Tensors]:
    """The description and the tensors of that model."""
    tensors: Tensors = {}
    parts = _parts(twin, card, tensors)
    test: dict[str, Any] = {"seed": TEST_SEED, "count": TEST_COUNT}
    if isinstance(twin, PyramidTwin):
        test["size"] = latent_grids.test_size(twin)
    description = {
        "format": "bitsback-model", "version": VERSION,
        "name": card.name, "about": card.about, "licence": card.licence,
        "variables": parts.variables,
        "networks": {network.name: network.described() for network in parts.networks},
        "distributions": parts.distributions,
        "code": parts.code,
        "chain": {"growth": growth, "batch": chain_batch(twin)},
        "test": {**test, "sha256": vector_digests(twin)},
    }  # fmt: skip
    return json.dumps(description, separators=(",", ":")), tensors


def chain_batch(twin: Twin) -> int:
    """The largest batch of the chain."""
    if isinstance(twin, ContextTwin):
        return max(1, min(BATCH, MOST_BATCH_PIXELS // twin.architecture.pixels))
    return BATCH


@dataclass(frozen=True)
class Parts:
    """What a description says of variables, networks, distributions and code."""

    variables: dict[str, dict[str, Any]]
    networks: list[NetworkWriter]
    distributions: dict[str, Any]
    code: list[str]


def _parts(twin: Twin, card: Card, tensors: Tensors) -> Parts:
    if isinstance(twin, PyramidTwin):
        return _pyramid_parts(twin, tensors)
    a = twin.architecture
    size = card.item_shape if len(card.item_shape) == 2 else (1, a.pixels)
    x = {"channels": 1, "levels": a.levels, "size": size}
    if isinstance(twin, LayeredTwin):
        return _layered_parts(twin, x, tensors)
    if isinstance(twin, TopDownTwin):
        return _top_down_parts(twin, x, tensors)
    networks, likelihood = (
        _context_parts(twin, tensors)
        if isinstance(twin, ContextTwin)
        else _dense_parts(twin, tensors)
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


def _top_down_parts(twin: TopDownTwin, x: dict[str, Any], tensors: Tensors) -> Parts:
    """Of latents whose posterior goes from the top down."""
    levels = twin.architecture.levels
    top = NetworkWriter("posterior2", ["x"], tensors)
    lower = NetworkWriter("posterior1", ["x", "z2"], tensors)
    seen = _seven_bits(top, levels), _seven_bits(lower, levels)
    networks = latent_layers.top_down_posteriors(twin, top, seen[0], lower, seen[1])
    likelihood = NetworkWriter("likelihood", ["z1", "z2"], tensors)
    networks.append(_independent(twin, latent_layers.top_down_values(twin, likelihood), likelihood))
    distributions = {
        "p(x|z1,z2)": _pixels(twin, likelihood), **latent_layers.top_down_distributions(),
    }  # fmt: skip
    variables = {"x": x, **latent_layers.top_down_variables(twin)}
    return Parts(variables, networks, distributions, latent_layers.TOP_DOWN_CODE)


def _pyramid_parts(twin: PyramidTwin, tensors: Tensors) -> Parts:
    """Of latents in layers of grids, for images of any size."""
    variables = latent_grids.variables(twin)
    networks, distributions = latent_grids.networks(twin, tensors), latent_grids.distributions(twin)
    latents = [name for name in variables if name != "x"]
    return Parts(variables, networks, distributions, latent_layers.bit_swap(latents))


def _layered_parts(twin: LayeredTwin, x: dict[str, Any], tensors: Tensors) -> Parts:
    """Of latents in layers, and of pixels that are independent, given the layer next to them."""
    first = NetworkWriter("posterior1", ["x"], tensors)
    seen = _seven_bits(first, twin.architecture.levels)
    networks = latent_layers.latent_networks(twin, seen, first, tensors)
    likelihood = NetworkWriter("likelihood", ["z1"], tensors)
    networks.append(_independent(twin, latent_layers.latent_value(twin, likelihood, 0), likelihood))
    distributions = {
        "p(x|z1)": _pixels(twin, likelihood), **latent_layers.latent_distributions(twin),
    }  # fmt: skip
    latents = latent_layers.latent_variables(twin)
    return Parts({"x": x, **latents}, networks, distributions, latent_layers.bit_swap(latents))


NetworksAndPixels = tuple[list[NetworkWriter], dict[str, Any]]
"""Networks, and the distribution of x."""


def _dense_parts(twin: VaeTwin, tensors: Tensors) -> NetworksAndPixels:
    """Of pixels that are independent, given the latents."""
    posterior = NetworkWriter("posterior", ["x"], tensors)
    source = _seven_bits(posterior, twin.architecture.levels)
    source = posterior.add("flatten", "row", source)
    for position, layer in enumerate(twin.encoder.layers):
        source = posterior.layer(f"hidden{position + 1}", source, layer)
    posterior.layer("mean", source, twin.mean)
    posterior.layer("scale", source, twin.scale)
    likelihood = NetworkWriter("likelihood", ["z"], tensors)
    source = likelihood.add("table", "value", "z", table=bucket_centres(twin.architecture.bits))
    _independent(twin, source, likelihood)
    return [posterior, likelihood], _pixels(twin, likelihood)


def _independent(
    twin: VaeTwin | LayeredTwin | TopDownTwin, source: str, likelihood: NetworkWriter
) -> NetworkWriter:
    """The layers of a dense decoder, from the values of latents on."""
    for position, layer in enumerate(twin.decoder.layers):
        source = likelihood.layer(f"hidden{position + 1}", source, layer)
    for name, layer in twin.output_layers().items():
        row = likelihood.layer(f"{name}_row", source, layer)
        likelihood.add("image", name, row, grid=1)
    return likelihood


def _context_parts(twin: ContextTwin, tensors: Tensors) -> NetworksAndPixels:
    """Of pixels that also depend on those before them."""
    a = twin.architecture
    posterior = NetworkWriter("posterior", ["x"], tensors)
    source = _seven_bits(posterior, a.levels)
    half = posterior.layer("half", source, twin.encoder[0])
    quarter = posterior.layer("quarter", half, twin.encoder[1])
    quarter = posterior.residuals("quarter", quarter, twin.encoder[2:])
    dense = posterior.layer("dense", posterior.add("flatten", "row", quarter), twin.dense)
    posterior.layer("mean", dense, twin.mean)
    posterior.layer("scale", dense, twin.scale)
    likelihood = NetworkWriter("likelihood", ["z"], tensors)
    value = likelihood.add("table", "value", "z", table=bucket_centres(a.bits))
    row = likelihood.layer("row", value, twin.cell)
    cells = likelihood.add("image", "cells", row, grid=FACTOR)
    around = likelihood.layer("around", cells, twin.decoder[0])
    around = likelihood.residuals("around", around, twin.decoder[1:-1])
    squares = likelihood.layer("squares", around, twin.decoder[-1])
    likelihood.add("shuffle", "features", squares, factor=FACTOR)
    pixel = _pixel_network(twin, tensors)
    networks = [posterior, likelihood, pixel]
    group = {"channels": [0], **_pixels(twin, pixel)}
    if twin.dull:
        dull = _dull_network(twin, tensors)
        networks.append(dull)
        group["dull"] = {"network": dull.name, "outputs": group["outputs"]}
    return networks, {
        "codec": "scan",
        "order": "raster",
        "window": [a.above, a.side],
        "network": likelihood.name,
        "outputs": ["features"],
        "groups": [group],
    }


def _pixel_network(twin: ContextTwin, tensors: Tensors) -> NetworkWriter:
    tensors["x.planes"] = seen_planes(twin.architecture.levels).numpy()
    pixel = NetworkWriter("pixel", ["context"], tensors)
    hidden = pixel.layer("hidden", "context", twin.pixel[0])
    hidden = pixel.residuals("hidden", hidden, twin.pixel[1:])
    for name, layer in twin.outputs.items():
        if isinstance(layer, FineLinearTwin):
            pixel.fine(f"{name}_hidden", hidden, layer)
        else:
            pixel.layer(name, hidden, layer)
    if "mean" in twin.outputs:
        context = pixel.fine("mean_context", "context", twin.mean_context, twin.inputs)
        pixel.sum("mean", "mean_hidden", context, MEAN)
    return pixel


def _dull_network(twin: ContextTwin, tensors: Tensors) -> NetworkWriter:
    a = twin.architecture
    tensors["x.dull"] = (np.arange(a.levels) < a.dull_levels).astype(np.uint8)
    dull = NetworkWriter("dull", ["features"], tensors)
    hidden = dull.layer("hidden", "features", twin.dull[0])
    for name, layer in twin.dull_output_layers().items():
        dull.layer(name, hidden, layer)
    return dull


def _seven_bits(network: NetworkWriter, levels: int) -> str:
    """The name of what the first layer of the posterior is told of the symbols x."""
    if levels <= TOP + 1:
        return "x"
    table = seven_bits(torch.arange(levels), levels).numpy().astype(np.uint8)
    return network.add("table", "seen", "x", table=table)


def _pixels(twin: Twin, network: NetworkWriter) -> dict[str, Any]:
    """The codec of the pixels, by outputs of a network; its tensors join the others."""
    likelihood = twin.pixel_likelihood
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
