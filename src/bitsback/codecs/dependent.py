"""Parts whose codecs depend on the parts before them, told by a generator function."""

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bitsback.codecs.base import Codec, naming, require_codecs, require_functions
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.forms import one_form
from bitsback.codecs.information import total
from bitsback.errors import MessageError
from bitsback.message import Message

_Steps = Generator[Codec[Any], Any, None]


@dataclass(frozen=True, eq=False, repr=False)
class Dependent(ByValue):
    """Codes a tuple of parts: a generator function yields the codec of each part and is given the
    part.

    steps: without arguments; what it yields next may depend on the parts so far, and so may how
    many parts there are, and on nothing else that changes. The first part pops first. Push runs it
    once to have the codecs of all parts, and pushes from the last to the first.
    It is given a copy of each part in one form, whichever direction codes: an array of int64, as
    the functions of `BitsBack` are.
    Raises MessageError for more or fewer parts than it yields codecs.

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

    def push(self, message: Message, symbols: Sequence[Any]) -> None:
        codecs = self._codecs(symbols)
        with ExitStack() as undo:
            for number in reversed(range(len(codecs))):
                with naming("part", number):
                    codecs[number].push(message, symbols[number])
                undo.callback(codecs[number].pop, message)
            undo.pop_all()

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

    def bits(self, symbols: Sequence[Any]) -> float:
        """What all parts cost together, in bits."""
        codecs = self._codecs(symbols)
        costs = []
        for number, codec in enumerate(codecs):
            with naming("part", number):
                costs.append(total(codec.bits(symbols[number])))
        return math.fsum(costs)

    def _codecs(self, symbols: Sequence[Any]) -> list[Codec[Any]]:
        steps, codecs = self.steps(), []
        codec = _next(steps, None)
        for part in symbols:
            if codec is None:
                break
            codecs.append(codec)
            codec = _next(steps, part)
        if codec is not None or len(codecs) != len(symbols):
            yields = "more" if codec is not None else f"{len(codecs)}"
            raise MessageError(f"{len(symbols)} parts were given, and there are {yields} codecs")
        return codecs


def _next(steps: _Steps, part: Any) -> Codec[Any] | None:
    """What is yielded when `part` is given, or None at the end."""
    try:
        codec = steps.send(one_form(part))
    except StopIteration:
        return None
    require_codecs(**{"what is yielded": codec})
    return codec
