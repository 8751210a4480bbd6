"""The entry of a network in a description, and its tensors (docs/model-format.md)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]


@dataclass
class NetworkWriter:
    """Each method returns the name of the layer that it adds."""

    name: str
    sources: list[str]
    tensors: Tensors
    """Of the whole model; those of each layer join them."""
    entries: list[dict[str, Any]] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        return {"sources": self.sources, "layers": self.entries}

    def add(
        self,
        op: str,
        stem: str,
        source: str,
        tensors: Tensors,
        fields: dict[str, Any] | None = None,
    ) -> str:
        """stem: what its name begins with; a number makes it one of its own."""
        name = f"{stem}{len(self.entries)}"
        return self.named(name, op, source, tensors, fields)

    def named(
        self,
        name: str,
        op: str,
        source: str,
        tensors: Tensors,
        fields: dict[str, Any] | None = None,
    ) -> str:
        self.entries.append({"op": op, "name": name, "input": source, **(fields or {})})
        for key, tensor in tensors.items():
            self.tensors[f"{self.name}.{name}.{key}"] = np.ascontiguousarray(tensor)
        return name

    def rename(self, old: str, new: str) -> None:
        """The layer that was added last, which nothing reads yet."""
        entry = self.entries[-1]
        assert entry["name"] == old
        entry["name"] = new
        for key in [key for key in self.tensors if key.startswith(f"{self.name}.{old}.")]:
            tensor = self.tensors.pop(key)
            self.tensors[f"{self.name}.{new}.{key.rsplit('.', 1)[1]}"] = tensor
