"""Modules of layers of latents: what they export, and how they train."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitsback.models import load_model
from bitsback.train.export.code_lengths import code_lengths
from bitsback.train.export.exporter import Card, export
from bitsback.train.export.latent_layers import normal_integers, real_latents
from bitsback.train.fit.pruning import prune
from bitsback.train.fit.training import Recipe
from bitsback.train.fit.vae_training import Split, VaeTraining, binarise, latent_nats
from bitsback.train.network.architectures import load_module, save_module
from bitsback.train.network.dense import Architecture, VaeModule
from bitsback.train.network.layered import LayeredArchitecture, LayeredModule, with_steps
from bitsback.train.network.likelihoods import LN2

from .conftest import check_training, widen

CARD = Card("small", "a model for tests", "CC0-1.0", (6, 6))
TWO = LayeredArchitecture(pixels=36, hidden=(16, 12), layers=(5, 3), between=10)
ARCHITECTURES = {
    "two layers": TWO,
    "four layers": replace(TWO, layers=(4, 3, 2, 1)),
    "256 levels": replace(TWO, levels=256, likelihood="exponential"),
}


@pytest.fixture(params=list(ARCHITECTURES))
def layered(request: pytest.FixtureRequest) -> LayeredModule:
    """A quantised module with weights wide enough to reach every clamp."""
    torch.manual_seed(7)
    made = LayeredModule(ARCHITECTURES[request.param], centre=0.25)
    widen(made, 6)
    made.quantise()
    return made.eval()


def test_the_model_gives_the_integers_of_its_module(layered: LayeredModule) -> None:
    """Checks every network on random sources."""
    model = load_model(export(layered, CARD, growth=64).to_bytes())
    random = np.random.default_rng(0)
    x = random.integers(0, model.levels, (300, 36), dtype=np.uint8)
    values = {"x": x}
    for name, variable in list(model.variables.items())[1:]:
        shape = 300, variable.channels
        values[name] = random.integers(0, variable.levels, shape, dtype=np.uint16)
    for layer, up in enumerate(layered.up):
        below = (
            real_latents(layered, layer - 1, values[f"z{layer}"])
            if layer
            else layered.image(torch.from_numpy(x).double())
        )
        key = f"q(z{layer + 1}|{f'z{layer}' if layer else 'x'})"
        answers = normal_integers(up, below)
        given = model.distributions[key].parameters(values, (6, 6))
        for ours, theirs in zip(given, answers.values(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert len(np.unique(theirs)) > 50
    for layer, down in enumerate(layered.down):
        answers = normal_integers(down, real_latents(layered, layer + 1, values[f"z{layer + 2}"]))
        key = f"p(z{layer + 1}|z{layer + 2})"
        given = model.distributions[key].parameters(values, (6, 6))
        for ours, theirs in zip(given, answers.values(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_code_is_in_the_order_of_bit_swap() -> None:
    model = export(quantised(ARCHITECTURES["two layers"]), CARD, growth=64)
    assert [str(step) for step in model.code] == [
        "pop z1 ~ q(z1|x)",
        "push x ~ p(x|z1)",
        "pop z2 ~ q(z2|z1)",
        "push z1 ~ p(z1|z2)",
        "push z2 ~ p(z2)",
    ]


def test_no_layer_is_pruned(layered: LayeredModule) -> None:
    x = torch.zeros(3, 36)
    assert prune(layered, x) is layered


def test_a_training_compresses_as_it_says(tmp_path: Path, split: Split) -> None:
    """The exact code length of the integers is close to the validation loss of training, which is a
    bound.
    """
    recipe = Recipe(
        "layers", TWO, epochs=12, quantise_from=8, batch=30, kl_warm_up=1, validate_every=2,
        learning_rate=5e-3,
    )  # fmt: skip
    check_training(recipe, split, tmp_path, 0.97)


def test_what_latents_cost_adds_up_to_what_the_elbo_has(split: Split) -> None:
    module = quantised(TWO)
    x = binarise(split.validation, torch.Generator().manual_seed(0))
    noise = torch.randn(len(x), 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        _, kl = module.nats(x, noise)
    assert float(latent_nats(module, x).sum()) == pytest.approx(float(kl.mean()), rel=1e-5)


def test_the_bound_holds_for_normals_too_narrow_for_the_grid(split: Split) -> None:
    """Rounded to cells wider than a posterior, a latent costs less than its density says."""
    module = quantised(TWO)
    with torch.no_grad():
        for up in module.up:
            up.scale.linear.bias.fill_(6.5)  # a fifth of a step
    x = binarise(split.validation, torch.Generator().manual_seed(0))
    noise = torch.randn(len(x), 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        losses, kl = module.nats(x, noise)
    bound = float((losses + kl).mean()) / LN2
    exact = code_lengths(export(module, CARD, growth=64), x.numpy().astype(np.uint8), 0).net.mean()
    assert exact < bound


@pytest.mark.parametrize("bits", [4, 5, 6])
def test_fewer_places_take_fewer_bits_to_choose_from(bits: int, split: Split) -> None:
    """Half as many places take one bit less for each latent below the top, at nearly the same rate
    if posteriors are wide.
    """
    fine, x = quantised(TWO), binarise(split.validation, torch.Generator().manual_seed(0))
    coarse = export(with_steps(fine, bits), CARD, growth=64)
    assert [variable.bits for variable in coarse.variables.values()][1:] == [bits, 8]
    symbols = x.numpy().astype(np.uint8)
    many, few = (code_lengths(model, symbols, 0) for model in (export(fine, CARD, 64), coarse))
    assert few.net.mean() == pytest.approx(many.net.mean(), rel=0.05)
    assert many.popped.mean() - few.popped.mean() == pytest.approx(5 * (7 - bits), abs=1.5)


def test_it_starts_as_what_one_layer_has_learned(tmp_path: Path, split: Split) -> None:
    below = Architecture(pixels=36, hidden=(16, 12), latents=5, bits=8)
    one = VaeTraining(Recipe("one", below, 1, None), split, tmp_path / "one").module.eval()
    assert isinstance(one, VaeModule)
    training = VaeTraining(Recipe("layers", TWO, 1, None), split, tmp_path)
    training.start_from(one.state_dict())
    x = binarise(split.validation, torch.Generator().manual_seed(0))
    with torch.no_grad():
        z, _ = one.sample(x, torch.zeros(len(x), 5))
        for module in (training.module, training.average):
            assert isinstance(module, LayeredModule)
            for ours, theirs in zip(module.up[0](module.image(x)), one.posterior(x), strict=True):
                torch.testing.assert_close(ours.clamp(-1, 1), theirs.clamp(-1, 1))
            torch.testing.assert_close(module.likelihood(z), one.likelihood(z))


def test_it_starts_as_what_fewer_layers_have_learned(tmp_path: Path, split: Split) -> None:
    """Adding a third layer above two does not change the networks between these two."""
    torch.manual_seed(3)
    two = LayeredModule(TWO).eval()
    three = replace(TWO, layers=(5, 3, 2))
    training = VaeTraining(Recipe("layers", three, 1, None), split, tmp_path)
    training.start_from(two.state_dict())
    generator = torch.Generator().manual_seed(0)
    below, above = torch.randn(20, 5, generator=generator), torch.randn(20, 3, generator=generator)
    grown = training.average.eval()
    assert isinstance(grown, LayeredModule)
    with torch.no_grad():
        torch.testing.assert_close(grown.down[0](above), two.down[0](above))
        torch.testing.assert_close(grown.up[1](below), two.up[1](below))


def test_weights_come_back(tmp_path: Path) -> None:
    module = LayeredModule(TWO, centre=0.25)
    save_module(module, tmp_path / "module.safetensors")
    again = load_module(tmp_path / "module.safetensors")
    assert again.architecture == TWO
    assert again.state_dict().keys() == module.state_dict().keys()


@pytest.mark.parametrize(
    "sizes", [{"layers": (4,)}, {"hidden": ()}, {"step_bits": 3}, {"step_bits": 8}]
)
def test_sizes_that_are_none_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"two at least|4 to 7 bits"):
        LayeredArchitecture(**({"pixels": 36, "hidden": (8,), "layers": (4, 2)} | sizes))


def quantised(architecture: LayeredArchitecture) -> LayeredModule:
    torch.manual_seed(1)
    module = LayeredModule(architecture, centre=0.25)
    module.quantise()
    return module.eval()
