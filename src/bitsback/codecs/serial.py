"""Several codecs, one after the other."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bitsback.codecs.base import Codec, naming, require_codecs
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import total
from bitsback.errors import MessageError
from bitsback.message import Message


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Serial(ByValue):
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

    def push(self, message: Message, symbols: Sequence[Any]) -> None:
        self._check(symbols)
        with ExitStack() as undo:
            for number in reversed(range(len(symbols))):
                with naming("part", number):
                    self.codecs[number].push(message, symbols[number])
                undo.callback(self.codecs[number].pop, message)
            undo.pop_all()

    def pop(self, message: Message) -> tuple[Any, ...]:
        parts: list[Any] = []
        with ExitStack() as undo:
            for codec in self.codecs:
                parts.append(codec.pop(message))
                undo.callback(codec.push, message, parts[-1])
            undo.pop_all()
        return tuple(parts)

    def bits(self, symbols: Sequence[Any]) -> float:
        """What all parts cost together, in bits."""
        self._check(symbols)
        costs = []
        for number, codec in enumerate(self.codecs):
            with naming("part", number):
                costs.append(total(codec.bits(symbols[number])))
        return math.fsum(costs)

    def _check(self, symbols: Sequence[Any]) -> None:
        if len(symbols) != len(self.codecs):
            raise MessageError(f"{len(self.codecs)} codecs need as many parts, not {len(symbols)}")
