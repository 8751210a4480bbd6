"""A codec of what a bijection makes of the symbols: flows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bitsback.codecs.base import Codec, require_codecs, require_functions, undoing
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.forms import alike, one_form
from bitsback.codecs.information import total
from bitsback.errors import MessageError
from bitsback.message import Message

X = TypeVar("X")


@dataclass(frozen=True, eq=False, repr=False)
class Mapped(ByValue, Generic[X]):
    """Codes x as forward(x) by another codec: discrete normalising flows, permutations, lifting.

    codec: of what `forward` makes of x. forward, inverse: functions that undo each other, exactly,
    on all that is coded: of integers, or of floats that are only moved about. Both are given arrays
    of int64, or float64, as the functions of `BitsBack` are. A pop returns what `inverse` does.
    A push raises MessageError if inverse(forward(x)) is not x, in kind, shape and values, and a pop
    if forward(inverse(y)) is not the y that has been popped: either would lose something. Source:
    Hoogeboom, Peters, van den Berg, Welling 2019, Integer discrete flows.

    >>> import numpy as np
    >>> from bitsback import Normal
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
        """What a push costs, in bits: one number, as a flow mixes what the symbols cost."""
        return total(self.codec.bits(self._forward(symbols)))

    def _forward(self, x: X) -> Any:
        y = self.forward(one_form(x))
        if not alike(self.inverse(one_form(y)), x):
            raise MessageError(
                "inverse(forward(x)) is not x, in kind, shape and values: they are no bijection"
            )
        return y
