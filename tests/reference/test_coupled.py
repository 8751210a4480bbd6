"""Coupled channels and layers of latents: the program and the specification code the same bits,
also at the limits of the format, and the coupling has its meaning.
"""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agreement import Pair, a_message
from bitsback.codecs.array_codec import bits_of_push
from bitsback.errors import ModelError
from bitsback.models import Model, file
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


def check_size(data: bytes, size: Size, items: int = 3) -> None:
    pair = Pair.of(data, size)
    x = pair.items(items)
    pair.check_codec(x, a_message(1, 2))
    pair.check_random_bits(items, a_message(1, 2, words=3000))
    pair.check_chain(x, 4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("levels", [2, 256, 65536])
def test_any_size_and_number_of_levels(levels: int, size: Size) -> None:
    check_size(model(3, levels, 2, COUPLINGS[0]), size)


@pytest.mark.parametrize("mean_shift", [0, 9])
@pytest.mark.parametrize("channels", [2, 5])
def test_the_ends_of_the_means_units(channels: int, mean_shift: int) -> None:
    check_size(model(channels, 65536, mean_shift, COUPLINGS[0]), (2, 3))


@pytest.mark.parametrize("scale", [1, 2**26])
def test_the_largest_and_the_smallest_scale(scale: int) -> None:
    check_size(model(3, 256, 2, COUPLINGS[0], scale), (2, 3))


def test_one_image_alone() -> None:
    check_size(model(4, 256, 2, COUPLINGS[1]), (3, 3), items=1)


@pytest.mark.parametrize("off", [12, -8])
@pytest.mark.parametrize("z", [0, 100, 255])
def test_a_channel_follows_those_before_it(z: int, off: int) -> None:
    """Its mean moves by the coupling times what the channels before it are off their means."""
    it = Model.from_bytes(model(3, 256, 2, COUPLINGS[0], scale=2**16))
    conditional, latent = it.distributions["p(x|z)"].conditional, np.array([[z]])
    assert conditional is not None
    mean, _, coupling = (of[0] / 64 for of in conditional.parameters({"z": latent}, (1, 1)))
    assert coupling.any()
    first = np.clip(np.rint(mean[0] + off), 0, 255)
    apart = first - mean[0]
    second = np.clip(np.rint(mean[1] + coupling[0] * apart), 0, 255)
    moved = coupling[1] * apart + coupling[2] * (second - mean[1])
    third = np.clip(np.rint(mean[2] + moved), 0, 255)
    expected = np.array([[first, second, third]], np.uint8)
    codec = it.step_codec("p(x|z)", {"z": latent}, 1, (1, 1))

    def costs(x: NDArray[np.uint8]) -> NDArray[np.float64]:
        return bits_of_push(lambda message: codec.push(message, x))

    assert costs(expected)[1:].max() < 1.7
    for channel in 1, 2:
        other = expected.copy()
        other[0, channel] += 20 if other[0, channel] < 128 else -20
        assert costs(other)[channel] > 10


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
    check_size(hierarchy(names, order(names)), (3, 4), items=5)


@pytest.mark.parametrize("inverse_scale", [SMALLEST, LARGEST])
@pytest.mark.parametrize("codec", ["normal", "mixture"])
def test_the_ends_of_the_scales_of_layers(codec: str, inverse_scale: int) -> None:
    names = NAMES["two"]
    check_size(hierarchy(names, bit_swap(names), inverse_scale=inverse_scale, codec=codec), (3, 4))


@pytest.mark.parametrize("bits", [1, 12])
def test_one_latent_with_the_fewest_and_the_most_places(bits: int) -> None:
    names = NAMES["four"]
    check_size(hierarchy(names, bit_swap(names), channels=1, bits=bits), (3, 4))


def test_one_image_of_layers_alone() -> None:
    for order in (bit_swap, plain):
        check_size(hierarchy(NAMES["two"], order(NAMES["two"])), (3, 4), items=1)


def test_one_pixel() -> None:
    check_size(hierarchy(NAMES["two"], bit_swap(NAMES["two"]), size=(1, 1)), (1, 1))


@pytest.mark.parametrize("size", [(3, 4), (1, 1), (9, 2), (16, 17)])
def test_grids_of_several_sizes_down_to_one_cell(size: Size) -> None:
    names = NAMES["four"]
    check_size(hierarchy(names, bit_swap(names), size=None, grids=(1, 2, 4, 8)), size, items=2)
