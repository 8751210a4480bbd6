"""Hierarchies at the ends of what the format allows: the program and the specification code the
same bits.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from agreement import Pair, a_message
from bitsback.models import file
from model_parts import Parts
from reference.values import ITEM, Size

UP = {"two": ["z", "y"], "four": ["z", "y", "w", "v"]}
SMALLEST, LARGEST = 2**26, 1  # scales, by their inverses


def bit_swap(names: list[str]) -> list[str]:
    """Each layer is popped once the one below has been pushed."""
    code = [f"pop {names[0]} ~ q({names[0]}|x)", f"push x ~ p(x|{names[0]})"]
    for below, above in pairwise(names):
        code += [f"pop {above} ~ q({above}|{below})", f"push {below} ~ p({below}|{above})"]
    return [*code, f"push {names[-1]} ~ p({names[-1]})"]


def plain(names: list[str]) -> list[str]:
    """The same, all pops first."""
    code = bit_swap(names)
    return sorted(code, key=lambda step: step.startswith("push"))


def hierarchy(
    names: list[str],
    code: list[str],
    size: Size | None = (3, 4),
    channels: int = 2,
    bits: int = 7,
    grids: tuple[int, ...] = (ITEM,) * 4,
    inverse_scale: int | None = None,
    codec: str = "normal",
) -> bytes:
    """Latents by `codec`, the top layer by `gaussian`; each network one layer and the outputs."""
    parts = Parts(7, size)
    parts.data(1, 5)
    for name, grid in zip(names, grids, strict=False):
        parts.latent(name, channels, bits, grid)
    above = {"x": names[0], **dict(pairwise(names))}
    for below, name in above.items():
        for of, given, prefix in ((name, below, "q"), (below, name, "p")):
            net = parts.net(f"{prefix}_{of}", [given])
            value = parts.value(of)
            body = net.moved(net.bytes_of(given), value.where)
            kind = "exponential" if of == "x" else "gaussian" if of == names[-1] else codec
            levels = value.range[1] + 1
            outputs = net.outputs(kind, body, value.channels, levels)
            precision = 24 if kind != "exponential" else 18
            key = f"{prefix}({of}|{given})"
            parts.distributions[key] = parts.codec(kind, precision, net, outputs, levels)
            if inverse_scale is not None and kind == codec:
                entries = np.full(256, inverse_scale, np.uint32)
                parts.tensors[f"{net.name}.inverse_scale"] = entries
    parts.distributions[f"p({names[-1]})"] = {"codec": "uniform"}
    return file.write(*parts.model(code, growth=128, batch=3))


def check(data: bytes, items: int = 5, size: Size = (3, 4)) -> None:
    pair = Pair.of(data, size)
    x = pair.items(items)
    pair.check_codec(x, a_message(1, 2))
    pair.check_random_bits(items, a_message(1, 2, words=3000))
    pair.check_chain(x, 4)


@pytest.mark.parametrize("names", UP.values(), ids=list(UP))
@pytest.mark.parametrize("order", [bit_swap, plain])
def test_both_orders_of_two_and_of_four_layers(names: list[str], order: Any) -> None:
    check(hierarchy(names, order(names)))


@pytest.mark.parametrize("inverse_scale", [SMALLEST, LARGEST])
@pytest.mark.parametrize("codec", ["normal", "mixture"])
def test_the_smallest_and_the_largest_scale(codec: str, inverse_scale: int) -> None:
    names = UP["two"]
    check(hierarchy(names, bit_swap(names), inverse_scale=inverse_scale, codec=codec))


@pytest.mark.parametrize("bits", [1, 12])
def test_one_latent_with_the_fewest_and_the_most_places(bits: int) -> None:
    names = UP["four"]
    check(hierarchy(names, bit_swap(names), channels=1, bits=bits))


def test_one_image_alone() -> None:
    for order in (bit_swap, plain):
        check(hierarchy(UP["two"], order(UP["two"])), items=1)


def test_one_pixel() -> None:
    check(hierarchy(UP["two"], bit_swap(UP["two"]), size=(1, 1)), size=(1, 1))


@pytest.mark.parametrize("size", [(3, 4), (1, 1), (9, 2), (16, 17)])
def test_grids_of_several_sizes_down_to_one_cell(size: Size) -> None:
    names = UP["four"]
    check(hierarchy(names, bit_swap(names), size=None, grids=(1, 2, 4, 8)), items=2, size=size)
