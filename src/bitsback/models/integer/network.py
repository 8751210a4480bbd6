"""Integer networks: reading and checking them, binding them to a size of image, running them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.integer.activations import Activations, Size
from bitsback.models.integer.fields import Fields, TensorReader
from bitsback.models.integer.layers import Layer, LayerEntry

_MOST_ELEMENTS = 1 << 24  # the limit of a value, for one item
_MOST_TOGETHER = 1 << 25  # the limit of all values of a network

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
"""The names of variables, networks and layers."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network of layers, each of which reads sources or earlier layers.

    It suits images of any size; `at` binds it to one.
    """

    name: str
    sources: dict[str, Activations]
    layers: dict[str, Layer]

    @property
    def known(self) -> dict[str, Activations]:
        """All values by their names."""
        return {**self.sources, **{name: layer.values for name, layer in self.layers.items()}}

    def elements(self, size: Size) -> int:
        """The total number of elements of all values, for one item."""
        return sum(values.elements(size) for values in self.known.values())

    def multiply_adds(self, size: Size) -> int:
        """The multiply-adds of one item."""
        return sum(layer.multiply_adds(size) for layer in self.layers.values())

    @lru_cache(maxsize=8)  # noqa: B019 - a model lives as long as its networks
    def at(self, size: Size) -> "BoundNetwork":
        """The network for images of this size."""
        core = _core.Network(
            [
                (*values.extent(size), values.channels, values.low, values.high)
                for values in self.sources.values()
            ]
        )
        numbers = {name: number for number, name in enumerate(self.sources)}
        for name, layer in self.layers.items():
            numbers[name] = layer.add(core, tuple(numbers[source] for source in layer.inputs), size)
        return BoundNetwork(self, size, core, numbers)

    def check_read(self, outputs: set[str]) -> None:
        """Raises ModelError if nothing reads a source or a layer."""
        read = {name for layer in self.layers.values() for name in layer.inputs}
        unread = self.known.keys() - read - outputs
        if unread:
            raise ModelError(f"{self.name}: nothing reads {', '.join(sorted(unread))}")

    @classmethod
    def read(
        cls,
        name: str,
        fields: Fields,
        tensors: TensorReader,
        sources: Mapping[str, Activations],
        size: Size | None,
        test_size: Size,
    ) -> "Network":
        """Reads an entry of `networks`, whose field `sources` has been read.

        size: rows and columns of the images of a fixed-size model. test_size: the size at which
        the limits of its values hold. Raises ModelError, which names the layer, for anything that
        docs/model-format.md does not allow.
        """
        known = dict(sources)
        layers: dict[str, Layer] = {}
        elements = sum(values.elements(test_size) for values in sources.values())
        for position, item in enumerate(fields.items("layers")):
            entry_fields = Fields(item, f"{name}.layers[{position}]")
            op, layer_name = entry_fields.text("op"), entry_fields.text("name")
            if not NAME.match(layer_name) or layer_name in known:
                raise ModelError(
                    f"{name}: the name {layer_name!r} of a layer is used already, or is not made of"
                    " a-z, 0-9 and _"
                )
            where = f"{name}.{layer_name}"
            layer = LayerEntry(op, entry_fields, where, known, tensors, size).read()
            width = layer.values.elements(test_size)
            elements += width
            if width > _MOST_ELEMENTS or elements > _MOST_TOGETHER:
                raise ModelError(
                    f"{where}: a value may have 2^24 elements, and a network 2^25; it has {width},"
                    f" and the network up to here {elements}"
                )
            layers[layer_name] = layer
            known[layer_name] = layer.values
        return cls(name, dict(sources), layers)


@dataclass(frozen=True, eq=False)
class BoundNetwork:
    """A network for images of one size. The core runs it."""

    network: Network
    size: Size
    core: _core.Network
    numbers: dict[str, int]
    """The numbers of the values in the core, by their names."""

    def __call__(self, *sources: NDArray[Any], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """The outputs of these names, each [items, elements], uint8 or int16.

        sources: [items, elements] each. Raises ValueError for a source that has another width or is
        out of its range.
        """
        arrays = []
        for values, source in zip(self.network.sources.values(), sources, strict=True):
            if (
                source.size
                and not values.low <= int(source.min()) <= int(source.max()) <= values.high
            ):
                raise ValueError(
                    f"a source of a network must hold integers from {values.low} to {values.high}"
                )
            arrays.append(np.ascontiguousarray(source, np.uint16))
        return list(self.core(arrays, [self.numbers[name] for name in outputs]))
