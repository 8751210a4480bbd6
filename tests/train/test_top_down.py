"""Modules with a top-down posterior: export and training."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bitsback.models import load_model
from bitsback.train.export.code_lengths import code_lengths
from bitsback.train.export.exporter import Card, export
from bitsback.train.fit.pruning import prune
from bitsback.train.fit.training import Recipe
from bitsback.train.fit.vae_training import Split, binarise, latent_nats
from bitsback.train.network.architectures import load_module, save_module
from bitsback.train.network.layered import TopDownArchitecture, TopDownModule

from .conftest import check_training, widen

CARD = Card("small", "a model for tests", "CC0-1.0", (6, 6))
SMALL = TopDownArchitecture(pixels=36, hidden=(16, 12), lower=4, upper=3)


def made(levels: int = 2, wide: float = 0.0) -> TopDownModule:
    torch.manual_seed(1)
    likelihood = "bernoulli" if levels == 2 else "exponential"
    module = TopDownModule(
        TopDownArchitecture(36, (16, 12), 4, 3, levels=levels, likelihood=likelihood), centre=0.25
    )
    if wide:
        widen(module, wide)
    module.quantise()
    return module.eval()


@pytest.mark.parametrize("levels", [2, 256])
def test_the_model_gives_the_integers_of_its_module(levels: int) -> None:
    """The test vectors are the module's outputs; this checks other sources."""
    module = made(levels, wide=6)
    model = load_model(export(module, CARD, growth=64).to_bytes())
    random = np.random.default_rng(0)
    x = random.integers(0, levels, (50, 36), dtype=np.uint8)
    z2 = random.integers(0, 256, (50, 3), dtype=np.uint16)
    given = model.distributions["q(z1|x,z2)"].parameters({"x": x, "z2": z2}, (6, 6))
    centres = module.get_buffer("centres")[torch.from_numpy(z2.astype(np.int64))].double()
    with torch.no_grad():
        outputs = module.lower(module.image(torch.from_numpy(x).double()), centres)
    for ours, out, layer in zip(
        given, outputs, (module.lower.normal.mean, module.lower.normal.scale), strict=True
    ):
        np.testing.assert_array_equal(ours, layer.target.integers(out).numpy())
        assert len(np.unique(ours)) > 20


def test_the_code_is_in_plain_order_from_the_top_down() -> None:
    model = export(made(), CARD, growth=64)
    assert [str(step) for step in model.code] == [
        "pop z2 ~ q(z2|x)",
        "pop z1 ~ q(z1|x,z2)",
        "push x ~ p(x|z1,z2)",
        "push z1 ~ p(z1)",
        "push z2 ~ p(z2)",
    ]
    assert prune(made(), torch.zeros(3, 36)).architecture.latents == 7


def test_a_training_compresses_as_it_says(tmp_path: Path, split: Split) -> None:
    recipe = Recipe(
        "top-down", SMALL, epochs=12, quantise_from=8, batch=30, kl_warm_up=1, validate_every=2,
        learning_rate=5e-3,
    )  # fmt: skip
    check_training(recipe, split, tmp_path, 0.96)


def test_start_up_is_what_all_latents_take_to_choose(split: Split) -> None:
    """In plain order, all latents are popped before any push."""
    model = export(made(), CARD, growth=1)
    x = binarise(split.validation, torch.Generator().manual_seed(0)).numpy().astype(np.uint8)
    popped = code_lengths(model, x, 0).popped.mean()
    module = made()
    with torch.no_grad():
        seen = module.image(torch.from_numpy(x).double())
        z2 = torch.zeros(len(x), 3, dtype=torch.float64)
        narrower = [module.top(seen)[1], module.lower(seen, z2)[1]]  # than N(0, 1), in bits
    expected = 8 * 7 - sum(float(bits.sum(1).mean()) for bits in narrower)
    assert popped == pytest.approx(expected, rel=0.15)


def test_what_latents_cost_adds_up_to_what_the_elbo_has(split: Split) -> None:
    module = made()
    x = binarise(split.validation, torch.Generator().manual_seed(0))
    noise = torch.randn(len(x), 7, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        _, kl = module.nats(x, noise)
    assert float(latent_nats(module, x).sum()) == pytest.approx(float(kl.mean()), rel=1e-5)


def test_weights_come_back(tmp_path: Path) -> None:
    save_module(TopDownModule(SMALL, centre=0.25), tmp_path / "module.safetensors")
    assert load_module(tmp_path / "module.safetensors").architecture == SMALL
    with pytest.raises(ValueError, match="hidden"):
        TopDownArchitecture(36, (), 4, 3)
