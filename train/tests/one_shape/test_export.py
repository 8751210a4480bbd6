"""The exported model computes, integer for integer, what its module computes."""

import json

import numpy as np
import torch
from pruning import prune
from vae_training import latent_nats

from bitsback.models import load_model
from bitsback_train.export.exporter import Card, export
from bitsback_train.layers.affine import Affine
from bitsback_train.layers.rounding import HIDDEN
from bitsback_train.network.dense import VaeModule

from .answers import likelihood_integers, posterior_integers

CARD = Card("small", "a model for tests", "CC0-1.0", (6, 6))


def test_the_model_gives_the_integers_of_its_module(module: VaeModule) -> None:
    model = load_model(export(module, CARD, growth=64).to_bytes())
    random = np.random.default_rng(0)
    x = random.integers(0, model.levels, (500, 36), dtype=np.uint8)
    z = random.integers(0, 2**model.bits, (500, 5), dtype=np.uint16)
    mean, scale = model.posterior_parameters(x)
    answers = posterior_integers(module, torch.from_numpy(x))
    np.testing.assert_array_equal(mean, answers["mean"])
    np.testing.assert_array_equal(scale, answers["scale"])
    assert len(np.unique(scale)) > 50
    for output, (name, module_output) in zip(
        model.likelihood_parameters(z), likelihood_integers(module, z).items(), strict=True
    ):
        np.testing.assert_array_equal(output, module_output)
        assert len(np.unique(output)) > 0.7 * (module.output_layers()[name].target.hi + 1)


def test_the_description_says_what_the_card_says(module: VaeModule) -> None:
    model = export(module, CARD, growth=64)
    assert (model.name, model.about, model.licence) == (CARD.name, CARD.about, CARD.licence)
    assert (model.item_shape, model.latents, model.growth) == ((6, 6), 5, 64)
    assert (model.bits, model.levels) == (module.architecture.bits, module.architecture.levels)
    pixels = json.loads(model.description)["distributions"]["p(x|z)"]
    assert pixels["codec"] == module.architecture.likelihood


def test_the_same_module_gives_the_same_file(module: VaeModule) -> None:
    assert export(module, CARD, growth=64).to_bytes() == export(module, CARD, growth=64).to_bytes()


def test_training_rounds_to_the_same_grid_as_the_integers(module: VaeModule) -> None:
    """Training uses float32, so ties may round differently, by at most one step."""
    x = (
        torch.rand(200, 36, generator=torch.Generator().manual_seed(1)) < 0.4
    ).float()  # real values, 0 and 1
    layer = module.encoder.layers[0]
    with torch.no_grad():
        exact = layer(x)
        layer.train()
        rough = layer(x)
    off = ((exact - rough) * HIDDEN.scale).abs()
    assert float(off.max()) <= 1 and float((off > 0).float().mean()) < 0.2


def test_idle_latents_are_pruned_and_the_rest_is_as_it_was(module: VaeModule) -> None:
    with torch.no_grad():
        for layer in (module.mean, module.scale):
            layer.linear.weight[2] = 0
            layer.linear.bias[2] = 0
        first = module.decoder.layers[0]
        assert isinstance(first, Affine)
        first.linear.weight[:, 2] *= 1e-3
    x = torch.randint(
        0, module.architecture.levels, (50, 36), generator=torch.Generator().manual_seed(1)
    )
    pruned = prune(module, x)
    assert pruned.architecture.latents == 4
    kept = [0, 1, 3, 4]
    before, after = (posterior_integers(each, x) for each in (module, pruned))
    for name in ("mean", "scale"):
        np.testing.assert_array_equal(after[name], before[name][:, kept])
    assert float(latent_nats(pruned, x).min()) > 0
    z = np.random.default_rng(0).integers(0, 2**module.architecture.bits, (50, 5))
    rest = likelihood_integers(pruned, z[:, kept])
    for name, whole in likelihood_integers(module, z).items():
        assert np.abs(whole - rest[name]).mean() < 0.05 * module.output_layers()[name].target.scale


def test_multipliers_use_the_bits_that_the_bounds_leave(module: VaeModule) -> None:
    for layer in module.modules():
        if isinstance(layer, Affine):
            integers = layer.requantised()
            bound = integers.bias.abs() + layer.source.hi * integers.weight.abs().sum(1)
            largest = int((bound * integers.multiplier).max()) + 2 ** (integers.shift - 1)
            assert largest < 2**53 and int(integers.multiplier.max()) < 2**31
            assert (
                int(integers.multiplier.max()) >= 2**30 or largest >= 2**51 or integers.shift == 52
            )
