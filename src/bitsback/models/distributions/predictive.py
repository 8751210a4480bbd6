"""Images of any size, number of planes and number of levels: each pixel is predicted from those
before it, and a network that sees its surroundings as differences to that prediction gives a
mixture around it.

Source: docs/model-format.md, for its integers; Weinberger, Seroussi, Sapiro 2000 (LOCO-I) for the
median, and Wu, Barthel 1998 (causal least squares).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.lazy import cached_property
from bitsback.models.distributions.adaptive_distribution import (
    AdaptiveDistribution,
    Words,
    sums_for_test,
)
from bitsback.models.distributions.context_mixing import ContextMixing, read_mixing
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import Family, check_outputs, read_family
from bitsback.models.integer import ITEM, Activations, Network, Size
from bitsback.models.integer.fields import Fields, TensorReader
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import CONTEXT

Offset = tuple[int, int]
"""Rows below and columns to the right of a pixel."""

_ONE_PIXEL = (1, 1)
_SEE_ENTRIES = 2048
_HIGHEST = 127
"""The largest byte that the network sees."""
_FARTHEST = 8
_MOST_INPUTS = 48
_MOST_START = 1 << 26
_MACS_OF_COLOURS = 10
"""The logarithm of the MACs that the runs of a blue's levels take."""


@dataclass(frozen=True)
class Places:
    """Places in the plane of a pixel, all before it, and in the two planes that it looks at."""

    own: tuple[Offset, ...]
    first: tuple[Offset, ...]
    second: tuple[Offset, ...]

    def count(self, references: int) -> int:
        """The number of inputs in a plane with this number of references."""
        return sum(map(len, (self.own, self.first, self.second)[: references + 1]))


@dataclass(frozen=True, eq=False)
class Predictor:
    """A prediction by least squares, whose weights follow the image."""

    places: Places
    cell: int
    """Columns that share their weights."""
    decay: tuple[int, int, int]
    """The factors, in 2^-8, that the sums of the cells above, to the left and to the right keep."""
    ridge: int
    start: NDArray[np.int32]
    """The sums above an image: int32 [3, T], a row for each number of planes to look at, the lower
    triangle of a matrix.
    """


@dataclass(frozen=True, eq=False, kw_only=True)
class PredictiveDistribution(AdaptiveDistribution):
    predictors: tuple[Predictor, ...]
    window: Places
    see: NDArray[np.uint8]
    """The byte for each difference of -64 ... 64 units: uint8 [2048]."""
    family: Family
    """Mixtures."""
    network: Network
    outputs: tuple[str, ...]
    counts: ContextMixing | None = None
    """Contexts that are counted beside the network, and mixed with what it says."""

    @cached_property
    def predictor(self) -> _core.Predictor:
        """The predictions alone."""
        return self._predictor_of([predictor.start for predictor in self.predictors])

    def _predictor_of(self, starts: list[NDArray[np.int32]]) -> _core.Predictor:
        return _core.Predictor(
            predictors=[
                {
                    "cell": predictor.cell,
                    "decay": predictor.decay,
                    "ridge": predictor.ridge,
                    **vars(predictor.places),
                }
                for predictor in self.predictors
            ],
            window=vars(self.window),
            see=self.see,
            starts=starts,
        )

    def core(self, size: Size | None, numbers: Mapping[str, int]) -> _core.Distribution:
        return self._core_of(numbers[self.variable.name], self.predictor, self.family.fields)

    def _core_of(
        self,
        variable: int,
        predictor: _core.Predictor,
        mixture: dict[str, Any],
        arithmetic: str = "exact",
    ) -> _core.Distribution:
        bound = self.network.at(_ONE_PIXEL)
        fields = mixture | {
            "predictor": predictor,
            "network": bound.core,
            "outputs": [bound.numbers[name] for name in self.outputs],
            "arithmetic": arithmetic,
        }
        if self.counts is None:
            return _core.distribution("predictive", variable, **fields)
        counts = self.counts.fields(self.family.fields["precision"])
        layer = self.counts.layer
        features = None if layer is None else bound.numbers[layer]
        return _core.distribution("mixed", variable, counts=counts, features=features, **fields)

    def for_test(self, shape: ItemShape, words: Words, arithmetic: str) -> _core.Distribution:
        if self.counts is not None and shape.levels > self.variable.levels:
            raise ModelError("the items of the test have more levels than the data")
        starts = [_start_for_test(predictor, words) for predictor in self.predictors]
        mixture = self.family.fields | {"levels": shape.levels}
        return self._core_of(0, self._predictor_of(starts), mixture, arithmetic)

    def memory(self, shape: ItemShape) -> int:
        lag = self.predictor.lag
        line = 64 * (2 * lag + 8) + sum(
            2 * (predictor.places.count(2) + 8) ** 2 * (-(-lag // predictor.cell) + 2)
            for predictor in self.predictors
        )
        lines = min(shape.rows, (shape.columns - 1) // lag + 3)
        memory = shape.planes * (14 * (shape.rows + 16) * (shape.columns + 16) + line * lines)
        return memory + (self.counts.memory(shape) if self.counts else 0)

    def state_memory(self, elements: int) -> int:
        return self.counts.state_memory(elements) if self.counts else 0

    def macs(self, shape: ItemShape) -> int:
        macs = shape.elements * (
            self.predictor.width
            + self.network.multiply_adds(_ONE_PIXEL)
            + sum((n + 1) * (n + 2) for n in self._inputs)
        )
        for n, predictor in zip(self._inputs, self.predictors, strict=True):
            macs += shape.planes * shape.rows * -(-shape.columns // predictor.cell) * (n + 1) ** 3
        if shape.jpeg:
            macs += shape.slices * shape.rows * shape.columns << _MACS_OF_COLOURS
        return macs + (self.counts.macs(shape) if self.counts else 0)

    def steps(self, shape: ItemShape) -> int:
        if self.counts is not None:
            return 0  # the MACs count them
        predictor = self.predictor
        rows, planes = shape.rows - 1, shape.planes - 1
        return predictor.delay * planes + predictor.lag * rows + shape.columns

    @property
    def _inputs(self) -> list[int]:
        return [predictor.places.count(2) for predictor in self.predictors]


def read(source: DistributionEntry, codec: str) -> PredictiveDistribution:
    source.require_data_alone(codec)
    fields, tensors = source.fields, source.tensors
    predictors = tuple(
        _read_predictor(Fields(entry, f"{source.key}.predictors[{i}]"), tensors, i)
        for i, entry in enumerate(fields.items("predictors"))
    )
    if not 1 <= len(predictors) <= 4:
        raise ModelError("'predictors' must be a list of 1 to 4")
    entry = fields.object("window")
    window = _read_places(entry, most_own=112, most=64)
    entry.done()
    see = tensors.bounded("x.see", "uint8", (_SEE_ENTRIES,), 0, _HIGHEST)
    name = fields.text("network")
    family = read_family("mixture", fields, tensors, source.variable.levels, name)
    width = window.count(2) + 2 * (1 + len(predictors)) + 12
    names = fields.texts("outputs", len(family.outputs))
    context = Activations(ITEM, width, 0, _HIGHEST)
    network = source.networks.of_pixel(name, CONTEXT, context, names)
    check_outputs(family, names, network.known, 1, name)
    distribution = PredictiveDistribution(
        variable=source.variable,
        predictors=predictors,
        window=window,
        see=see,
        family=family,
        network=network,
        outputs=tuple(names),
    )
    if not fields.has("counts"):
        return distribution
    entry = fields.object("counts")
    levels, lag = source.variable.levels, distribution.predictor.lag
    counts = read_mixing(entry, f"{source.key}.counts", levels, lag, network)
    entry.done()
    return replace(distribution, counts=counts)


def _read_predictor(fields: Fields, tensors: TensorReader, number: int) -> Predictor:
    cell, ridge = fields.integer("cell", 4, 32), fields.integer("ridge", 1, 1 << 20)
    above, left, right = fields.integers("decay", 3, 0, 252)
    if above + left + right > 252:
        raise ModelError("the sum of a 'decay' is at most 252")
    places = _read_places(fields, most_own=32, most=32)
    fields.done()
    inputs = places.count(2)
    if inputs > _MOST_INPUTS:
        raise ModelError(f"a predictor has at most {_MOST_INPUTS} inputs, not {inputs}")
    name = f"x.start.{number}"
    shape = (3, _triangle(inputs))
    start = tensors.bounded(name, "int32", shape, -_MOST_START, _MOST_START)
    for references, row in enumerate(start):
        n = places.count(references)
        if row[_triangle(n) :].any():
            raise ModelError(f"the tensor {name} is not zero behind a triangle of {n + 1} rows")
        if any(row[_triangle(i - 1) + i] < 0 for i in range(n + 1)):
            raise ModelError(f"the tensor {name} has a negative number in a diagonal")
    return Predictor(places, cell, (above, left, right), ridge, start)


def _start_for_test(predictor: Predictor, words: Words) -> NDArray[np.int32]:
    """The sums above the first row of an image, of which that row's are singular but for their
    ridge, and this but for rounding.
    """
    rows = np.zeros((3, _triangle(predictor.places.count(2))), np.int32)
    for references, row in enumerate(rows):
        n = predictor.places.count(references)
        sums = sums_for_test(n, words)
        sums[range(n), range(n)] = np.maximum(sums.diagonal()[:n] - predictor.ridge, 0)
        above = -(-256 * sums // max(sum(predictor.decay), 1))
        row[: _triangle(n)] = np.clip(above, -_MOST_START, _MOST_START)[np.tril_indices(n + 1)]
    return rows


def _triangle(inputs: int) -> int:
    """The elements of the lower triangle of a matrix of `inputs` inputs and a target."""
    return (inputs + 1) * (inputs + 2) // 2


def _read_places(fields: Fields, most_own: int, most: int) -> Places:
    own = _read_offsets(fields, "own", 1, most_own)
    if any(offset >= (0, 0) for offset in own):
        raise ModelError("the offsets 'own' must be of pixels before: above, or to the left")
    first, second = (_read_offsets(fields, key, 0, most) for key in ("first", "second"))
    return Places(own, first, second)


def _read_offsets(fields: Fields, key: str, least: int, most: int) -> tuple[Offset, ...]:
    entries = fields.items(key)
    if not least <= len(entries) <= most:
        raise ModelError(f"'{key}' must be a list of {least} to {most} offsets")
    for entry in entries:
        whole = isinstance(entry, list) and len(entry) == 2
        if not whole or not all(type(n) is int and abs(n) <= _FARTHEST for n in entry):
            raise ModelError(
                f"'{key}' must hold offsets, rows and columns of at most {_FARTHEST}, not {entry!r}"
            )
    return tuple((rows, columns) for rows, columns in entries)
