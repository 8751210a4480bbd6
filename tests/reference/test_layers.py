"""Hierarchies at the limits of the format: the program and the specification code the same bits."""

from typing import Any

import pytest

from agreement import Pair, a_message
from hierarchies import NAMES, bit_swap, hierarchy, plain
from reference.values import Size

SMALLEST, LARGEST = 2**26, 1  # scales, by their inverses


def check(data: bytes, items: int = 5, size: Size = (3, 4)) -> None:
    pair = Pair.of(data, size)
    x = pair.items(items)
    pair.check_codec(x, a_message(1, 2))
    pair.check_random_bits(items, a_message(1, 2, words=3000))
    pair.check_chain(x, 4)


@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
@pytest.mark.parametrize("order", [bit_swap, plain])
def test_both_orders_of_two_and_of_four_layers(names: list[str], order: Any) -> None:
    check(hierarchy(names, order(names)))


@pytest.mark.parametrize("inverse_scale", [SMALLEST, LARGEST])
@pytest.mark.parametrize("codec", ["normal", "mixture"])
def test_the_smallest_and_the_largest_scale(codec: str, inverse_scale: int) -> None:
    names = NAMES["two"]
    check(hierarchy(names, bit_swap(names), inverse_scale=inverse_scale, codec=codec))


@pytest.mark.parametrize("bits", [1, 12])
def test_one_latent_with_the_fewest_and_the_most_places(bits: int) -> None:
    names = NAMES["four"]
    check(hierarchy(names, bit_swap(names), channels=1, bits=bits))


def test_one_image_alone() -> None:
    for order in (bit_swap, plain):
        check(hierarchy(NAMES["two"], order(NAMES["two"])), items=1)


def test_one_pixel() -> None:
    check(hierarchy(NAMES["two"], bit_swap(NAMES["two"]), size=(1, 1)), size=(1, 1))


@pytest.mark.parametrize("size", [(3, 4), (1, 1), (9, 2), (16, 17)])
def test_grids_of_several_sizes_down_to_one_cell(size: Size) -> None:
    names = NAMES["four"]
    check(hierarchy(names, bit_swap(names), size=None, grids=(1, 2, 4, 8)), items=2, size=size)
