"""Archives by models with layers of latents: blocks, items alone, tiles of any size, and what the
specification makes of them.
"""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import Message, Model
from hierarchies import NAMES, bit_swap, hierarchy, plain
from reference import archive as spec
from reference.model import Model as SpecModel


def likely(model: Model, count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """What the model decodes from random bits, [count, rows, columns]."""
    words = np.random.default_rng(count).integers(0, 2**32, 40_000, np.uint32)
    items = model.at(size).pop(Message([2**40], words, 0), [(count, 1)])
    return items.reshape(count, *size)


def check(model: Model, images: NDArray[np.uint8], **options: Any) -> None:
    """The specification and the program give the images back, and the blocks are the model's."""
    file = io.BytesIO()
    summary = bitsback.compress(images, file, model=model, embed="never", **options)
    assert summary.model == model.name
    assert summary.bytes_out < images.size
    theirs = SpecModel.from_bytes(model.to_bytes())
    np.testing.assert_array_equal(spec.decode(file.getvalue(), [theirs]), images)
    file.seek(0)
    with bitsback.open(file, model=model) as archive:
        np.testing.assert_array_equal(archive[len(images) // 2], images[len(images) // 2])
        np.testing.assert_array_equal(np.asarray(archive), images)


@pytest.mark.parametrize("order", [bit_swap, plain])
@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
def test_an_archive_of_items(names: list[str], order: Any) -> None:
    model = Model.from_bytes(hierarchy(names, order(names), channels=1, bits=1))
    images = likely(model, 400, (3, 4))
    check(model, images, block=150)


def test_an_archive_of_images_of_another_size() -> None:
    names = NAMES["four"]
    model = Model.from_bytes(hierarchy(names, bit_swap(names), None, 1, 1, (1, 2, 4, 8)))
    images = likely(model, 9, (19, 22))
    check(model, images)
