"""Symbols by the intervals that functions of one's own give them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bitsback import _core
from bitsback.codecs.base import (
    as_parameters,
    as_shape,
    as_symbols,
    check_precision,
    require_functions,
)
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.forms import one_form
from bitsback.codecs.information import bits_of
from bitsback.errors import MessageError
from bitsback.message import Message

_NONE = np.empty(0, np.uint32)


@dataclass(frozen=True, eq=False, repr=False)
class Interval(ByValue):
    """A symbol has the interval [start, start + frequency) of [0, 2^precision): what codecs are at
    the bottom, for distributions that are easier computed than listed.

    interval: from symbols, an array [n], to (start, frequency), integers [n]. symbol: from numbers
    within [0, 2^precision), uint32 [n], to the symbols whose intervals hold them; the inverse.
    Both are called with no more numbers than the message has lanes, which is slow, and `interval`
    with the same arrays in both directions, copies as int64.
    precision: 1 to 24. shape: of the symbols. dtype: of what they pop as, one of integers.
    A push raises MessageError for an interval that is empty or not within the whole, a pop for one
    that does not hold the number that it was found by.

    >>> codec = Interval(  # the number of digits of a uniform number
    ...     interval=lambda c: (np.array([0, 2, 4, 8])[c], np.array([2, 2, 4, 8])[c]),
    ...     symbol=lambda x: np.digitize(x, [2, 4, 8]),
    ...     precision=4,
    ...     shape=(3,),
    ... )
    >>> message = Message()
    >>> codec.push(message, [0, 3, 2])
    >>> codec.pop(message).tolist()
    [0, 3, 2]
    >>> codec.bits([0, 3, 2]).tolist()
    [3.0, 1.0, 2.0]
    """

    interval: Callable[[NDArray[Any]], tuple[ArrayLike, ArrayLike]]
    symbol: Callable[[NDArray[np.uint32]], ArrayLike]
    precision: int
    shape: tuple[int, ...]
    dtype: DTypeLike = np.int64

    def __post_init__(self) -> None:
        check_precision(self.precision)
        require_functions(interval=self.interval, symbol=self.symbol)
        object.__setattr__(self, "shape", as_shape(self.shape))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_symbols(symbols, self.dtype, self.shape).reshape(-1)
        intervals = [
            self._intervals(x[first : first + message.lanes])
            for first in range(0, x.size, message.lanes)
        ]
        starts = np.concatenate([starts for starts, _ in intervals] or [_NONE])
        frequencies = np.concatenate([frequencies for _, frequencies in intervals] or [_NONE])
        _core.push_intervals(message, starts, frequencies, self.precision)

    def pop(self, message: Message) -> NDArray[Any]:
        popped = np.zeros(self.shape, self.dtype)
        flat = popped.reshape(-1)
        with ExitStack() as undo:
            for first in range(0, flat.size, message.lanes):
                part = flat[first : first + message.lanes]
                numbers = _core.peek(message, self.precision, part.size)
                part[:] = as_symbols(self.symbol(numbers), self.dtype, part.shape)
                intervals = self._intervals(part)
                _core.pop_intervals(message, *intervals, self.precision)
                undo.callback(_core.push_intervals, message, *intervals, self.precision)
            undo.pop_all()
        return popped

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = as_symbols(symbols, self.dtype, self.shape)
        return bits_of(self._intervals(x.reshape(-1))[1], self.precision).reshape(self.shape)

    def _intervals(self, x: NDArray[Any]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        start, frequency = self.interval(one_form(x))
        total = 1 << self.precision
        starts = as_parameters(start, np.uint32, "the starts of intervals", 0, total - 1)
        frequencies = as_parameters(frequency, np.uint32, "the frequencies of intervals", 1, total)
        if not starts.shape == frequencies.shape == x.shape:
            raise MessageError(
                f"intervals for symbols {x.shape} have starts {starts.shape} and frequencies"
                f" {frequencies.shape}"
            )
        return starts, frequencies
