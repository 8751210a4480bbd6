"""The default kind of model for some images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback_train.job import one_shape
from bitsback_train.job.one_shape import suits_vae


def images(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize(
    ("array", "vae"),
    [
        (images(40, 8, 10), True),
        (images(40, 8, 10) > 50, True),
        (images(40, 8, 10, 1), True),
        (images(39, 8, 10), False),
        (images(40, 8, 10, dtype="uint16"), False),
        (images(40, 8, 33), False),
        (images(40, 7, 10), False),
        (images(40, 8, 10, 3), False),
    ],
)
def test_many_small_grey_images_of_one_shape_are_for_a_vae(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, array: NDArray[Any], vae: bool
) -> None:
    monkeypatch.setattr(one_shape, "FEWEST_CHOSEN", 40)
    np.save(tmp_path / "x.npy", array)
    assert suits_vae(str(tmp_path / "x.npy")) == vae


def test_so_are_those_that_have_a_name() -> None:
    assert suits_vae("mnist")
