"""Modules of layers of grids, for pictures of any size: what they export, and how they train."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bitsback import Message, Model
from bitsback.coding import chain
from bitsback.coding.layouts import PICTURES, item_shapes
from bitsback.format.runs import Run
from bitsback.models import load_model
from bitsback.train.export.code_lengths import code_lengths
from bitsback.train.export.exporter import Card, export
from bitsback.train.export.latent_layers import real_latents
from bitsback.train.fit.training import Recipe
from bitsback.train.fit.vae_training import Split, VaeTraining, latent_nats
from bitsback.train.network.architectures import load_module, save_module
from bitsback.train.network.likelihoods import LN2
from bitsback.train.network.pyramid import PyramidArchitecture, PyramidModule
from networks import engine
from reference import chain as spec_chain
from reference.message import Message as SpecMessage
from reference.model import Model as SpecModel

from .conftest import widen

CARD = Card("small", "a model for tests", "CC0-1.0")
TWO = PyramidArchitecture((8, 16, 3), factors=(4, 2), layers=(3, 2), widths=(6, 5))
ARCHITECTURES = {
    "two layers": TWO,
    "one layer": replace(TWO, factors=(4,), layers=(3,), widths=(4,)),
    "three layers": replace(TWO, factors=(2, 2, 2), layers=(2, 3, 1), widths=(3, 4, 2)),
    "few places": replace(TWO, step_bits=4, bits=5),
}


def quantised(architecture: PyramidArchitecture) -> PyramidModule:
    torch.manual_seed(1)
    module = PyramidModule(architecture)
    module.start(pictures(20, architecture))
    module.quantise()
    return module.eval()


def pictures(count: int, architecture: PyramidArchitecture = TWO, seed: int = 0) -> Tensor:
    """Smooth, with little noise that all channels share: uint8 [count, pixels]."""
    random = np.random.default_rng(seed)
    rows, columns, channels = architecture.shape
    r, q = np.mgrid[:rows, :columns]
    slopes = random.normal(0, 4, (2, count, 1, 1, 1))
    middle = random.uniform(60, 190, (count, 1, 1, channels))
    noise = random.normal(0, 3, (count, rows, columns, 1))
    plane = slopes[0] * r[None, ..., None] + slopes[1] * q[None, ..., None]
    images = (middle + plane + noise).round().clip(0, 255)
    return torch.from_numpy(images.astype(np.uint8).reshape(count, -1))


@pytest.fixture(params=list(ARCHITECTURES))
def module(request: pytest.FixtureRequest) -> PyramidModule:
    """Quantised, with weights wide enough to reach every clamp."""
    torch.manual_seed(7)
    made = PyramidModule(ARCHITECTURES[request.param])
    widen(made, 3)
    made.quantise()
    return made.eval()


def test_the_model_gives_the_integers_of_its_module(module: PyramidModule) -> None:
    """Checks every network; its outputs are the test vectors."""
    model = load_model(export(module, CARD, growth=64).to_bytes())
    assert model.size is None
    a = module.architecture
    rows, columns, channels = a.shape
    random = np.random.default_rng(0)
    z = random.integers(0, model.variables["z1"].levels, (3, a.layers[0] * a.places[0]), np.uint16)
    grid = a.grids[0]
    real = real_latents(module, 0, z).view(3, rows // grid, columns // grid, a.layers[0])
    with torch.no_grad():
        outputs = module.down[0](real)
    given = model.distributions["p(x|z1)"].parameters({"z1": z}, (rows, columns))
    grids = module.pixel_likelihood.outputs.values()
    for ours, out, of in zip(given, outputs, grids, strict=True):
        np.testing.assert_array_equal(ours, of.integers(out).numpy().reshape(3, -1))
    assert len(np.unique(given[0])) > 50
    assert channels == model.variables["x"].channels


@pytest.mark.parametrize("size", [(1, 1), (7, 13), (16, 8)])
def test_images_of_any_size(module: PyramidModule, size: tuple[int, int]) -> None:
    model = export(module, CARD, growth=64)
    elements = size[0] * size[1] * 3
    x = np.random.default_rng(2).integers(0, 256, (5, elements), np.uint8)
    message = Message([2**40] * 4, depth=0)
    model.push(message, x, [(2, 2), (1, 1)], size)
    np.testing.assert_array_equal(model.pop(message, [(1, 1), (2, 2)], size), x)


def test_exact_losses_are_the_code_lengths_of_the_model() -> None:
    """-log p(x | z1), to the frequencies that the codec codes with."""
    module = quantised(TWO)
    model = export(module, CARD, growth=64)
    x = pictures(4, seed=3)
    z = np.random.default_rng(0).integers(0, 256, (4, 3 * 8), np.uint16)
    real = real_latents(module, 0, z).view(4, 2, 4, 3)
    with torch.no_grad():
        losses = module.pixel_likelihood.nats(x.view(4, 8, 16, 3), *module.down[0](real))
    codec = model.distributions["p(x|z1)"].codec({"z1": z}, 4, (8, 16))
    bits = codec.bits(x.numpy())
    np.testing.assert_allclose(losses.view(4, -1).numpy() / LN2, bits, rtol=1e-4, atol=1e-5)


def test_it_starts_far_better_than_at_random() -> None:
    torch.manual_seed(1)
    random, started = PyramidModule(TWO).eval(), PyramidModule(TWO).eval()
    started.start(pictures(50))
    x = pictures(20, seed=1)
    assert bits(started, x) < 0.8 * bits(random, x)


def bits(module: PyramidModule, x: Tensor) -> float:
    noise = torch.randn(
        len(x), module.architecture.latents, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        losses, kl = module.nats(x, noise)
    return float((losses + kl).mean()) / (x.shape[1] * LN2)


def test_a_training_compresses_as_it_says(tmp_path: Path) -> None:
    """The exact code length of the integers is close to the validation loss of training, which is a
    bound; and coupled channels take less than separate ones.
    """
    split = Split(pictures(300), pictures(40, seed=1))
    recipe = Recipe(
        "pyramid", TWO, epochs=10, quantise_from=6, batch=20, kl_warm_up=0, validate_every=2,
        learning_rate=5e-3,
    )  # fmt: skip
    training = VaeTraining(recipe, split, tmp_path)
    module = training.run()
    assert isinstance(module, PyramidModule)
    assert training.best_loss < training.rows[0]["validation_bpd"]
    model = export(module, CARD, growth=64)
    x = split.validation.numpy()
    lengths = code_lengths(model, x, 0, (8, 16))
    exact = lengths.net.mean() / x.shape[1]
    assert 0.95 * training.best_loss < exact < 1.02 * training.best_loss
    assert (lengths.popped > 0).all()
    apart = copy.deepcopy(module)
    coupling = apart.down[0].get_submodule("heads.coupling.linear")
    with torch.no_grad():
        for parameter in coupling.parameters():
            parameter.zero_()
    assert bits(apart, split.validation) > 1.02 * bits(module, split.validation)


def test_what_latents_cost_adds_up_to_what_the_elbo_has() -> None:
    module, x = quantised(TWO), pictures(5)
    noise = torch.randn(5, TWO.latents, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        _, kl = module.nats(x, noise)
    assert float(latent_nats(module, x).sum()) == pytest.approx(float(kl.mean()), rel=1e-4)


def test_weights_come_back(tmp_path: Path) -> None:
    module = PyramidModule(TWO)
    save_module(module, tmp_path / "module.safetensors")
    again = load_module(tmp_path / "module.safetensors")
    assert again.architecture == TWO
    assert again.state_dict().keys() == module.state_dict().keys()


@pytest.mark.parametrize(
    "sizes",
    [{"factors": (3, 2)}, {"layers": (4,)}, {"widths": (2, 5)}, {"shape": (8, 12, 3)}],
)
def test_sizes_that_are_none_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"layer|cells"):
        replace(TWO, **sizes)


def test_a_block_of_pictures_of_several_sizes() -> None:
    """Pictures down to one pixel, decoded by the specification and by another engine."""
    data = export(quantised(TWO), CARD, growth=64).to_bytes()
    shapes = [(2, (9, 14, 3)), (1, (1, 1, 3)), (3, (5, 2, 3)), (2, (9, 14, 3))]
    elements = sum(count * rows * columns * 3 for count, (rows, columns, _) in shapes)
    x = np.random.default_rng(0).integers(90, 160, elements, np.uint8)
    content = chain.digest(b"", x.tobytes())
    runs = [Run(count, x.dtype, shape, None) for count, shape in shapes]
    model = Model.from_bytes(data)
    parts = chain.stretches(model, item_shapes(model, runs, PICTURES))
    coded = chain.encode(parts, x, content, 2)

    theirs = SpecModel.from_bytes(data)
    message = SpecMessage.from_bytes(coded)
    bounds = [(theirs.at(*shape[:2]), count) for count, shape in shapes]
    np.testing.assert_array_equal(spec_chain.decode_several(bounds, message), x)
    spec_chain.check_end(message, content)

    with engine("scalar"):
        model = Model.from_bytes(data)
        parts = chain.stretches(model, item_shapes(model, runs, PICTURES))
        ours = Message.from_bytes(coded)
        np.testing.assert_array_equal(chain.decode(parts, ours, 8), x)
    chain.check_end(ours, content)
