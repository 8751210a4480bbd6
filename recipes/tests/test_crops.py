"""The crops that train the universal models: their kinds, and what may validate."""

from pathlib import Path

import crops
import numpy as np
import pytest
from fast_features import SIDES
from fast_pixels import SHARES
from PIL import Image


def test_each_kind_of_training_has_crops_or_photographs() -> None:
    assert {rule.kind for rule in crops.RULES} == SHARES.keys() - SIDES.keys()


def test_a_copy_of_a_validation_picture_is_not_in_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    pictures = {name: random.integers(0, 256, (80, 90), np.uint8) for name in ("val", "train")}
    for name, values in {**pictures, "copy": pictures["val"]}.items():
        (tmp_path / "sources").mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / "sources" / f"{name}.png")
    rule = crops.Rule("kind", 9, 9, crops.read.picture, ("*.png",), ("val",), side=64)
    monkeypatch.setattr(crops, "RULES", (rule,))
    for images in ("once", "again"):
        crops.write(tmp_path / "sources", tmp_path / images)
    for split, values in pictures.items():
        (file,) = (tmp_path / "once" / split / "kind").iterdir()
        part = np.load(file)
        windows = np.lib.stride_tricks.sliding_window_view(values, part.shape)
        assert (windows == part).all((2, 3)).any()
        again = tmp_path / "again" / file.relative_to(tmp_path / "once")
        assert again.read_bytes() == file.read_bytes()
