"""Checks of the two laws of a codec, with messages and parameters for them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback import Message, MessageExhausted
from bitsback.codecs import Codec
from reference import message as spec

LANES = (1, 2, 3, 4, 8, 16)

heads = st.one_of(
    st.sampled_from([2**32, 2**32 + 1, 2**33 - 1, 2**40, 2**63, 2**64 - 2**32, 2**64 - 1]),
    st.integers(32, 63).flatmap(lambda bits: st.integers(2**bits, 2 ** (bits + 1) - 1)),
)
words = st.one_of(st.sampled_from([0, 1, 2**32 - 1]), st.integers(0, 2**32 - 1))
depths = st.one_of(st.none(), st.sampled_from([0, 1, 2, 100, 2**40]))


@st.composite
def messages(draw: st.DrawFn, depth: st.SearchStrategy[int | None] = depths) -> Message:
    """Any message: every number of lanes, heads at both ends of their range, tails from empty to
    long enough for everything.
    """
    lanes = draw(st.sampled_from(LANES))
    tail = draw(st.lists(words, max_size=20))
    if draw(st.booleans()):
        tail = random_words(draw(st.integers(0, 2**32)), 600).tolist() + tail
    return Message(draw(st.lists(heads, min_size=lanes, max_size=lanes)), tail, draw(depth))


def random_words(seed: int, count: int) -> NDArray[np.uint32]:
    return np.random.default_rng(seed).integers(0, 2**32, count, np.uint32)


def check_laws(codec: Codec[Any], message: Message, symbols: Any) -> None:
    """Checks both laws for this message and these symbols; `message` stays unchanged."""
    before = message.to_bytes()

    codec.push(message, symbols)
    assert_same(codec.pop(message), symbols)
    assert message.to_bytes() == before

    try:
        popped = codec.pop(message)
    except MessageExhausted:
        assert message.depth is None
    else:
        codec.push(message, popped)
    assert message.to_bytes() == before


def check_reference(codec: Codec[Any], reference: Any, message: Message, symbols: Any) -> None:
    """The core and the specification give the same bytes after a push and a pop, and pop the same
    symbols.
    """
    ours, theirs = message.copy(), to_reference(message)
    codec.push(ours, symbols)
    reference.push(theirs, flat(symbols))
    assert ours.to_bytes() == theirs.to_bytes()

    ours, theirs = message.copy(), to_reference(message)
    try:
        popped = codec.pop(ours)
    except MessageExhausted:
        assert ours.to_bytes() == message.to_bytes()
        assert exhausts(reference, theirs)
    else:
        assert flat(popped) == reference.pop(theirs)
        assert ours.to_bytes() == theirs.to_bytes()


def exhausts(reference: Any, message: spec.Message) -> bool:
    try:
        reference.pop(message)
    except spec.ExhaustedError:
        return True
    return False


def to_reference(message: Message) -> spec.Message:
    return spec.Message.from_bytes(message.to_bytes())


def flat(symbols: Any) -> Any:
    """Arrays as the lists of the specification, and tuples of them."""
    if isinstance(symbols, tuple):
        return tuple(flat(part) for part in symbols)
    if isinstance(symbols, dict):
        return {name: flat(part) for name, part in symbols.items()}
    return np.asarray(symbols).ravel().tolist()


def assert_same(a: Any, b: Any) -> None:
    if isinstance(a, tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for name, part in a.items():
            assert_same(part, b[name])
    else:
        np.testing.assert_array_equal(a, b)
