"""Integer networks: built from the description of a model file, checked, and run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.fields import Fields
from bitsback.integer.layers import Values, check_table, make_linear

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_PARTS = {"linear": ("weight", "bias", "multiplier"), "table": ("table",)}


@dataclass(frozen=True)
class Network:
    """A list of layers that each read the source or an earlier layer; the core runs it."""

    core: _core.Network
    source: Values
    outputs: tuple[int, ...]
    """The numbers of the outputs among the values of the core."""
    tensor_names: frozenset[str]
    """The tensors that belong to this network."""

    @classmethod
    def build(
        cls,
        name: str,
        description: list[Any],
        tensors: Mapping[str, NDArray[Any]],
        source_name: str,
        source: Values,
        outputs: Mapping[str, Values],
    ) -> "Network":
        """From the `network` of a description. `outputs`: the layers asked for, with their widths and ranges.

        Raises ModelError, naming the layer, for anything that docs/model-format.md does not allow.
        """
        core = _core.Network(source.width, source.high)
        known = {source_name: (0, source)}
        read = set(outputs)
        names: set[str] = set()
        for position, entry in enumerate(description):
            fields = Fields(entry, f"{name}.network[{position}]")
            op, layer_name, input_name = fields.text("op"), fields.text("name"), fields.text("input")
            where = f"{name}.{layer_name}"
            if not _NAME.match(layer_name) or layer_name in known:
                raise ModelError(f"{where}: the name is used already, or is not made of a-z, 0-9 and _")
            if input_name not in known:
                raise ModelError(f"{where}: its input '{input_name}' is no earlier layer")
            if op not in _PARTS:
                raise ModelError(f"{where}: unknown op '{op}'; the model needs a newer bitsback, or is damaged")
            number, values = known[input_name]
            if op == "linear":
                weight = tensor(tensors, f"{where}.weight", "int8")
                bias = tensor(tensors, f"{where}.bias", "int32")
                multiplier = tensor(tensors, f"{where}.multiplier", "int32")
                low, high = fields.integers("clamp", 2, -32768, 32767)
                shift = fields.integer("shift", 1, 52)
                linear, output = make_linear(where, values, weight, bias, multiplier, shift, (low, high))
                number = core.add_linear(number, linear)
            else:
                table = tensor(tensors, f"{where}.table", "uint8", "int16")
                output = check_table(where, values, table)
                number = core.add_table(number, table.tolist(), values.low)
            fields.done()
            known[layer_name] = number, output
            read.add(input_name)
            names.update(f"{where}.{part}" for part in _PARTS[op])
        for output_name, wanted in outputs.items():
            if output_name not in known or output_name == source_name:
                raise ModelError(f"{name}: there is no layer '{output_name}'")
            has = known[output_name][1]
            if has.width != wanted.width or not wanted.low <= has.low <= has.high <= wanted.high:
                raise ModelError(f"{name}.{output_name}: must be {wanted}, and is {has}")
        unread = known.keys() - read
        if unread:
            raise ModelError(f"{name}: nothing reads {', '.join(sorted(unread))}")
        return cls(core, source, tuple(known[output][0] for output in outputs), frozenset(names))

    def __call__(self, x: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """x: [rows, width], within the range of the source. The outputs, each [rows, its width], uint8 or int16.

        Raises ValueError for a source of another width or out of its range.
        """
        narrow = self.source.high <= 255
        rows = np.ascontiguousarray(x, np.uint8) if narrow else np.ascontiguousarray(x, np.int16)
        if rows.dtype != x.dtype and not np.array_equal(rows, x):
            raise ValueError(f"the source of a network must hold integers from 0 to {self.source.high}")
        return tuple(self.core(rows, self.outputs))


def tensor(tensors: Mapping[str, NDArray[Any]], name: str, *dtypes: str) -> NDArray[Any]:
    """The tensor `name`; ModelError if there is none or its dtype is not among `dtypes`."""
    if name not in tensors:
        raise ModelError(f"the tensor {name} is missing")
    array = tensors[name]
    if array.dtype not in [np.dtype(dtype) for dtype in dtypes]:
        raise ModelError(f"the tensor {name} must be {' or '.join(dtypes)}, not {array.dtype}")
    return array
