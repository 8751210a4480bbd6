"""Integer networks: built from the description of a model file, checked, and run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ModelError
from bitsback.integer.fields import Fields
from bitsback.integer.layers import Linear, Table, Values

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True)
class Network:
    """A list of layers that each read the source or an earlier layer."""

    source: str
    source_values: Values
    layers: tuple[tuple[str, str, Linear | Table], ...]  # name, input, layer
    outputs: tuple[str, ...]

    @classmethod
    def build(
        cls,
        name: str,
        description: list[Any],
        tensors: Mapping[str, NDArray[Any]],
        source: str,
        source_values: Values,
        outputs: Mapping[str, Values],
    ) -> "Network":
        """From the `network` of a description. `outputs`: the layers asked for, with the width and range each must have.

        Raises ModelError, naming the layer, for anything that docs/model-format.md does not allow.
        """
        known = {source: source_values}
        layers: list[tuple[str, str, Linear | Table]] = []
        read: set[str] = set(outputs)
        for position, entry in enumerate(description):
            fields = Fields(entry, f"{name}.network[{position}]")
            op, layer_name, from_name = fields.text("op"), fields.text("name"), fields.text("input")
            where = f"{name}.{layer_name}"
            if not _NAME.match(layer_name) or layer_name in known:
                raise ModelError(f"{where}: the name is used already, or is not made of a-z, 0-9 and _")
            if from_name not in known:
                raise ModelError(f"{where}: its input '{from_name}' is no earlier layer")
            layer: Linear | Table
            if op == "linear":
                weight = tensor(tensors, f"{where}.weight", "int8")
                bias = tensor(tensors, f"{where}.bias", "int32")
                multiplier = tensor(tensors, f"{where}.multiplier", "int32")
                clamp = fields.integers("clamp", 2, -32768, 32767)
                shift = fields.integer("shift", 1, 52)
                layer = Linear.build(where, known[from_name], weight, bias, multiplier, shift, (clamp[0], clamp[1]))
            elif op == "table":
                layer = Table.build(where, known[from_name], tensor(tensors, f"{where}.table", "uint8", "int16"))
            else:
                raise ModelError(f"{where}: unknown op '{op}'; the model needs a newer bitsback, or is damaged")
            fields.done()
            known[layer_name] = layer.output
            read.add(from_name)
            layers.append((layer_name, from_name, layer))
        for output, wanted in outputs.items():
            has = known.get(output)
            if has is None or output == source:
                raise ModelError(f"{name}: there is no layer '{output}'")
            if has.width != wanted.width or not wanted.low <= has.low <= has.high <= wanted.high:
                raise ModelError(f"{name}.{output}: must be {wanted}, and is {has}")
        unread = known.keys() - read
        if unread:
            raise ModelError(f"{name}: nothing reads {', '.join(sorted(unread))}")
        return cls(source, source_values, tuple(layers), tuple(outputs))

    def __call__(self, x: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """x: [rows, width], within the range of the source. The outputs, each [rows, its width], uint8 or int16."""
        values = {self.source: x}
        for name, from_name, layer in self.layers:
            values[name] = layer(values[from_name])
        return tuple(values[name] for name in self.outputs)

    def tensor_names(self, name: str) -> set[str]:
        """The tensors that this network owns as the network `name`."""
        parts = {Linear: ("weight", "bias", "multiplier"), Table: ("table",)}
        return {f"{name}.{layer_name}.{part}" for layer_name, _, layer in self.layers for part in parts[type(layer)]}


def tensor(tensors: Mapping[str, NDArray[Any]], name: str, *dtypes: str) -> NDArray[Any]:
    """The tensor `name`; ModelError if there is none or its dtype is not among `dtypes`."""
    if name not in tensors:
        raise ModelError(f"the tensor {name} is missing")
    array = tensors[name]
    if array.dtype not in [np.dtype(dtype) for dtype in dtypes]:
        raise ModelError(f"the tensor {name} must be {' or '.join(dtypes)}, not {array.dtype}")
    return array
