"""The entries and tensors of an integer network of docs/model-format.md, from the layers of a
twin.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from bitsback.train.quantise.rounding import HIDDEN, Grid
from bitsback.train.twins.convolutions import ConvTwin, ResidualTwin
from bitsback.train.twins.dense import FineLinearTwin, LinearTwin, Requantised

Tensors = dict[str, NDArray[Any]]


@dataclass
class NetworkDescription:
    """The network `name` of a model file, layer by layer. Each method returns the name of the layer
    that it adds.
    """

    name: str
    source: str
    tensors: Tensors
    """Of the whole model; those of each layer join them."""
    others: tuple[str, ...] = ()
    """Sources beside the first."""
    entries: list[dict[str, Any]] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """Its entry in the description."""
        return {"sources": [self.source, *self.others], "layers": self.entries}

    def table(self, name: str, source: str, table: NDArray[Any]) -> str:
        self.tensors[f"{self.name}.{name}.table"] = table
        return self._add({"op": "table", "name": name, "input": source})

    def linear(self, name: str, source: str, layer: nn.Module, width: int | None = None) -> str:
        """width: elements of the source, where the layer sees only the first of them."""
        return self._add(
            {"op": "linear", "name": name, "input": source, **self._requantised(name, layer, width)}
        )

    def fine(self, name: str, source: str, layer: FineLinearTwin, width: int | None = None) -> str:
        """The two layers of one with finer weights, and their sum."""
        coarse = self.linear(f"{name}_coarse", source, layer, width)
        entry = self._integers(f"{name}_fine", layer.fine(), layer.target, width)
        fine = self._add({"op": "linear", "name": f"{name}_fine", "input": source, **entry})
        return self.add(name, coarse, fine, layer.target)

    def conv(self, name: str, source: str, layer: nn.Module) -> str:
        assert isinstance(layer, ConvTwin)
        parts = {"kernel": layer.kernel, "stride": layer.stride}
        return self._add(
            {"op": "conv", "name": name, "input": source, **parts, **self._requantised(name, layer)}
        )

    def shuffle(self, name: str, source: str, factor: int) -> str:
        return self._add({"op": "shuffle", "name": name, "input": source, "factor": factor})

    def flatten(self, name: str, source: str) -> str:
        """An image as one row of numbers."""
        return self._add({"op": "flatten", "name": name, "input": source})

    def image(self, name: str, source: str, grid: int) -> str:
        """One row of numbers as an image, with a place for each cell of grid x grid pixels."""
        return self._add({"op": "image", "name": name, "input": source, "grid": grid})

    def add(self, name: str, source: str, other: str, target: Grid) -> str:
        """The sum, held to the range of `target`."""
        return self._add(
            {
                "op": "add",
                "name": name,
                "input": source,
                "other": other,
                "clamp": [target.lo, target.hi],
            }
        )

    def join(self, name: str, source: str, other: str) -> str:
        """The channels of both."""
        return self._add({"op": "join", "name": name, "input": source, "other": other})

    def residuals(
        self,
        name: str,
        source: str,
        layers: Iterable[nn.Module],
    ) -> str:
        """Residual layers, one after the other."""
        for position, residual in enumerate(layers):
            assert isinstance(residual, ResidualTwin)
            change, layer = f"{name}_change{position + 1}", residual.layer
            add = self.conv if isinstance(layer, ConvTwin) else self.linear
            changed = add(change, source, layer)
            source = self.add(f"{name}{position + 1}", source, changed, HIDDEN)
        return source

    def _add(self, entry: dict[str, Any]) -> str:
        self.entries.append(entry)
        return str(entry["name"])

    def _requantised(self, name: str, layer: nn.Module, width: int | None = None) -> dict[str, Any]:
        """The tensors of a linear layer join the others; returns what of it is in the
        description.
        """
        assert isinstance(layer, LinearTwin)
        return self._integers(name, layer.requantised(), layer.target, width)

    def _integers(
        self, name: str, integers: Requantised, target: Grid, width: int | None = None
    ) -> dict[str, Any]:
        where = f"{self.name}.{name}"
        weight = integers.weight.numpy().astype(np.int8)
        self.tensors[f"{where}.weight"] = np.pad(
            weight, ((0, 0), (0, (width or weight.shape[1]) - weight.shape[1]))
        )
        self.tensors[f"{where}.bias"] = integers.bias.numpy().astype(np.int32)
        self.tensors[f"{where}.multiplier"] = integers.multiplier.numpy().astype(np.int32)
        return {"shift": integers.shift, "clamp": [target.lo, target.hi]}
