"""check_codec passes every bitsback codec and finds each way in which a codec can be wrong."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import CodecError, Message, MessageError
from bitsback.codecs import (
    Bernoulli,
    BitsBack,
    BitSwap,
    Categorical,
    GaussianBuckets,
    Multiset,
    Named,
    OnLanes,
    Repeat,
    Serial,
    Uniform,
    check_codec,
)
from cases import (
    Case,
    bit_swaps,
    bits_backs,
    chain_rules,
    dependents,
    discretised,
    from_cdfs,
    intervals,
    latent_mixtures,
    mapped,
    multisets,
    named,
    of_logits,
    on_lanes,
    own_categoricals,
    repeats,
    simple,
    top_downs,
)

ONES = st.one_of(simple, own_categoricals(), discretised(), from_cdfs(), intervals(), of_logits())
COMBINED = st.one_of(named(), repeats(), on_lanes(), dependents(), chain_rules(), mapped())
WITH_LATENTS = st.one_of(bits_backs(), bit_swaps(), multisets(), latent_mixtures(), top_downs())


@given(st.one_of(ONES, COMBINED, WITH_LATENTS))
def test_our_codecs_keep_the_laws_and_their_bits_are_true(case: Case) -> None:
    check_codec(case.codec, case.symbols)


class Forgets(Uniform):
    def pop(self, message: Message) -> Any:
        return super().pop(message) // 2 * 2


class Leaves(Uniform):
    """Pops correctly, but less than it pushes."""

    def push(self, message: Message, symbols: Any) -> None:
        super().push(message, [0] * 3)
        super().push(message, symbols)


class Invents(Uniform):
    """Restores what it pushed, but drops a bit of what it pops, so a push does not undo a pop."""

    def pop(self, message: Message) -> Any:
        return super().pop(message) | 8

    def push(self, message: Message, symbols: Any) -> None:
        super().push(message, np.asarray(symbols) & 7 | 8)


class Counts(Uniform):
    def bits(self, symbols: Any) -> Any:
        return super().bits(symbols) * np.log(2)


class Raises(Uniform):
    def pop(self, message: Message) -> Any:
        super().pop(message)
        raise ValueError("no")


class CountsInWholes(Uniform):
    def bits(self, symbols: Any) -> Any:
        return np.array([4, 4, 4])


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Forgets, "first law is broken: .* was pushed, and .* popped"),
        (Leaves, "first law is broken: after push and pop the message is another one"),
        (Invents, "second law is broken"),
        (Counts, r"bits of Counts says 8\.\d+, but a push makes a message grow by 1[12]\.\d+ bits"),
        (Raises, "a pop that raised ValueError has changed the message"),
        (CountsInWholes, "float64"),
    ],
)
def test_what_is_wrong_is_named(kind: type[Uniform], why: str) -> None:
    with pytest.raises(CodecError, match=why):
        check_codec(kind(16, (3,)), [9, 15, 8])


def test_symbols_that_cannot_be_coded_are_the_codecs_error() -> None:
    with pytest.raises(MessageError, match=r"must lie in \[0, 2\].* is 3"):
        check_codec(Uniform(3, (2,)), [0, 3])


def test_what_has_parts_is_compared_part_by_part() -> None:
    def codec(kind: type[Uniform]) -> Named:
        pair = Serial(Uniform(3, ()), kind(16, (2,)))
        return Named({"a": Repeat(pair, 2), "b": Uniform(2, ())})

    symbols = {"a": ((1, [2, 4]), (0, [0, 1])), "b": 1}
    check_codec(codec(Uniform), symbols)
    with pytest.raises(CodecError, match="first law"):
        check_codec(codec(Forgets), symbols)


def test_the_items_of_a_multiset_are_given_in_their_order() -> None:
    codec = Multiset(Uniform(10, ()), 3)
    check_codec(codec, (1, 5, 7))
    with pytest.raises(CodecError, match="first law"):
        check_codec(codec, (5, 1, 7))


class CountsNone(Uniform):
    def bits(self, symbols: Any) -> Any:
        return super().bits(symbols) * np.nan


def test_bits_may_vary_as_latents_make_them_but_are_numbers() -> None:
    def model(kind: type[Uniform]) -> BitsBack[Any, Any]:
        return BitsBack(
            prior=kind(16, (3,)),
            likelihood=lambda z: Bernoulli(4000 * (1 + np.asarray(z, int)), 16),
            posterior=lambda x: Categorical([1, 3] * 8, 5, (3,)),
        )

    check_codec(model(Uniform), [0, 1, 1])
    with pytest.raises(CodecError, match="finite"):
        check_codec(model(CountsNone), [0, 1, 1])


def a_model(posterior: type[Uniform], likelihood: type[Uniform] = Uniform) -> BitsBack[Any, Any]:
    """A model in which z bounds x."""
    return BitsBack(
        prior=Uniform(16, (4,)),
        likelihood=lambda z: likelihood(100 + int(z[0]), (3,)),
        posterior=lambda x: posterior(16, (4,)),
    )


@pytest.mark.parametrize("other", [Uniform, Counts])
def test_parts_are_held_to_their_bits_along_a_push(other: type[Uniform]) -> None:
    model = BitSwap(
        posteriors=[lambda x: GaussianBuckets([int(x[0]) * 999], 2**17, 10)] * 2,
        likelihoods=[lambda z: Uniform(100 + int(z[0]), (3,)), lambda z: other(2**10, (1,))],
        prior=Uniform(2**10, (1,)),
    )
    codec = Serial(Repeat(model, 2), Uniform(3, ()))
    symbols = (([1, 2, 3], [3, 4, 99]), 2)
    if other is Uniform:
        check_codec(codec, symbols)
        return
    with pytest.raises(CodecError, match=r"bits of Counts says 6\.9\d+, but .* by 10\.0"):
        check_codec(codec, symbols)


class Forgotten(BitsBack[Any, Any]):
    """A `BitsBack` with a wrong length: it counts the bits of z, but not the bits that come
    back.
    """

    def bits(self, x: Any) -> float:
        posterior = self.posterior(x)
        return super().bits(x) + float(np.sum(posterior.bits(posterior.pop(Message.random()))))


def test_bits_of_a_codec_with_latents_are_as_pushes_are() -> None:
    right = a_model(Uniform)
    check_codec(right, [0, 1, 1])
    wrong = Forgotten(right.prior, right.likelihood, right.posterior)
    with pytest.raises(CodecError, match=r"bits says 3\d\.\d+, but a push .* by 20\.\d+ bits"):
        check_codec(wrong, [0, 1, 1])


def test_a_codec_of_lanes_of_its_own_gets_messages_that_have_them() -> None:
    codec = Serial(OnLanes(a_model(Uniform), [1, 2]), OnLanes(Uniform(7, (3,)), [0]))
    check_codec(codec, ([0, 1, 1], [1, 2, 3]), lanes=3)
    with pytest.raises(MessageError, match="no lane 1"):
        check_codec(codec, ([0, 1, 1], [1, 2, 3]))
