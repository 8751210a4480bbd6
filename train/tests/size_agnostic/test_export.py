"""An exported size-agnostic model computes the same as its networks, has their cost, and becomes
the same networks again.
"""

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bitsback import load_model
from bitsback.errors import InputError
from bitsback.message import Message
from bitsback.models import Model
from bitsback.models.distributions.wavefront import FEATURES
from bitsback_train.export.exporter import Card
from bitsback_train.export.wavefronts import (
    distribution_of,
    network_tensors,
    restored,
    trained_model,
    with_contexts,
)
from bitsback_train.fit.items import Item, as_items
from bitsback_train.fit.pixel_training import mean_bits
from bitsback_train.fit.pixels import count_pixels, sample_pixels
from bitsback_train.network.wavefront import OUTPUT_SCALE, PixelNetwork

from .conftest import wavy

Networks = tuple[PixelNetwork, ...]


def items(dtype: type[np.integer]) -> list[Item]:
    shapes = [(1, 30, 41, 3), (3, 20, 17, 1), (1, 8, 9, 5)]
    return as_items([wavy(shape, dtype, seed) for seed, shape in enumerate(shapes)])


@pytest.mark.parametrize("references", [0, 1, 2])
def test_tensors_compute_what_training_saw(references: int) -> None:
    torch.manual_seed(1)
    network = PixelNetwork(references, 96, 2)
    network.quantise()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    x = torch.randint(-64, 64, (300, FEATURES[references]))
    tensors = network_tensors(network)

    def layer(name: str, x: NDArray[np.int64]) -> NDArray[np.int64]:
        names = (f"x.{references}.{name}.{part}" for part in ("weight", "bias", "multiplier"))
        weight, bias, multiplier = (tensors[name].astype(np.int64) for name in names)
        if name == "output":
            return (x @ weight.T * multiplier + bias) >> 12
        total = np.clip(x @ weight.T + bias, -(2**15), 2**15 - 1)
        return (total * multiplier + 2**14) >> 15

    u = np.clip(layer("hidden", x.numpy() + 64), 0, 127)
    for k in range(2):
        u = np.minimum(u + np.maximum(layer(f"residual.{k}", u), 0), 127)
    found = layer("output", u) / np.array(OUTPUT_SCALE)
    with torch.no_grad():
        expected = network(x.float()).double().numpy()
    steps = 2 / np.array(OUTPUT_SCALE)
    assert (np.abs(found - expected) <= steps).mean() > 0.99


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_a_message_costs_what_the_networks_say(
    networks: Networks, model: Model, dtype: type[np.integer]
) -> None:
    made = items(dtype)
    settings = distribution_of(model, "base").settings
    expected = 0.0
    for references, network in enumerate(networks):
        pixels = sample_pixels(settings, made, references, 1, np.random.default_rng(0))
        assert len(pixels) == count_pixels(made, references)
        expected += mean_bits(network, pixels) * len(pixels)
    message = Message(np.full(4, 1 << 40, np.uint64))
    before = len(message.to_bytes())
    symbols: NDArray[np.integer] = np.concatenate([item.symbols.ravel() for item in made])
    bound = model.bind([(1, item.shape) for item in made])
    bound.push(message, symbols)
    bits = 8 * (len(message.to_bytes()) - before)
    assert bits == pytest.approx(expected, rel=0.005, abs=64)
    np.testing.assert_array_equal(bound.pop(message), symbols)


@pytest.mark.parametrize("name", ["small", "universal", "universal-fast"])
def test_a_model_becomes_the_networks_that_it_was_made_of(name: str, model: Model) -> None:
    given = model if name == "small" else load_model(name)
    distribution = distribution_of(given, name)
    tensors = {"x.start": distribution.start}
    for network in restored(distribution):
        tensors |= network_tensors(network)
    assert tensors.keys() == given.tensors.keys()
    for key, tensor in given.tensors.items():
        np.testing.assert_array_equal(tensors[key], tensor, err_msg=key)
        assert tensors[key].dtype == tensor.dtype, key


def test_only_trained_networks_change(networks: Networks, model: Model) -> None:
    with torch.no_grad():
        networks[1].outputs.weight.add_(0.05)
    start = distribution_of(model, "base").start
    found = trained_model(model, Card("more", "trained", "CC0-1.0"), {1: networks[1]}, start)
    changed = {key for key, old in model.tensors.items() if (found.tensors[key] != old).any()}
    assert changed and all(key.startswith("x.1.output") for key in changed)
    assert (found.name, found.about, found.licence) == ("more", "trained", "CC0-1.0")


def test_contexts_stand_beside_the_same_networks(model: Model) -> None:
    found = with_contexts(model)
    codec, old = (json.loads(of.description)["distributions"]["p(x)"] for of in (found, model))
    assert codec == old | {"contexts": 20 if model.levels <= 256 else 19}
    assert all((found.tensors[key] == tensor).all() for key, tensor in model.tensors.items())
    start = distribution_of(model, "base").start
    assert trained_model(found, Card("base", "for tests", "CC0-1.0"), {}, start).identity == (
        model.identity
    )


@pytest.mark.parametrize("name", ["mnist-binary", "graphics"])
def test_a_model_of_another_codec_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.*--from"):
        distribution_of(load_model(name), name)


def test_the_file_is_read_back(model: Model) -> None:
    again = load_model(model.to_bytes())
    assert again.any_shape and again.identity == model.identity
