"""Models of the codec `wavefront`: from the networks of pixels to a model file, and back to real
weights, from which training can continue.
"""

import json
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.models import Model
from bitsback.models.distributions.wavefront import WavefrontDistribution
from bitsback.models.item_choice import build_with_items
from bitsback.models.outline import VERSION
from bitsback_train.export.exporter import Card
from bitsback_train.layers.network_writer import Tensors
from bitsback_train.network.wavefront import PixelNetwork

CONTEXTS, DEEP_CONTEXTS = 20, 19
"""The greatest log2 of the slots of a context table, for up to 256 levels and for more levels.

For more levels, readers accept no larger tables in pictures of 16 kB.
"""
DECAY, RIDGE = (80, 66, 66), 256
Three = tuple[int, int, int]
"""A number for each number of references."""


def new_model(
    card: Card, levels: int, networks: tuple[PixelNetwork, ...], start: NDArray[np.int32]
) -> Model:
    """The model of three networks, for 0, 1 and 2 references. Raises ModelError."""
    codec = {
        "codec": "wavefront",
        "decay": DECAY,
        "ridge": RIDGE,
        "hidden": [network.outputs.in_features for network in networks],
        "residual": [len(network.layers) - 1 for network in networks],
    }
    description = {
        "format": "bitsback-model",
        "version": VERSION,
        **_entries(card),
        "variables": {"x": {"planes": "any", "levels": levels}},
        "networks": {},
        "distributions": {"p(x)": codec},
        "code": ["push x ~ p(x)"],
        "chain": {"growth": 256, "batch": 1},
        "test": {"seed": 1, "count": 1, "size": [1, 1], "sha256": {}},
    }
    tensors = {"x.start": start}
    for network in networks:
        tensors |= network_tensors(network)
    return build_with_items(description, tensors)


def trained_model(
    base: Model, card: Card, networks: Mapping[int, PixelNetwork], start: NDArray[np.int32]
) -> Model:
    """The model `base`, without contexts, with other start matrices, and with these networks in
    place of its own, by their numbers of references. Raises ModelError.
    """
    tensors = base.tensors | {"x.start": start}
    for network in networks.values():
        tensors |= network_tensors(network)
    return _changed(base, tensors, _entries(card), None)


def with_contexts(model: Model) -> Model:
    """The same model with contexts beside its networks."""
    slots = CONTEXTS if model.levels <= 256 else DEEP_CONTEXTS
    return _changed(model, model.tensors, {}, slots)


def _changed(base: Model, tensors: Tensors, entries: dict[str, str], contexts: int | None) -> Model:
    description = json.loads(base.description) | entries
    codec = description["distributions"]["p(x)"]
    codec.pop("contexts", None)
    if contexts is not None:
        codec["contexts"] = contexts
    del description["test"]["items"]
    return build_with_items(description, tensors)


def _entries(card: Card) -> dict[str, str]:
    return {"name": card.name, "about": card.about, "licence": card.licence}


def network_tensors(network: PixelNetwork) -> Tensors:
    """The tensors of docs/model-format.md, M10; a reader of the model checks their bounds."""
    found: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for number, (layer, scale) in enumerate(network.hidden_layers()):
            w, b, multiplier = layer.hidden_integers(scale)
            name = f"residual.{number - 1}" if number else "hidden"
            found[f"{name}.weight"] = w.to(torch.int8)
            found[f"{name}.bias"] = (b if number else b - 64 * w.sum(1)).to(torch.int32)
            found[f"{name}.multiplier"] = multiplier.to(torch.int16)
        w, b, multiplier = network.outputs.output_integers()
        found["output.weight"] = w.to(torch.int8)
        found["output.bias"] = b.to(torch.int32)
        found["output.multiplier"] = multiplier.to(torch.int32)
    return {f"x.{network.references}.{name}": tensor.numpy() for name, tensor in found.items()}


def distribution_of(model: Model, name: str) -> WavefrontDistribution:
    """name: of the model, for errors. Raises InputError for a model of another codec."""
    distribution = model.adaptive
    if not isinstance(distribution, WavefrontDistribution):
        raise InputError(
            f"{name}: is no model of the codec wavefront, so training cannot start from it; give"
            " another with --from, or --from none"
        )
    return distribution


def restored(distribution: WavefrontDistribution) -> tuple[PixelNetwork, ...]:
    """The networks in real numbers whose integers are those of a model, while no weight changes."""
    found = []
    for references, layers in enumerate(distribution.networks):
        hidden, residual = layers[-1][0].shape[1], len(layers) - 2
        network = PixelNetwork(references, hidden, residual)
        scales = [*network.hidden_layers(), (network.outputs, None)]
        for number, ((layer, scale), arrays) in enumerate(zip(scales, layers, strict=True)):
            weight, bias, multiplier = (torch.from_numpy(array).float() for array in arrays)
            layer.restore(weight, bias if number else bias + 64 * weight.sum(1), multiplier, scale)
        found.append(network)
    return tuple(found)
