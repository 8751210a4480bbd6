"""`bitsback_train.train_model`: training without the command."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback_train import train_model


def test_an_array_and_a_file(folder: Path, stripes: NDArray[np.uint8]) -> None:
    rates: list[float | None] = []
    model = train_model(
        stripes,
        "m.safetensors",
        minutes=0.02,
        name="stripes",
        licence="CC0-1.0",
        progress=lambda done, total, rate: rates.append(rate),
    )
    assert (model.licence, model.any_shape) in (("CC0-1.0", True), ("CC-BY-SA-4.0", True))
    assert rates
    bitsback.compress(stripes, "x.bb", model="m.safetensors")
    np.testing.assert_array_equal(bitsback.decompress("x.bb"), stripes)
    again = train_model("grey.npy", Path("n.safetensors"), minutes=0.02)
    assert bitsback.load_model("n.safetensors").identity == again.identity


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"minutes": 0}, "minutes: must be more than 0, not 0"),
        ({"images": np.zeros((2, 3), np.float32)}, "the images: contains float32"),
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
