"""The entry of an integer network in a description, and its tensors (docs/model-format.md)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback_train.layers.rounding import Grid

Tensors = dict[str, NDArray[Any]]


@dataclass
class NetworkWriter:
    """The network `name` of a model file, layer by layer. Each method that adds layers returns the
    name of the last one.
    """

    name: str
    sources: list[str]
    tensors: Tensors
    """The tensors of the whole model, to which each layer adds its own."""
    entries: list[dict[str, Any]] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """Its entry in the description."""
        return {"sources": self.sources, "layers": self.entries}

    def add(self, op: str, name: str, source: str, **fields: Any) -> str:
        """Adds a layer of any kind. fields: of its entry; arrays become its tensors."""
        entry: dict[str, Any] = {"op": op, "name": name, "input": source}
        for key, value in fields.items():
            if isinstance(value, np.ndarray):
                self.tensors[f"{self.name}.{name}.{key}"] = np.ascontiguousarray(value)
            else:
                entry[key] = value
        self.entries.append(entry)
        return name

    def sum(self, name: str, source: str, other: str, target: Grid) -> str:
        """Adds a sum, clamped to the range of `target`."""
        return self.add("add", name, source, other=other, clamp=[target.lo, target.hi])

    def numbered(self, stem: str) -> str:
        """A unique name for the next layer."""
        return f"{stem}{len(self.entries)}"

    def rename(self, old: str, new: str) -> None:
        """Renames the last layer, which nothing reads yet."""
        entry = self.entries[-1]
        assert entry["name"] == old
        entry["name"] = new
        for key in [key for key in self.tensors if key.startswith(f"{self.name}.{old}.")]:
            tensor = self.tensors.pop(key)
            self.tensors[f"{self.name}.{new}.{key.rsplit('.', 1)[1]}"] = tensor
