"""Two levels: the logit of a one, looked up in a table of frequencies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import BernoulliTable
from bitsback.models.families.family_entry import FamilyEntry, Range


@dataclass(frozen=True, eq=False)
class BernoulliFamily:
    table: NDArray[np.uint32]
    """Frequencies of a one, by the logit: [256]."""
    precision: int

    outputs: tuple[Range, ...] = ((0, 255),)
    most_components: int = 1

    def parameters(
        self, outputs: list[NDArray[Any]], components: int = 1
    ) -> tuple[NDArray[np.uint8]]:
        return (outputs[0][..., 0],)

    def codec_of(self, *parameters: NDArray[Any]) -> BernoulliTable:
        return BernoulliTable(self.table, parameters[0], self.precision)

    def codec(self, outputs: list[NDArray[Any]]) -> BernoulliTable:
        return self.codec_of(*self.parameters(outputs))

    def core(self) -> _core.Family:
        return _core.family("bernoulli", table=self.table, precision=self.precision)


def read(source: FamilyEntry) -> BernoulliFamily:
    source.require_levels("bernoulli", 2, 2)
    precision = source.fields.integer("precision", 8, 16)
    name = f"{source.network}.probability"
    table = source.tensors.bounded(name, "uint16", (256,), 1, (1 << precision) - 1)
    return BernoulliFamily(table.astype(np.uint32), precision)
