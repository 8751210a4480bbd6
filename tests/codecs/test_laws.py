"""Every codec and combinator keeps the two laws and agrees with the specification bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import Message, MessageExhausted
from bitsback.codecs import BitsBack, GaussianBuckets, Serial, Uniform
from cases import (
    Case,
    adaptives,
    bernoulli_tables,
    bernoullis,
    bit_swaps,
    bits_backs,
    categoricals,
    chain_rules,
    dependents,
    discretised,
    from_cdfs,
    gaussians,
    intervals,
    latent_mixtures,
    mapped,
    mixtures,
    multisets,
    named,
    of_logits,
    on_lanes,
    own_categoricals,
    repeats,
    rows,
    serials,
    top_downs,
    uniforms,
)
from laws import LANES, assert_same, check_laws, check_reference, depths, messages

CODECS = {
    "adaptive": adaptives(),
    "uniform": uniforms(),
    "bernoulli": bernoullis(),
    "bernoulli_table": bernoulli_tables(),
    "categorical": categoricals(),
    "rows": rows(),
    "gaussian": gaussians(),
    "mixture": mixtures(),
    "own_categorical": own_categoricals(),
    "discretised": discretised(),
    "from_cdf": from_cdfs(),
    "interval": intervals(),
    "serial": serials(),
    "named": named(),
    "repeat": repeats(),
    "on_lanes": on_lanes(),
    "dependent": dependents(),
    "mapped": mapped(),
    "of_logits": of_logits(),
    "chain rule": chain_rules(),
}
WITH_LATENTS = st.one_of(bits_backs(), bit_swaps(), top_downs(), multisets(), latent_mixtures())
endless = depths.filter(lambda depth: depth is not None)


@pytest.mark.parametrize("name", CODECS)
@given(st.data())
def test_both_laws_and_the_specification(name: str, data: st.DataObject) -> None:
    case, message = data.draw(CODECS[name]), data.draw(messages())
    check_laws(case.codec, message, case.symbols)
    check_reference(case.codec, case.reference, message, case.symbols)


@given(WITH_LATENTS, messages(endless))
def test_both_laws_where_bits_come_back(case: Case, message: Message) -> None:
    check_laws(case.codec, message, case.symbols)
    check_reference(case.codec, case.reference, message, case.symbols)


@given(WITH_LATENTS, messages(st.none()))
def test_too_few_bits_to_choose_with_leave_the_message_as_it_was(
    case: Case, message: Message
) -> None:
    before = message.to_bytes()
    try:
        case.codec.push(message, case.symbols)
    except MessageExhausted:
        assert message.to_bytes() == before
    else:
        assert_same(case.codec.pop(message), case.symbols)
        assert message.to_bytes() == before


@given(serials(), serials(), messages(endless))
def test_combinators_combine(one: Case, other: Case, message: Message) -> None:
    """Nests serials, and combines both with bits back: z is the symbol of the second, x that of the
    first.
    """
    nested = Serial(one.codec, Serial(other.codec, one.codec))
    check_laws(nested, message, (one.symbols, (other.symbols, one.symbols)))
    check_laws(
        BitsBack(other.codec, lambda z: one.codec, lambda x: other.codec), message, one.symbols
    )


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("depth", [None, 0])
def test_both_laws_over_long_arrays(lanes: int, depth: int | None) -> None:
    rng = np.random.default_rng(lanes)
    heads = rng.integers(2**32, 2**64, lanes, np.uint64)
    message = Message(heads, rng.integers(0, 2**32, 4000, np.uint32), depth)
    codec = GaussianBuckets(
        rng.integers(-(2**17), 2**17, (97, 53)), rng.integers(2**14, 2**20, (97, 53)), 12
    )
    check_laws(codec, message, rng.integers(0, 2**12, (97, 53)))


def test_a_chain_of_many_steps_comes_back() -> None:
    """Codes steps of various sizes with a message that grows and shrinks across the implicit
    tail.
    """
    rng = np.random.default_rng(0)
    message = Message([2**32] * 3, depth=0)
    steps = []
    for size in rng.integers(0, 40, 300).tolist():
        codec = Uniform(int(rng.integers(1, 2**24)), (size,))
        if rng.random() < 0.5:
            steps.append((codec, codec.pop(message)))
        else:
            steps.append((codec, None))
            codec.push(message, rng.integers(0, codec.n, size))
    for codec, popped in reversed(steps):
        if popped is None:
            codec.pop(message)
        else:
            codec.push(message, popped)
    assert message == Message([2**32] * 3, depth=0)
