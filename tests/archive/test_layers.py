"""Archives by models with layers of latents: blocks, single items, tiles of any size, and decoding
by the specification.
"""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import Message, Model
from bitsback.coding import chain
from hierarchies import NAMES, bit_swap, hierarchy, plain
from reference import archive as spec
from reference.model import Model as SpecModel


def likely(model: Model, count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Images decoded from random bits: [count, rows, columns]."""
    words = np.random.default_rng(count).integers(0, 2**32, 40_000, np.uint32)
    items = model.pop(Message([2**40], words, 0), [(count, 1)], size)
    return items.reshape(count, *size)


def check_coded(model: Model, images: NDArray[np.uint8], **options: Any) -> None:
    """Checks that specification and program restore the images and that the model coded all
    blocks.
    """
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
    check_coded(model, images, block=150)


def several_sizes() -> Model:
    names = NAMES["four"]
    return Model.from_bytes(hierarchy(names, bit_swap(names), None, 1, 1, (1, 2, 4, 8)))


@pytest.mark.parametrize("size", [(9, 11), (19, 22), (33, 16), (2, 90), (17, 17)])
def test_tiles_of_several_sizes_in_one_block(size: tuple[int, int]) -> None:
    """The last tiles of a row, and of a column, are smaller than the others."""
    model = several_sizes()
    check_coded(model, likely(model, 6, size), tile=16)


def test_large_images_are_cut_by_default() -> None:
    """Only the first tile pays for its latents."""
    model = several_sizes()
    images = likely(model, 1, (130, 70))[0]
    file = io.BytesIO()
    bitsback.compress(images, file, model=model, embed="never")
    with bitsback.open(file, model=model) as archive:
        (part,) = archive.reader.collection.parts
        assert part.cut == (64, 64)
        np.testing.assert_array_equal(np.asarray(archive), images)


def test_batches_of_several_sizes() -> None:
    """Batches grow with the number of items coded, across sizes, and each has items of one size."""
    model = several_sizes()
    large, small = (
        model.bind([(count, model.shape_of(size))]) for size, count in (((8, 8), 9), ((4, 4), 70))
    )
    # growth 128 of 256, batch 3: 3 from 6 items of the same size on
    assert chain.schedules([large])[0] == [(1, 1), (1, 1), (1, 1), (1, 1), (2, 1), (3, 1)]
    after = chain.schedules([large, small])[0]
    assert after == [(3, 3)]  # 70 small ones are as good as 17 large ones
    assert chain.schedules([small, large])[0] == [(3, 23), (1, 1)]
    apart = chain.stretches(
        model,
        [(count, model.shape_of(size)) for size, count in (((8, 8), 4), ((8, 8), 5), ((8, 9), 1))],
    )
    assert [part.items for part in apart] == [9, 1]


def test_items_alone_of_a_block_of_several_sizes() -> None:
    model = several_sizes()
    image = likely(model, 1, (40, 50))[0]
    file = io.BytesIO()
    bitsback.compress(image, file, model=model, embed="never", tile=16)
    with bitsback.open(file, model=model) as archive:
        for rows, columns in ((slice(0, 3), slice(0, 3)), (slice(30, 40), slice(45, 50))):
            np.testing.assert_array_equal(archive[rows, columns], image[rows, columns])
