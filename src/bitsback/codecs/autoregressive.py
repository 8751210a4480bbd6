"""Symbols one after the other, each with a distribution that depends on those before it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bitsback.codecs.base import (
    Codec,
    as_shape,
    as_symbols,
    naming,
    require_functions,
)
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.forms import one_form, returned
from bitsback.codecs.information import total
from bitsback.errors import MessageError
from bitsback.message import Message

Position = Any
"""A number where there is one axis of positions, a tuple of numbers where there are several."""


@dataclass(frozen=True, eq=False, repr=False)
class Autoregressive(ByValue):
    """Codes arrays position by position, in C order, in each position all of the first axes at
    once, as one step.

    step: from the array and a position to the codec of array[..., position]. The array is int64 of
    the whole shape, read-only, and holds the positions before this one; the rest is 0, whichever
    direction codes. A position is a number if there is one axis of them, or a tuple of numbers. Pop
    goes from the first position to the last, push from the last to the first.
    shape: of the array. dtype: of the array that is popped, any of integers. together: how many of
    the first axes are coded at once; the other axes are those of positions.

    >>> from bitsback.codecs import Bernoulli
    >>> def like_the_last(x, position):
    ...     before = x[:, position - 1] if position else np.zeros(len(x))
    ...     return Bernoulli.from_probability(np.where(before == 1, 0.875, 0.125))
    >>> message = Message()
    >>> codec = Autoregressive(like_the_last, shape=(2, 4))
    >>> codec.push(message, [[0, 0, 1, 1], [1, 1, 1, 1]])
    >>> codec.pop(message).tolist()
    [[0, 0, 1, 1], [1, 1, 1, 1]]
    >>> codec.bits([[0, 0, 1, 1], [1, 1, 1, 1]])[0].round(2).tolist()
    [0.19, 0.19, 3.0, 0.19]
    """

    step: Callable[[NDArray[Any], Position], Codec[Any]]
    shape: tuple[int, ...]
    dtype: DTypeLike = np.uint8
    together: int = 1

    def __post_init__(self) -> None:
        require_functions(step=self.step)
        object.__setattr__(self, "shape", as_shape(self.shape))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))
        if np.dtype(self.dtype).kind not in "iu":
            raise MessageError(f"the dtype of symbols is one of integers, not {self.dtype}")
        if not 0 <= self.together < len(self.shape):
            raise MessageError(
                f"of {len(self.shape)} axes 0 to {len(self.shape) - 1} can be coded together, not"
                f" {self.together}"
            )

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_symbols(symbols, self.dtype, self.shape)
        known = one_form(x)
        with ExitStack() as undo:
            for position, at in reversed(list(self._positions())):
                undo.callback(known.__setitem__, at, x[at])
                known[at] = 0
                codec = self._codec(known, position)
                with naming("position", position):
                    codec.push(message, x[at])
                undo.callback(codec.pop, message)
            undo.pop_all()

    def pop(self, message: Message) -> NDArray[Any]:
        known = np.zeros(self.shape, np.int64)
        with ExitStack() as undo:
            for position, at in self._positions():
                codec = self._codec(known, position)
                popped = codec.pop(message)
                undo.callback(codec.push, message, popped)
                with naming("position", position):
                    known[at] = one_form(as_symbols(popped, self.dtype, known[at].shape))
                undo.callback(known.__setitem__, at, 0)
            undo.pop_all()
        return known.astype(self.dtype)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What the symbols cost, in bits: of the shape of the symbols, or, where the codecs of the
        positions do not tell symbols apart, of that of the positions.
        """
        x = as_symbols(symbols, self.dtype, self.shape)
        known, costs = np.zeros(self.shape, np.int64), []
        for position, at in self._positions():
            with naming("position", position):
                costs.append(self._codec(known, position).bits(x[at]))
            known[at] = one_form(x[at])
        first, places = self.shape[: self.together], self.shape[self.together :]
        if all(np.shape(cost) == first for cost in costs):
            each = np.array(costs, np.float64).reshape(len(costs), *first)
            return np.moveaxis(each, 0, -1).reshape(self.shape)
        return np.array([total(cost) for cost in costs]).reshape(places)

    def _codec(self, known: NDArray[np.int64], position: Position) -> Codec[Any]:
        seen = known.view()
        seen.flags.writeable = False
        return returned("step", self.step(seen, position))

    def _positions(self) -> Iterator[tuple[Position, tuple[Any, ...]]]:
        """Each position, and the index of its symbols."""
        for place in product(*map(range, self.shape[self.together :])):
            yield place[0] if len(place) == 1 else place, (..., *place)
