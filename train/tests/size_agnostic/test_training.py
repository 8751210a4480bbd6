"""The training loop learns, resumes to the same result, and reports damage."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bitsback.errors import InputError
from bitsback.models import Model
from bitsback_train.export.wavefronts import distribution_of
from bitsback_train.fit.items import as_items
from bitsback_train.fit.pixel_training import PixelTraining, pixel_recipe
from bitsback_train.fit.pixels import Pixels, sample_pixels
from bitsback_train.fit.training import CHECKPOINT, CURVE, Recipe
from bitsback_train.network.wavefront import PixelNetwork

from .conftest import wavy

REFERENCES = 1


@pytest.fixture
def recipe(networks: tuple[PixelNetwork, ...]) -> Recipe:
    return pixel_recipe(
        networks[REFERENCES], 60, 40, 10, batch=512, warm_up=5, average=0.3, learning_rate=1e-2,
        constant=0.3,
    )  # fmt: skip


Sets = tuple[PixelNetwork, Pixels, Pixels]


@pytest.fixture
def sets(networks: tuple[PixelNetwork, ...], model: Model) -> Sets:
    settings = distribution_of(model, "base").settings

    def pixels(seeds: range) -> Pixels:
        items = as_items([wavy((1, 16, 20, 3), np.uint8, seed) for seed in seeds])
        return sample_pixels(settings, items, REFERENCES, 0.9, np.random.default_rng(1))

    return networks[REFERENCES], pixels(range(12)), pixels(range(20, 22))


def test_it_learns_and_an_interrupted_run_ends_as_another(
    recipe: Recipe, sets: Sets, tmp_path: Path
) -> None:
    whole = PixelTraining(recipe, *sets, tmp_path / "whole")
    whole.run()
    assert whole.rows[-1]["validation"] < whole.rows[0]["validation"] - 0.1
    assert [row["quantised"] for row in whole.rows] == [0, 0, 0, 0, 1, 1]
    parted = PixelTraining(recipe, *sets, tmp_path / "parted")
    parted.run(30)
    parted = PixelTraining(recipe, *sets, tmp_path / "parted")
    assert parted.epoch == 30
    parted.run()
    for name, tensor in whole.best_module().state_dict().items():
        assert torch.equal(tensor, parted.best_module().state_dict()[name]), name
    lines = (tmp_path / "parted" / CURVE).read_text().splitlines()
    assert lines[0] == "step,quantised,train,validation,seconds" and len(lines) == 7
    module = whole.best_module()
    assert module.rounded and not module.training


def test_a_checkpoint_is_of_its_recipe_and_whole(
    recipe: Recipe, sets: Sets, tmp_path: Path
) -> None:
    PixelTraining(recipe, *sets, tmp_path).run(10)
    with pytest.raises(InputError, match="another recipe"):
        PixelTraining(replace(recipe, learning_rate=1e-3), *sets, tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="damaged"):
        PixelTraining(recipe, *sets, tmp_path)
