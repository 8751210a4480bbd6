"""Codecs are values: they survive a trip to other processes, are equal by their parameters, hashed,
and printed in one line.
"""

import copy
import functools
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import (
    Adaptive,
    Autoregressive,
    Bernoulli,
    BernoulliTable,
    BitsBack,
    BitSwap,
    Categorical,
    CdfTable,
    ChainRule,
    Codec,
    Dependent,
    DiscretisedMixture,
    FromCdf,
    GaussianBuckets,
    Interval,
    LatentMixture,
    Multiset,
    Named,
    Normal,
    OnLanes,
    Repeat,
    Serial,
    Uniform,
)


def near(bits: Any) -> Bernoulli:
    return Bernoulli(np.where(np.asarray(bits) == 1, 60000, 5000))


def near_the_last(x: NDArray[Any], position: int) -> Bernoulli:
    return near(x[:, position - 1] if position else np.zeros(len(x)))


def straight(x: Any) -> Any:
    return np.clip(x / 4, 0, 1)


def pairs(c: Any) -> Any:
    return c * 2, np.full(c.shape, 2)


def halves(x: Any) -> Any:
    return x // 2


def some() -> Any:
    yield near((yield Uniform(2, (3,))))


CODECS: list[Codec[Any]] = [
    Uniform(10, (3,)),
    Adaptive(3, (4,)),
    Bernoulli([1, 2]),
    BernoulliTable(np.arange(1, 257), [0, 9]),
    Categorical.from_probability([[0.1, 0.9]] * 3),
    GaussianBuckets([0, 5], 2**16, 8),
    DiscretisedMixture([[2**16]] * 2, 0, 2**16, 5),
    Normal([0, 9], 2**15, 5, -2),
    CdfTable([[0, 1, 16]], [0, 0], 4),
    FromCdf(straight, 4, shape=(2,)),
    Interval(pairs, halves, 4, (3,)),
    Serial(Uniform(3, ()), Bernoulli([5])),
    Named({"a": Uniform(3, ()), "b": Bernoulli([5])}),
    Repeat(Uniform(3, ()), 4),
    OnLanes(Uniform(3, (5,)), slice(1, None)),
    OnLanes(Uniform(3, (5,)), [1, 0]),
    Multiset(Uniform(3, ()), 4),
    Dependent(some),
    ChainRule(Uniform(2, (3,)), near),
    Autoregressive(near_the_last, (2, 3)),
    BitsBack(Uniform(2, (3,)), near, near),
    BitSwap([near], [near], Uniform(2, (3,))),
    LatentMixture([1, 2], [Bernoulli([9]), Bernoulli([60000])]),
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: type(codec).__name__)
@pytest.mark.parametrize(
    "remade", [lambda codec: pickle.loads(pickle.dumps(codec)), copy.copy, copy.deepcopy]
)
def test_it_comes_back(codec: Codec[Any], remade: Any) -> None:
    before = Message.random(3, lanes=2)
    message = before.copy()
    symbols = codec.pop(message)  # fills the caches
    again = remade(codec)
    again.push(message, symbols)
    assert message == before


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: type(codec).__name__)
def test_what_comes_back_from_a_pickle_is_equal(codec: Any) -> None:
    again = pickle.loads(pickle.dumps(codec))
    assert again == codec and hash(again) == hash(codec) and repr(again) == repr(codec)
    codec.pop(Message.random(3, lanes=2))  # fills the caches
    again = pickle.loads(pickle.dumps(codec))
    assert again == codec and hash(again) == hash(codec)
    assert len({codec, again}) == 1 and "\n" not in repr(codec)


def test_no_two_of_them_are_equal() -> None:
    assert len(set(CODECS)) == len(CODECS)
    assert all((one == other) == (one is other) for one in CODECS for other in CODECS)


MADE_OF_ARRAYS: list[tuple[type[Codec[Any]] | Any, list[Any], dict[str, Any]]] = [
    (Bernoulli, [np.array([1, 2], np.uint32)], {}),
    (BernoulliTable, [np.arange(1, 257, dtype=np.uint32), np.array([0, 9], np.uint8)], {}),
    (Categorical, [np.array([1, 3], np.uint32), 2], {}),
    (Categorical, [np.array([[1, 3], [2, 2]], np.uint32), 2], {}),
    (Categorical, [np.array([[1, 3]], np.uint32), 2], {"shape": (1,)}),
    (Categorical.from_probability, [np.array([0.1, 0.9])], {}),
    (Categorical.from_probability, [np.array([[0.1, 0.9]] * 3)], {}),
    (Categorical.from_probability, [np.array([[0.1, 0.9]] * 3, np.float32)], {}),
    (GaussianBuckets, [np.array([0, 5], np.int32), np.array([1 << 16] * 2, np.uint32), 8], {}),
    (
        DiscretisedMixture,
        [
            np.full((1, 1), 1 << 16, np.uint32),
            np.zeros((1, 1), np.int32),
            np.full((1, 1), 99, "u4"),
            5,
        ],
        {},
    ),
    (Normal, [np.array([0, 9], np.int32), np.array([1 << 15] * 2, np.uint32), 5, -2], {}),
    (CdfTable, [np.array([[0, 1, 16]], np.uint32), np.array([0, 0], np.uint16), 4], {}),
    (LatentMixture, [np.ones(2), [Bernoulli([9]), Bernoulli([60000])]], {}),
]


@pytest.mark.parametrize(("make", "arguments", "options"), MADE_OF_ARRAYS)
def test_arrays_that_change_later_change_no_codec(
    make: Any, arguments: list[Any], options: dict[str, Any]
) -> None:
    arrays = [each.copy() if isinstance(each, np.ndarray) else each for each in arguments]
    codec = make(*arrays, **options)
    kept = [each for each in vars(codec).values() if isinstance(each, np.ndarray)]
    assert not any(each.flags.writeable for each in kept)
    before, message = hash(codec), Message.random(3, lanes=2)
    start = message.copy()
    symbols = codec.pop(message)
    for array in arrays:
        if isinstance(array, np.ndarray):
            array[...] = 0
    assert hash(codec) == before and codec == make(*arguments, **options)
    codec.push(message, symbols)
    assert message == start


def times(n: int, z: Any) -> Bernoulli:
    return near(z)


class Halves(Uniform):
    """A user's codec."""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Uniform(9, (3,)), Halves(9, (3,))),
        (Uniform(9, (3,)), Uniform(9, (1, 3))),
        (Bernoulli([1, 2]), Bernoulli([1, 2], 15)),
        (Bernoulli([1, 2]), Bernoulli([[1, 2]])),
        (Named({"a": CODECS[0], "b": CODECS[1]}), Named({"b": CODECS[1], "a": CODECS[0]})),
        (ChainRule(Uniform(2, ()), near), ChainRule(Uniform(2, ()), lambda z: near(z))),
        (OnLanes(Uniform(2, ()), slice(1)), OnLanes(Uniform(2, ()), slice(2))),
        (Uniform(9, (3,)), "Uniform"),
    ],
)
def test_other_parameters_are_not_equal(one: Any, other: Any) -> None:
    assert one != other


def test_equal_frequencies_are_equal_however_they_are_held() -> None:
    p = [[0.5, 0.25, 0.25], [0.5, 0.125, 0.375]]
    one = Categorical.from_probability(p, 10)
    other = Categorical(one.frequencies, 10)
    assert one == other == Categorical.from_probability(np.float32(p), 10)
    assert hash(one) == hash(other)
    by_parts = functools.partial(times, 3)
    codec = ChainRule(Uniform(2, (3,)), by_parts)
    assert pickle.loads(pickle.dumps(codec)) == codec


@pytest.mark.parametrize(
    ("codec", "shown"),
    [
        (Uniform(9, (3,)), "Uniform(n=9, shape=(3,))"),
        (Bernoulli([1, 2]), "Bernoulli(frequency=[1, 2], precision=16, shape=(2,))"),
        (
            Bernoulli(np.ones((20, 30), int), 9),
            "Bernoulli(frequency=uint32[20, 30], precision=9, shape=(20, 30))",
        ),
        (
            Repeat(BitsBack(Uniform(2, ()), near, lambda x: near(x)), 5),
            "Repeat(item=BitsBack(prior=Uniform(n=2, shape=()), likelihood=near,"
            " posterior=<lambda>), times=5)",
        ),
        (Named({"a": Uniform(2, ())}), "Named(codecs={'a': Uniform(n=2, shape=())})"),
    ],
)
def test_they_are_printed_in_one_line(codec: Any, shown: str) -> None:
    assert repr(codec) == shown
