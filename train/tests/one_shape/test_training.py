"""A training run learns, survives interruption, and agrees with the integer model."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import load_module, save_module
from vae_training import Split, VaeTraining

from bitsback.errors import InputError
from bitsback_train.export.code_lengths import CodeLengths, code_lengths, deepest, safe_growth
from bitsback_train.export.exporter import Card, export
from bitsback_train.fit.training import Recipe
from bitsback_train.network.dense import Architecture

COLUMNS = (
    "epoch", "quantised", "train", "validation", "kl_bits", "active", "seconds",
)  # fmt: skip


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    recipe: Recipe, split: Split, tmp_path: Path
) -> None:
    whole = VaeTraining(recipe, split, tmp_path / "whole").run()
    VaeTraining(recipe, split, tmp_path / "parts").run(until=4)
    resumed = VaeTraining(recipe, split, tmp_path / "parts")
    assert resumed.epoch == 4
    parts = resumed.run()
    for (name, a), b in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_a_checkpoint_of_another_recipe_is_refused(
    recipe: Recipe, split: Split, tmp_path: Path
) -> None:
    VaeTraining(recipe, split, tmp_path).run(until=2)
    with pytest.raises(InputError, match="another recipe"):
        VaeTraining(dataclasses.replace(recipe, batch=20), split, tmp_path)


def test_the_curve_is_written_and_goes_down(recipe: Recipe, split: Split, tmp_path: Path) -> None:
    VaeTraining(dataclasses.replace(recipe, epochs=12), split, tmp_path).run()
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and [row["epoch"] for row in rows] == [
        "2",
        "4",
        "6",
        "8",
        "10",
        "12",
    ]
    assert float(rows[-1]["validation"]) < float(rows[0]["validation"])


def test_the_integer_model_codes_at_the_rate_the_module_was_chosen_by(
    recipe: Recipe, architecture: Architecture, split: Split, tmp_path: Path
) -> None:
    training = VaeTraining(
        dataclasses.replace(recipe, architecture=architecture, epochs=8), split, tmp_path
    )
    model = export(training.run(), Card("small", "a model for tests", "CC0-1.0", (6, 6)), growth=1)
    x = training.validation.numpy().astype(np.uint8)
    lengths = [code_lengths(model, x, seed) for seed in range(20)]
    bpd = float(np.mean([each.net.mean() for each in lengths])) / 36
    assert bpd == pytest.approx(training.best_loss, rel=0.03)


def test_float_weights_come_back(
    recipe: Recipe, architecture: Architecture, split: Split, tmp_path: Path
) -> None:
    floats = dataclasses.replace(recipe, architecture=architecture, epochs=2, quantise_from=None)
    module = VaeTraining(floats, split, tmp_path).run()
    save_module(module, tmp_path / "module.safetensors")
    loaded = load_module(tmp_path / "module.safetensors")
    x = split.validation if architecture.levels == 256 else split.validation.div(255).round()
    noise = torch.zeros(len(x), architecture.latents)
    for a, b in zip(module.nats(x, noise), loaded.nats(x, noise), strict=True):
        torch.testing.assert_close(a, b, atol=0.02, rtol=0.01)
    (tmp_path / "other").write_bytes(b"something else")
    with pytest.raises(InputError, match="not the weights of a module"):
        load_module(tmp_path / "other")


def test_growth_is_as_fast_as_the_message_allows() -> None:
    net, popped = np.full(3000, 100.0), np.full(3000, 150.0)
    growth = safe_growth(CodeLengths(net, popped), batch=256)
    assert 100 <= growth <= 150  # the ratio allows 170, of which a margin is kept
    assert deepest(net, popped, growth, 256) == 150
    assert deepest(net, popped, 256, 256) > 1000
