"""The few lines on plain integers give the same bits as the library's `BitsBack`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log2
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsback import Message
from bitsback.codecs import BitsBack
from bitsback_lab.paper import figure5, plain

TOTAL = 1 << plain.R


def some_starts(random: np.random.Generator, symbols: int) -> list[int]:
    """A random distribution as `plain` has it."""
    cuts = np.sort(random.choice(np.arange(1, TOTAL), symbols - 1, replace=False))
    return [0, *map(int, cuts), TOTAL]


@dataclass
class Number:
    """A message held as one integer of any size."""

    state: int

    def __enter__(self) -> None:
        """Holds the message during an operation; here a no-op, since there is one thread."""

    def __exit__(self, *error: object) -> None:
        pass


@dataclass
class NumberCodec:
    """A codec on such a message: push and pop of docs/format.md, written independently."""

    starts: list[int]

    def push(self, message: Number, symbol: int) -> None:
        start, freq = self.starts[symbol], self.starts[symbol + 1] - self.starts[symbol]
        message.state = (message.state // freq) * TOTAL + message.state % freq + start

    def pop(self, message: Number) -> int:
        x = message.state % TOTAL
        symbol = next(s for s, (low, high) in enumerate(pairwise(self.starts)) if low <= x < high)
        freq = self.starts[symbol + 1] - self.starts[symbol]
        message.state = freq * (message.state // TOTAL) + x - self.starts[symbol]
        return symbol


@pytest.mark.parametrize("seed", range(5))
def test_a_long_message_of_the_library_s_bits_back_is_the_same_number(seed: int) -> None:
    random = np.random.default_rng(seed)
    latents, symbols = random.integers(2, 9, 2)
    prior = some_starts(random, latents)
    likelihood = [some_starts(random, symbols) for _ in range(latents)]
    posterior = [some_starts(random, latents) for _ in range(symbols)]
    start = 1 << 64
    state, message = start, Number(start)
    model: BitsBack[int, int] = BitsBack(
        cast(Any, NumberCodec(prior)),
        lambda z: cast(Any, NumberCodec(likelihood[z])),
        lambda x: cast(Any, NumberCodec(posterior[x])),
    )
    data = random.integers(0, symbols, 300).tolist()
    for x in data:
        state = plain.encode(state, x, prior, likelihood.__getitem__, posterior.__getitem__)
        model.push(cast(Any, message), x)
        assert state == message.state
    for x in reversed(data):
        state, restored = plain.decode(state, prior, likelihood.__getitem__, posterior.__getitem__)
        assert restored == x == model.pop(cast(Any, message))
        assert state == message.state
    assert state == start


@given(st.integers(1 << 40, 1 << 41), st.lists(st.integers(0, 2), max_size=2))
def test_the_library_s_message_is_the_same_number_while_it_fits_a_head(
    state: int, data: list[int]
) -> None:
    ours, theirs = figure5.states(tuple(data), state)
    assert ours == theirs


def test_the_library_takes_the_number_back() -> None:
    _, states = figure5.states(figure5.SYMBOLS, figure5.STATE)
    message, model = Message([states[-1]]), figure5.toy()
    for x in reversed(figure5.SYMBOLS):
        assert model.pop(message).tolist() == [x]
    assert message == Message([figure5.STATE])


def test_a_symbol_costs_its_information() -> None:
    starts = [0, 100, 40_000, TOTAL]
    state = 1 << 200
    for symbol, (low, high) in enumerate(pairwise(starts)):
        grown = log2(plain.push(state, starts, symbol)) - log2(state)
        assert grown == pytest.approx(plain.R - log2(high - low), abs=1e-9)


def test_the_figure_shows_the_sources_and_equal_messages() -> None:
    numbers = figure5.EXHIBIT.measure(cast(Any, None))
    assert "class BitsBack" in numbers["library_source"]
    assert "def encode" in numbers["plain_source"]
    assert all(row["plain"] == row["library"] for row in numbers["rows"])
    assert "```python" in figure5.EXHIBIT.text(numbers)
