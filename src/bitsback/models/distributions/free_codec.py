"""What the distributions of free models share: coding symbols of one byte or of two."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import MessageError
from bitsback.message import Message
from bitsback.models.planes import PlaneShape


class FreeDistribution(ABC):
    """Over items of any shape and number of levels."""

    @property
    @abstractmethod
    def _codec(self) -> _core.PredictiveDistribution | _core.SeriesDistribution:
        """That of the core."""

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
