"""The likelihoods a model can have: from the outputs of its network to the codec of the pixels."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs import BernoulliTable, Rows
from bitsback.codecs.rows import starts_of
from bitsback.errors import ModelError
from bitsback.integer import Values
from bitsback.integer.fields import Fields
from bitsback.integer.network import tensor
from bitsback.models import grids
from bitsback.models.file import Tensors


class Likelihood(Protocol):
    """p(x|z), given what the likelihood network made of z."""

    @property
    def outputs(self) -> dict[str, Values]:
        """The layers that the network must have, with their ranges, and the width 1 of one pixel."""

    @property
    def table(self) -> NDArray[np.uint32]:
        """What the core needs of it: frequencies of a one [256], or a grid of rows [A, B, levels + 1]."""

    @property
    def precision(self) -> int: ...

    def codec(self, *outputs: NDArray[np.uint8]) -> BernoulliTable | Rows:
        """The codec of pixels [rows, pixels], for outputs of that shape."""


@dataclass(frozen=True, eq=False)
class Bernoulli:
    """Two levels: the logit of a one, looked up in a table of frequencies."""

    table: NDArray[np.uint32]
    precision: int

    outputs = {"logit": Values(1, 0, 255)}  # noqa: RUF012

    def codec(self, *outputs: NDArray[np.uint8]) -> BernoulliTable:
        return BernoulliTable(self.table, outputs[0], self.precision)


@dataclass(frozen=True, eq=False)
class Grid:
    """Any number of levels: two outputs choose a row of a grid of distributions."""

    table: NDArray[np.uint32]
    precision: int

    @property
    def outputs(self) -> dict[str, Values]:
        rows, columns, _ = self.table.shape
        return {"first": Values(1, 0, rows - 1), "second": Values(1, 0, columns - 1)}

    def codec(self, *outputs: NDArray[np.uint8]) -> Rows:
        first, second = outputs
        rows, columns, ends = self.table.shape
        index = first.astype(np.uint16) * np.uint16(columns) + second
        return Rows(self.table.reshape(rows * columns, ends), index, self.precision)


def read(fields: Fields, tensors: Tensors, levels: int) -> tuple[Likelihood, set[str]]:
    """The likelihood of a description, without its network, and the names of the tensors it owns.

    Raises ModelError for anything that docs/model-format.md does not allow.
    """
    codec = fields.text("codec", "bernoulli", "beta-binomial", "exponential")
    if codec == "bernoulli":
        precision = fields.integer("precision", 8, 16)
        if levels != 2:
            raise ModelError(f"likelihood: a bernoulli is for 2 levels, not {levels}")
        name = "likelihood.probability"
        probability = bounded(tensors, name, "uint16", (256,), 1, (1 << precision) - 1)
        return Bernoulli(probability.astype(np.uint32), precision), {name}
    precision = fields.integer("precision", 16, 24)
    if codec == "beta-binomial":
        if levels != 256:
            raise ModelError(f"likelihood: the table of beta-binomials is for 256 levels, not {levels}")
        return Grid(starts_of(grids.beta_binomial(), precision), precision), set()
    sizes = {
        "base": range(levels, levels + 1),
        "first_statistic": range(levels, levels + 1),
        "second_statistic": range(levels, levels + 1),
        "first_value": range(1, 257),
        "second_value": range(1, 257),
    }
    arrays: dict[str, NDArray[Any]] = {}
    for part, allowed in sizes.items():
        arrays[part] = tensor(tensors, f"likelihood.{part}", "int16")
        if arrays[part].ndim != 1 or arrays[part].size not in allowed:
            raise ModelError(f"the tensor likelihood.{part} must have {allowed[0]} to {allowed[-1]} entries")
    if arrays["first_value"].size * arrays["second_value"].size > 4096:
        raise ModelError("likelihood: a grid has at most 4,096 rows")
    grid = grids.exponential(**arrays)
    return Grid(starts_of(grid, precision), precision), {f"likelihood.{part}" for part in sizes}


def bounded(tensors: Tensors, name: str, dtype: str, shape: tuple[int, ...], low: int, high: int) -> NDArray[Any]:
    """The tensor `name`, of this dtype and shape, with entries from `low` to `high`; ModelError otherwise."""
    array = tensor(tensors, name, dtype)
    if array.shape != shape or not low <= int(array.min()) <= int(array.max()) <= high:
        raise ModelError(f"the tensor {name} must have the shape {shape} and entries from {low} to {high}")
    return array
