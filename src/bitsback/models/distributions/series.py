"""Series of any length, number of channels and number of levels.

Adaptive least squares predict each symbol from earlier ones. A mixture of logistics of several
scales around the prediction codes the symbol. Scales that fitted recent symbols have larger
weights. Nothing is trained on other data. Source: docs/model-format.md, for its integers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, tables
from bitsback.errors import ModelError
from bitsback.models.distributions.adaptive_distribution import (
    AdaptiveDistribution,
    Words,
    sums_for_test,
)
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.integer import Size
from bitsback.models.integer.fields import Fields
from bitsback.models.item_shape import ItemShape

Input = tuple[int, int]
"""An earlier symbol: the number of steps before a symbol, and of channels before its own."""

_FARTHEST = 64
_MOST_INPUTS = 64
_MACS_OF_AN_ELEMENT = 1 << 10


@dataclass(frozen=True)
class SeriesPredictor:
    """A predictor by least squares. Its weights adapt to the series."""

    inputs: tuple[Input, ...]
    forgetting: int
    """The forgetting factor of the sums is 1 - 2^-forgetting."""
    every: int
    """The number of steps between solutions of the least squares."""
    ridge: int


@dataclass(frozen=True, eq=False, kw_only=True)
class SeriesDistribution(AdaptiveDistribution):
    predictors: tuple[SeriesPredictor, ...]
    scales: tuple[int, ...]
    """The scales of the logistics, in 2^-8 of the recent error."""
    precision: int

    def core(self, size: Size | None, numbers: Mapping[str, int]) -> _core.Distribution:
        return self._core_of(numbers[self.variable.name], self.variable.levels, ())

    def _core_of(
        self,
        variable: int,
        levels: int,
        starts: Sequence[NDArray[np.float64]],
        arithmetic: str = "exact",
    ) -> _core.Distribution:
        return _core.distribution(
            "series",
            variable,
            predictors=[asdict(predictor) for predictor in self.predictors],
            scales=self.scales,
            cdf=tables.logistic_cdf(),
            levels=levels,
            precision=self.precision,
            starts=starts,
            arithmetic=arithmetic,
        )

    def for_test(self, shape: ItemShape, words: Words, arithmetic: str) -> _core.Distribution:
        starts = []
        for channel in range(shape.channels):
            for predictor in self.predictors:
                there = [
                    back
                    for back, before in predictor.inputs
                    if 0 <= channel - before < shape.channels
                ]
                n, keep = len(there), 1 - 2.0**-predictor.forgetting
                sums = sums_for_test(n, words).astype(np.float64)
                # When the inputs first differ from 0, forgetting has scaled it down to the ridge.
                sums[range(n), range(n)] -= predictor.ridge / (keep if 0 in there else keep * keep)
                starts.append(sums)
        return self._core_of(0, shape.levels, starts, arithmetic)

    def memory(self, shape: ItemShape) -> int:
        of_a_channel = 2048 + sum(
            8 * (len(predictor.inputs) + 2) ** 2 for predictor in self.predictors
        )
        return 6 * shape.elements + shape.channels * of_a_channel

    def macs(self, shape: ItemShape) -> int:
        steps = shape.elements // shape.channels
        macs = shape.elements * _MACS_OF_AN_ELEMENT
        for predictor in self.predictors:
            n = len(predictor.inputs)
            solutions = min(steps, 64) + steps // predictor.every
            macs += shape.elements * (n + 2) ** 2 + shape.channels * solutions * (n + 1) ** 3
        return macs


def read(source: DistributionEntry, codec: str) -> SeriesDistribution:
    source.require_data_alone(codec)
    fields = source.fields
    predictors = tuple(
        _read_predictor(Fields(entry, f"{source.key}.predictors[{i}]"))
        for i, entry in enumerate(fields.items("predictors"))
    )
    if not 1 <= len(predictors) <= 4:
        raise ModelError("'predictors' must be a list of 1 to 4")
    scales = fields.items("scales")
    if not 1 <= len(scales) <= 16 or not all(type(s) is int and 1 <= s <= 65536 for s in scales):
        raise ModelError("'scales' must be a list of 1 to 16 integers from 1 to 65,536")
    least = max((source.variable.levels - 1).bit_length() + 4, 20)
    precision = fields.integer("precision", least, 24)
    return SeriesDistribution(
        variable=source.variable,
        predictors=predictors,
        scales=tuple(scales),
        precision=precision,
    )


def _read_predictor(fields: Fields) -> SeriesPredictor:
    forgetting, every = fields.integer("forgetting", 1, 14), fields.integer("every", 1, 4096)
    ridge, inputs = fields.integer("ridge", 1, 1 << 20), fields.items("inputs")
    fields.done()
    if not 1 <= len(inputs) <= _MOST_INPUTS:
        raise ModelError(f"'inputs' must be a list of 1 to {_MOST_INPUTS}")
    for entry in inputs:
        whole = isinstance(entry, list) and len(entry) == 2 and all(type(n) is int for n in entry)
        if not whole or not (0 <= entry[0] <= _FARTHEST and abs(entry[1]) <= _FARTHEST):
            raise ModelError(
                f"'inputs' must hold steps and channels of at most {_FARTHEST}, not {entry!r}"
            )
        if entry[0] == 0 and entry[1] <= 0:
            raise ModelError(f"the input {entry!r} is not before the predicted symbol")
    pairs = tuple((back, channels) for back, channels in inputs)
    return SeriesPredictor(pairs, forgetting, every, ridge)
