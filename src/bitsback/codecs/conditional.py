"""Parts whose distributions depend on the parts before them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bitsback.codecs.codec import (
    Codec,
    codec_from,
    naming,
    one_form,
    one_step,
    require_codecs,
    require_functions,
    returned,
    undoing,
)
from bitsback.codecs.combinators import InParts, Part
from bitsback.codecs.exact_functions import total
from bitsback.codecs.symbol_arrays import ByValue, as_shape, as_symbols
from bitsback.errors import MessageError
from bitsback.message import Message

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, eq=False, repr=False)
class ChainRule(InParts, Generic[A, B]):
    """Codes a pair (a, b): first is the codec of a, then(a) that of b. a pops first. `then` gets an
    array of int64, as the functions of `BitsBack` do.

    swapped: the pair is (b, a). So the posterior of two layers, which pops z1 and then z2, and
    their prior, which pops z2 and then z1, can be codecs of the same pairs, for `BitsBack`.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> codec = ChainRule(
    ...     first=Uniform(2, shape=(1,)),
    ...     then=lambda a: Bernoulli.from_probability([0.9 if a[0] else 0.1] * 3),
    ... )
    >>> message = Message([1 << 63])
    >>> codec.push(message, ([1], [1, 1, 0]))
    >>> a, b = codec.pop(message)
    >>> a.tolist(), b.tolist()
    ([1], [1, 1, 0])
    """

    first: Codec[A]
    then: Callable[[Any], Codec[B]]
    swapped: bool = False

    def __post_init__(self) -> None:
        require_codecs(first=self.first)
        require_functions(then=self.then)

    @one_step
    def pop(self, message: Message) -> tuple[Any, Any]:
        a = self.first.pop(message)
        with undoing(lambda: self.first.push(message, a)):
            b = codec_from("then", self.then, a).pop(message)
        return (b, a) if self.swapped else (a, b)

    def _parts(self, symbols: tuple[Any, Any]) -> list[Part]:
        b, a = symbols if self.swapped else symbols[::-1]
        then = codec_from("then", self.then, a)
        return [(("first",), self.first, a), (("then",), then, b)]


_Steps = Generator[Codec[Any], Any, None]


@dataclass(frozen=True, eq=False, repr=False)
class Dependent(InParts):
    """Codes a tuple of parts: a generator function yields the codec of each part and receives the
    part.

    steps: a function without arguments. The codecs that it yields, and their number, may depend on
    the parts so far, and on nothing else that changes. The first part pops first. Push runs it once
    to get the codecs of all parts, and pushes from the last to the first. It receives a copy of
    each part in the same form in both directions: an array of int64, as the functions of `BitsBack`
    do. Raises MessageError for more or fewer parts than yielded codecs.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> def digit():
    ...     label = yield Uniform(2, shape=())
    ...     yield Bernoulli.from_probability([0.75 if label else 0.25] * 3)
    >>> codec = Dependent(digit)
    >>> message = Message()
    >>> codec.push(message, (1, [1, 1, 0]))
    >>> label, pixels = codec.pop(message)
    >>> int(label), pixels.tolist()
    (1, [1, 1, 0])
    >>> round(codec.bits((label, pixels)), 2)
    3.83
    """

    steps: Callable[[], _Steps]

    def __post_init__(self) -> None:
        require_functions(steps=self.steps)

    @one_step
    def pop(self, message: Message) -> tuple[Any, ...]:
        parts: list[Any] = []
        steps = self.steps()
        with ExitStack() as undo:
            codec = _next(steps, None)
            while codec is not None:
                parts.append(codec.pop(message))
                undo.callback(codec.push, message, parts[-1])
                codec = _next(steps, parts[-1])
            undo.pop_all()
        return tuple(parts)

    def _parts(self, symbols: Sequence[Any]) -> list[Part]:
        steps, parts = self.steps(), list[Part]()
        codec = _next(steps, None)
        for symbol in symbols:
            if codec is None:
                break
            parts.append((("part", len(parts)), codec, symbol))
            codec = _next(steps, symbol)
        if codec is not None or len(parts) != len(symbols):
            yields = "more" if codec is not None else f"{len(parts)}"
            raise MessageError(f"{len(symbols)} parts were given, and there are {yields} codecs")
        return parts


def _next(steps: _Steps, part: Any) -> Codec[Any] | None:
    """The next yielded value when `part` is sent, or None at the end."""
    try:
        codec = steps.send(one_form(part))
    except StopIteration:
        return None
    require_codecs(**{"what is yielded": codec})
    return codec


Position = Any
"""A number if there is one axis of positions, otherwise a tuple of numbers."""


@dataclass(frozen=True, eq=False, repr=False)
class Autoregressive(ByValue):
    """Codes arrays position by position, in C order; at each position it codes all of the first
    axes in one step.

    step: from the array and a position to the codec of array[..., position]. The array is int64 of
    the whole shape, read-only, and holds the positions before this one; the rest is 0 in both
    directions. A position is a number if there is one axis of positions, otherwise a tuple of
    numbers. Pop goes from the first position to the last, push from the last to the first.
    shape: of the array. dtype: of popped arrays, any integer type. together: the number of first
    axes that are coded at once; the other axes are those of positions.

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

    @one_step
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

    @one_step
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
        """The cost of the symbols, in bits: of the shape of the symbols, or of the positions if
        their codecs give one cost for all their symbols.
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
        view = known.view()
        view.flags.writeable = False
        return returned("step", self.step(view, position))

    def _positions(self) -> Iterator[tuple[Position, tuple[Any, ...]]]:
        """Each position, and the index of its symbols."""
        for place in product(*map(range, self.shape[self.together :])):
            yield place[0] if len(place) == 1 else place, (..., *place)
