"""check_codec passes every codec of ours, and finds each way in which one can be wrong."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitsback import CodecError, Message, MessageError, check_codec
from bitsback.codecs import (
    Bernoulli,
    BitsBack,
    Categorical,
    Multiset,
    Named,
    Repeat,
    Serial,
    Uniform,
)
from cases import Case, bit_swaps, bits_backs, chain_rules, multisets, simple
from more_cases import (
    beta_binomials,
    dependents,
    discretised,
    from_cdfs,
    intervals,
    latent_mixtures,
    named,
    negative_binomials,
    own_categoricals,
    poissons,
    repeats,
)

ONES = st.one_of(simple, own_categoricals(), discretised(), from_cdfs(), intervals())
COUNTS = st.one_of(poissons(), negative_binomials(), beta_binomials())
COMBINED = st.one_of(named(), repeats(), dependents(), chain_rules())
WITH_LATENTS = st.one_of(bits_backs(), bit_swaps(), multisets(), latent_mixtures())


@settings(max_examples=200)
@given(st.one_of(ONES, COUNTS, COMBINED, WITH_LATENTS))
def test_our_codecs_keep_the_laws_and_their_bits_are_true(case: Case) -> None:
    check_codec(case.codec, case.symbols)


class Forgets(Uniform):
    def pop(self, message: Message) -> Any:
        return super().pop(message) // 2 * 2


class Leaves(Uniform):
    """Pops right, and less than it pushes."""

    def push(self, message: Message, symbols: Any) -> None:
        super().push(message, [0] * 3)
        super().push(message, symbols)


class Invents(Uniform):
    """Pushes and pops what it is given, but pops other symbols that are pushed as the same."""

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
        (Counts, r"bits says 8\.\d+, but a push makes a message grow by 1[12]\.\d+ bits"),
        (Raises, "a pop that raised ValueError has changed the message"),
        (CountsInWholes, "float64"),
    ],
)
def test_what_is_wrong_is_named(kind: type[Uniform], why: str) -> None:
    with pytest.raises(CodecError, match=why):
        check_codec(kind(16, (3,)), [9, 15, 8])


def test_symbols_that_cannot_be_coded_are_the_codecs_error() -> None:
    with pytest.raises(MessageError, match="not below 3"):
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
