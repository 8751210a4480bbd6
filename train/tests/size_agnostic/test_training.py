"""The training loop learns, resumes to the same result, and reports damage."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bitsback.errors import InputError
from bitsback_train.fit.items import as_items
from bitsback_train.fit.pixel_training import PixelTraining, Share, pixel_recipe
from bitsback_train.fit.pixels import Pixels, Starts, make_predictor, sample_pixels
from bitsback_train.fit.training import CHECKPOINT, CURVE, Recipe
from bitsback_train.network.pixel_predictor import PredictiveArchitecture

from .conftest import wavy


def recipe(architecture: PredictiveArchitecture) -> Recipe:
    return pixel_recipe(
        "small", architecture, 60, 40, 10, batch=512, warm_up=5, average=0.3, learning_rate=1e-2
    )


def pixels(architecture: PredictiveArchitecture, starts: Starts, first: int, count: int) -> Pixels:
    items = as_items([wavy((1, 16, 20, 3), np.uint8, seed) for seed in range(first, first + count)])
    predictor = make_predictor(architecture, starts)
    return Pixels.joined(sample_pixels(predictor, items, 0.9, np.random.default_rng(first)))


@pytest.fixture(scope="module")
def sets(architecture: PredictiveArchitecture, starts: Starts) -> tuple[list[Share], Pixels]:
    made = [
        Share(pixels(architecture, starts, first, 6), part) for first, part in ((0, 0.7), (6, 0.3))
    ]
    return made, pixels(architecture, starts, 20, 2)


Sets = tuple[list[Share], Pixels]


def training(recipe: Recipe, sets: Sets, folder: Path) -> PixelTraining:
    return PixelTraining(recipe, sets[0], {"waves": sets[1]}, folder, half=False)


def test_it_learns_and_an_interrupted_run_ends_as_another(
    architecture: PredictiveArchitecture, sets: Sets, tmp_path: Path
) -> None:
    whole = training(recipe(architecture), sets, tmp_path / "whole")
    whole.run()
    assert whole.rows[-1]["validation"] < whole.rows[0]["validation"] - 0.1
    assert [row["quantised"] for row in whole.rows] == [0, 0, 0, 0, 1, 1]
    parted = training(recipe(architecture), sets, tmp_path / "parted")
    parted.run(30)
    parted = training(recipe(architecture), sets, tmp_path / "parted")
    assert parted.epoch == 30
    parted.run()
    for name, tensor in whole.best_module().state_dict().items():
        assert torch.equal(tensor, parted.best_module().state_dict()[name]), name
    lines = (tmp_path / "parted" / CURVE).read_text().splitlines()
    assert lines[0] == "step,quantised,train,validation,waves,seconds" and len(lines) == 7
    module = whole.best_module()
    assert module.rounded and not module.training


def test_a_checkpoint_is_of_its_recipe_and_whole(
    architecture: PredictiveArchitecture, sets: Sets, tmp_path: Path
) -> None:
    training(recipe(architecture), sets, tmp_path).run(10)
    with pytest.raises(InputError, match="another recipe"):
        training(replace(recipe(architecture), learning_rate=1e-3), sets, tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="damaged"):
        training(recipe(architecture), sets, tmp_path)
