"""Errors say which part, index and value is wrong, and what to do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError
from bitsback.codecs import (
    Bernoulli,
    BitsBack,
    BitSwap,
    Categorical,
    ChainRule,
    GaussianBuckets,
    HiddenMarkov,
    Mapped,
    Named,
    Normal,
    Poisson,
    Repeat,
    Serial,
    TopDown,
    Uniform,
)

TWO, THREE = Uniform(5, (2,)), Uniform(5, (3,))
HMM = ([1, 1], [[1, 1]] * 2, [[1, 2]] * 2)

PARAMETERS: dict[str, tuple[Callable[[], Any], str]] = {
    "a probability in place of a frequency": (
        lambda: Bernoulli(0.5),
        "frequencies of a Bernoulli .* integers, not float64; Bernoulli.from_probability takes",
    ),
    "probabilities of symbols": (
        lambda: Categorical([0.5, 0.5], 8, ()),
        "Categorical.from_probability takes floats",
    ),
    "a float mean": (
        lambda: GaussianBuckets(0.5, 2**16, 8),
        "GaussianBuckets.from_float takes floats",
    ),
    "a float rate": (lambda: Poisson(0.5, 9), "Poisson.from_float takes floats"),
    "a float normal": (lambda: Normal([0.5], 1, 9), "from_float takes floats"),
    "a probability out of range": (
        lambda: Bernoulli.from_probability([[0.5, 0.1], [0.2, 1.5]]),
        r"must lie in \[0, 1\], and that at index \(1, 1\) is 1.5",
    ),
    "no number": (
        lambda: Bernoulli.from_probability([0.5, np.nan]),
        r"and that at index \(1,\) is nan",
    ),
    "a scale": (
        lambda: GaussianBuckets.from_float([0, 0], [1, 0], 8),
        r"scale must lie in \[2\^-10, 2\^6\], and that at index \(1,\) is 0.0",
    ),
    "a frequency": (
        lambda: Bernoulli([[1], [70000]]),
        r"must lie in \[1, 65535\], and that at index \(1, 0\) is 70000",
    ),
    "a size that is no integer": (lambda: Uniform(2.5, ()), "integer, not 2.5"),  # type: ignore[arg-type]
    "a layer without a posterior": (lambda: TopDown([], [], TWO), "one at least"),
    "lengths and a shape": (lambda: HiddenMarkov(*HMM, (3,), (3,)), "either"),
    "neither": (lambda: HiddenMarkov(*HMM), "either the shape of series, or their lengths"),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_wrong_parameters(name: str) -> None:
    make, why = PARAMETERS[name]
    with pytest.raises(MessageError, match=why):
        make()


def nothing(_: Any) -> Any:
    return None


PUSHES: dict[str, tuple[Any, Any, str]] = {
    "a negative symbol": (TWO, [3, -1], r"in \[0, 4\], and that at index \(1,\) is -1"),
    "one alone": (Uniform(5, ()), -1, r"must lie in \[0, 4\], not -1"),
    "one alone of two": (Bernoulli(5), 2, r"must lie in \[0, 1\], not 2"),
    "one alone of several": (Categorical([1, 1], 1, ()), 2, r"must lie in \[0, 1\], not 2"),
    "a large one": (TWO, np.array([3, 2**64 - 1], np.uint64), r"\(1,\) is 18446744073709551615"),
    "no likelihood": (
        BitsBack(TWO, nothing, lambda x: TWO),
        [0, 0],
        "the likelihood must return a codec, and has returned NoneType",
    ),
    "no posterior": (BitsBack(TWO, lambda z: TWO, nothing), [0, 0], "the posterior must return"),
    "another prior": (
        BitsBack(THREE, lambda z: TWO, lambda x: TWO),
        [0, 0],
        r"the prior cannot code what the posterior has popped: .* shape \(3,\), not \(2,\)",
    ),
    "another likelihood": (
        BitsBack(TWO, lambda z: THREE, lambda x: TWO),
        [0, 0],
        r"the likelihood cannot code x: .* shape \(3,\), not \(2,\)",
    ),
    "layers": (
        BitSwap([lambda x: TWO] * 2, [lambda z: TWO, lambda z: THREE], TWO),
        [0, 0],
        "the likelihood cannot code x: this codec",
    ),
    "a layer": (TopDown([nothing], [nothing], TWO), [0, 0], "posterior of the last layer must"),
    "a part": (Serial(TWO, Repeat(TWO, 2)), ([0, 0], [[1, 1], [5, 1]]), r"part 1: item 1: .* is 5"),
    "a name": (Named({"a": TWO}), {"a": [0, 5]}, "the part 'a': symbols"),
    "a pair": (ChainRule(TWO, nothing), ([0, 0], 1), "then must return a codec"),
    "a first one": (ChainRule(TWO, lambda a: TWO), ([0, 5], [0, 0]), "first: symbols"),
    "a series": (HiddenMarkov(*HMM, lengths=(1, 2)), ([0], [0, 2]), r"series 1: .*\(1,\) is 2"),
    "a length": (HiddenMarkov(*HMM, lengths=(1, 2)), ([0], [0]), r"series 1: .*\(2,\), not \(1,\)"),
    "series": (HiddenMarkov(*HMM, lengths=(1, 2)), ([0],), "there are 2 series, not 1"),
    "no bijection": (Mapped(TWO, lambda x: x // 2, lambda y: y * 2), [1, 2], "no bijection"),
    "floats": (
        Mapped(TWO, lambda x: x + 0, lambda y: y + 0.0),
        [1, 2],
        "in kind, shape and values",
    ),
}


@pytest.mark.parametrize("name", PUSHES)
def test_wrong_symbols(name: str) -> None:
    codec, symbols, why = PUSHES[name]
    message = Message.random(1)
    for method in (lambda: codec.push(message, symbols), lambda: codec.bits(symbols)):
        with pytest.raises(MessageError, match=why):
            method()
        assert message == Message.random(1)


def test_what_is_popped_must_go_both_ways() -> None:
    codec = Mapped(TWO, lambda x: x // 2, lambda y: y * 0)
    message = Message.random(1)
    with pytest.raises(MessageError, match="not the y that was popped"):
        codec.pop(message)
    assert message == Message.random(1)
    other = BitsBack(THREE, lambda z: TWO, lambda x: TWO)
    with pytest.raises(MessageError, match="the posterior cannot code what the prior has popped"):
        other.pop(message)
    assert message == Message.random(1)


def test_floats_can_be_moved_about() -> None:
    """A bijection between bucket numbers and bucket centres makes floats codable."""
    centres = GaussianBuckets.centres(6)
    codec = Mapped(Uniform(64, (3,)), lambda x: np.searchsorted(centres, x), lambda z: centres[z])
    message = Message()
    x = centres[[5, 63, 0]].astype(np.float64)
    codec.push(message, x)
    assert codec.pop(message).tolist() == x.tolist() and message == Message()
    assert codec.bits(x) == pytest.approx(18)
