"""A training of a context VAE: it learns, it can be interrupted, and its result is that of the
integer model.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import load_module, save_module
from vae_training import Split, VaeTraining, latent_nats, nats_in_parts

from bitsback_train.export.code_lengths import code_lengths, repeated_lengths
from bitsback_train.export.exporter import Card, export
from bitsback_train.fit.training import Recipe
from bitsback_train.layers.affine import Affine
from bitsback_train.network.context import SPARSE, ContextArchitecture, ContextModule


@pytest.mark.parametrize("muon", [True, False])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    context_recipe: Recipe, split: Split, tmp_path: Path, muon: bool
) -> None:
    context_recipe = replace(context_recipe, muon=muon)
    whole = VaeTraining(context_recipe, split, tmp_path / "whole").run()
    VaeTraining(context_recipe, split, tmp_path / "parts").run(until=4)
    torch.rand(7)  # other random numbers do not matter
    resumed = VaeTraining(context_recipe, split, tmp_path / "parts")
    assert resumed.epoch == 4
    parts = resumed.run()
    for (name, a), b in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_a_share_of_the_images_is_moved_by_a_pixel(
    context_recipe: Recipe, split: Split, tmp_path: Path
) -> None:
    """While the rate is constant, so that training ends with images as they are."""
    recipe = replace(context_recipe, shifted=1.0, constant=0.5, epochs=2, batch=len(split.train))
    training = VaeTraining(recipe, split, tmp_path)
    images = split.train.reshape(-1, 6, 6)
    moved = training._shifted(split.train, torch.Generator().manual_seed(0)).reshape(-1, 6, 6)
    offsets = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    found = [
        any(torch.equal(image, one.roll(offset, (0, 1))) for offset in offsets)
        for image, one in zip(moved, images, strict=True)
    ]
    assert all(found) and not torch.equal(moved, images)


@pytest.mark.parametrize("levels", [2, 256])
def test_the_integer_model_codes_at_the_rate_the_module_was_chosen_by(
    context_recipe: Recipe, split: Split, tmp_path: Path, levels: int
) -> None:
    architecture = replace(context_recipe.architecture, levels=levels)
    training = VaeTraining(
        replace(context_recipe, architecture=architecture, epochs=12), split, tmp_path
    )
    module = training.run()
    assert training.rows[-1]["validation"] < training.rows[0]["validation"]
    model = export(module, Card("small", "a model for tests", "CC0-1.0", (6, 6)), growth=1)
    x = training.validation.numpy().astype(np.uint8)
    bpd = float(np.mean([code_lengths(model, x, seed).net.mean() for seed in range(10)])) / 36
    assert bpd == pytest.approx(training.best_loss, rel=0.03)
    repeated = repeated_lengths(model, x, seed=0, count=2 * len(x) + 1)
    assert len(repeated.net) == 3 * len(x)
    np.testing.assert_array_equal(repeated.popped[: len(x)], code_lengths(model, x, 0).popped)


@pytest.mark.parametrize("half", [True, False])
def test_training_works_with_and_without_bfloat16(
    context_recipe: Recipe, split: Split, tmp_path: Path, half: bool
) -> None:
    recipe = replace(context_recipe, epochs=9)
    training = VaeTraining(replace(recipe, half=half), split, tmp_path, samples=1)
    assert (
        any(
            layer.half_precision for layer in training.module.modules() if isinstance(layer, Affine)
        )
        == half
    )
    training.run()
    assert training.rows[-1]["validation"] < 8 < training.rows[0]["validation"]


def test_looking_at_images_in_parts_changes_nothing(
    context_module: ContextModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randint(0, context_module.architecture.levels, (20, 42)).float()
    noise = torch.randn(20, 5)
    with torch.no_grad():
        losses, kl = context_module.nats(x, noise)
    whole = latent_nats(context_module, x)
    monkeypatch.setattr("vae_training.MOST_PIXELS", 7 * 42)
    for ours, there in zip(nats_in_parts(context_module, x, noise), (losses, kl), strict=True):
        torch.testing.assert_close(ours, there)
    torch.testing.assert_close(latent_nats(context_module, x), whole)


def test_a_window_is_what_stands_before_a_pixel(context_module: ContextModule) -> None:
    x = torch.randint(0, context_module.architecture.levels, (3, 42), dtype=torch.uint8)
    windows = context_module.windows(x).view(3, 7, 6, -1)
    image = torch.zeros(3, 7 + 2, 6 + 6, dtype=torch.uint8)
    image[:, 2:, 3:9] = x.view(3, 7, 6)
    for row, column in [(0, 0), (1, 5), (6, 3)]:
        above = image[:, row : row + 2, column : column + 7].flatten(1)
        left = image[:, row + 2, column : column + 3]
        assert torch.equal(windows[:, row, column], torch.cat((above, left), 1))


def test_leaving_out_empty_places_changes_the_loss_by_chance_alone(
    context_architecture: ContextArchitecture,
) -> None:
    module = ContextModule(replace(context_architecture, shape=(16, 16)))
    x = torch.zeros(40, 256)
    x[:, 100:104] = 1
    kept, weight = module._worth_training_on(x)
    assert len(kept) < 0.9 * x.numel() and set(weight.tolist()) == {1.0, 1 / SPARSE}
    totals = [float(module._worth_training_on(x)[1].sum()) for _ in range(50)]
    assert float(np.mean(totals)) == pytest.approx(x.numel(), rel=0.02)


def test_float_weights_come_back(context_architecture: ContextArchitecture, tmp_path: Path) -> None:
    module = ContextModule(context_architecture).eval()
    save_module(module, tmp_path / "module.safetensors")
    loaded = load_module(tmp_path / "module.safetensors")
    assert loaded.architecture == context_architecture
    x = torch.randint(0, context_architecture.levels, (20, 42)).float()
    noise = torch.zeros(20, 5)
    with torch.no_grad():
        for a, b in zip(module.nats(x, noise), loaded.nats(x, noise), strict=True):
            torch.testing.assert_close(a, b, atol=0.05, rtol=0.01)
