"""Other compressors restore held-out pictures of all kinds, tiled into one picture or
separately.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback_train.job.evaluation import Clock, chosen_peers
from bitsback_train.job.pixel_job import as_pictures, wanted_peers
from bitsback_train.peers.measure import Peer, measure
from bitsback_train.peers.units import Pictures


def rivals(pictures: Pictures) -> list[Peer]:
    return chosen_peers(wanted_peers(pictures), pictures, Clock(60))


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
    "grey with alpha": images("uint8", (1, 9, 8, 2)),
    "with alpha": images("uint8", (1, 9, 8, 4)),
    "of several sizes": images("uint8", (1, 9, 8, 3), (1, 5, 20, 3)),
    "16 bits": images("uint16", *[(1, 9, 8, 1)] * 3),
    "signed": images("int16", (2, 9, 8, 1)),
    "big-endian": [image.astype(">u2") for image in images("uint16", (1, 9, 8, 1))],
    "bilevel": images("bool", (3, 9, 8, 1)),
    "seven bands": images("uint16", (1, 9, 8, 7)),
}
DEEP = ("16 bits", "signed", "big-endian", "seven bands")


@pytest.mark.parametrize("kind", KINDS)
def test_all_come_back(kind: str) -> None:
    pictures = as_pictures(KINDS[kind])
    found = rivals(pictures)
    assert {"PNG", "xz -9e"} <= {rival.name for rival in found}
    assert any(rival.name.startswith("WebP") for rival in found) == (kind not in DEEP)
    for rival in found:
        assert measure(rival, pictures).bytes > 0


def test_pictures_of_one_size_are_measured_in_one() -> None:
    (image,) = images("uint8", (1, 40, 40, 1))
    found = rivals(as_pictures([image] * 4))
    (webp,) = (rival for rival in found if rival.name.startswith("WebP"))
    one, many = (measure(webp, as_pictures([image] * count)).bytes for count in (1, 4))
    assert webp.unit == "mosaic" and many < 2 * one
