"""Messages: their parts, copies and bytes."""

import copy
import math
import pickle
import threading
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import Message, MessageError, MessageExhausted
from bitsback.codecs import OnLanes, Uniform
from laws import LANES, heads, messages, to_reference, words
from reference import message as spec

HEAD = 2**32


def test_it_is_made_of_heads_tail_and_depth() -> None:
    message = Message([HEAD, HEAD + 7], [1, 2, 3], depth=None)
    assert message.lanes == 2
    assert message.heads.dtype == np.uint64
    assert message.heads.tolist() == [HEAD, HEAD + 7]
    assert message.tail.dtype == np.uint32
    assert message.tail.tolist() == [1, 2, 3]
    assert message.depth is None


def test_heads_and_tail_are_copies() -> None:
    message = Message([HEAD], [1, 2])
    message.heads[0] = HEAD + 1
    message.tail[0] = 9
    assert message == Message([HEAD], [1, 2])


def test_a_copy_is_independent() -> None:
    message = Message([HEAD], depth=0)
    other = message.copy()
    Uniform(10, (20,)).pop(other)
    assert message == Message([HEAD], depth=0)
    assert other != message


@given(messages())
def test_it_is_copied_and_pickled(message: Message) -> None:
    for other in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert other == message and other is not message


def test_an_empty_one_is_above_the_implicit_tail() -> None:
    assert Message() == Message([HEAD], depth=0)
    assert Message(lanes=3, depth=2) == Message([HEAD] * 3, depth=2)
    for lanes in (0, 65, 2**63):
        with pytest.raises(MessageError, match="1 to 64"):
            Message(lanes=lanes)
    with pytest.raises(MessageError, match="heads"):
        Message(tail=[1])
    with pytest.raises(MessageError, match="lanes"):
        Message([HEAD], lanes=1)


@given(st.integers(0, 2**64 - 1), st.integers(1, 64))
def test_a_random_one_is_that_of_the_specification(seed: int, lanes: int) -> None:
    message = Message.random(seed, lanes)
    assert to_reference(message) == spec.Message.random(seed, lanes)
    assert message.lanes == lanes


def test_random_bits_are_endless_and_others_for_each_seed() -> None:
    codec = Uniform(2**24, (1000,))
    one, other = (codec.pop(Message.random(seed)) for seed in (1, 2))
    assert not set(one.tolist()) & set(other.tolist()) or (one != other).mean() > 0.99
    assert 0.45 < one.mean() / 2**24 < 0.55
    for lanes in (0, 65):
        with pytest.raises(MessageError, match="1 to 64"):
            Message.random(0, lanes)


def test_it_shows_its_lanes_and_bits() -> None:
    assert repr(Message()) == "<Message: 1 lane, 32.0 bits, net +0.0, depth 0>"
    two = Message([HEAD, HEAD * 2], [1])
    assert repr(two) == "<Message: 2 lanes, 97.0 bits, net +0.0, finite tail>"


@pytest.mark.parametrize(
    "parts",
    [
        ([HEAD], [1, 2]), ([HEAD], [2, 1], 0), ([HEAD + 1], [2, 1]), ([HEAD] * 2, [2, 1]),
        ([HEAD], [1]),
    ],
)  # fmt: skip
def test_messages_that_differ_in_any_part_are_not_equal(parts: tuple[Any, ...]) -> None:
    assert Message(*parts) == Message(*parts)
    assert Message(*parts) != Message([HEAD], [2, 1])
    assert Message(*parts) != "no message"


def test_bits_counts_heads_and_stored_words() -> None:
    assert Message([HEAD, 2**63], [0, 0, 0], 5).bits == pytest.approx(32 + 63 + 96)
    assert Message([2**64 - 1]).bits == pytest.approx(64)


@given(st.sampled_from(range(2, 2**24)), st.integers(0, 2**32), messages())
def test_a_push_adds_the_information_of_its_symbols(n: int, seed: int, message: Message) -> None:
    symbols = np.random.default_rng(seed).integers(0, n, 200)
    starts = [symbol * 2**24 // n for symbol in (symbols, symbols + 1)]
    information = float(np.sum(24 - np.log2(starts[1] - starts[0])))
    before = message.bits
    Uniform(n, (200,)).push(message, symbols)
    # A small head loses up to log2(1 + freq / head); only whole words move to the tail.
    assert message.bits - before == pytest.approx(information, abs=200 * 0.012)


@pytest.mark.parametrize(
    ("bad", "why"), [([], "1 to 64"), ([HEAD] * 65, "1 to 64"), ([HEAD, HEAD - 1], "below 2^32")]
)
def test_bad_heads_are_refused(bad: list[int], why: str) -> None:
    with pytest.raises(MessageError, match=why.replace("^", r"\^")):
        Message(bad)


@pytest.mark.parametrize(
    "arguments",
    [
        ([-1],), ([HEAD + 0.5],), (np.array([-1]),), ([HEAD], [-1]), ([HEAD], [2**32]),
        ([HEAD], np.array([2**32])), ([HEAD], [0.5]), ([HEAD], (), -1),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises((MessageError, TypeError, OverflowError)):
        Message(*arguments)


# ---- the implicit tail ----


def test_the_implicit_tail_is_splitmix64() -> None:
    """The first outputs for the state 0, as published with the generator's reference
    implementation.
    """
    assert [spec.splitmix64(k) for k in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]
    message = Message([HEAD], depth=0)
    Uniform(2**24, (4,)).pop(message)
    assert message.depth == 3
    assert message.tail.tolist() == []


def test_words_of_the_implicit_tail_that_come_back_are_not_stored() -> None:
    taken = [spec.implicit_word(k) for k in (2, 1, 0)]
    assert Message([HEAD], taken, depth=3) == Message([HEAD], depth=0)
    assert Message([HEAD], [*taken, 5], depth=3) == Message([HEAD], [5], depth=0)
    assert Message([HEAD], [spec.implicit_word(1) ^ 1, spec.implicit_word(0)], depth=2).depth == 2


@given(messages(depth=st.just(None)), st.integers(1, 300))
def test_a_finite_tail_that_runs_out_leaves_the_message_as_it_was(
    message: Message, count: int
) -> None:
    before = message.to_bytes()
    held = message.bits
    try:
        Uniform(2**24, (count,)).pop(message)
    except MessageExhausted:
        assert message.to_bytes() == before
        assert held < 24 * count + 64 * message.lanes
    else:
        assert held >= 24 * count


def test_exhaustion_in_the_middle_of_an_array_is_undone() -> None:
    message = Message([2**64 - 1] * 2, [1, 2, 3])
    before = message.copy()
    with pytest.raises(MessageExhausted, match="exhausted"):
        Uniform(2**24, (100,)).pop(message)
    assert message == before
    Uniform(2**24, (2,)).pop(message)


# ---- bytes ----


@given(messages())
def test_bytes_are_those_of_the_specification_and_come_back(message: Message) -> None:
    data = message.to_bytes()
    assert (
        spec.Message(message.heads.tolist(), message.tail.tolist(), message.depth).to_bytes()
        == data
    )
    assert Message.from_bytes(data) == message


def test_exact_bytes() -> None:
    message = Message([0x123456789ABCDEF0, HEAD], [0xDEADBEEF, 1], depth=200)
    assert (
        message.to_bytes().hex()
        == "02c901f0debc9a78563412" + "0000000001000000" + "efbeadde01000000"
    )
    assert Message([HEAD], [7]).to_bytes().hex() == "0100" + "0000000001000000" + "07000000"


@given(st.lists(heads, min_size=1, max_size=64), st.lists(words, max_size=5))
def test_every_number_of_lanes_has_bytes(some: list[int], tail: list[int]) -> None:
    message = Message(some, tail)
    assert Message.from_bytes(message.to_bytes()) == message


WHOLE = Message([HEAD, 2**63], [1, 2], depth=300).to_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        bytes([0]) + WHOLE[1:],
        bytes([65]) + bytes([0]) + bytes([0, 0, 0, 0, 1, 0, 0, 0]) * 65,
        bytes([1, 0]) + (HEAD - 1).to_bytes(8, "little"),
        bytes([1, 0x80, 0x00]) + HEAD.to_bytes(8, "little"),  # a depth in a longer form than needed
        bytes([1]) + b"\xff" * 10 + HEAD.to_bytes(8, "little"),  # a depth without end
        bytes([1, 2]) + HEAD.to_bytes(8, "little") + spec.implicit_word(0).to_bytes(4, "little"),
        WHOLE[:-1],
        WHOLE + b"\0",
        WHOLE[:10],
        WHOLE[:2],
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(spec.MessageError):
        spec.Message.from_bytes(data)
    with pytest.raises(MessageError):
        Message.from_bytes(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_to_both_or_to_neither(data: bytes) -> None:
    try:
        expected = spec.Message.from_bytes(data).to_bytes()
    except spec.MessageError:
        with pytest.raises(MessageError):
            Message.from_bytes(data)
    else:
        assert Message.from_bytes(data).to_bytes() == expected == data


# ---- lanes ----


@pytest.mark.parametrize("lanes", LANES)
def test_each_step_begins_at_lane_0_and_goes_round(lanes: int) -> None:
    message = Message([2**40 + lane for lane in range(lanes)], depth=0)
    assert Uniform(2**24, (3 * lanes,)).pop(message.copy())[:lanes].tolist() == list(range(lanes))
    first = message.copy()
    Uniform(2**24, (1,)).pop(first)
    Uniform(2**24, (1,)).pop(first)
    assert first.heads.tolist()[1:] == message.heads.tolist()[1:]


def test_the_words_of_all_lanes_share_one_tail_in_the_order_of_the_symbols() -> None:
    message = Message([2**64 - 1 - lane for lane in range(4)])
    Uniform(2**24, (4,)).push(message, [10, 11, 12, 13])
    assert message.tail.tolist() == [2**32 - 1 - lane for lane in (3, 2, 1, 0)]
    assert message.heads.tolist() == [((2**32 - 1) << 24) + symbol for symbol in (10, 11, 12, 13)]


def test_the_order_of_symbols_is_c_order() -> None:
    symbols = np.arange(24).reshape(2, 3, 4)
    one, other = Message([HEAD] * 3, depth=0), Message([HEAD] * 3, depth=0)
    Uniform(30, (2, 3, 4)).push(one, np.asfortranarray(symbols))
    Uniform(30, (24,)).push(other, symbols.ravel())
    assert one == other
    assert Uniform(30, (2, 3, 4)).pop(one).tolist() == symbols.tolist()


@given(messages())
def test_an_empty_array_changes_nothing(message: Message) -> None:
    before = to_reference(message)
    Uniform(7, (0,)).push(message, np.zeros(0, np.uint8))
    assert Uniform(7, (3, 0)).pop(message).shape == (3, 0)
    assert to_reference(message) == before
    assert math.isfinite(message.bits)


def test_the_depth_has_an_end() -> None:
    deepest = Message([HEAD], depth=2**62)
    assert Message.from_bytes(deepest.to_bytes()) == deepest
    assert spec.Message.from_bytes(deepest.to_bytes()).depth == 2**62
    with pytest.raises(MessageError, match="depth"):
        Uniform(2**24, (9,)).pop(deepest)
    assert deepest == Message([HEAD], depth=2**62)
    for depth in (2**62 + 1, 2**63 - 1, 2**64 - 1):
        with pytest.raises(MessageError, match="depth"):
            Message([HEAD], depth=depth)
        data = bytes([1]) + spec.write_varint((depth + 1) % 2**64) + HEAD.to_bytes(8, "little")
        if depth + 1 < 2**64:
            with pytest.raises(MessageError):
                Message.from_bytes(data)
            with pytest.raises(spec.MessageError):
                spec.Message.from_bytes(data)


def test_two_threads_on_one_message_are_an_error_or_one_after_the_other() -> None:
    message, size = Message([HEAD] * 4, depth=0), 200_000
    codec = Uniform(1000, (size,))
    symbols = np.zeros(size, np.uint32)
    pushed = []

    def push() -> None:
        for _ in range(20):
            with suppress(MessageError):
                codec.push(message, symbols)
                pushed.append(1)

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pushed
    for _ in pushed:
        assert (codec.pop(message) == symbols).all()
    assert message == Message([HEAD] * 4, depth=0)


def test_net_bits_count_what_comes_from_the_implicit_tail() -> None:
    message = Message()
    codec = Uniform(256, (1000,))
    assert message.net_bits == 0
    symbols = codec.pop(message)
    assert message.net_bits == pytest.approx(-8000, abs=0.01)
    codec.push(message, symbols)
    assert message.net_bits == pytest.approx(0, abs=1e-9)
    codec.push(message, symbols)
    assert message.net_bits == pytest.approx(8000, abs=0.01)


@given(messages(), st.integers(0, 2**32))
def test_net_bits_are_what_was_pushed_less_what_was_popped(message: Message, seed: int) -> None:
    assert message.net_bits == 0
    codec = Uniform(1000, (50,))
    x = np.random.default_rng(seed).integers(0, 1000, 50)
    codec.push(message, x)
    once = message.net_bits
    # A head that has just moved a word to the tail is rounded by up to 2^-8, here at most 17 times.
    assert once == pytest.approx(codec.bits(x).sum(), abs=0.1)
    codec.push(message, x)
    assert message.net_bits - once == pytest.approx(once, abs=0.1)
    codec.pop(message)
    codec.pop(message)
    assert message.net_bits == pytest.approx(0, abs=1e-6)


def test_a_copy_keeps_the_beginning_and_bytes_do_not() -> None:
    message = Message.random(5)
    Uniform(256, (100,)).push(message, [7] * 100)
    assert message.copy().net_bits == copy.deepcopy(message).net_bits == message.net_bits
    assert Message.from_bytes(message.to_bytes()).net_bits == 0
    assert Message.from_bytes(message.to_bytes()) == message


def test_net_bits_on_lanes_begin_with_the_part() -> None:
    class Counts(Uniform):
        def push(self, message: Message, symbols: Any) -> None:
            assert message.net_bits == 0
            super().push(message, symbols)
            assert message.net_bits == pytest.approx(1600, abs=0.1)

    message = Message.random(2, lanes=3)
    OnLanes(Counts(2**16, (100,)), [2, 0]).push(message, [9] * 100)
    assert message.net_bits == pytest.approx(1600, abs=0.1)
