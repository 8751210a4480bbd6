"""Models that code planes of any size, number and depth: what they are asked for."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.message import Message


class PlaneShape(NamedTuple):
    """An item [slices, rows, columns, channels] of symbols 0 ... levels - 1; each number is
    positive, and levels lies in [2, 65536].
    """

    slices: int
    rows: int
    columns: int
    channels: int
    levels: int

    @property
    def elements(self) -> int:
        """Symbols of the item."""
        return self.slices * self.rows * self.columns * self.channels

    @property
    def planes(self) -> int:
        """Slices times channels."""
        return self.slices * self.channels


class PlaneModel(Protocol):
    """A model whose `free` is true."""

    name: str
    identity: bytes

    def push_planes(
        self, message: Message, symbols: NDArray[Any], shapes: Sequence[PlaneShape]
    ) -> None:
        """symbols: of all items, one after the other, flat: uint8 if all levels are at most 256,
        otherwise uint16.
        """

    def pop_planes(
        self, message: Message, shapes: Sequence[PlaneShape], dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Undoes `push_planes`."""

    def plane_room(self, shapes: Sequence[PlaneShape]) -> int:
        """Bytes that coding them takes."""

    def plane_work(self, shapes: Sequence[PlaneShape]) -> int:
        """Multiply-adds that coding them takes."""

    def plane_steps(self, shapes: Sequence[PlaneShape]) -> int:
        """Arrays that coding them takes."""
