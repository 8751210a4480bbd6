"""Distributions given by the user's functions: intervals, or a cumulative distribution."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bitsback import _core
from bitsback.codecs.array_codec import ArrayCodec
from bitsback.codecs.categorical import Categorical
from bitsback.codecs.codec import one_form, one_step, require_functions
from bitsback.codecs.exact_functions import bits_of
from bitsback.codecs.symbol_arrays import (
    ByValue,
    as_parameters,
    as_shape,
    as_symbols,
    check_precision,
    require_within,
)
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message

_NONE = np.empty(0, np.uint32)


@dataclass(frozen=True, eq=False, repr=False)
class Interval(ByValue):
    """A symbol has the interval [start, start + frequency) of [0, 2^precision).

    All codecs are based on intervals. This one is for distributions that are easier to compute than
    to list.

    interval: from symbols, an array [n], to (start, frequency), integers [n]. symbol: the inverse,
    from numbers within [0, 2^precision), uint32 [n], to the symbols whose intervals contain them.
    Both are called with at most as many numbers as the message has lanes, which is slow; `interval`
    gets the same arrays in both directions, copies as int64.
    precision: 1 to 24. shape: of the symbols. dtype: of popped symbols, an integer type. A push
    raises MessageError for an interval that is empty or not within [0, 2^precision), a pop for one
    that does not contain the number for which `symbol` found it.

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

    @one_step
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
        """The cost of each symbol, in bits: -log2 of its exact frequency. Shape of the symbols."""
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


CUMULATIVE_BITS = 32


class HasCdf(Protocol):
    """The interface of distributions of scipy.stats."""

    def cdf(self, x: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False, repr=False)
class FromCdf(ArrayCodec):
    """A symbol, low ... low + levels - 1, is a draw from a distribution, rounded to the nearest
    integer and clamped to the range.

    distribution: a function from an array of numbers to the probabilities of a draw below each, or
    an object whose method `cdf` is one, such as a distribution of scipy.stats. It is called once,
    with low + 1/2, low + 3/2, ..., float64 [levels - 1]. It returns float64 [..., levels - 1], and
    [...] is the shape of the symbols, or broadcasts to `shape`. Parameters [..., 1] give each
    symbol a separate distribution. levels: 1 to 65,536. precision: log2(levels) to 24. Pops
    int64.

    The rounding is that of docs/codecs.md: probabilities are rounded to the nearest 2^-32, and
    every symbol gets a frequency of at least 1. This codec is only as portable as the function.
    Another machine, or another version of a library, may compute other floats. Symbols that were
    pushed here may then pop there as others. The other codecs have no such weakness. Raises
    MessageError
    if the function is no distribution function: numbers outside [0, 1], or decreasing by more than
    2^-32.

    >>> def exponential(x):
    ...     return 1 - 0.5 ** np.maximum(x + 0.5, 0)
    >>> codec = FromCdf(exponential, levels=20, shape=(3,))
    >>> message = Message()
    >>> codec.push(message, [0, 1, 5])
    >>> codec.pop(message).tolist()
    [0, 1, 5]
    >>> codec.bits([0, 1, 5]).round(3).tolist()
    [1.0, 2.0, 6.0]
    """

    distribution: HasCdf | Callable[[NDArray[np.float64]], ArrayLike]
    levels: int
    low: int = 0
    shape: tuple[int, ...] | None = None
    precision: int = 24

    def __post_init__(self) -> None:
        check_precision(self.precision)
        if not 1 <= self.levels <= min(65536, 1 << self.precision):
            raise MessageError(
                f"there must be 1 to 65,536 levels, at most 2^precision, not {self.levels}"
            )
        if self.shape is not None:
            object.__setattr__(self, "shape", as_shape(self.shape))
        object.__setattr__(self, "shape", self._categorical.shape)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        self._categorical.push(message, self._levels_of(symbols))

    def pop(self, message: Message) -> NDArray[np.int64]:
        return self._categorical.pop(message).astype(np.int64) + self.low

    def _levels_of(self, symbols: ArrayLike) -> NDArray[np.int64]:
        shape = self._categorical.shape or ()
        return as_symbols(symbols, np.int64, shape, self.levels, self.low) - self.low

    def _value(self) -> tuple[Any, ...]:
        """The value to compare: the distribution, not the function that computed it."""
        return type(self), self.low, self._categorical

    @cached_property
    def _categorical(self) -> Categorical:
        cdf = getattr(self.distribution, "cdf", self.distribution)
        if not callable(cdf):
            raise MessageError(
                "a distribution is a function, or has a method cdf, and is no"
                f" {type(self.distribution).__name__}"
            )
        edges = np.arange(self.levels - 1, dtype=np.float64) + (self.low + 0.5)
        below = np.asarray(cdf(edges), np.float64)
        if below.shape[-1:] != edges.shape:
            raise MessageError(
                f"a distribution function gives an array [..., {len(edges)}] for one"
                f" [{len(edges)}], not {below.shape}"
            )
        require_within(below, 0, 1, "a distribution function")
        cumulative = np.zeros((*below.shape[:-1], self.levels), np.int64)
        cumulative[..., 1:] = np.rint(below * 2.0**CUMULATIVE_BITS)
        if int(np.diff(cumulative, axis=-1).min(initial=0)) < -1:
            raise MessageError("a distribution function never falls")
        starts = np.full((*below.shape[:-1], self.levels + 1), 1 << self.precision)
        spread = np.maximum.accumulate(cumulative, -1) * ((1 << self.precision) - self.levels)
        starts[..., :-1] = np.arange(self.levels) + (spread >> CUMULATIVE_BITS)
        return Categorical(np.diff(starts, axis=-1), self.precision, self.shape)
