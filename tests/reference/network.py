"""The integer networks of docs/model-format.md in int64, with every bound that a file must pass."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Range = tuple[int, int]  # lowest and highest value, both included


class ModelError(Exception):
    """A model breaks a rule of docs/model-format.md."""


def require(condition: bool, rule: str) -> None:
    if not condition:
        raise ModelError(rule)


@dataclass
class Linear:
    weight: Ints  # [out, in]
    bias: Ints  # [out]
    multiplier: Ints  # [out]
    shift: int
    clamp: Range

    def check(self, of: Range) -> Range:
        """Prove that nothing overflows for inputs in this range; the range of the output."""
        require(of[0] >= 0 and of[1] <= 255, "the input of a linear layer lies within [0, 255]")
        require(1 <= self.shift <= 52, "1 <= shift <= 52")
        require(-32768 <= self.clamp[0] < self.clamp[1] <= 32767, "-32768 <= lo < hi <= 32767")
        require(bool((self.multiplier >= 1).all()), "each multiplier is at least 1")
        for o in range(len(self.weight)):
            bound = abs(int(self.bias[o])) + of[1] * int(np.abs(self.weight[o]).sum())
            require(bound < 2**31, "|bias| + hi_in * sum |weight| < 2^31")
            product = bound * int(self.multiplier[o]) + 2 ** (self.shift - 1)
            require(product < 2**53, "bound * multiplier + half < 2^53")
        return self.clamp

    def run(self, value: Ints, of: Range) -> Ints:
        acc = self.bias + value @ self.weight.T
        out: Ints = np.clip((acc * self.multiplier + (1 << (self.shift - 1))) >> self.shift, *self.clamp)
        return out


@dataclass
class Table:
    table: Ints  # [n]

    def check(self, of: Range) -> Range:
        require(len(self.table) == of[1] - of[0] + 1, "a table has one entry for each value of its input")
        return int(self.table.min()), int(self.table.max())

    def run(self, value: Ints, of: Range) -> Ints:
        return self.table[value - of[0]]


@dataclass
class Network:
    """Layers in order; each names the value it reads and gives one. Values are [batch, width]."""

    source: str
    source_range: Range
    source_width: int
    layers: dict[str, tuple[str, Linear | Table]]  # name: (input, layer)

    def __post_init__(self) -> None:
        self.ranges = {self.source: self.source_range}
        self.widths = {self.source: self.source_width}
        for name, (of, layer) in self.layers.items():
            require(re.fullmatch("[a-z][a-z0-9_]*", name) is not None, "names match [a-z][a-z0-9_]*")
            require(name not in self.ranges, "names are used once")
            require(of in self.ranges, "a layer reads the source or an earlier layer")
            self.ranges[name] = layer.check(self.ranges[of])
            self.widths[name] = self.widths[of]
            if isinstance(layer, Linear):
                require(layer.weight.shape[1] == self.widths[of], "a weight has a column for each input")
                self.widths[name] = len(layer.weight)

    def run(self, source: NDArray[Any]) -> dict[str, Ints]:
        """The values of the source [batch, source_width] and of all layers, by name."""
        values = {self.source: source.astype(np.int64)}
        for name, (of, layer) in self.layers.items():
            values[name] = layer.run(values[of], self.ranges[of])
        return values


def build(
    prefix: str,
    description: Sequence[Mapping[str, Any]],
    tensors: Mapping[str, NDArray[Any]],
    source: str,
    source_range: Range,
    source_width: int,
) -> Network:
    """The network that a list of layers describes; the tensors of its layer L are `prefix.L.*`."""

    def tensor(layer: str, name: str, axes: int, *dtypes: str) -> Ints:
        key = f"{prefix}.{layer}.{name}"
        require(key in tensors, f"{key} is missing")
        require(tensors[key].ndim == axes, f"{key} has {axes} axes")
        require(tensors[key].dtype.name in dtypes, f"{key} has the dtype {' or '.join(dtypes)}")
        return tensors[key].astype(np.int64)

    layers: dict[str, tuple[str, Linear | Table]] = {}
    for item in description:
        name = item["name"]
        require(name not in layers, "names are used once")
        if item["op"] == "linear":
            require(set(item) == {"op", "name", "input", "shift", "clamp"}, "the keys of a linear layer")
            weight = tensor(name, "weight", 2, "int8")
            bias, multiplier = tensor(name, "bias", 1, "int32"), tensor(name, "multiplier", 1, "int32")
            require(len(weight) == len(bias) == len(multiplier), "one bias and one multiplier an output")
            lo, hi = item["clamp"]
            layers[name] = item["input"], Linear(weight, bias, multiplier, item["shift"], (lo, hi))
        else:
            require(set(item) == {"op", "name", "input"} and item["op"] == "table", "the keys of a table")
            layers[name] = item["input"], Table(tensor(name, "table", 1, "uint8", "int16"))
    return Network(source, source_range, source_width, layers)
