"""A VAE recipe, from the command line to the model file, and resumed from its checkpoints."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from architectures import load_module
from gate import Gate
from run import main
from settings import RECIPES, Vae
from vae_training import TRAIN_IMAGES

from bitsback.models import Model, bundled, load_model
from bitsback.models.file import read
from bitsback_train.fit.training import Recipe, last_part
from bitsback_train.network.context import ContextArchitecture

SMALL = ContextArchitecture(
    shape=(28, 28), latents=3, bits=8, levels=2, above=2, side=2, features=4, hidden=8, residuals=1,
    channels=(4, 6),
    dense=8,
)  # fmt: skip
FIRST = Recipe(
    "small-first",
    SMALL,
    epochs=1,
    quantise_from=None,
    batch=20,
    kl_warm_up=1,
    validate_every=1,
    muon=True,
)
SECOND = replace(FIRST, name="small", architecture=replace(SMALL, residuals=2))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    images = np.zeros((160, 28, 28), np.uint8)
    for image, (row, column) in zip(
        images, np.random.default_rng(0).integers(4, 16, (160, 2)), strict=True
    ):
        image[row : row + 8, column : column + 6] = 255
    content = struct.pack(">4I", 0x803, *images.shape) + images.tobytes()
    (tmp_path / TRAIN_IMAGES).write_bytes(gzip.compress(content))
    return tmp_path


def test_parts_follow_each_other(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    recipe = Vae(
        "squares",
        (FIRST, SECOND),
        last_part(SECOND),
        validation=40,
        drop_idle_latents=True,
        gate=Gate(hidden=4),
    )

    def call(*options: str) -> str:
        main(["small", "--data", str(data), "--out", str(out), *options], {"small": recipe})
        return capsys.readouterr().out

    assert call().count("'epoch': 1") == 3
    made = (out / "small.safetensors").read_bytes()
    assert Model.from_bytes(made).autoregressive
    assert "x.flat" in read(made)[1]
    assert "'epoch'" not in call()  # all parts go on from where they had ended
    assert (out / "small.safetensors").read_bytes() == made
    call("--float")
    assert load_module(out / "module.safetensors").architecture == SECOND.architecture


def test_what_a_recipe_needs_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["mnist", "--out", "x"])
    assert "required: --data" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in bundled.names() if "mnist" in name])
def test_each_bundled_vae_has_a_recipe(name: str) -> None:
    model, recipe = load_model(name), RECIPES[name]
    assert recipe.parts[-1].name == name and model.licence == recipe.licence
    assert model.about == recipe.about


def test_parts_are_told_apart_by_their_names() -> None:
    for recipe in RECIPES.values():
        names = [part.name for part in recipe.parts]
        assert len(set(names)) == len(names)
