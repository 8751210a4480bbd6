"""`bitsback_train.train_model`: training without the command."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback_train import train_model


def test_a_vae_of_an_array(folder: Path, stripes: NDArray[np.uint8]) -> None:
    rates: list[float | None] = []
    model = train_model(
        stripes,
        "m.safetensors",
        kind="vae",
        minutes=0.02,
        name="stripes",
        licence="CC0-1.0",
        progress=lambda done, total, rate: rates.append(rate),
        plot="curve.png",
    )
    assert (model.name, model.licence, model.any_shape) == ("stripes", "CC0-1.0", False)
    assert rates and Path("curve.png").exists()
    bitsback.compress(stripes, "x.bb", model="m.safetensors")
    np.testing.assert_array_equal(bitsback.decompress("x.bb"), stripes)


def test_a_free_model_of_a_file(folder: Path) -> None:
    model = train_model("grey.npy", Path("m.safetensors"), minutes=0.02)
    assert model.any_shape and bitsback.load_model("m.safetensors").identity == model.identity


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "large"}, "kind: must be auto, any-size or vae, not 'large'"),
        ({"minutes": 0}, "minutes: must be more than 0, not 0"),
        ({"images": np.zeros((2, 3), np.float32)}, "the images: holds float32"),
        (
            {"images": np.zeros((9, 9, 9), np.float32), "kind": "vae"},
            "the images: has 9 images",
        ),
        ({"output": "grey.npy"}, "grey.npy: exists already"),
    ],
)
def test_what_is_refused(
    folder: Path, stripes: NDArray[np.uint8], given: dict[str, object], says: str
) -> None:
    arguments: dict[str, object] = {"images": stripes, "output": "m.safetensors", **given}
    with pytest.raises(bitsback.InputError, match="^" + says):
        train_model(**arguments)  # type: ignore[arg-type]
    assert not Path("m.safetensors").exists()
