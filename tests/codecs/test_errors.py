"""Codecs refuse wrong parameters and symbols: the error says which part, index and value is wrong,
and what to do, and the message stays unchanged.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError, MessageExhausted
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
    Mapped,
    Multiset,
    Named,
    Normal,
    OnLanes,
    Repeat,
    Serial,
    TopDown,
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


ONE, TWO, THREE = Uniform(2, ()), Uniform(5, (2,)), Uniform(5, (3,))


def pairs(c: Any) -> Any:
    return c * 2, np.full(c.shape, 2)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a shape of floats": (lambda: Uniform(2, (2.0,)), "shape"),
    "a negative shape": (lambda: Uniform(2, (-1,)), "shape"),
    "means and scales": (lambda: GaussianBuckets([0] * 2, [2**16] * 3, 4),
     r"mean \(2,\), inverse_scale"),
    "bucket_bits": (lambda: GaussianBuckets([0], [2**16], 13), "bucket_bits"),
    "weights": (lambda: DiscretisedMixture([[1, 2]], 0, 1, 9), "weights of a mixture must sum"),
    "weights for nobody": (lambda: DiscretisedMixture(2**16, 0, 1, 9),
     "weights of a mixture have the shape"),
    "float weights for nobody": (lambda: DiscretisedMixture.from_float(1, 0, 1, 9),
     "weights of a mixture"),
    "frequencies that do not fit": (lambda: Categorical([[1, 1], [1, 1]], 1, (3,)),
     r"frequencies of shape \(2, 2\) do not fit symbols of shape \(3,\)"),
    "no frequencies": (lambda: Categorical(4, 2), "frequencies of a categorical"),
    "negative probabilities": (lambda: Categorical.from_probability([-1e-9, 1]), "probabilities"),
    "no probability": (lambda: Categorical.from_probability(0.5), "probabilities have the shape"),
    "probabilities of 0": (lambda: Categorical.from_probability([[0, 0]]), "probabilities"),
    "tiny probabilities": (lambda: Categorical.from_probability([2.0**-901]), "probabilities"),
    "infinite probabilities": (lambda: Categorical.from_probability([np.inf]), "probabilities"),
    "probabilities that are none": (lambda: Categorical.from_probability([np.nan]), "probabilit"),
    "too many levels": (lambda: Categorical.from_probability(np.ones(17), 4), "2\\^precision"),
    "means too far": (lambda: Normal([2**24 + 257], [1], 9, 1), "means of a Normal codec"),
    "float means too far": (lambda: Normal.from_float(2**22 + 1, 1, 9), "means of a Normal codec"),
    "scales": (lambda: Normal.from_float(0, 0, 9), "scale of a Normal codec"),
    "low": (lambda: Normal(0, 1, 9, 2**22 + 1), "low"),
    "levels": (lambda: Normal(0, 1, 1), "levels"),
    "both levels and ends": (lambda: Normal.from_float(0, 1, 9, within=(0, 8)), "either"),
    "neither levels nor ends": (lambda: Normal.from_float(0, 1), "either"),
    "no function": (lambda: FromCdf(3, 9), "a distribution is a function"),  # type: ignore[arg-type]
    "a function of one number": (lambda: FromCdf(lambda x: 0.5, 9), r"array \[..., 8\]"),
    "what falls": (lambda: FromCdf(lambda x: 1 - x / 9, 9), "never falls"),
    "what is above 1": (lambda: FromCdf(lambda x: x, 9), r"in \[0, 1\], .*\(7,\) is 7.5"),
    "more levels than numbers": (lambda: FromCdf(lambda x: x / 9, 9, precision=3), "levels"),
    "an interval": (lambda: Interval(3, pairs, 4, ()), "interval must be a function"),  # type: ignore[arg-type]
    "a precision": (lambda: Interval(pairs, pairs, 25, ()), "precision"),
    "a part": (lambda: Serial(ONE, 3), "part 1 must be a codec, not int"),  # type: ignore[arg-type]
    "a named part": (lambda: Named({"a": 3}), "part 'a' must be a codec"),  # type: ignore[dict-item]
    "an item": (lambda: Repeat(pairs, 3), "item must be a codec, not function"),  # type: ignore[arg-type]
    "what is on lanes": (lambda: OnLanes(pairs, [0]), "codec must be a codec, not function"),  # type: ignore[arg-type]
    "lanes of floats": (lambda: OnLanes(ONE, [0.5]), "lanes must be a slice or a sequence"),  # type: ignore[list-item]
    "a lane": (lambda: OnLanes(ONE, 1), "lanes must be a slice or a sequence"),  # type: ignore[arg-type]
    "a lane twice": (lambda: OnLanes(ONE, [1, 2, 1]), "none of them twice"),
    "no lanes": (lambda: OnLanes(ONE, []), "lanes are numbers from 0 to 63, one at least"),
    "lanes from the end": (lambda: OnLanes(ONE, [-1]), "lanes are numbers from 0"),
    "a slice of floats": (lambda: OnLanes(ONE, slice(0.5)), "lanes must be a slice of integers"),
    "a slice without a step": (lambda: OnLanes(ONE, slice(0, 9, 0)), "slice of integers"),
    "times": (lambda: Repeat(ONE, -1), "times"),
    "steps": (lambda: Dependent(ONE), "steps must be a function, not Uniform"),  # type: ignore[arg-type]
    "a step": (lambda: Autoregressive(ONE, (2, 3)), "step must be a function"),  # type: ignore[arg-type]
    "a dtype": (lambda: Autoregressive(pairs, (2, 3), float), "dtype"),
    "axes": (lambda: Autoregressive(pairs, (2, 3), together=2), "together"),
    "a prior": (lambda: BitsBack(pairs, pairs, pairs), "prior must be a codec"),  # type: ignore[arg-type]
    "a likelihood": (lambda: BitsBack(ONE, ONE, pairs), "likelihood must be a function"),  # type: ignore[arg-type]
    "layers": (lambda: BitSwap([pairs], [ONE], ONE), "likelihoods must be a function"),  # type: ignore[list-item]
    "then": (lambda: ChainRule(ONE, ONE), "then must be a function"),  # type: ignore[arg-type]
    "a key": (lambda: Multiset(ONE, 3, key=ONE), "key must be a function"),  # type: ignore[arg-type]
    "weights for codecs": (lambda: LatentMixture([1], [ONE, ONE]), "a weight for each codec"),
    "no weights": (lambda: LatentMixture([0, 0], [ONE, ONE]), "weights"),
    "a component": (lambda: LatentMixture([1], [pairs]), "component 0 must be a codec"),  # type: ignore[list-item]
    "a probability in place of a frequency": (lambda: Bernoulli(0.5),
     "frequencies of a Bernoulli .* integers, not float64; Bernoulli.from_probability takes"),
    "probabilities of symbols": (lambda: Categorical([0.5, 0.5], 8, ()),
     "Categorical.from_probability takes floats"),
    "a float mean": (lambda: GaussianBuckets(0.5, 2**16, 8),
     "GaussianBuckets.from_float takes floats"),
    "a float normal": (lambda: Normal([0.5], 1, 9), "from_float takes floats"),
    "a probability out of range": (lambda: Bernoulli.from_probability([[0.5, 0.1], [0.2, 1.5]]),
     r"must lie in \[0, 1\], and that at index \(1, 1\) is 1.5"),
    "no number": (lambda: Bernoulli.from_probability([0.5, np.nan]),
     r"and that at index \(1,\) is nan"),
    "a scale of 0": (lambda: GaussianBuckets.from_float([0, 0], [1, 0], 8),
     r"scale must lie in \[2\^-10, 2\^6\], and that at index \(1,\) is 0.0"),
    "a frequency": (lambda: Bernoulli([[1], [70000]]),
     r"must lie in \[1, 65535\], and that at index \(1, 0\) is 70000"),
    "a size that is no integer": (lambda: Uniform(2.5, ()), "integer, not 2.5"),  # type: ignore[arg-type]
    "a layer without a posterior": (lambda: TopDown([], [], TWO), "at least one layer"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_parameter_is_named_when_it_is_given(name: str) -> None:
    make, why = WRONG[name]
    with pytest.raises(MessageError, match=why):
        make()


def yields_no_codec() -> Any:
    yield Uniform(3, ())
    yield 3


def yields_two() -> Any:
    yield Uniform(3, ())
    yield Uniform(3, ())


def nothing(_: Any) -> Any:
    return None


SYMBOLS: dict[str, tuple[Any, Any, str]] = {
    "own categorical": (Categorical([[1, 1]], 1), [2], r"in \[0, 1\], .* is 2"),
    "above the top": (Normal([0], [1], 9, -3), [6], r"\[-3, 5\]"),
    "beyond a function": (FromCdf(lambda x: x / 9, 9, 0, (1,)), [9], r"\[0, 8\]"),
    "an interval beyond": (Interval(pairs, pairs, 4, (1,)), [8], "starts of intervals"),
    "an empty interval": (Interval(lambda c: (c, c * 0), pairs, 4, (1,)), [1],
     "frequencies of intervals"),
    "intervals of another shape": (Interval(lambda c: (0, 1), pairs, 4, (1,)), [1], "starts"),
    "a name that is missing": (Named({"a": ONE, "b": ONE}), {"a": 1}, "a, b: missing.* is b"),
    "a name too many": (Named({"a": ONE}), {"a": 1, "b": 1}, "unknown is b"),
    "an item too many": (Repeat(ONE, 2), [1, 1, 1], "2 items, not 3"),
    "a part too few": (Dependent(yields_two), (1,), "1 parts were given, and there are more"),
    "a part too many": (Dependent(yields_two), (1, 1, 1), "3 parts .* there are 2 codecs"),
    "what is no codec": (Dependent(yields_no_codec), (1, 1), "what is yielded must be a codec"),
    "too much for the dtype": (Autoregressive(lambda x, p: Uniform(1000, (2,)), (2, 3)),
     np.full((2, 3), 256), "uint8"),
    "a negative symbol": (TWO, [3, -1], r"in \[0, 4\], and that at index \(1,\) is -1"),
    "one alone": (Uniform(5, ()), -1, r"must lie in \[0, 4\], not -1"),
    "one alone of two": (Bernoulli(5), 2, r"must lie in \[0, 1\], not 2"),
    "one alone of several": (Categorical([1, 1], 1, ()), 2, r"must lie in \[0, 1\], not 2"),
    "a large one": (TWO, np.array([3, 2**64 - 1], np.uint64), r"\(1,\) is 18446744073709551615"),
    "no likelihood": (BitsBack(TWO, nothing, lambda x: TWO), [0, 0],
     "the likelihood must return a codec, and has returned NoneType"),
    "no posterior": (BitsBack(TWO, lambda z: TWO, nothing), [0, 0], "the posterior must return"),
    "another prior": (BitsBack(THREE, lambda z: TWO, lambda x: TWO), [0, 0],
     r"the prior cannot code what the posterior has popped: .* shape \(3,\), not \(2,\)"),
    "another likelihood": (BitsBack(TWO, lambda z: THREE, lambda x: TWO), [0, 0],
     r"the likelihood cannot code x: .* shape \(3,\), not \(2,\)"),
    "layers": (BitSwap([lambda x: TWO] * 2, [lambda z: TWO, lambda z: THREE], TWO), [0, 0],
     "the likelihood cannot code x: this codec"),
    "a layer": (TopDown([nothing], [nothing], TWO), [0, 0], "posterior of the last layer must"),
    "a part": (Serial(TWO, Repeat(TWO, 2)), ([0, 0], [[1, 1], [5, 1]]), r"part 1: item 1: .* is 5"),
    "a name": (Named({"a": TWO}), {"a": [0, 5]}, "the part 'a': symbols"),
    "a pair": (ChainRule(TWO, nothing), ([0, 0], 1), "then must return a codec"),
    "a first one": (ChainRule(TWO, lambda a: TWO), ([0, 5], [0, 0]), "first: symbols"),
    "no bijection": (Mapped(TWO, lambda x: x // 2, lambda y: y * 2), [1, 2], "no bijection"),
    "floats": (Mapped(TWO, lambda x: x + 0, lambda y: y + 0.0), [1, 2],
     "in kind, shape and values"),
}  # fmt: skip


@pytest.mark.parametrize("name", SYMBOLS)
def test_wrong_symbols_are_refused_with_a_reason(name: str) -> None:
    codec, symbols, why = SYMBOLS[name]
    message, before = Message.random(1), Message.random(1)
    for method in (lambda x: codec.push(message, x), codec.bits):
        with pytest.raises(MessageError, match=why):
            method(symbols)
        assert message == before


@pytest.mark.parametrize(
    ("codec", "why"),
    [
        (Interval(pairs, lambda x: x // 2 + 1, 4, (3,)), "does not hold|starts of intervals"),
        (Interval(pairs, lambda x: x[:1] // 2, 4, (3,)), r"shape \(2,\), not \(1,\)"),
        (Dependent(yields_no_codec), "what is yielded must be a codec"),
        (Autoregressive(lambda x, p: Uniform(2**20, (2,)), (2, 3)), "uint8"),
    ],
)
def test_a_pop_that_cannot_go_on_leaves_the_message_as_it_was(codec: Any, why: str) -> None:
    message = Message.random(5, lanes=2)
    before = message.copy()
    with pytest.raises(MessageError, match=why):
        codec.pop(message)
    assert message == before


@pytest.mark.parametrize(
    "codec",
    [
        *(codec for codec, _ in CODECS.values()),
        Interval(pairs, lambda x: x // 2, 4, (1000,)),
        Repeat(Uniform(2**20, ()), 100),
        Named({"a": Uniform(3, ()), "b": Uniform(2**24, (100,))}),
        Dependent(lambda: (Uniform(2**20, ()) for _ in range(100))),
        Categorical([[1, 1]] * 300, 1),
        Normal([0] * 100, [2**14] * 100, 100, -50),
    ],
)
def test_a_tail_that_runs_out_leaves_the_message_as_it_was(codec: Any) -> None:
    """The tail runs out after any number of pops."""
    message = Message([2**32, 2**40])
    with pytest.raises(MessageExhausted):
        for _ in range(1000):
            before = message.copy()
            codec.pop(message)
    assert message == before


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
