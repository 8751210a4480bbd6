"""Coupled channels and layers of latents: the program and the specification code the same bits,
also at the limits of the format, and the coupling has its meaning.
"""

import json
from typing import Any

import numpy as np
import pytest

from agreement import Pair, a_message
from bitsback.errors import ModelError
from bitsback.models import Model, file
from bitsback.models.distributions.coupled import CoupledCodec, CoupledDistribution
from hierarchies import NAMES, bit_swap, hierarchy, plain
from model_parts import Parts
from random_programs import COUPLINGS
from reference.model import Model as SpecModel
from reference.rules import ModelError as SpecModelError
from reference.values import Size

SIZES: list[Size] = [(1, 1), (1, 2), (3, 1), (5, 4)]


def model(
    channels: int, levels: int, mean_shift: int, clamp: tuple[int, int], scale: int | None = None
) -> bytes:
    """A model with an uninformative latent, one number per item."""
    parts = Parts(channels, None)
    parts.data(channels, levels)
    parts.latent("z", 1, 8)
    net = parts.net("net", ["z"])
    net.grow("broadcast", net.linear("z", 5), "wide", grid=1)
    outputs = net.outputs("normal", "wide", channels, levels)
    outputs.append(net.linear("wide", channels * (channels - 1) // 2, clamp, "coupling"))
    of = parts.codec("normal", 24, net, outputs, levels, mean_shift)
    if scale is not None:
        parts.tensors["net.inverse_scale"] = np.full(256, scale, np.uint32)
    parts.distributions = {"p(x|z)": of, "p(z)": {"codec": "uniform"}}
    return file.write(*parts.model(["pop z ~ p(z)", "push x ~ p(x|z)", "push z ~ p(z)"]))


def check(data: bytes, size: Size, items: int = 3) -> None:
    pair = Pair.of(data, size)
    x = pair.items(items)
    pair.check_codec(x, a_message(1, 2))
    pair.check_random_bits(items, a_message(1, 2, words=3000))
    pair.check_chain(x, 4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("levels", [2, 256, 65536])
def test_any_size_and_number_of_levels(levels: int, size: Size) -> None:
    check(model(3, levels, 2, COUPLINGS[0]), size)


@pytest.mark.parametrize("mean_shift", [0, 9])
@pytest.mark.parametrize("channels", [2, 5])
def test_the_ends_of_the_means_units(channels: int, mean_shift: int) -> None:
    check(model(channels, 65536, mean_shift, COUPLINGS[0]), (2, 3))


@pytest.mark.parametrize("scale", [1, 2**26])
def test_the_largest_and_the_smallest_scale(scale: int) -> None:
    check(model(3, 256, 2, COUPLINGS[0], scale), (2, 3))


def test_one_image_alone() -> None:
    check(model(4, 256, 2, COUPLINGS[1]), (3, 3), items=1)


def test_a_channel_follows_those_before_it() -> None:
    """With a coupling of one, a channel deviates from its mean as much as the channel before it."""
    of = Model.from_bytes(model(3, 256, 2, COUPLINGS[0], scale=2**16)).distributions["p(x|z)"]
    assert isinstance(of, CoupledDistribution)
    mean = np.array([[[100, 50, 200]]]) << 6
    scale, coupling = np.zeros((1, 1, 3), np.uint8), np.array([[[64, -32, 32]]])
    codec = CoupledCodec(of, mean, scale, coupling)
    # 12 more than 100; so 62 is expected, and 200 - 6 + 6.
    for off, expected in [(12, [112, 62, 200]), (-8, [92, 42, 200])]:
        bits = codec.bits(np.array([expected], np.uint8))[0]
        assert expected[0] == 100 + off
        assert bits[1:].max() < 1.5
        apart = codec.bits(np.array([[expected[0], 50, 210]], np.uint8))[0]
        assert apart[1:].min() > 10


def test_one_channel_has_none_to_follow() -> None:
    description, tensors = file.read(model(2, 256, 2, COUPLINGS[0]))
    about = json.loads(description)
    about["variables"]["x"]["channels"] = 1
    with pytest.raises(ModelError, match="two channels"):
        Model.build(json.dumps(about), tensors)
    with pytest.raises(SpecModelError, match="2 channels"):
        SpecModel(json.dumps(about), tensors)


SMALLEST, LARGEST = 2**26, 1  # scales, by their inverses


@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
@pytest.mark.parametrize("order", [bit_swap, plain])
def test_both_orders_of_two_and_of_four_layers(names: list[str], order: Any) -> None:
    check(hierarchy(names, order(names)), (3, 4), items=5)


@pytest.mark.parametrize("inverse_scale", [SMALLEST, LARGEST])
@pytest.mark.parametrize("codec", ["normal", "mixture"])
def test_the_ends_of_the_scales_of_layers(codec: str, inverse_scale: int) -> None:
    names = NAMES["two"]
    check(hierarchy(names, bit_swap(names), inverse_scale=inverse_scale, codec=codec), (3, 4))


@pytest.mark.parametrize("bits", [1, 12])
def test_one_latent_with_the_fewest_and_the_most_places(bits: int) -> None:
    names = NAMES["four"]
    check(hierarchy(names, bit_swap(names), channels=1, bits=bits), (3, 4))


def test_one_image_of_layers_alone() -> None:
    for order in (bit_swap, plain):
        check(hierarchy(NAMES["two"], order(NAMES["two"])), (3, 4), items=1)


def test_one_pixel() -> None:
    check(hierarchy(NAMES["two"], bit_swap(NAMES["two"]), size=(1, 1)), (1, 1))


@pytest.mark.parametrize("size", [(3, 4), (1, 1), (9, 2), (16, 17)])
def test_grids_of_several_sizes_down_to_one_cell(size: Size) -> None:
    names = NAMES["four"]
    check(hierarchy(names, bit_swap(names), size=None, grids=(1, 2, 4, 8)), size, items=2)
