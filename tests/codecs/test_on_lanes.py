"""A codec on some lanes treats them as a message and leaves the other lanes unchanged."""

import threading
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError, MessageExhausted
from bitsback.codecs import BitsBack, GaussianBuckets, OnLanes, Serial, Uniform
from laws import assert_same, check_laws, check_reference
from reference import codecs as spec
from reference import combinators

FOUR = Message.random(7, lanes=4)


@pytest.mark.parametrize("lanes", [(0, 1), (3, 1), (2,), (3, 2, 1, 0)])
def test_lanes_in_any_order(lanes: tuple[int, ...]) -> None:
    symbols = np.arange(50) * 17 % 1000
    codec = OnLanes(Uniform(1000, (50,)), lanes)
    reference = combinators.OnLanes(spec.Array([spec.Uniform(1000)] * 50), lanes)
    for message in (FOUR, Message([2**33] * 4, range(40), None), Message(lanes=4)):
        check_laws(codec, message, symbols)
        check_reference(codec, reference, message, symbols)
    before = FOUR.heads
    message = FOUR.copy()
    codec.push(message, symbols)
    others = [lane for lane in range(4) if lane not in lanes]
    assert_same(message.heads[others], before[others])
    assert (message.heads[list(lanes)] != before[list(lanes)]).all()


def test_all_lanes_are_the_message() -> None:
    codec, symbols = GaussianBuckets([[0, 500], [9, -7000]] * 20, 2**18, 12), np.full((40, 2), 4000)
    one, other = FOUR.copy(), FOUR.copy()
    codec.push(one, symbols)
    OnLanes(codec, slice(None)).push(other, symbols)
    assert one == other


def test_bits_back_on_some_lanes_of_a_serial() -> None:
    model = BitsBack(
        prior=OnLanes(Uniform(2**10, (3,)), slice(1)),
        likelihood=lambda z: Uniform(int(z[0]) + 300, (5,)),
        posterior=lambda x: OnLanes(GaussianBuckets([int(x[0])] * 3, 2**18, 10), slice(1, 2)),
    )
    codec = Serial(OnLanes(model, [3, 0]), OnLanes(Uniform(9, (7,)), [1, 2]))
    check_laws(codec, FOUR, (np.arange(5), np.arange(7)))


@pytest.mark.parametrize(
    ("lanes", "why"),
    [((1, 4), "no lane 4 in a message of 4"), (slice(4, None), "of 4 lanes has none within")],
)
def test_lanes_that_the_message_lacks(lanes: Any, why: str) -> None:
    codec, message = OnLanes(Uniform(3, ()), lanes), FOUR.copy()
    for step in (codec.pop, lambda m: codec.push(m, 1)):
        with pytest.raises(MessageError, match=why):
            step(message)
        assert message == FOUR


def test_a_tail_that_runs_out_leaves_the_message_as_it_was() -> None:
    message = Message([2**40, 2**50], [1, 2, 3])
    before = message.copy()
    with pytest.raises(MessageExhausted):
        OnLanes(Uniform(2**20, (30,)), [1]).pop(message)
    assert message == before


def test_the_message_is_held_meanwhile_and_what_is_kept_of_it_is_nothing() -> None:
    message, kept = FOUR.copy(), []

    class Keeps(Uniform):
        def pop(self, part: Message) -> Any:
            kept.append(part)
            with pytest.raises(MessageError, match="two threads"):
                message.to_bytes()
            return super().pop(part)

    OnLanes(Keeps(9, (3,)), [2, 0]).pop(message)
    assert kept[0] == Message()
    message.to_bytes()


def test_what_raises_in_a_thread_gives_the_lanes_back() -> None:
    message = FOUR.copy()

    class Raises(Uniform):
        def push(self, part: Message, symbols: Any) -> None:
            raise ValueError("no")

    def push() -> None:
        with pytest.raises(ValueError, match="no"):
            OnLanes(Raises(9, ()), [1]).push(message, 1)

    thread = threading.Thread(target=push)
    thread.start()
    thread.join()
    assert message == FOUR
