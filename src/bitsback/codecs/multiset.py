"""Multisets: items whose order costs nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from bitsback import _core
from bitsback.codecs.codec import (
    Codec,
    naming,
    one_form,
    one_step,
    require_codecs,
    require_functions,
)
from bitsback.codecs.exact_functions import log2_of, total
from bitsback.codecs.symbol_arrays import ByValue
from bitsback.errors import MessageError
from bitsback.message import Message

X = TypeVar("X")


def numbers_key(item: Any) -> bytes:
    """Bytes that sort items by their numbers, in C order.

    item: an array of integers of [0, 2^64), or a tuple of such items, as the codecs here pop them.
    Raises MessageError for any other.
    """
    if isinstance(item, tuple):
        return b"".join(map(numbers_key, item))
    array = np.asarray(item)
    if array.size and (array.dtype.kind not in "biu" or int(array.min()) < 0):
        raise MessageError(
            "items of a multiset have an order: arrays of integers from 0 on; give a key for others"
        )
    return array.astype(">u8").tobytes()


@dataclass(frozen=True, eq=False, repr=False)
class Multiset(ByValue, Generic[X]):
    """`size` items without an order. They come back sorted by their keys, which saves the
    information of the order: log2(size! / (m1! m2! ...)) bits if m1, m2, ... items are equal.

    Bits of the message choose the next item to push at random from the remaining items, and a pop
    gives these bits back. The first items take a few bits from the implicit tail of the message,
    which do not come back; see `BitsBack`. item: any codec of an item. key: from an item to bytes,
    which distinguish and sort items; it gets an array of int64, as the functions of `BitsBack` do.
    At most 2^24 items; time is O(size log(size)). Source: Severo, Townsend, Khisti, Makhzani,
    Ullrich 2022, Compressing multisets with large alphabets, Algorithm 1.

    >>> from bitsback.codecs import Uniform
    >>> codec = Multiset(Uniform(1024, shape=(1,)), size=4)
    >>> message = Message([1 << 63], [7] * 10)
    >>> codec.push(message, [[9], [3], [1000], [7]])
    >>> round(message.net_bits, 2), round(codec.bits([[9], [3], [1000], [7]]), 2)
    (35.42, 35.42)
    >>> [item.tolist() for item in codec.pop(message)]
    [[3], [7], [9], [1000]]
    """

    item: Codec[X]
    size: int
    key: Callable[[Any], bytes] = numbers_key

    def __post_init__(self) -> None:
        if not 0 <= self.size <= 1 << 24:
            raise MessageError(f"a multiset has from 0 to 2^24 items, not {self.size}")
        require_codecs(item=self.item)
        require_functions(key=self.key)

    @one_step
    def push(self, message: Message, symbols: Sequence[X]) -> None:
        self._check_size(symbols)
        left = _core.Multiset()
        keys = [self.key(one_form(item)) for item in symbols]
        left.add(keys)
        with ExitStack() as undo:
            for _ in symbols:
                number = int(left.pop(message, 1)[0])
                undo.callback(left.push, message, [keys[number]])
                with naming("item", number):
                    self.item.push(message, symbols[number])
                undo.callback(self.item.pop, message)
            undo.pop_all()

    @one_step
    def pop(self, message: Message) -> tuple[X, ...]:
        found: list[tuple[bytes, X]] = []
        picked = _core.Multiset()
        with ExitStack() as undo:
            for _ in range(self.size):
                item = self.item.pop(message)
                undo.callback(self.item.push, message, item)
                found.append((self.key(one_form(item)), item))
                picked.push(message, [found[-1][0]])
                undo.callback(picked.pop, message, 1)
            undo.pop_all()
        return tuple(item for _, item in sorted(found, key=lambda pair: pair[0]))

    def bits(self, symbols: Sequence[X]) -> float:
        """The cost of a push of these items minus the information of their order, in bits."""
        self._check_size(symbols)
        equals = Counter(self.key(one_form(item)) for item in symbols)
        orders = log2_of(np.arange(1, self.size + 1)).tolist()
        of_equals = [bits for count in equals.values() for bits in orders[:count]]
        return math.fsum(
            [*(total(self.item.bits(item)) for item in symbols), *of_equals, *(-b for b in orders)]
        )

    def _check_size(self, symbols: Sequence[X]) -> None:
        if len(symbols) != self.size:
            raise MessageError(f"this multiset has {self.size} items, not {len(symbols)}")
