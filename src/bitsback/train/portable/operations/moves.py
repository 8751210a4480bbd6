"""Operations that put numbers elsewhere, and change none."""

from torch import Tensor

from bitsback.train.portable.operations.operation import Operation, Range
from bitsback.train.portable.writer import NetworkWriter


class Move(Operation):
    """Of one value."""

    moves = True

    def forward(self, *values: Tensor) -> Tensor:
        return self.moved(values[0])

    def integers(self, *values: Tensor) -> Tensor:
        return self.moved(values[0])

    def range(self) -> Range:
        return self.source_ranges[0]

    def moved(self, value: Tensor) -> Tensor:
        raise NotImplementedError


class Shuffle(Move):
    """Each place becomes factor x factor places; those beyond rows x columns are dropped."""

    def __init__(self, factor: int, rows: int, columns: int) -> None:
        super().__init__()
        self.factor, self.rows, self.columns = factor, rows, columns

    def moved(self, value: Tensor) -> Tensor:
        b, h, w, c = value.shape
        f = self.factor
        squares = value.reshape(b, h, w, f, f, c // f**2).transpose(2, 3)
        whole = squares.reshape(b, h * f, w * f, c // f**2)
        return whole[:, : self.rows, : self.columns]

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        return writer.add("shuffle", "shuffled", inputs[0], {}, {"factor": self.factor})


class Flatten(Move):
    """From a grid to the item."""

    def moved(self, value: Tensor) -> Tensor:
        return value.flatten(1)

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        return writer.add("flatten", "row", inputs[0], {})


class Image(Move):
    """From the item to a grid of rows x columns places."""

    grid: int
    """Pixels of a cell, each way; known when the whole network is."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def moved(self, value: Tensor) -> Tensor:
        return value.reshape(len(value), self.rows, self.columns, -1)

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        return writer.add("image", "cells", inputs[0], {}, {"grid": self.grid})
