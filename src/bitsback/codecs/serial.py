"""Several codecs, one after the other."""

from typing import Any

from bitsback.codecs.base import Codec, undoing
from bitsback.errors import MessageError
from bitsback.message import Message


class Serial:
    """Codes a tuple, one part with each codec. The first part pops first, so it is pushed last.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> message = Message([1 << 63])
    >>> codec = Serial(Uniform(10, shape=(1,)), Bernoulli.from_probability([0.9, 0.9]))
    >>> codec.push(message, ([7], [1, 0]))
    >>> digit, pixels = codec.pop(message)
    >>> digit.tolist(), pixels.tolist()
    ([7], [1, 0])
    """

    def __init__(self, *codecs: Codec[Any]) -> None:
        self.codecs = codecs

    def push(self, message: Message, symbols: tuple[Any, ...]) -> None:
        if len(symbols) != len(self.codecs):
            raise MessageError(f"{len(self.codecs)} codecs need as many parts, not {len(symbols)}")
        done: list[Codec[Any]] = []

        def undo() -> None:
            for codec in reversed(done):
                codec.pop(message)

        with undoing(undo):
            for codec, part in zip(reversed(self.codecs), reversed(symbols), strict=True):
                codec.push(message, part)
                done.append(codec)

    def pop(self, message: Message) -> tuple[Any, ...]:
        parts: list[Any] = []

        def undo() -> None:
            for codec, part in reversed(list(zip(self.codecs, parts, strict=False))):
                codec.push(message, part)

        with undoing(undo):
            for codec in self.codecs:
                parts.append(codec.pop(message))
        return tuple(parts)
