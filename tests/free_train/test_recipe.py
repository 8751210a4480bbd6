"""The recipe of a free model, from folders to the model file, and again from its checkpoints."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitsback import load_model
from bitsback.errors import InputError
from bitsback.train.export.exporter import Card
from bitsback.train.free.corpus import VOLUME, Kind, arrays, patches
from bitsback.train.free.items import Crop
from bitsback.train.free.training import FreeRecipe
from bitsback.train.job.free.recipe_command import Material, Sampled, run_free
from bitsback.train.twins.predictive import PredictiveArchitecture

from .conftest import wavy

CROP = Crop(2, 16)
FIRST = FreeRecipe("first", 20, 20, 10, constant=1.0, batch=64)
LAST = FreeRecipe("last", 20, 10, 10, batch=64)
MATERIAL = Material(
    photos=("patches_01.webp",),
    photo_part=0.3,
    photo_share=0.6,
    others=(Sampled((Kind("grey8", 2, CROP), Kind(VOLUME, 1, CROP)), 200, 0.5, rounds=2),),
    start_photos="patches_01.webp",
    start_others=(Kind("grey8", 1, CROP),),
    validation_photos="val_00.webp",
    validation_part=0.2,
    validation={"grey8": Sampled((Kind("grey8", 1, CROP),), 200)},
)
CARD = Card("tiny", "waves", "CC0-1.0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(("patches_01", "val_00")):
        picture = wavy((1, 128, 128, 3), np.uint8, number)[0]
        Image.fromarray(picture).save(tmp_path / "photos" / f"{name}.webp", lossless=True)
    for split in ("train", "val"):
        for kind, shape in (("grey8", (30, 20)), (VOLUME, (5, 20, 18))):
            path = tmp_path / "images" / split / kind
            path.mkdir(parents=True)
            for number in range(2):
                array = wavy((*shape, 1) if len(shape) == 3 else (1, *shape, 1), np.uint8, number)
                np.save(path / f"{number}.npy", array.reshape(shape))
    return tmp_path


def test_parts_follow_each_other(
    folder: Path,
    architecture: PredictiveArchitecture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = [
        "--photos",
        folder / "photos",
        "--images",
        folder / "images",
        "--out",
        folder / "out",
    ]
    monkeypatch.setattr(sys, "argv", ["recipe", *map(str, options)])
    run_free((FIRST, LAST), architecture, MATERIAL, CARD)
    assert capsys.readouterr().out.count("'step'") == 4
    made = (folder / "out" / "tiny.safetensors").read_bytes()
    assert load_model(made).any_shape
    run_free((FIRST, LAST), architecture, MATERIAL, CARD)
    assert "'step'" not in capsys.readouterr().out
    assert (folder / "out" / "tiny.safetensors").read_bytes() == made


def test_arrays_are_stacks_or_have_channels(tmp_path: Path) -> None:
    for kind in ("multi", VOLUME):
        (tmp_path / kind).mkdir()
        for number, shape in enumerate([(20, 21), (20, 21, 4), (3, 20, 21), (18, 19, 20)]):
            np.save(tmp_path / kind / f"{number}.npy", np.zeros(shape, np.uint16))
        np.save(tmp_path / kind / "9.npy", np.zeros((20, 20), np.float32))
    found = [values.shape for values in arrays(tmp_path, "multi")]
    assert found == [(1, 20, 21, 1), (1, 20, 21, 4), (1, 20, 21, 3), (18, 19, 20, 1)]
    found = [values.shape for values in arrays(tmp_path, VOLUME)]
    assert found == [(1, 20, 21, 1), (20, 21, 4, 1), (3, 20, 21, 1), (18, 19, 20, 1)]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        patches(tmp_path / "nothing.webp")
    with pytest.raises(InputError, match="none"):
        list(arrays(tmp_path, "none"))
