"""Grids of distributions, from which two outputs of a network choose one for each element: learned
exponential families, and the paper's beta-binomials.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import CdfTable
from bitsback.codecs.categorical import starts_of
from bitsback.errors import ModelError
from bitsback.models import grids
from bitsback.models.families.family_entry import FamilyEntry, Range


@dataclass(frozen=True, eq=False)
class CdfTableFamily:
    table: NDArray[np.uint32]
    """The starts of the symbols of each row: [A, B, levels + 1]."""
    precision: int

    most_components: int = 1

    @property
    def outputs(self) -> tuple[Range, ...]:
        rows, columns, _ = self.table.shape
        return (0, rows - 1), (0, columns - 1)

    def parameters(
        self, outputs: list[NDArray[Any]], components: int = 1
    ) -> tuple[NDArray[np.uint16]]:
        first, second = (output[..., 0] for output in outputs)
        return (first.astype(np.uint16) * np.uint16(self.table.shape[1]) + second,)

    def codec_of(self, *parameters: NDArray[Any]) -> CdfTable:
        rows, columns, ends = self.table.shape
        return CdfTable(self.table.reshape(rows * columns, ends), parameters[0], self.precision)

    def codec(self, outputs: list[NDArray[Any]]) -> CdfTable:
        return self.codec_of(*self.parameters(outputs))

    def core(self) -> _core.Family:
        return _core.family("cdf-table", starts=self.table, precision=self.precision)


def read_beta_binomial(source: FamilyEntry) -> CdfTableFamily:
    source.require_levels("beta-binomial", 256, 256)
    precision = source.fields.integer("precision", 16, 24)
    return CdfTableFamily(starts_of(grids.beta_binomial(), precision), precision)


def read_exponential(source: FamilyEntry) -> CdfTableFamily:
    source.require_levels("exponential", 2, 256)
    precision = source.fields.integer("precision", 16, 24)
    levels = source.levels
    sizes = {
        "base": range(levels, levels + 1),
        "first_statistic": range(levels, levels + 1),
        "second_statistic": range(levels, levels + 1),
        "first_value": range(1, 257),
        "second_value": range(1, 257),
    }
    arrays: dict[str, NDArray[Any]] = {}
    for part, allowed in sizes.items():
        name = f"{source.network}.{part}"
        arrays[part] = source.tensors.get(name, "int16", dimensions=1)
        if arrays[part].size not in allowed:
            raise ModelError(f"the tensor {name} must have {allowed[0]} to {allowed[-1]} entries")
    if arrays["first_value"].size * arrays["second_value"].size > 4096:
        raise ModelError(f"{source.network}: a grid has at most 4,096 rows")
    return CdfTableFamily(starts_of(grids.exponential(**arrays), precision), precision)
