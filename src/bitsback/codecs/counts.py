"""What codecs of counts share: the core makes the distribution of each symbol from its parameters,
by the recurrence that docs/codecs.md gives.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_pushed, as_symbols, require_within
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import bits_of
from bitsback.errors import MessageError
from bitsback.message import Message

PRECISION = 24
UNITS = 2.0**16


def check_counts(levels: int) -> None:
    """MessageError unless there are 1 to 65,536 levels."""
    if not 1 <= levels <= 65536:
        raise MessageError(f"counts have 1 to 65,536 levels, not {levels}")


def rounded(values: NDArray[np.float64], what: str) -> NDArray[np.uint32]:
    """Floats to units of 2^-16; MessageError for those outside of [2^-16, 2^16)."""
    require_within(values, 1 / UNITS, UNITS - 1 / UNITS, what, "[2^-16, 2^16 - 2^-16]")
    return np.rint(values * UNITS).astype(np.uint32)


class Counts(ByValue, ABC):
    """Codes counts below `levels`, each with parameters of its own, popped as uint16."""

    _core_name: str

    @abstractmethod
    def _parameters(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Both of the shape of the symbols."""

    @abstractmethod
    def _levels(self) -> int: ...

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint16, self._parameters()[0].shape, self._levels())
        self._function("push_{}")(message, *self._arguments(), x.reshape(-1))

    def pop(self, message: Message) -> NDArray[np.uint16]:
        popped: NDArray[np.uint16] = self._function("pop_{}")(message, *self._arguments())
        return popped.reshape(self._parameters()[0].shape)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = as_symbols(symbols, np.uint16, self._parameters()[0].shape, self._levels())
        frequency = self._function("{}_frequencies")(*self._arguments(), x.reshape(-1))
        return bits_of(frequency, PRECISION).reshape(x.shape)

    def _function(self, name: str) -> Any:
        return getattr(_core, name.format(self._core_name))

    def _arguments(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], int, int]:
        a, b = self._parameters()
        return a.reshape(-1), b.reshape(-1), self._levels(), PRECISION
