"""Wavefronts: images of any size and number of planes, with many rows coded at once.

Least squares predict each pixel from earlier ones. A small network reads how its neighbours differ
from the prediction, and gives a mixture of three logistic distributions. A plane has up to two
references: planes that are already decoded.

Source: docs/model-format.md, Wavefronts; Weinberger, Seroussi, Sapiro 2000 (LOCO-I) for the median,
and Wu, Barthel 1998 (causal least squares).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import MessageError, ModelError
from bitsback.lazy import cached_property
from bitsback.models.distributions.adaptive_distribution import (
    AdaptiveDistribution,
    Words,
    sums_for_test,
)
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.integer import Size
from bitsback.models.integer.fields import TensorReader
from bitsback.models.item_shape import ItemShape, Shapes
from bitsback.tables import logistic_cdf, stretch

INPUTS = (18, 15, 18)
"""The inputs of least squares, in planes with 0, 1 and 2 references."""
FEATURES = (32, 32, 40)
"""The inputs of the network, in planes with 0, 1 and 2 references."""
OUTPUTS = 8
TRIANGLE = 190
"""The number of entries in the lower triangle of the largest matrix."""
_MOST_START = 1 << 24
_LAG = 16  # pixels by which a row is coded behind the row above it
_SHEET = 4  # planes that are coded at once
_FRONT = 64  # pixels of a group's plane that are coded at once
_STATE = 1 << 23  # bytes at most for small items coded as a group; `memory` counts large ones
# Contexts have so many tables of slots, slots of errors, sets of weights, and bytes in a set.
_TABLES, _ERRORS, _SETS, _SET = 10, 1 << 16, 4608, 66

Layer = tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]]
"""Weights [outputs, inputs], biases and multipliers."""


@dataclass(frozen=True, eq=False, kw_only=True)
class WavefrontDistribution(AdaptiveDistribution):
    decay: tuple[int, int, int]
    """The factors, in 2^-8, of the sums of the cells above, to the left and to the right."""
    ridge: int
    start: NDArray[np.int32]
    """The sums before the first row: int32 [3, 190], a lower triangle per number of references."""
    networks: tuple[tuple[Layer, ...], ...]
    """For each number of references: the first layer, residual layers, and the output layer."""
    contexts: int = 0
    """The greatest log2 of the slots of a context table; 0 without contexts."""

    @cached_property
    def settings(self) -> _core.Wavefront:
        return self._settings_of(self.start)

    def _settings_of(self, start: NDArray[np.int32]) -> _core.Wavefront:
        networks = [list(network) for network in self.networks]
        return _core.Wavefront(
            self.decay, self.ridge, start, networks, logistic_cdf(), stretch(), self.contexts
        )

    def core(self, size: Size | None, numbers: Mapping[str, int]) -> _core.Distribution:
        return _core.distribution(
            "wavefront",
            numbers[self.variable.name],
            settings=self.settings,
            arithmetic="exact",
        )

    def for_test(self, shape: ItemShape, words: Words, arithmetic: str) -> _core.Distribution:
        if shape.levels > self.variable.levels:
            raise ModelError("the items of the test have more levels than the data")
        start = np.zeros((3, TRIANGLE), np.int32)
        for row, n in zip(start, INPUTS, strict=True):
            sums = sums_for_test(n, words)
            sums[range(n), range(n)] = np.maximum(sums.diagonal()[:n] - self.ridge, 0)
            row[: _triangle(n)] = sums[np.tril_indices(n + 1)]
        settings = self._settings_of(start)
        return _core.distribution("wavefront", 0, settings=settings, arithmetic=arithmetic)

    def memory(self, shape: ItemShape) -> int:
        rows = min(shape.rows, (shape.columns - 1) // _LAG)
        memory = min(shape.channels, _SHEET) * rows << 12
        if shape.slices > 1 or shape.channels > _SHEET:
            memory += shape.elements << 4
        return memory * 3 // 2 if self.variable.levels > 256 else memory

    def state_memory(self, elements: int) -> int:
        if not elements:
            return 0
        state = min(elements << 4, _STATE)
        if not self.contexts:
            return state
        bits = (5 * elements - 1).bit_length() - 3
        table = min(max(bits, min(bits + 2, 16), 10), self.contexts)
        return state + 4 * ((_TABLES << table) + _ERRORS) + _SETS * _SET

    def decodable(self, shapes: Shapes, items: int) -> int:
        if self.contexts:
            return super().decodable(shapes, items)
        done = 0
        for count, shape in shapes:
            most = _FRONT // min(shape.rows, (shape.columns - 1) // _LAG + 1)
            while count and done < items:
                group = 1 << min(count, max(most, 1)).bit_length() - 1  # coded by itself
                count, done = count - group, done + group
        return done

    def macs(self, shape: ItemShape) -> int:
        network = max(sum(weight.size for weight, _, _ in network) for network in self.networks)
        times = shape.planes * (_LAG * (shape.rows - 1) + shape.columns)
        macs = shape.elements * (1024 + network) + 1024 * times
        if shape.jpeg:
            macs += shape.slices * shape.rows * shape.columns << 12
        if self.contexts:
            macs += (shape.elements << 13) + 2048 * times
        return macs


def read(source: DistributionEntry, codec: str) -> WavefrontDistribution:
    source.require_data_alone(codec)
    fields, tensors = source.fields, source.tensors
    above, left, right = fields.integers("decay", 3, 0, 252)
    if above + left + right > 252:
        raise ModelError("the sum of 'decay' must be at most 252")
    ridge = fields.integer("ridge", 1, 1 << 20)
    hidden, residual = fields.integers("hidden", 3, 16, 128), fields.integers("residual", 3, 0, 3)
    if any(count % 16 for count in hidden):
        raise ModelError("'hidden' must hold multiples of 16")
    contexts = fields.integer("contexts", 10, 22) if fields.has("contexts") else 0
    start = tensors.bounded("x.start", "int32", (3, TRIANGLE), -_MOST_START, _MOST_START)
    for row, n in zip(start, INPUTS, strict=True):
        if row[_triangle(n) :].any():
            raise ModelError(f"the tensor x.start is not zero behind a triangle of {n + 1} rows")
        if any(row[_triangle(i - 1) + i] < 0 for i in range(n + 1)):
            raise ModelError("the tensor x.start has a negative number in a diagonal")
    networks = tuple(
        _read_network(tensors, references, hidden[references], residual[references])
        for references in range(3)
    )
    distribution = WavefrontDistribution(
        variable=source.variable,
        decay=(above, left, right),
        ridge=ridge,
        start=start,
        networks=networks,
        contexts=contexts,
    )
    try:
        distribution.settings  # noqa: B018 - the core proves that no sum overflows
    except MessageError as error:
        raise ModelError(str(error)) from None
    return distribution


def _read_network(
    tensors: TensorReader, references: int, hidden: int, residual: int
) -> tuple[Layer, ...]:
    name = f"x.{references}"
    features = FEATURES[references]
    return (
        _read_layer(tensors, f"{name}.hidden", hidden, features, "int16"),
        *(
            _read_layer(tensors, f"{name}.residual.{k}", hidden, hidden, "int16")
            for k in range(residual)
        ),
        _read_layer(tensors, f"{name}.output", OUTPUTS, hidden, "int32"),
    )


def _read_layer(tensors: TensorReader, name: str, outputs: int, inputs: int, dtype: str) -> Layer:
    weight = tensors.bounded(f"{name}.weight", "int8", (outputs, inputs), -128, 127)
    bias = tensors.bounded(f"{name}.bias", "int32", (outputs,), -(1 << 31), (1 << 31) - 1)
    most = 1 << 14 if dtype == "int32" else (1 << 15) - 1
    multiplier = tensors.bounded(f"{name}.multiplier", dtype, (outputs,), 1, most)
    return weight, bias, multiplier.astype(np.int32)


def _triangle(inputs: int) -> int:
    """The number of entries in the lower triangle of a matrix of `inputs` inputs and a target."""
    return (inputs + 1) * (inputs + 2) // 2
