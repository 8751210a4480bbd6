"""Bits back on plain integers: the message is one big number.

`bitsback.codecs.BitsBack` is the same with codecs in place of lists, and a message whose heads fit
into registers.
"""

from bisect import bisect
from collections.abc import Callable, Sequence

R = 16
Starts = Sequence[int]  # a distribution: symbol s has [starts[s], starts[s + 1]) of 2^R


def push(state: int, starts: Starts, symbol: int) -> int:
    start, freq = starts[symbol], starts[symbol + 1] - starts[symbol]
    return (state // freq << R) + state % freq + start


def pop(state: int, starts: Starts) -> tuple[int, int]:
    slot = state % (1 << R)
    symbol = bisect(starts, slot) - 1
    return (starts[symbol + 1] - starts[symbol]) * (state >> R) + slot - starts[symbol], symbol


Given = Callable[[int], Starts]


def encode(state: int, x: int, prior: Starts, likelihood: Given, posterior: Given) -> int:
    state, z = pop(state, posterior(x))
    state = push(state, likelihood(z), x)
    return push(state, prior, z)


def decode(state: int, prior: Starts, likelihood: Given, posterior: Given) -> tuple[int, int]:
    state, z = pop(state, prior)
    state, x = pop(state, likelihood(z))
    return push(state, posterior(x), z), x
