"""What the distributions of free models share: coding symbols of one byte or of two."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import MessageError
from bitsback.message import Message
from bitsback.models.planes import PlaneShape

FreeCodec = _core.PredictiveDistribution | _core.SeriesDistribution
Words = Callable[[int], NDArray[np.int64]]

_REACH = 600


def sums_for_test(n: int, words: Words) -> NDArray[np.int64]:
    """Sums of products [n + 1, n + 1] of n inputs and a target, of one vector less than there are
    inputs: least squares without a ridge have no solution.
    """
    rows, columns = max(n - 1, 0), n + 1
    v = words(rows * columns).reshape(rows, columns) % (2 * _REACH + 1) - _REACH
    return v.T @ v


class FreeDistribution(ABC):
    """Over items of any shape and number of levels."""

    @property
    @abstractmethod
    def _codec(self) -> FreeCodec:
        """That of the core."""

    @abstractmethod
    def for_test(self, shape: PlaneShape, words: Words) -> FreeCodec:
        """The codec of an item of a test, whose least squares start from sums by which rounding
        shows (docs/model-format.md, Test vectors). words: gives so many random ones of [0, 2^32),
        each time others.
        """

    @abstractmethod
    def room(self, shape: PlaneShape) -> int:
        """Bytes that coding an item takes."""

    @abstractmethod
    def work(self, shape: PlaneShape) -> int:
        """Multiply-adds that coding an item takes, and some for each element."""

    @abstractmethod
    def steps(self, shape: PlaneShape) -> int:
        """Arrays that coding an item takes, alone or beside others."""

    def push(self, message: Message, symbols: NDArray[Any], shapes: Sequence[PlaneShape]) -> None:
        """symbols: uint8 or uint16 [elements], items one after the other, each in C order of
        [slices, rows, columns, channels].
        """
        self._codec.push(message, symbols, shapes)

    def pop(
        self, message: Message, shapes: Sequence[PlaneShape], dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Undoes `push`. dtype: uint8 or uint16, of the symbols."""
        if dtype == np.uint8:
            return self._codec.pop_bytes(message, shapes)
        if dtype == np.uint16:
            return self._codec.pop_words(message, shapes)
        raise MessageError(f"the symbols of planes are uint8 or uint16, not {dtype}")
