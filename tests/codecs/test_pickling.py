"""Codecs go to other processes, and come back as they were."""

import copy
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
    BetaBinomial,
    BitsBack,
    BitSwap,
    Categorical,
    ChainRule,
    Codec,
    Dependent,
    FromCdf,
    Gaussian,
    HiddenMarkov,
    Interval,
    Laplace,
    LatentMixture,
    Mixture,
    Multiset,
    Named,
    NegativeBinomial,
    OnLanes,
    Poisson,
    Repeat,
    Rows,
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
    Gaussian([0, 5], 2**16, 8),
    Mixture([[2**16]] * 2, 0, 2**16, 5),
    Laplace([0, 9], 2**15, 5, -2),
    Rows([[0, 1, 16]], [0, 0], 4),
    Poisson([2**16], 5),
    NegativeBinomial([2**16], 2**22, 5),
    BetaBinomial([2**16], 2**17, 5),
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
    HiddenMarkov([1, 2], [[1, 2], [3, 4]], [[1, 2, 3], [3, 2, 1]], (2, 3)),
    LatentMixture([1, 2], [Bernoulli([9]), Bernoulli([60000])]),
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: type(codec).__name__)
@pytest.mark.parametrize(
    "remade", [lambda codec: pickle.loads(pickle.dumps(codec)), copy.copy, copy.deepcopy]
)
def test_it_comes_back(codec: Codec[Any], remade: Any) -> None:
    before = Message.random(3, lanes=2)
    message = before.copy()
    symbols = codec.pop(message)  # which makes what is made when it is first needed
    again = remade(codec)
    again.push(message, symbols)
    assert message == before
