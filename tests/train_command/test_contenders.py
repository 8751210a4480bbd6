"""Other compressors restore pictures of all kinds, in one picture or each by itself."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback.train.job.free.contenders import Rival, bytes_of, rivals

RIVALS, _ = rivals()


def images(dtype: str, *shapes: tuple[int, ...]) -> list[NDArray[Any]]:
    random = np.random.default_rng(0)
    if dtype == "bool":
        return [random.integers(0, 2, shape).astype(bool) for shape in shapes]
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return [random.integers(low, high, shape, dtype, endpoint=True) for shape in shapes]


KINDS = {
    "grey": images("uint8", *[(1, 9, 8, 1)] * 5),
    "colour": images("uint8", *[(1, 9, 8, 3)] * 2),
    "colourless": [np.full((1, 9, 8, 3), 7, np.uint8)] * 2,
    "opaque": [np.full((1, 9, 8, 4), 255, np.uint8)],
    "with alpha": images("uint8", (1, 9, 8, 4)),
    "of several sizes": images("uint8", (1, 9, 8, 3), (1, 5, 20, 3)),
    "16 bits": images("uint16", *[(1, 9, 8, 1)] * 3),
    "signed": images("int16", (2, 9, 8, 1)),
    "big-endian": [image.astype(">u2") for image in images("uint16", (1, 9, 8, 1))],
    "bilevel": images("bool", (3, 9, 8, 1)),
    "seven bands": images("uint16", (1, 9, 8, 7)),
}


@pytest.mark.parametrize("rival", RIVALS, ids=[rival.name for rival in RIVALS])
@pytest.mark.parametrize("kind", KINDS)
def test_all_come_back(rival: Rival, kind: str) -> None:
    size = bytes_of(rival, KINDS[kind])
    deep = kind in ("16 bits", "signed", "big-endian", "seven bands")
    assert (size is None) == (rival.name.startswith("WebP") and deep)
    assert size is None or size > 0


def test_what_does_not_come_back_is_an_error() -> None:
    broken = Rival("broken", "each", lambda picture: b"x", lambda data: np.zeros((9, 8), np.uint8))
    with pytest.raises(ValueError, match="broken"):
        bytes_of(broken, KINDS["grey"])


def test_equal_images_are_cheaper_in_one_picture() -> None:
    (image,) = images("uint8", (1, 40, 40, 1))
    for rival in RIVALS:
        if rival.mosaic:
            one, many = bytes_of(rival, [image]), bytes_of(rival, [image] * 4)
            assert one is not None and many is not None and many < 2 * one
