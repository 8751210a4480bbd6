"""Contexts beside the network of wavefronts: the core codes the bits of the specification."""

import numpy as np
import pytest

from agreement import a_message, check_messages
from bitsback.models import Model, file
from bitsback.models import item_shape as program
from laws import to_reference
from networks import SIMD_PATHS, engine
from random_items import random_items
from random_wavefronts import random_wavefront
from reference.model import Model as SpecModel
from reference.planes import ItemShape

GREY, RGB = ItemShape(1, 9, 16, 1, 256), ItemShape(1, 5, 11, 3, 256)
BATCHES = {
    "grey": [GREY],
    "colours": [RGB],
    "RGBA": [ItemShape(1, 5, 9, 4, 256)],
    "seven bands": [ItemShape(1, 4, 6, 7, 256)],
    "two levels": [ItemShape(1, 16, 24, 1, 2)],
    "few levels": [ItemShape(1, 5, 11, 3, 17)],
    "a stack": [ItemShape(3, 5, 9, 1, 200)],
    "a stack of colours": [ItemShape(3, 3, 5, 3, 256)],
    "colours of JPEG": [ItemShape(2, 4, 6, 3, 256, jpeg=True)],
    "two items in a group": [RGB, RGB],
    "groups of several shapes": [ItemShape(1, 4, 5, 1, 256)] * 11
    + [GREY, ItemShape(1, 3, 4, 3, 9)],
    "one pixel": [ItemShape(1, 1, 1, 1, 2)],
    "nine bits": [ItemShape(1, 9, 16, 1, 257)],
    "eleven bits": [ItemShape(1, 4, 9, 3, 1500)],
    "a stack of twelve bits": [ItemShape(3, 5, 8, 1, 4096)],
    "a stack of colours of sixteen bits": [ItemShape(3, 3, 4, 3, 65536)],
    "some items of more bits": [GREY, ItemShape(1, 5, 8, 1, 60000), RGB],
}


@pytest.mark.parametrize("name", BATCHES)
def test_messages_are_those_of_the_specification(name: str) -> None:
    """contexts: with 10, tables are so small that many keys have the same slot."""
    shapes, seed = BATCHES[name], list(BATCHES).index(name)
    data = file.write(*random_wavefront(seed, 65536, contexts=(20, 10)[seed % 2]))
    x = random_items(seed, shapes)
    symbols = x.astype(np.uint8 if x.max() < 256 else np.uint16)
    with engine(SIMD_PATHS[seed % len(SIMD_PATHS)]):
        message = a_message(seed, 1 + seed % 5, words=200)
        check_messages(Model.from_bytes(data), SpecModel.from_bytes(data), shapes, symbols, message)


@pytest.mark.slow
def test_steps_of_more_pixels_than_a_part() -> None:
    shape = ItemShape(1, 66, 1030, 1, 2)
    data, x = file.write(*random_wavefront(2, contexts=12)), random_items(4, [shape])
    message = a_message(3, 4)
    reference = to_reference(message)
    SpecModel.from_bytes(data).planes([shape]).push(reference, x.tolist())
    for path in SIMD_PATHS:
        with engine(path):
            ours = message.copy()
            bound = Model.from_bytes(data).bind([(1, program.ItemShape(*shape))])
            bound.push(ours, x.astype(np.uint8))
        assert ours.to_bytes() == reference.to_bytes()


@pytest.mark.parametrize("name", BATCHES)
def test_they_cost_the_same(name: str) -> None:
    data = file.write(*random_wavefront(0, 65536, contexts=18))
    ours, theirs = Model.from_bytes(data), SpecModel.from_bytes(data)
    shapes = [*BATCHES[name], ItemShape(3, 1000, 700, 5, 2)]
    for some in (shapes, shapes[:-1], []):
        of = ours.bind([(1, program.ItemShape(*shape)) for shape in some])
        assert of.memory == theirs.plane_memory(some)
        assert of.macs == theirs.plane_macs(some)
