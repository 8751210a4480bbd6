"""A codec refuses symbols that it cannot code, says why, and leaves the message unchanged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError, MessageExhausted
from bitsback.codecs import (
    Adaptive,
    Bernoulli,
    BernoulliTable,
    BitsBack,
    Categorical,
    CdfTable,
    Codec,
    DiscretisedMixture,
    GaussianBuckets,
    Serial,
    Uniform,
)

HEAD = 2**32


def a_message() -> Message:
    return Message([2**40 + 1, 2**50 + 3], [1, 2, 3], depth=4)


CODECS: dict[
    str, tuple[Codec[Any], int]
] = {  # each codes a [3]; and the first symbol that is out of its range
    "uniform": (Uniform(10, (3,)), 10),
    "adaptive": (Adaptive(10, (3,)), 10),
    "bernoulli": (Bernoulli([1, 2, 3]), 2),
    "bernoulli_table": (BernoulliTable(np.arange(1, 257), [0, 1, 255]), 2),
    "categorical": (Categorical([1, 2, 1], 2, (3,)), 3),
    "gaussian": (GaussianBuckets([0, 1, 2], [2**16] * 3, 10), 1024),
    "rows": (CdfTable([[0, 1, 2, 16], [0, 13, 14, 16]], [0, 1, 1], 4), 3),
    "mixture": (DiscretisedMixture([[2**16, 0]] * 3, [[0, 2**9]] * 3, [[2**16, 1]] * 3, 10), 10),
}


def a_mixture(
    weight: Any = (2**15, 2**15),
    mean: Any = (0, 2**8),
    inverse_scale: Any = (2**16, 2**16),
    levels: int = 10,
    precision: int = 24,
    component: Any = "normal",
) -> DiscretisedMixture:
    """Three symbols of one distribution."""
    return DiscretisedMixture(
        [weight] * 3, [mean] * 3, [inverse_scale] * 3, levels, precision, component
    )


@pytest.mark.parametrize("name", CODECS)
def test_symbols_that_cannot_be_coded_are_refused(name: str) -> None:
    codec, count = CODECS[name]
    message, before = a_message(), a_message()
    for symbols, why in [
        (np.array([0, 0, count]), "must lie"),
        (np.array([0, -1, 0]), "must lie"),
        (np.array([0, 0, 2**63], np.uint64), "must lie"),
        (np.array([0.0, 0.0, 1.0]), "integers"),
        (np.array(["0", "0", "1"]), "integers"),
        (np.zeros(2, np.uint8), r"shape \(3,\), not \(2,\)"),
        (np.zeros((3, 1), np.uint8), r"shape \(3,\), not \(3, 1\)"),
        (0, r"shape \(3,\), not \(\)"),
    ]:
        with pytest.raises(MessageError, match=why):
            codec.push(message, symbols)
        assert message == before


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2", "<i4", ">i4", "<u8", ">i8"])
def test_any_integers_will_do_as_symbols(name: str, dtype: str) -> None:
    codec, _ = CODECS[name]
    one, other = a_message(), a_message()
    codec.push(one, np.array([0, 1, 1], dtype))
    codec.push(other, [0, 1, 1])
    assert one == other
    codec.push(other, np.array([0, 9, 1, 9, 1], dtype)[::2])
    assert codec.pop(other).tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_pops_the_shape_that_it_pushes(name: str) -> None:
    codec, _ = CODECS[name]
    assert codec.pop(a_message()).shape == (3,)


PARAMETERS: dict[str, Callable[[], Codec[Any]]] = {
    "uniform over none": lambda: Uniform(0, (3,)),
    "adaptive of no levels": lambda: Adaptive(0, (3,)),
    "adaptive of too many": lambda: Adaptive(2**24 - 2, (3,)),
    "uniform over too many": lambda: Uniform(2**24 + 1, (3,)),
    "bernoulli that is never 1": lambda: Bernoulli([1, 0, 1], 16),
    "bernoulli that is always 1": lambda: Bernoulli([1, 2**16, 1], 16),
    "bernoulli with a negative frequency": lambda: Bernoulli([1, -1, 1], 16),
    "bernoulli with float frequencies": lambda: Bernoulli([0.5, 0.5, 0.5], 16),
    "bernoulli of precision 0": lambda: Bernoulli([1, 1, 1], 0),
    "bernoulli of precision 25": lambda: Bernoulli([1, 1, 1], 25),
    "bernoulli table of 255": lambda: BernoulliTable(np.ones(255, int), [0, 1, 2]),
    "bernoulli table with a 0": lambda: BernoulliTable(np.arange(256), [0, 1, 2]),
    "bernoulli table with an index of 256": lambda: BernoulliTable(np.ones(256, int), [0, 1, 256]),
    "categorical with a 0": lambda: Categorical([2, 0, 2], 2, (3,)),
    "categorical that sums to less": lambda: Categorical([1, 1, 1], 2, (3,)),
    "categorical that sums to more": lambda: Categorical([1, 1, 3], 2, (3,)),
    "categorical that sums to 2^32 more": lambda: Categorical([2**31, 2**31, 4], 2, (3,)),
    "categorical of nothing": lambda: Categorical(np.zeros(0, int), 2, (3,)),
    "categorical of precision 0": lambda: Categorical([1], 0, (3,)),
    "categorical of precision 25": lambda: Categorical([2**24, 2**24], 25, (3,)),
    "gaussian of 0 bits": lambda: GaussianBuckets([0] * 3, [2**16] * 3, 0),
    "gaussian of 13 bits": lambda: GaussianBuckets([0] * 3, [2**16] * 3, 13),
    "gaussian of too little precision": lambda: GaussianBuckets([0] * 3, [2**16] * 3, 10, 13),
    "gaussian of precision 25": lambda: GaussianBuckets([0] * 3, [2**16] * 3, 10, 25),
    "gaussian with a mean above 16": lambda: GaussianBuckets([0, 2**20 + 1, 0], [2**16] * 3, 10),
    "gaussian with a mean below -16": lambda: GaussianBuckets(
        [0, -(2**20) - 1, 0], [2**16] * 3, 10
    ),
    "gaussian that is too wide": lambda: GaussianBuckets([0] * 3, [2**16, 2**16, 2**10 - 1], 10),
    "gaussian that is too narrow": lambda: GaussianBuckets([0] * 3, [2**16, 2**16, 2**26 + 1], 10),
    "gaussian with other means than scales": lambda: GaussianBuckets([0] * 2, [2**16] * 3, 10),
    "rows of precision 0": lambda: CdfTable([[0, 1]], [0, 0, 0], 0),
    "rows of precision 25": lambda: CdfTable([[0, 2**25]], [0, 0, 0], 25),
    "rows that are not there": lambda: CdfTable([[0, 3, 16]], [0, 1, 0], 4),
    "rows of none": lambda: CdfTable(np.zeros((0, 3), int), [0, 0, 0], 4),
    "rows of no levels": lambda: CdfTable([[16]], [0, 0, 0], 4),
    "rows of 257 levels": lambda: CdfTable([[*range(257), 2**24]], [0, 0, 0], 24),
    "rows that end early": lambda: CdfTable([[0, 3, 15]], [0, 0, 0], 4),
    "rows that begin late": lambda: CdfTable([[1, 3, 16]], [0, 0, 0], 4),
    "rows that fall": lambda: CdfTable([[0, 7, 6, 16]], [0, 0, 0], 4),
    "rows that stand still": lambda: CdfTable([[0, 7, 7, 16]], [0, 0, 0], 4),
    "rows with a negative index": lambda: CdfTable([[0, 3, 16]], [0, -1, 0], 4),
    "rows of floats": lambda: CdfTable([[0, 0.5, 1]], [0, 0, 0], 4),
    "mixture of no components": lambda: a_mixture((), (), ()),
    "mixture of weights that sum to less": lambda: a_mixture((2**15, 2**15 - 1)),
    "mixture of weights that sum to more": lambda: a_mixture((2**15, 2**15 + 1)),
    "mixture of weights that sum to 2^32 more": lambda: a_mixture((2**31, 2**31 + 2**16)),
    "mixture with a negative weight": lambda: a_mixture((2**16 + 1, -1)),
    "mixture with too large a mean": lambda: a_mixture(mean=(0, 2**24 + 1)),
    "mixture with too small a mean": lambda: a_mixture(mean=(-(2**24) - 1, 0)),
    "mixture that is too narrow": lambda: a_mixture(inverse_scale=(1, 2**26 + 1)),
    "mixture that is too wide": lambda: a_mixture(inverse_scale=(1, 0)),
    "mixture of one level": lambda: a_mixture(levels=1),
    "mixture of 2^16 + 1 levels": lambda: a_mixture(levels=2**16 + 1),
    "mixture of too little precision": lambda: a_mixture(levels=17, precision=8),
    "mixture of precision 25": lambda: a_mixture(precision=25),
    "mixture of precision 0": lambda: a_mixture(precision=0),
    "mixture of another kind": lambda: a_mixture(component="cauchy"),
    "mixture with other means than weights": lambda: DiscretisedMixture(
        [[2**16]] * 3, [[0]] * 2, [[1]] * 3, 10
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_out_of_range_are_refused_when_they_are_given(name: str) -> None:
    with pytest.raises(MessageError):
        PARAMETERS[name]()


@pytest.mark.parametrize("name", CODECS)
def test_parameters_at_their_limits_are_taken(name: str) -> None:
    limits: dict[str, list[Codec[Any]]] = {
        "uniform": [Uniform(1, (3,)), Uniform(2**24, (3,))],
        "adaptive": [Adaptive(1, (3,)), Adaptive(2**24 - 3, (3,))],
        "bernoulli": [Bernoulli([1, 1, 1], 1), Bernoulli([1, 2**24 - 1, 1], 24)],
        "bernoulli_table": [BernoulliTable(np.ones(256, int), [0, 0, 255], 1)],
        "categorical": [Categorical([1, 1], 1, (3,)), Categorical([2**24 - 1, 1], 24, (3,))],
        "gaussian": [
            GaussianBuckets([-(2**20), 2**20, 0], [2**10, 2**26, 2**26], 12, 16),
            GaussianBuckets([-(2**20), 2**20, 0], [2**10, 2**26, 2**26], 1, 24),
        ],
        "rows": [
            CdfTable([[0, 16]], [0, 0, 0], 4),
            CdfTable([[*range(256), 2**24], [0, *range(2**24 - 255, 2**24 + 1)]], [0, 1, 0], 24),
            CdfTable([[0, 1, 2]] * 2**16, [0, 2**16 - 1, 1], 1),
        ],
        "mixture": [
            a_mixture((0, 2**16), (-(2**24), 2**24), (1, 2**26), 2**16, 20, "logistic"),
            a_mixture((0, 2**16), (-(2**24), 2**24), (2**26, 1), 2**16, 24, "normal"),
            a_mixture(levels=2, precision=5),
        ],
    }
    for codec in limits[name]:
        message = a_message()
        codec.push(message, codec.pop(message))
        assert message == a_message()


@pytest.mark.parametrize("precision", [1, 24])
def test_a_categorical_of_one_symbol_codes_nothing(precision: int) -> None:
    codec = Categorical([2**precision], precision, (5,))
    message = a_message()
    codec.push(message, np.zeros(5, int))
    assert message == a_message()
    assert codec.pop(message).tolist() == [0] * 5
    assert message == a_message()


def test_serial_undoes_what_it_did_before_an_error() -> None:
    codec = Serial(Uniform(3, (2,)), Uniform(5, (4,)), Uniform(7, (3,)))
    message = a_message()
    with pytest.raises(MessageError, match=r"must lie in \[0, 2\].* is 3"):
        codec.push(message, ([0, 3], [1, 2, 3, 4], [6, 6, 6]))
    assert message == a_message()
    with pytest.raises(MessageError, match="3 codecs"):
        codec.push(message, ([0, 1], [1, 2, 3, 4]))
    assert message == a_message()


@pytest.mark.parametrize("name", CODECS)
def test_a_tail_that_runs_out_leaves_the_message_as_it_was(name: str) -> None:
    """The tail runs out after any number of pops."""
    codec, _ = CODECS[name]
    message = Message([2**32, 2**40])
    with pytest.raises(MessageExhausted):
        for _ in range(1000):
            before = message.copy()
            codec.pop(message)
    assert message == before


def test_serial_undoes_what_it_did_before_it_ran_out() -> None:
    message = Message([HEAD], [5] * 4)
    before = message.copy()
    with pytest.raises(MessageExhausted):
        Serial(Uniform(2**20, (5,)), Uniform(2**24, (5,))).pop(message)
    assert message == before


class Broken(Uniform):
    """Neither pushes nor pops."""

    def __init__(self) -> None:
        super().__init__(5, (2,))

    def push(self, message: Message, symbols: Any) -> None:
        raise MessageError("it is broken")

    def pop(self, message: Message) -> Any:
        raise MessageError("it is broken")


@pytest.mark.parametrize("depth", [None, 0])
def test_bits_back_undoes_what_it_did_before_an_error(depth: int | None) -> None:
    """Whichever of the three steps fails, in either direction."""
    good, wrong_shape, broken = Uniform(5, (2,)), Uniform(5, (3,)), Broken()
    models: list[BitsBack[Any, Any]] = [
        BitsBack(good, lambda z: good, lambda x: broken),
        BitsBack(good, lambda z: broken, lambda x: good),
        BitsBack(broken, lambda z: good, lambda x: good),
        BitsBack(good, lambda z: wrong_shape, lambda x: good),
        BitsBack(wrong_shape, lambda z: good, lambda x: good),
        BitsBack(good, lambda z: good, lambda x: wrong_shape),
    ]
    message = Message([2**50], [1, 2, 3, 4], depth)
    before = message.copy()
    for model in models:
        with pytest.raises(MessageError):
            model.push(message, [1, 2])
        assert message == before
    for model in models[:3] + models[5:]:
        with pytest.raises(MessageError):
            model.pop(message)
        assert message == before


def test_bits_back_undoes_what_it_did_when_a_network_fails() -> None:
    def fails(_: Any) -> Codec[Any]:
        raise RuntimeError("the network is not there")

    good = Uniform(5, (2,))
    message = a_message()
    with pytest.raises(RuntimeError, match="not there"):
        BitsBack(good, fails, lambda x: good).push(message, [1, 2])
    with pytest.raises(RuntimeError, match="not there"):
        BitsBack(good, fails, lambda x: good).pop(message)
    with pytest.raises(RuntimeError, match="not there"):
        BitsBack(good, lambda z: good, fails).pop(message)
    assert message == a_message()
