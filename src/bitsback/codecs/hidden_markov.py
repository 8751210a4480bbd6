"""Hidden Markov models: series of symbols, each drawn from the state of a hidden chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.codec import naming
from bitsback.codecs.exact_functions import log2_of, total
from bitsback.codecs.symbol_arrays import ByValue, as_shape, as_symbols, kept
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message

PRECISION = 24


@dataclass(frozen=True, eq=False, repr=False)
class HiddenMarkov(ByValue):
    """Codes series with a hidden Markov model.

    The cost is -log2 of the probability summed over all paths of states, since the bits that choose
    a path come back.

    initial: weights of the states [states] at the first step. transition: of the next state, for
    each state [states, states]. emission: of the symbols, for each state [states, levels]. Weights
    are integers or floats, not negative, and need not sum to one; each row becomes frequencies out
    of 2^24, where a weight of 0 gets the least one (docs/codecs.md). 1 to 65,536 states and levels.
    shape: of the symbols, [..., length]: time is the last axis, and series are independent. Pops
    uint32. lengths: instead of a shape, for series of different lengths, whose symbols are a tuple
    of arrays, [length] each.

    A push pops the last state under its posterior, and pushes the last symbol. It then pops the
    previous state, pushes the last state under its transition, and so on to the first. It needs
    initial bits for one state of each series, and not for entire paths. Time is O(symbols *
    states^2), memory of a push O(symbols * states).
    Source: Townsend, Murray 2021, Lossless compression with state space models using bits back
    coding, section 3. The forward filter and the posterior are integers.
    Raises MessageError, which names the parameter, for invalid weights, rows that are all zero, and
    shapes that do not fit.

    >>> codec = HiddenMarkov(
    ...     initial=[1, 1],
    ...     transition=[[0.99, 0.01], [0.02, 0.98]],
    ...     emission=[[0.9, 0.1, 0], [0.1, 0.2, 0.7]],
    ...     shape=(8,),
    ... )
    >>> message = Message()
    >>> codec.push(message, [0, 0, 0, 2, 2, 1, 2, 2])
    >>> codec.pop(message).tolist()
    [0, 0, 0, 2, 2, 1, 2, 2]
    >>> codec.bits([0, 0, 0, 2, 2, 1, 2, 2]).round(2).tolist()
    [1.0, 0.3, 0.18, 6.84, 0.54, 2.34, 0.56, 0.54]
    >>> ragged = HiddenMarkov([1, 1], codec.transition, codec.emission, lengths=(3, 0, 2))
    >>> ragged.push(message, ([0, 0, 2], [], [1, 1]))
    >>> [series.tolist() for series in ragged.pop(message)]
    [[0, 0, 2], [], [1, 1]]
    """

    initial: NDArray[np.float64]
    transition: NDArray[np.float64]
    emission: NDArray[np.float64]
    shape: tuple[int, ...] | None = None
    lengths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if (self.shape is None) == (self.lengths is None):
            raise MessageError("give either the shape of series, or their lengths")
        for name in ("shape", "lengths"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_shape(getattr(self, name)))
        if self.shape == ():
            raise MessageError("the shape of series is [..., length], and time its last axis")
        for name, axes in (("initial", 1), ("transition", 2), ("emission", 2)):
            object.__setattr__(self, name, _weights(name, getattr(self, name), axes))
        states = len(self.initial)
        if self.transition.shape != (states, states):
            raise MessageError(
                f"transition has the shape [states, states], ({states}, {states}) by initial, not"
                f" {self.transition.shape}"
            )
        if len(self.emission) != states:
            raise MessageError(
                f"emission needs a row for each of {states} states, not {len(self.emission)}"
            )

    def push(self, message: Message, symbols: Any) -> None:
        x = self._flat(symbols)
        _core.push_hidden_markov(message, *self._frequencies, x, self._lengths)

    def pop(self, message: Message) -> Any:
        """An array of `shape`, or a tuple of arrays for series of different lengths."""
        x = _core.pop_hidden_markov(message, *self._frequencies, self._lengths)
        return self._series(x)

    def bits(self, symbols: Any) -> NDArray[np.float64]:
        """The cost of each symbol given those before it: -log2 p(x[t] | x[0] ... x[t - 1]), in
        bits, summed over all states. Shape of the symbols; for series of different lengths, the
        cost of each series, [series]. A push costs their sum, for any chosen path, up to the
        rounding of filter and posterior.
        """
        x = self._flat(symbols)
        likely, all_of = _core.hidden_markov_evidence(*self._frequencies, x, self._lengths)
        each = PRECISION + log2_of(all_of) - log2_of(likely)
        if self.shape is not None:
            return each.reshape(self.shape)
        return np.array([total(series) for series in self._series(each)], np.float64)

    def _flat(self, symbols: Any) -> NDArray[np.uint32]:
        """The symbols of all series, one after the other."""
        levels = self.emission.shape[1]
        if self.shape is not None:
            return as_symbols(symbols, np.uint32, self.shape, levels).reshape(-1)
        series = list(symbols)
        if len(series) != len(self._lengths):
            raise MessageError(f"there are {len(self._lengths)} series, not {len(series)}")
        flat = [np.empty(0, np.uint32)]
        for number, (one, length) in enumerate(zip(series, self._lengths, strict=True)):
            with naming("series", number):
                one = one if np.size(one) else np.empty(np.shape(one), np.uint32)
                flat.append(as_symbols(one, np.uint32, (length,), levels))
        return np.concatenate(flat)

    def _series(self, flat: NDArray[Any]) -> Any:
        if self.shape is not None:
            return flat.reshape(self.shape)
        return tuple(np.split(flat, np.cumsum(self._lengths)[:-1])) if self._lengths else ()

    @cached_property
    def _lengths(self) -> Sequence[int]:
        if self.lengths is not None:
            return self.lengths
        assert self.shape is not None
        return [self.shape[-1]] * int(np.prod(self.shape[:-1], dtype=object))

    @cached_property
    def _frequencies(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
        return (
            _core.frequencies_of(self.initial[None], PRECISION),
            _core.frequencies_of(self.transition, PRECISION),
            _core.frequencies_of(self.emission, PRECISION),
        )


def _weights(name: str, values: ArrayLike, axes: int) -> NDArray[np.float64]:
    """The weights of rows, as doubles. Raises MessageError, with their name, for invalid ones."""
    weights = np.asarray(values)
    if weights.dtype.kind not in "biuf" or weights.ndim != axes or not weights.size:
        kind = "[states]" if axes == 1 else "[states, ...]"
        raise MessageError(
            f"{name} must be numbers of the shape {kind}, not {weights.dtype} of {weights.shape}"
        )
    if max(weights.shape) > 65536:
        raise MessageError(f"{name} has the shape {weights.shape}, and 65,536 is the most")
    weights = kept(weights, np.float64)
    rows = weights.reshape(-1, weights.shape[-1])
    for number, row in enumerate(rows):
        where = name if axes == 1 else f"row {number} of {name}"
        if not (np.isfinite(row).all() and row.min() >= 0):
            raise MessageError(f"{where} must be finite and not negative")
        if row.max() < 2.0**-900:
            raise MessageError(f"{where} is all zero, or below 2^-900: a weight must be above")
    return weights
