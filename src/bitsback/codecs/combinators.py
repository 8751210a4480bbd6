"""Combinators: several independent parts, a bijection, a part of the lanes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from operator import index
from typing import Any, Generic, TypeVar

from bitsback import _core
from bitsback.codecs.codec import (
    Codec,
    alike,
    naming,
    one_form,
    one_step,
    require_codecs,
    require_functions,
    undoing,
)
from bitsback.codecs.exact_functions import Bits, total
from bitsback.codecs.symbol_arrays import ByValue
from bitsback.errors import MessageError
from bitsback.message import Message

X = TypeVar("X")

Part = tuple[tuple[Any, ...], Codec[Any], Any]
"""The name of a part (with or without a number) for messages, its codec, and its symbols."""


def pop_parts(message: Message, codecs: Iterable[Codec[Any]]) -> tuple[Any, ...]:
    """Pops a part with each codec, in order. If one raises, the message is unchanged.

    The codecs may come from a generator.
    """
    parts: list[Any] = []
    with ExitStack() as undo:
        for codec in codecs:
            parts.append(codec.pop(message))
            undo.callback(codec.push, message, parts[-1])
        undo.pop_all()
    return tuple(parts)


class InParts(ByValue, ABC):
    """The base of codecs of several parts in order. The last part is pushed first."""

    @abstractmethod
    def _parts(self, symbols: Any) -> Sequence[Part]: ...

    @one_step
    def push(self, message: Message, symbols: Any) -> None:
        with ExitStack() as undo:
            for name, codec, part in reversed(self._parts(symbols)):
                with naming(*name):
                    codec.push(message, part)
                undo.callback(codec.pop, message)
            undo.pop_all()

    def bits(self, symbols: Any) -> float:
        """The cost of all parts together, in bits."""
        costs = []
        for name, codec, part in self._parts(symbols):
            with naming(*name):
                costs.append(total(codec.bits(part)))
        return math.fsum(costs)


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Serial(InParts):
    """Codes a tuple, one part with each codec. The first part pops first, so it is pushed last.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> message = Message()
    >>> codec = Serial(Uniform(8, shape=(1,)), Bernoulli.from_probability([0.5, 0.25]))
    >>> codec.push(message, ([7], [1, 1]))
    >>> digit, pixels = codec.pop(message)
    >>> digit.tolist(), pixels.tolist()
    ([7], [1, 1])
    >>> codec.bits((digit, pixels))
    6.0
    """

    codecs: tuple[Codec[Any], ...]

    def __init__(self, *codecs: Codec[Any]) -> None:
        require_codecs(**{f"part {number}": codec for number, codec in enumerate(codecs)})
        object.__setattr__(self, "codecs", codecs)

    @one_step
    def pop(self, message: Message) -> tuple[Any, ...]:
        return pop_parts(message, self.codecs)

    def _parts(self, symbols: Sequence[Any]) -> list[Part]:
        if len(symbols) != len(self.codecs):
            raise MessageError(f"{len(self.codecs)} codecs need as many parts, not {len(symbols)}")
        return [
            (("part", number), codec, part)
            for number, (codec, part) in enumerate(zip(self.codecs, symbols, strict=True))
        ]


@dataclass(frozen=True, eq=False, repr=False)
class Named(InParts):
    """Codes a dict, each value with the codec of its name. The first one pops first.

    codecs: from names to codecs, in the order of the parts; the order of a pushed dict does not
    matter. Raises MessageError for a dict with other names.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> codec = Named({"label": Uniform(8, shape=()), "pixels": Bernoulli.from_probability([0.5])})
    >>> message = Message()
    >>> codec.push(message, {"pixels": [1], "label": 7})
    >>> codec.pop(message)
    {'label': array(7, dtype=uint32), 'pixels': array([1], dtype=uint8)}
    >>> codec.bits({"pixels": [1], "label": 7})
    4.0
    """

    codecs: Mapping[str, Codec[Any]]

    def __post_init__(self) -> None:
        require_codecs(**{f"the part {name!r}": codec for name, codec in self.codecs.items()})
        object.__setattr__(self, "codecs", dict(self.codecs))

    @one_step
    def pop(self, message: Message) -> dict[str, Any]:
        return dict(zip(self.codecs, pop_parts(message, self.codecs.values()), strict=True))

    def _parts(self, symbols: Mapping[str, Any]) -> list[Part]:
        if symbols.keys() != self.codecs.keys():
            wrong = sorted(map(str, symbols.keys() ^ self.codecs.keys()))
            raise MessageError(
                f"the parts are {', '.join(self.codecs)}: missing or unknown is {', '.join(wrong)}"
            )
        return [
            (("the part", repr(name)), codec, symbols[name]) for name, codec in self.codecs.items()
        ]


@dataclass(frozen=True, eq=False, repr=False)
class Repeat(InParts, Generic[X]):
    """Codes a tuple of `times` items, each with the same codec. The first one pops first.

    One codec of their shape codes arrays of independent symbols faster. For items whose order does
    not matter, use `Multiset`.

    >>> from bitsback.codecs import BitsBack, Bernoulli, Uniform
    >>> codec = Repeat(Uniform(16, shape=(2,)), times=3)
    >>> message = Message()
    >>> codec.push(message, [[1, 2], [3, 4], [5, 6]])
    >>> [item.tolist() for item in codec.pop(message)]
    [[1, 2], [3, 4], [5, 6]]
    >>> codec.bits([[1, 2], [3, 4], [5, 6]])
    24.0
    """

    item: Codec[X]
    times: int

    def __post_init__(self) -> None:
        require_codecs(item=self.item)
        if self.times < 0:
            raise MessageError(f"times must be from 0 on, not {self.times}")

    @one_step
    def pop(self, message: Message) -> tuple[X, ...]:
        return pop_parts(message, repeat(self.item, self.times))

    def _parts(self, symbols: Sequence[X]) -> list[Part]:
        if len(symbols) != self.times:
            raise MessageError(f"this codec codes {self.times} items, not {len(symbols)}")
        return [(("item", number), self.item, item) for number, item in enumerate(symbols)]


@dataclass(frozen=True, eq=False, repr=False)
class Mapped(ByValue, Generic[X]):
    """Codes x as forward(x) by another codec: discrete normalising flows, permutations, lifting.

    codec: of forward(x). forward, inverse: functions that are exact inverses of each other for all
    coded symbols, so they compute with integers, or only move floats. Both get arrays of int64, or
    float64, as the functions of `BitsBack` do. A pop returns the result of `inverse`. A push raises
    MessageError if inverse(forward(x)) is not x, in kind, shape and values, and a pop if
    forward(inverse(y)) is not the popped y: either would lose information. Source: Hoogeboom,
    Peters, van den Berg, Welling 2019, Integer discrete flows.

    >>> import numpy as np
    >>> from bitsback.codecs import Normal
    >>> def lift(x):  # each even place is predicted by the odd one behind it
    ...     return np.stack([x[0::2] - x[1::2], x[1::2]])
    >>> def lower(y):
    ...     return np.stack([y[0] + y[1], y[1]], -1).ravel()
    >>> normal = Normal.from_float(0.0, [[1.5], [50.0]], within=(-500, 500), shape=(2, 3))
    >>> codec = Mapped(normal, lift, lower)
    >>> message = Message()
    >>> codec.push(message, [40, 39, -7, -7, 12, 14])
    >>> codec.pop(message).tolist()
    [40, 39, -7, -7, 12, 14]
    """

    codec: Codec[Any]
    forward: Callable[[Any], Any]
    inverse: Callable[[Any], X]

    def __post_init__(self) -> None:
        require_codecs(codec=self.codec)
        require_functions(forward=self.forward, inverse=self.inverse)

    def push(self, message: Message, symbols: X) -> None:
        self.codec.push(message, self._forward(symbols))

    @one_step
    def pop(self, message: Message) -> X:
        y = self.codec.pop(message)
        with undoing(lambda: self.codec.push(message, y)):
            x = self.inverse(one_form(y))
            if not alike(self.forward(one_form(x)), y):
                raise MessageError(
                    "forward(inverse(y)) is not the y that was popped: they are no bijection"
                )
        return x

    def bits(self, symbols: X) -> float:
        """The cost of a push, in bits: one number, since a flow mixes the costs of symbols."""
        return total(self.codec.bits(self._forward(symbols)))

    def _forward(self, x: X) -> Any:
        y = self.forward(one_form(x))
        if not alike(self.inverse(one_form(y)), x):
            raise MessageError(
                "inverse(forward(x)) is not x, in kind, shape and values: they are no bijection"
            )
        return y


@dataclass(frozen=True, eq=False, repr=False)
class OnLanes(ByValue, Generic[X]):
    """Codes x on some lanes of the message, and leaves the heads of the others alone.

    codec: any; it sees a message with these heads, the first of `lanes` as lane 0, and the whole
    tail. lanes: distinct numbers, counted from 0, or a slice of the lanes of the message. Several
    such codecs side by side code symbols of several kinds in steps whose lanes do not wait for each
    other. Raises MessageError for invalid lanes, and when it codes, for lanes that the message
    lacks. Source: the `substack` of craystack (Townsend, Bird, Kunze, Barber 2020, HiLLoC).

    >>> from bitsback.codecs import Uniform
    >>> message = Message(lanes=4)
    >>> codec = OnLanes(Uniform(1024, shape=(6,)), lanes=slice(1, 3))
    >>> codec.push(message, [1, 2, 3, 4, 5, 6])
    >>> [head > 2**32 for head in message.heads.tolist()]
    [False, True, True, False]
    >>> codec.pop(message).tolist()
    [1, 2, 3, 4, 5, 6]
    """

    codec: Codec[X]
    lanes: slice | Sequence[int]

    def __post_init__(self) -> None:
        require_codecs(codec=self.codec)
        if isinstance(self.lanes, slice):
            _range_of(self.lanes, 64)
            return
        try:
            lanes = tuple(map(index, self.lanes))
        except TypeError as error:
            raise MessageError(
                f"lanes must be a slice or a sequence of integers, not {self.lanes!r}"
            ) from error
        if not lanes or min(lanes) < 0 or max(lanes) > 63 or len(set(lanes)) < len(lanes):
            raise MessageError(
                f"lanes are numbers from 0 to 63, one at least, none of them twice, not {lanes}"
            )
        object.__setattr__(self, "lanes", lanes)

    def push(self, message: Message, symbols: X) -> None:
        self._on(message, lambda part: self.codec.push(part, symbols))

    def pop(self, message: Message) -> X:
        popped: list[X] = []
        self._on(message, lambda part: popped.append(self.codec.pop(part)))
        return popped[0]

    def bits(self, symbols: X) -> Bits:
        """The cost by the inner codec, in bits."""
        return self.codec.bits(symbols)

    def _on(self, message: Message, run: Callable[[Message], Any]) -> None:
        lanes = self.lanes
        if isinstance(lanes, slice):
            lanes = _range_of(lanes, message.lanes)
            if not lanes:
                raise MessageError(
                    f"a message of {message.lanes} lanes has none within {self.lanes}"
                )
        _core.on_lanes(message, lanes, run)


def _range_of(lanes: slice, count: int) -> range:
    """The numbers of these lanes, out of `count`."""
    try:
        return range(count)[lanes]
    except (TypeError, ValueError) as error:
        raise MessageError(f"lanes must be a slice of integers, not {lanes}") from error
