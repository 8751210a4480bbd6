"""Exact bytes for small cases, computed from the specification. If one of these changes, old
archives are lost.
"""

from typing import Any

import numpy as np
import pytest

from bitsback import Message
from bitsback.codecs import (
    Adaptive,
    Bernoulli,
    BitsBack,
    Categorical,
    Codec,
    Gaussian,
    Mixture,
    Multiset,
    Rows,
    Serial,
    Uniform,
)
from bitsback.codecs.categorical import starts_of
from bitsback.codecs.discretised import Component
from laws import assert_same


def a_mixture(component: Component) -> Mixture:
    return Mixture(
        weight=[[60000, 5536], [0, 65536], [65536, 0], [32768, 32768]],
        mean=[[-300, 70000], [2**24, 25600], [-(2**24), 0], [12800, 12801]],
        inverse_scale=[[2**16, 2**20], [1, 2**16], [1, 2**26], [2**12, 2**26]],
        levels=256,
        component=component,
    )


# name: the codec, symbols, the message after they are pushed, what the message pops instead, and
# what is left of it.
PINNED: dict[str, tuple[Codec[Any], Any, str, Any, str]] = {
    "uniform": (
        Uniform(1000, (6,)),
        [0, 999, 1, 500, 123, 7],
        "0201e13300503d5e9b3b1fc5ff0aa6739a3bffffffff",
        [0, 999, 127, 999, 798, 390],
        "02029245784b0400000043b8994b04000000",
    ),
    "adaptive": (
        Adaptive(5, (8,)),
        [0, 4, 4, 4, 1, 4, 3, 4],
        "02012ffb25cac406000070b9fd1060000000ffffffff",
        [0, 4, 0, 4, 4, 4, 0, 0],
        "0202bbdc74b25c725401eece71fac4166c01",
    ),
    "uniform over 2^24": (
        Uniform(2**24, (4,)),
        [0, 2**24 - 1, 12345678, 1],
        "02010000000000000100ffffffffffff0000ffffffff010000ff4e61bc01",
        [1, 16777215, 2140217, 16777215],
        "02046a9e786ee2000100185dc406ffff0000",
    ),
    "bernoulli": (
        Bernoulli([1, 65535, 32768, 655, 64881, 3], 16),
        [1, 0, 1, 0, 1, 1],
        "0201ffffcb9d2b05020000007e65efde3156ffffffff",
        [0, 1, 1, 1, 1, 1],
        "0202ba5da76e4801b87effff52f8ac070000",
    ),
    "categorical": (
        Categorical([1, 9, 4, 2], 4, (6,)),
        [0, 1, 2, 3, 1, 0],
        "0201c0711cc771000000c3e2388ee3000000ffffffff",
        [1, 3, 1, 3, 1, 3],
        "02023c558c470000902dffffffffffff7f00",
    ),
    "gaussian": (
        Gaussian([0, -70000, 131072, 2**20, -(2**20)], [65536, 2**20, 2**18, 2**26, 2**10], 10, 24),
        [511, 200, 1000, 0, 1023],
        "020192d67fcad36d0100dde6ff9834000000ffffffff000000ff",
        [0, 1023, 979, 1023, 0],
        "0202887aec39a7520000ffff00fcff000000",
    ),
    "rows": (
        Rows(
            starts_of(
                np.array([[0, 0, 40000, 65535], [0, *[65536] * 3], [0, 1, 2, 3]], np.uint32), 20
            ),
            [0, 1, 2, 0, 2],
            20,
        ),
        [3, 0, 3, 2, 1],
        "0201f4ffbfb6366bc7e22e100d9102000000ffffffff",
        [1, 3, 3, 3, 3],
        "02033feafa9f770f3c9c6a9e786effffff10",
    ),
    "mixture of logistic distributions": (
        a_mixture("logistic"),
        [0, 100, 255, 50],
        "0201f5e9c2d604000000cc0f690b08000000ffffffff",
        [0, 255, 0, 255],
        "0203853f1c6bed613c906a9e786effff4d00",
    ),
    "mixture of normal distributions": (
        a_mixture("normal"),
        [0, 100, 255, 50],
        "02016c63a445070000002873821805000000ffffffff",
        [0, 255, 0, 255],
        "0203c5823c0805e0dcbb6a9e786effff0000",
    ),
    "serial": (
        Serial(Uniform(10, (3,)), Bernoulli([300, 300], 10)),
        ([1, 2, 3], [0, 1]),
        "020124282d6b8d00000078b2362222000000ffffffff",
        ([0, 9, 1], [0, 1]),
        "0202d4432379255ccf01ffffffff1d008007",
    ),
    "multiset": (
        Multiset(Uniform(10, (2,)), 4),
        ([0, 9], [3, 3], [3, 3], [8, 0]),
        "02025d68dc5541030000d9b315be0f270000ffffffff39a820e2",
        ([0, 9], [1, 9], [7, 6], [8, 1]),
        "0202794bdcde4d499d00b9fcb223b98d0600",
    ),
    "bits back": (
        BitsBack(
            prior=Uniform(16, (2,)),
            likelihood=lambda z: Bernoulli(1000 + 100 * np.asarray(z, int), 12),
            posterior=lambda x: Gaussian(30000 * np.asarray(x, int) - 10000, [2**18] * 2, 4, 20),
        ),
        [1, 0],
        "0202cd8f1ddb74b90300ff00f4a400910200",
        [0, 1],
        "02020000100080c10000ffffffff1f4e0000ffffffff29b16b6c",
    ),
}


def start() -> Message:
    return Message([2**32 + 1, 2**64 - 1], depth=0)


@pytest.mark.parametrize("name", PINNED)
def test_exact_bytes(name: str) -> None:
    codec, symbols, pushed, popped, left = PINNED[name]
    message = start()
    codec.push(message, symbols)
    assert message.to_bytes().hex() == pushed
    assert_same(codec.pop(message), symbols)
    assert message == start()
    assert_same(codec.pop(message), popped)
    assert message.to_bytes().hex() == left
