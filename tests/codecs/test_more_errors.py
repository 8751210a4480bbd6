"""The constructors of the codecs of docs/codecs.md refuse wrong parameters by name, and pushes
refuse wrong symbols with a reason, without changing the message.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError, MessageExhausted
from bitsback.codecs import (
    Autoregressive,
    Bernoulli,
    BetaBinomial,
    BitsBack,
    BitSwap,
    Categorical,
    ChainRule,
    Dependent,
    DiscretisedMixture,
    FromCdf,
    GaussianBuckets,
    Interval,
    Laplace,
    LatentMixture,
    Multiset,
    Named,
    NegativeBinomial,
    Normal,
    OnLanes,
    Poisson,
    Repeat,
    Serial,
    Uniform,
)

ONE = Uniform(2, ())


def pairs(c: Any) -> Any:
    return c * 2, np.full(c.shape, 2)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a shape of floats": (lambda: Uniform(2, (2.0,)), "shape"),
    "a negative shape": (lambda: Uniform(2, (-1,)), "shape"),
    "frequencies of a Bernoulli": (lambda: Bernoulli([0]), r"frequencies of a Bernoulli.*is 0"),
    "means and scales": (
        lambda: GaussianBuckets([0] * 2, [2**16] * 3, 4),
        r"mean \(2,\), inverse_scale",
    ),
    "bucket_bits": (lambda: GaussianBuckets([0], [2**16], 13), "bucket_bits"),
    "weights": (lambda: DiscretisedMixture([[1, 2]], 0, 1, 9), "weights of a mixture must sum"),
    "weights for nobody": (
        lambda: DiscretisedMixture(2**16, 0, 1, 9),
        "weights of a mixture have the shape",
    ),
    "float weights for nobody": (
        lambda: DiscretisedMixture.from_float(1, 0, 1, 9),
        "weights of a mixture",
    ),
    "frequencies that do not fit": (
        lambda: Categorical([[1, 1], [1, 1]], 1, (3,)),
        r"frequencies of shape \(2, 2\) do not fit symbols of shape \(3,\)",
    ),
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
    "scales": (lambda: Laplace.from_float(0, 0, 9), "scale of a Laplace codec"),
    "low": (lambda: Laplace(0, 1, 9, 2**22 + 1), "low"),
    "levels": (lambda: Laplace(0, 1, 1), "levels"),
    "both levels and ends": (lambda: Laplace.from_float(0, 1, 9, within=(0, 8)), "either"),
    "neither levels nor ends": (lambda: Laplace.from_float(0, 1), "either"),
    "rates": (lambda: Poisson([0], 9), "rates of a Poisson codec"),
    "float rates": (lambda: Poisson.from_float(0, 9), "rates of a Poisson codec"),
    "levels of counts": (lambda: Poisson([1], 65537), "levels, not 65537"),
    "successes": (lambda: NegativeBinomial([0], 1, 9), "successes of a negative binomial"),
    "probabilities": (lambda: NegativeBinomial([1], 2**24, 9), "probabilities of a negative"),
    "chances": (lambda: NegativeBinomial.from_float(1, 1.1, 9), "probability"),
    "alpha": (lambda: BetaBinomial([0], [1], 9), "alpha of a beta-binomial"),
    "beta": (lambda: BetaBinomial([1], [-1], 9), "beta of a beta-binomial"),
    "trials": (lambda: BetaBinomial([1], [1], 65536), "trials, not 65536"),
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
}


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


SYMBOLS: dict[str, tuple[Any, Any, str]] = {
    "own categorical": (Categorical([[1, 1]], 1), [2], r"in \[0, 1\], .* is 2"),
    "below low": (Normal([0], [1], 9, -3), [-4], r"\[-3, 5\], and that at index \(0,\) is -4"),
    "above the top": (Normal([0], [1], 9, -3), [6], r"\[-3, 5\]"),
    "a count too large": (Poisson([5], 9), [9], r"in \[0, 8\], .* is 9"),
    "beyond a function": (FromCdf(lambda x: x / 9, 9, 0, (1,)), [9], r"\[0, 8\]"),
    "an interval beyond": (Interval(pairs, pairs, 4, (1,)), [8], "starts of intervals"),
    "an empty interval": (
        Interval(lambda c: (c, c * 0), pairs, 4, (1,)),
        [1],
        "frequencies of intervals",
    ),
    "intervals of another shape": (Interval(lambda c: (0, 1), pairs, 4, (1,)), [1], "starts"),
    "a name that is missing": (Named({"a": ONE, "b": ONE}), {"a": 1}, "a, b: missing.* is b"),
    "a name too many": (Named({"a": ONE}), {"a": 1, "b": 1}, "unknown is b"),
    "an item too many": (Repeat(ONE, 2), [1, 1, 1], "2 items, not 3"),
    "a part too few": (Dependent(yields_two), (1,), "1 parts were given, and there are more"),
    "a part too many": (Dependent(yields_two), (1, 1, 1), "3 parts .* there are 2 codecs"),
    "what is no codec": (Dependent(yields_no_codec), (1, 1), "what is yielded must be a codec"),
    "too much for the dtype": (
        Autoregressive(lambda x, p: Uniform(1000, (2,)), (2, 3)),
        np.full((2, 3), 256),
        "uint8",
    ),
}


@pytest.mark.parametrize("name", SYMBOLS)
def test_wrong_symbols_are_refused_with_a_reason(name: str) -> None:
    codec, symbols, why = SYMBOLS[name]
    message, before = Message([2**40] * 2, [5, 6]), Message([2**40] * 2, [5, 6])
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
        Interval(pairs, lambda x: x // 2, 4, (1000,)),
        Repeat(Uniform(2**20, ()), 100),
        Named({"a": Uniform(3, ()), "b": Uniform(2**24, (100,))}),
        Dependent(lambda: (Uniform(2**20, ()) for _ in range(100))),
        Poisson([2**22] * 200, 200),
        Categorical([[1, 1]] * 300, 1),
        Normal([0] * 100, [2**14] * 100, 100, -50),
    ],
)
def test_a_tail_that_runs_out_leaves_the_message_as_it_was(codec: Any) -> None:
    message = Message([2**40, 2**63], [1, 2, 3])
    before = message.copy()
    with pytest.raises(MessageExhausted):
        codec.pop(message)
    assert message == before
