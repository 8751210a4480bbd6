"""Modules and data small enough to train in a second."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

PLAIN = ("two levels", "17 levels", "256 levels")
GATED = ("gated, two levels", "gated, 17 levels", "gated, 256 levels")
"""A network for flat contexts whose mixture has more components than the other one, or fewer."""

if find_spec("torch") is None:
    collect_ignore = [
        path.name
        for path in Path(__file__).parent.glob("test_*.py")
        if path.stem != "test_missing_torch"
    ]
else:
    import torch
    from vae_training import Split, VaeTraining

    from bitsback import Message
    from bitsback_train.export.code_lengths import code_lengths
    from bitsback_train.export.exporter import AnyVae, Card, export
    from bitsback_train.fit.training import Recipe
    from bitsback_train.layers.affine import Affine
    from bitsback_train.network.context import ContextArchitecture, ContextModule
    from bitsback_train.network.dense import Architecture, VaeModule

    torch.set_num_threads(1)
    SMALL = Architecture(pixels=36, hidden=(16, 12), latents=5, bits=8)
    ARCHITECTURES = {
        "bernoulli": SMALL,
        "exponential": replace(SMALL, bits=10, levels=256, likelihood="exponential"),
        "beta-binomial": replace(SMALL, bits=10, levels=256, likelihood="beta-binomial"),
    }
    SMALL_CONTEXT = ContextArchitecture(
        shape=(7, 6), latents=5, bits=8, levels=2, above=2, side=3, features=4, hidden=10,
        residuals=2,
        channels=(4, 6), dense=10,
    )  # fmt: skip
    CONTEXTS = {
        "two levels": replace(SMALL_CONTEXT, encoder_residuals=1, decoder_residuals=2),
        "17 levels": replace(SMALL_CONTEXT, levels=17, components=2, residuals=0),
        "256 levels": replace(SMALL_CONTEXT, levels=256, components=3),
        "gated, two levels": replace(SMALL_CONTEXT, flat_hidden=6),
        "gated, 17 levels": replace(
            SMALL_CONTEXT, levels=17, components=2, flat_hidden=5, flat_components=4, flat_levels=3
        ),
        "gated, 256 levels": replace(
            SMALL_CONTEXT, levels=256, components=3, flat_hidden=8, flat_components=1, flat_levels=9
        ),
    }


@pytest.fixture(params=["bernoulli", "exponential", "beta-binomial"])
def architecture(request: pytest.FixtureRequest) -> "Architecture":
    return ARCHITECTURES[request.param]


@pytest.fixture(params=[*PLAIN, *GATED])
def context_architecture(request: pytest.FixtureRequest) -> "ContextArchitecture":
    return CONTEXTS[request.param]


@pytest.fixture
def context_symbols(context_architecture: "ContextArchitecture") -> "torch.Tensor":
    """Random images for the context module, [40, pixels]."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(
        0, context_architecture.levels, (40, context_architecture.pixels), generator=generator
    ).float()


@pytest.fixture
def module(architecture: "Architecture") -> "VaeModule":
    """A quantised module with weights wide enough to reach every clamp."""
    torch.manual_seed(7)
    made = VaeModule(architecture, centre=0.25)
    widen(made, 6)
    made.quantise()
    return made.eval()


@pytest.fixture
def context_module(context_architecture: "ContextArchitecture") -> "ContextModule":
    """The same for a context VAE. It is narrower, since it has more layers."""
    torch.manual_seed(7)
    made = ContextModule(context_architecture)
    widen(made, 1.5)
    made.quantise()
    return made.eval()


def check_training(recipe: "Recipe", split: "Split", folder: Path, least: float) -> None:
    """Trains, and checks that the exact code length of the integers, [n, 36] of two levels, is at
    least this share of the validation loss of the training, which is a bound.
    """
    training = VaeTraining(recipe, split, folder)
    module = training.run()
    assert training.best_loss < training.rows[0]["validation"]
    model = export(module, Card("small", "a model for tests", "CC0-1.0", (6, 6)), growth=64)
    x = training.validation.numpy().astype(np.uint8)
    exact = np.mean([code_lengths(model, x, seed).net.mean() for seed in range(20)]) / 36
    assert least * training.best_loss < exact < 1.01 * training.best_loss

    message = Message([2**40] * 4, depth=0)
    model.push(message, x, [(20, 3)])
    np.testing.assert_array_equal(model.pop(message, [(20, 3)]), x)


def widen(module: "AnyVae", factor: float) -> None:
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, Affine):
                layer.linear.weight.mul_(factor)
                layer.linear.bias.normal_(0, 2)


@pytest.fixture
def split() -> "Split":
    """Grey stripes with some noise: 300 to train on, 60 to validate."""
    generator = torch.Generator().manual_seed(3)
    phase = torch.randint(0, 6, (360, 1), generator=generator)
    stripes = ((torch.arange(36) + phase) % 6 < 3) * 200
    grey = (stripes + torch.randint(0, 55, (360, 36), generator=generator)).to(torch.uint8)
    return Split(grey[:300], grey[300:])


@pytest.fixture
def recipe() -> "Recipe":
    return Recipe(
        "small",
        SMALL,
        epochs=6,
        quantise_from=3,
        batch=30,
        kl_warm_up=1,
        validate_every=2,
        learning_rate=5e-3,
    )


@pytest.fixture
def context_recipe(recipe: "Recipe") -> "Recipe":
    """For the same images, of 6 x 6 pixels."""
    return replace(recipe, architecture=replace(CONTEXTS["256 levels"], shape=(6, 6)))
