"""Exact bytes for small cases, computed from the specification. If one of these changes, old
archives cannot be read, or, for the codecs of docs/codecs.md, messages that people have kept.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import (
    Adaptive,
    Autoregressive,
    Bernoulli,
    BitsBack,
    Categorical,
    CdfTable,
    Codec,
    Dependent,
    DiscretisedMixture,
    FromCdf,
    GaussianBuckets,
    Interval,
    LatentMixture,
    Logistic,
    Multiset,
    Named,
    Normal,
    OnLanes,
    Repeat,
    Serial,
    Uniform,
)
from bitsback.codecs.categorical import starts_of
from bitsback.codecs.discretised import Component
from laws import assert_same

SOME = [1, 2**16, 2**21 + 1, 2**32 - 1]


def a_discretised(kind: type[Logistic] | type[Normal]) -> Codec[Any]:
    return kind([-300, 5000, 30000], [2**14, 2**12, 2**16], 256, -20)


def some_pairs() -> Any:
    count = yield Uniform(3, ())
    for _ in range(int(count)):
        yield Bernoulli([100, 60000])


def near_the_sum_before(x: NDArray[Any], position: Any) -> Normal:
    """The sum before the symbol in its row, over both images."""
    row, column = position
    before = int(x[..., row, :column].sum())
    return Normal([before * 256] * 2, [2**14] * 2, 100, -50)


def a_mixture(component: Component) -> DiscretisedMixture:
    return DiscretisedMixture(
        weight=[[60000, 5536], [0, 65536], [65536, 0], [32768, 32768]],
        mean=[[-300, 70000], [2**24, 25600], [-(2**24), 0], [12800, 12801]],
        inverse_scale=[[2**16, 2**20], [1, 2**16], [1, 2**26], [2**12, 2**26]],
        levels=256,
        component=component,
    )


# name: the codec, symbols, the message after their push, the symbols that it pops instead, and the
# message after that.
PINNED: dict[str, tuple[Codec[Any], Any, str, Any, str]] = {
    "uniform": (Uniform(1000, (6,)), [0, 999, 1, 500, 123, 7],
     "0201e13300503d5e9b3b1fc5ff0aa6739a3bffffffff", [0, 999, 127, 999, 798, 390],
     "02029245784b0400000043b8994b04000000"),
    "adaptive": (Adaptive(5, (8,)), [0, 4, 4, 4, 1, 4, 3, 4],
     "02012ffb25cac406000070b9fd1060000000ffffffff", [0, 4, 0, 4, 4, 4, 0, 0],
     "0202bbdc74b25c725401eece71fac4166c01"),
    "uniform over 2^24": (Uniform(2**24, (4,)), [0, 2**24 - 1, 12345678, 1],
     "02010000000000000100ffffffffffff0000ffffffff010000ff4e61bc01",
     [1, 16777215, 2140217, 16777215], "02046a9e786ee2000100185dc406ffff0000"),
    "bernoulli": (Bernoulli([1, 65535, 32768, 655, 64881, 3], 16), [1, 0, 1, 0, 1, 1],
     "0201ffffcb9d2b05020000007e65efde3156ffffffff", [0, 1, 1, 1, 1, 1],
     "0202ba5da76e4801b87effff52f8ac070000"),
    "categorical": (Categorical([1, 9, 4, 2], 4, (6,)), [0, 1, 2, 3, 1, 0],
     "0201c0711cc771000000c3e2388ee3000000ffffffff", [1, 3, 1, 3, 1, 3],
     "02023c558c470000902dffffffffffff7f00"),
    "gaussian": (
        GaussianBuckets(
            [0, -70000, 131072, 2**20, -(2**20)], [65536, 2**20, 2**18, 2**26, 2**10], 10, 24
        ),
        [511, 200, 1000, 0, 1023],
        "020192d67fcad36d0100dde6ff9834000000ffffffff000000ff",
        [0, 1023, 979, 1023, 0],
        "0202887aec39a7520000ffff00fcff000000",
    ),
    "rows": (
        CdfTable(
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
    "mixture of logistic distributions": (a_mixture("logistic"), [0, 100, 255, 50],
     "0201f5e9c2d604000000cc0f690b08000000ffffffff", [0, 255, 0, 255],
     "0203853f1c6bed613c906a9e786effff4d00"),
    "mixture of normal distributions": (a_mixture("normal"), [0, 100, 255, 50],
     "02016c63a445070000002873821805000000ffffffff", [0, 255, 0, 255],
     "0203c5823c0805e0dcbb6a9e786effff0000"),
    "serial": (Serial(Uniform(10, (3,)), Bernoulli([300, 300], 10)), ([1, 2, 3], [0, 1]),
     "020124282d6b8d00000078b2362222000000ffffffff", ([0, 9, 1], [0, 1]),
     "0202d4432379255ccf01ffffffff1d008007"),
    "multiset": (Multiset(Uniform(10, (2,)), 4), ([0, 9], [3, 3], [3, 3], [8, 0]),
     "02025d68dc5541030000d9b315be0f270000ffffffff39a820e2", ([0, 9], [1, 9], [7, 6], [8, 1]),
     "0202794bdcde4d499d00b9fcb223b98d0600"),
    "bits back": (
        BitsBack(
            prior=Uniform(16, (2,)),
            likelihood=lambda z: Bernoulli(1000 + 100 * np.asarray(z, int), 12),
            posterior=lambda x: GaussianBuckets(
                30000 * np.asarray(x, int) - 10000, [2**18] * 2, 4, 20
            ),
        ),
        [1, 0],
        "0202cd8f1ddb74b90300ff00f4a400910200",
        [0, 1],
        "02020000100080c10000ffffffff1f4e0000ffffffff29b16b6c",
    ),
    # From docs/codecs.md.
    "categorical of own frequencies": (
        Categorical.from_probability([[0.5, 0.25, 0.125], [1e-9, 0, 3], [1, 1, 1]], 12),
        [2, 0, 1],
        "0201e8ad72f91400000000f0ffffff0f0000ffffffff",
        [0, 2, 1],
        "02023682aba0009fb730ffffffffffffdfff",
    ),
    "logistic": (a_discretised(Logistic), [-3, 60, 117],
     "020137bd656c45000000e4cbecf7e9000000ffffffff", [-20, 235, 115],
     "0202d15a7eff8b563d00ffffffffff190000"),
    "normal": (a_discretised(Normal), [-3, 60, 117], "0201fb2c5a991d000000eea4fea3d5030000ffffffff",
     [-20, 235, 116], "02020f0b9172ce070000ffffffffff000000"),
    "from a distribution function": (FromCdf(lambda x: np.clip((x + 3) / 8, 0, 1), 10, -3, (3,)),
     [-3, 4, 6], "0201ffff0f1f00000010fdffefff07000000ffffffff", [-3, 6, -2],
     "020239a8503c00000002ffffffffff000000"),
    "interval": (
        Interval(lambda c: (c << 3, np.full(c.shape, 8)), lambda x: x >> np.uint32(3), 10, (5,)),
        [0, 127, 5, 64, 1],
        "02010114020000002000ff03ffffff3f0000ffffffff",
        [0, 127, 7, 127, 42],
        "02028188070000080000ffffffffffff0300",
    ),
    "named": (Named({"b": Uniform(10, (3,)), "a": Bernoulli([300, 300], 10)}),
     {"a": [0, 1], "b": [1, 2, 3]}, "020124282d6b8d00000078b2362222000000ffffffff",
     {"b": [0, 9, 1], "a": [0, 1]}, "0202d4432379255ccf01ffffffff1d008007"),
    "repeat": (Repeat(Uniform(1000, (2,)), 2), ([1, 2], [3, 999]),
     "02019753009b58420f00e9b900e621420f00ffffffff", ([0, 999], [127, 999]),
     "02021989ccdbc6100000ffff635ec7100000"),
    "on lanes in another order": (OnLanes(Uniform(1000, (4,)), [1, 0]), [1, 999, 3, 4],
     "0201efcfff6ae2410f009553009b58420f00ffffffff", [999, 0, 999, 127],
     "02021989ccdbc6100000ffff635ec7100000"),
    "on lanes from the second on": (OnLanes(Uniform(1000, (4,)), slice(1, None)), [1, 999, 3, 4],
     "02010100000001000000ee6800d0e8000000ffffffff75f1ff76", [999, 999, 390, 600],
     "0202010000000100000039a820e2cd751901"),
    "dependent": (Dependent(some_pairs), (2, [0, 1], [1, 1]),
     "0201ad5bdd15b1070000df8d6b3101000000ffffffff", (0,), "020239a820e201555555ffffffffffffffff"),
    "latent mixture": (
        LatentMixture([1, 3], [Bernoulli([300, 300], 10), Bernoulli([1000, 1000], 10)]),
        [0, 1],
        "020299ca2c3f040000009737d06903000000ffffffff39a820e2",
        [0, 1],
        "0202514886c4477d403cffffffffffffff4a",
    ),
    "autoregressive": (
        Autoregressive(near_the_sum_before, (2, 2, 3), np.int16),
        [[[1, -2, 3], [4, 5, 6]], [[-7, 8, 9], [10, 0, 0]]],
        "0201ef1a9e1a020000001edc0a0301000000ffffffff0f150030c8f2ff91323adda0",
        [[[-49, -5, 41], [3, 4, 4]], [[49, 49, 44], [0, 4, 7]]],
        "020463a8ffa4d71a0900259471c803000000",
    ),
}  # fmt: skip


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
