"""The recipe of a size-agnostic model, from folders to the model file, and resumed from its
checkpoints.
"""

from pathlib import Path

import numpy as np
import pytest
from crops import VOLUME, Crop, Kind, arrays, patches
from material import Cifar, Folders, Material, Pages, Sampled
from PIL import Image
from run import main
from settings import SizeAgnostic

from bitsback import load_model
from bitsback.errors import InputError
from bitsback_train.fit.pixel_training import pixel_recipe
from bitsback_train.network.pixel_predictor import LinearPredictor, Places, PredictiveArchitecture
from size_agnostic.conftest import wavy

SMALL = PredictiveArchitecture(
    (LinearPredictor(Places.nearest(6, 3, 1), 8, (86, 72, 72)),),
    Places.nearest(8, 3, 1),
    hidden=12,
    residuals=1,
    components=3,
)
CROP = Crop(2, 16)
MATERIAL = Folders(
    photos=("patches_01.webp",),
    photo_part=0.3,
    photo_share=0.6,
    others=(Sampled((Kind("grey8", 2, CROP), Kind(VOLUME, 1, CROP)), 200, 0.5, rounds=2),),
    start_photos="patches_01.webp",
    start_others=(Kind("grey8", 1, CROP),),
    validation_photos="val_00.webp",
    validation_part=0.2,
    validated={"grey8": Sampled((Kind("grey8", 1, CROP),), 200)},
)


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


def recipe(material: Material, levels: int = 65_536) -> SizeAgnostic:
    parts = (
        pixel_recipe("first", SMALL, 20, 20, 10, constant=1.0, batch=64),
        pixel_recipe("last", SMALL, 20, 10, 10, batch=64),
    )
    return SizeAgnostic("waves", "CC0-1.0", parts, material, levels, 1 if levels == 2 else None)


def test_parts_follow_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> bytes:
        folders = ["--photos", str(folder / "photos"), "--images", str(folder / "images")]
        main(["tiny", *folders, "--out", str(folder / "out")], {"tiny": recipe(MATERIAL)})
        return (folder / "out" / "tiny.safetensors").read_bytes()

    made = call()
    assert capsys.readouterr().out.count("'step'") == 4
    assert load_model(made).any_shape
    assert call() == made
    assert "'step'" not in capsys.readouterr().out


def test_pages_and_small_photographs_are_material_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cifar, "chosen_by", 4)
    for split in ("train", "val"):
        (tmp_path / split / "pages").mkdir(parents=True)
        page = wavy((1, 90, 80, 1), np.uint8)[0, :, :, 0] > 128
        np.save(tmp_path / split / "pages" / "1.npy", page)
    for number in range(1, 6):
        picture = wavy((1, 4, 1_024, 3), np.uint8, number)[0]
        Image.fromarray(picture).save(tmp_path / f"data_batch_{number}.png")
    for name, material, levels in (("--images", Pages(), 2), ("--data", Cifar(), 65_536)):
        out = tmp_path / name
        main(["tiny", name, str(tmp_path), "--out", str(out)], {"tiny": recipe(material, levels)})
        assert load_model(out / "tiny.safetensors").levels == levels


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
