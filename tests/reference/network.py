"""An integer network of docs/model-format.md: layers in order, each of which reads existing
values.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layers import LAYERS, Layer, inputs
from .rules import NAME, check_keys, check_list, check_text, require
from .values import Ints, Size, Tensors, Value, places, take


@dataclass
class Network:
    sources: dict[str, Value]
    layers: dict[str, tuple[tuple[str, ...], Layer]]  # name: (the values it reads, the layer)
    values: dict[str, Value]  # the sources and the outputs of the layers

    def unread(self, outputs: Iterable[str]) -> set[str]:
        """The sources and layers that nothing depends on, if these layers are asked for."""
        read = {name for of, _ in self.layers.values() for name in of}
        return set(self.values) - read - set(outputs)

    def check_elements(self, size: Size) -> None:
        """For an item, an image of this size."""
        for value in self.values.values():
            require(value.elements(size) <= 2**24, "a value has at most 2^24 elements an item")
        require(self.elements(size) <= 2**25, "a network has at most 2^25 elements an item")

    def elements(self, size: Size) -> int:
        """The number of elements of all values for an item, an image of this size."""
        return sum(value.elements(size) for value in self.values.values())

    def multiply_adds(self, size: Size) -> int:
        """For an item, an image of this size."""
        return sum(
            layer.multiply_adds * math.prod(places(self.values[name].where, size))
            for name, (_, layer) in self.layers.items()
        )

    def run(self, size: Size, sources: Mapping[str, NDArray[Any]]) -> dict[str, Ints]:
        """All values for images of this size, given those of the sources: [items, rows, columns,
        channels].
        """
        values = {name: sources[name].astype(np.int64) for name in self.sources}
        for name, (of, layer) in self.layers.items():
            at = places(self.values[name].where, size)
            known = [self.values[one] for one in of]
            values[name] = layer.run(known, at, *(values[one] for one in of))
        return values


def build(
    name: str, about: Any, sources: dict[str, Value], tensors: Tensors, size: Size | None
) -> Network:
    """The network that a list of layers describes. size: of the images, if the model has one."""
    values, layers = dict(sources), {}
    for item in check_list(about, 0, 2**20):
        require(type(item) is dict and item.get("op") in list(LAYERS), "an op of the list")
        kind = LAYERS[item["op"]]
        check_keys(item, f"op name input {kind.KEYS}")
        layer_name = check_text(item["name"], NAME)
        require(layer_name not in values, "names are used once")
        of = inputs(item)
        require(all(one in values for one in of), "a layer reads a source or an earlier layer")

        def take_part(part: str, dtypes: str, *shape: int | None, of: str = layer_name) -> Ints:
            return take(tensors, f"{name}.{of}.{part}", dtypes, *shape)

        layer = kind.read(item, take_part, size)
        values[layer_name] = layer.check(*(values[one] for one in of))
        layers[layer_name] = of, layer
    return Network(sources, layers, values)


def tensor_names(name: str, network: Network) -> set[str]:
    return {
        f"{name}.{layer_name}.{part}"
        for layer_name, (_, layer) in network.layers.items()
        for part in layer.TENSORS
    }
