"""The same codec again and again."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

from bitsback.codecs.base import Codec, naming, require_codecs
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import total
from bitsback.errors import MessageError
from bitsback.message import Message

X = TypeVar("X")


@dataclass(frozen=True, eq=False, repr=False)
class Repeat(ByValue, Generic[X]):
    """Codes a tuple of `times` items, each with the same codec. The first one pops first.

    Arrays of independent symbols are coded faster by one codec of their shape. Items whose order
    does not matter are a `Multiset`.

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

    def push(self, message: Message, symbols: Sequence[X]) -> None:
        self._check(symbols)
        with ExitStack() as undo:
            for number in reversed(range(self.times)):
                with naming("item", number):
                    self.item.push(message, symbols[number])
                undo.callback(self.item.pop, message)
            undo.pop_all()

    def pop(self, message: Message) -> tuple[X, ...]:
        items: list[X] = []
        with ExitStack() as undo:
            for _ in range(self.times):
                items.append(self.item.pop(message))
                undo.callback(self.item.push, message, items[-1])
            undo.pop_all()
        return tuple(items)

    def bits(self, symbols: Sequence[X]) -> float:
        """What all items cost together, in bits."""
        self._check(symbols)
        costs = []
        for number, item in enumerate(symbols):
            with naming("item", number):
                costs.append(total(self.item.bits(item)))
        return math.fsum(costs)

    def _check(self, symbols: Sequence[X]) -> None:
        if len(symbols) != self.times:
            raise MessageError(f"this codec codes {self.times} items, not {len(symbols)}")
