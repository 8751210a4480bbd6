"""A multiset costs the bits of its items less the bits of their order, step by step."""

from collections import Counter
from itertools import combinations_with_replacement, permutations
from math import factorial, log2, prod
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError, MessageExhausted, _core
from bitsback.codecs import Bernoulli, BitsBack, Categorical, Multiset, Serial, Uniform
from laws import check_laws, to_reference
from reference.picks import Picks

STEP = 0.006
"""The most bits that the head of a message rounds in a step: it is at least 2^32, and intervals are
out of 2^24.
"""
SKEWED = Categorical([9, 4, 3], 4, ())
"""An alphabet of three."""


def a_message(words: int = 200) -> Message:
    rng = np.random.default_rng(0)
    return Message([1 << 63, 1 << 62], rng.integers(0, 2**32, words, np.uint32), depth=0)


def order_bits(items: Any) -> float:
    """The information of the order of the items: log2 of the number of their orders."""
    counts = Counter(items).values()
    return log2(factorial(len(items)) // prod(map(factorial, counts)))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_every_small_multiset_comes_back_and_costs_what_it_should(size: int) -> None:
    codec = Multiset(SKEWED, size)
    for items in combinations_with_replacement(range(3), size):
        message = a_message()
        check_laws(codec, message, items)
        before = message.bits
        codec.push(message, items)
        information = float(sum(SKEWED.bits(item) for item in items))
        assert message.bits - before == pytest.approx(
            information - order_bits(items), abs=STEP * size
        )


@pytest.mark.parametrize("items", [(0, 1), (0, 1, 2), (0, 0, 2), (1, 1, 1)])
def test_all_orders_are_one_message(items: tuple[int, ...]) -> None:
    made = set()
    for order in permutations(items):
        message = a_message()
        Multiset(SKEWED, len(items)).push(message, order)
        made.add(message.to_bytes())
    assert len(made) == 1


def test_the_price_of_each_step() -> None:
    """A pick gives back log2(left / equal) bits, and its item costs its information."""
    items = np.random.default_rng(1).integers(0, 50, 300).tolist()
    codec, message, left, counts = Uniform(50, ()), a_message(), _core.Multiset(), Counter(items)
    left.add([bytes([item]) for item in items])
    for total in range(len(items), 0, -1):
        before = message.bits
        item = items[int(left.pop(message, 1)[0])]
        assert before - message.bits == pytest.approx(log2(total / counts[item]), abs=STEP)
        counts[item] -= 1
        before = message.bits
        codec.push(message, item)
        assert message.bits - before == pytest.approx(float(codec.bits(item)), abs=STEP)


def test_a_large_multiset_costs_what_it_should() -> None:
    items = np.random.default_rng(2).integers(0, 3000, (3000, 1)).tolist()
    codec, message = Multiset(Uniform(3000, (1,)), len(items)), a_message()
    before = message.bits
    codec.push(message, items)
    information = len(items) * log2(3000)
    order = order_bits([item for (item,) in items])
    assert message.bits - before == pytest.approx(information - order, abs=1)
    assert [item.tolist() for item in codec.pop(message)] == sorted(items)


@pytest.mark.parametrize("order", ["rising", "falling", "from outside", "equal", "random"])
@pytest.mark.parametrize("lanes", [1, 3])
def test_picks_are_those_of_the_specification(order: str, lanes: int) -> None:
    """For any order of the members and any number of picks in a step."""
    rng = np.random.default_rng(3)
    rising = list(range(400))
    members = {
        "rising": rising,
        "falling": rising[::-1],
        "from outside": [
            n for pair in zip(rising[:200], rising[:199:-1], strict=True) for n in pair
        ],
        "equal": [7] * 400,
        "random": rng.integers(0, 100, 400).tolist(),
    }[order]
    message = Message([1 << 40] * lanes, depth=0)
    theirs = to_reference(message)
    ours, picks, numbers = _core.Multiset(), Picks(), dict[int, int]()
    while members:
        some, members = members[:30], members[30:]
        ours.push(message, [n.to_bytes(2, "big") for n in some])
        picks.push(theirs, list(some))
        numbers |= {len(numbers) + place: n for place, n in enumerate(some)}
        got = [numbers[int(number)] for number in ours.pop(message, 17)]
        assert got == picks.pop(theirs, 17)
        assert message.to_bytes() == theirs.to_bytes()


def test_items_that_a_latent_is_chosen_for() -> None:
    """Bits back within a multiset: earlier items supply the bits that choose latents."""
    codec = BitsBack(
        prior=Uniform(4, (1,)),
        likelihood=lambda z: Bernoulli.from_probability([0.1 + 0.2 * float(z[0])] * 3),
        posterior=lambda x: Uniform(4, (1,)),
    )
    items = tuple(sorted(np.random.default_rng(4).integers(0, 2, (40, 3)).tolist()))
    check_laws(Multiset(codec, len(items)), Message([1 << 32], depth=0), items)


@pytest.mark.parametrize("words", range(4))
def test_bits_that_run_out_leave_the_message_as_it_was(words: int) -> None:
    """At the first pick, or in the middle of the first item."""
    latents = Uniform(2**24, (4,))
    pair = BitsBack(latents, lambda z: Uniform(2**10, ()), lambda x: latents)
    message = Message([1 << 32], [5] * words)
    before = message.copy()
    with pytest.raises(MessageExhausted):
        Multiset(pair, 30).push(message, list(range(30)))
    assert message == before
    with pytest.raises(MessageExhausted):
        Multiset(Uniform(2**24, (5,)), 30).pop(message)
    assert message == before


def test_what_is_no_multiset_is_refused() -> None:
    message, before = a_message(), a_message()
    codec = Multiset(Uniform(3, (1,)), 2)
    for symbols, why in [
        ([[0]], "has 2 items, not 1"),
        ([[0], [3]], r"item 1: .*in \[0, 2\]"),
        ([[0], [1, 2]], "shape"),
        ([[0], [-1]], "integers from 0 on"),
        ([["a"], ["b"]], "give a key"),
    ]:
        with pytest.raises(MessageError, match=why):
            codec.push(message, symbols)
        assert message == before
    with pytest.raises(MessageError, match="from 0 to 2\\^24 items"):
        Multiset(Uniform(3, (1,)), 2**24 + 1)


def test_items_of_any_kind_with_a_key() -> None:
    class Word:
        def push(self, message: Message, symbols: str) -> None:
            Uniform(2**16, (3,)).push(message, list(map(ord, symbols)))

        def pop(self, message: Message) -> str:
            return "".join(map(chr, Uniform(2**16, (3,)).pop(message).tolist()))

    codec = Multiset(Serial(Word(), Uniform(9, ())), 3, key=lambda item: item[0].encode())
    message = a_message()
    codec.push(message, [("two", 2), ("one", 1), ("ten", 8)])
    assert [word for word, _ in codec.pop(message)] == ["one", "ten", "two"]
    assert message == a_message()
