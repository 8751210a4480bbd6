"""From a list of layers to a network of the core: each layer parsed, checked and added."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.fields import Fields
from bitsback.integer.layers import (
    Size,
    Values,
    check_add,
    check_shuffle,
    check_table,
    make_linear,
    patch,
)

Tensors = Mapping[str, NDArray[Any]]

_MOST_ELEMENTS = 1 << 24  # of a value, for one item
_MOST_TOGETHER = 1 << 25  # of all values of a network

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")

Added = tuple[Values, Callable[[], int]]
"""What a layer gives, and the call that adds it to the core and returns the number of its value."""


class Builder:
    """A network that grows layer by layer."""

    def __init__(self, name: str, tensors: Tensors, source_name: str, source: Values) -> None:
        """name: of the network, with which the names of its tensors begin."""
        self.core = _core.Network(source.width, source.high)
        self.known = {source_name: (0, source)}
        """The values there are: their numbers in the core, and what they hold."""
        self.read: set[str] = set()
        """Those that a layer reads."""
        self.tensor_names: set[str] = set()
        self.elements = source.width
        """Of all values together, for one item."""
        self._name = name
        self._tensors = tensors

    def add(self, position: int, entry: Any) -> None:
        """Adds a layer of the description. Raises ModelError, naming it, for what the format does
        not allow.
        """
        fields = Fields(entry, f"{self._name}.network[{position}]")
        op, name = fields.text("op"), fields.text("name")
        where = f"{self._name}.{name}"
        if not _NAME.match(name) or name in self.known:
            raise ModelError(f"{where}: the name is used already, or is not made of a-z, 0-9 and _")
        layers = {
            "linear": self._linear,
            "table": self._table,
            "conv": self._conv,
            "shuffle": self._shuffle,
            "add": self._add,
        }
        if op not in layers:
            raise ModelError(
                f"{where}: unknown op '{op}'; the model needs a newer bitsback, or is damaged"
            )
        output, add_to_core = layers[op](fields, where)
        fields.done()
        self.elements += output.width
        if not 1 <= output.width <= _MOST_ELEMENTS or self.elements > _MOST_TOGETHER:
            raise ModelError(
                f"{where}: must have 1 to 2^24 elements, and the network at most 2^25; it has"
                f" {output.width}, and the network up to here {self.elements}"
            )
        self.known[name] = add_to_core(), output

    def _linear(self, fields: Fields, where: str) -> Added:
        number, source = self._input(fields, "input", where)
        linear, output = self._weights(fields, where, source)
        return output, lambda: self.core.add_linear(number, linear)

    def _table(self, fields: Fields, where: str) -> Added:
        number, source = self._input(fields, "input", where)
        table = self._tensor(f"{where}.table", "uint8", "int16")
        output = check_table(where, source, table)
        return output, lambda: self.core.add_table(number, table.tolist(), source.low)

    def _conv(self, fields: Fields, where: str) -> Added:
        number, source = self._input(fields, "input", where)
        rows, columns = size = read_size(fields)
        kernel, stride = fields.integer("kernel", 1, 7), fields.integer("stride", 1, 4)
        if kernel % 2 == 0:
            raise ModelError(f"{where}: 'kernel' must be 1, 3, 5 or 7, not {kernel}")
        linear, pixel = self._weights(fields, where, patch(where, source, size, kernel))
        pixels = -(-rows // stride) * -(-columns // stride)
        output = Values(pixels * pixel.width, pixel.low, pixel.high)
        return output, lambda: self.core.add_conv(number, linear, rows, columns, kernel, stride)

    def _shuffle(self, fields: Fields, where: str) -> Added:
        number, source = self._input(fields, "input", where)
        rows, columns = size = read_size(fields)
        factor = fields.integer("factor", 2, 8)
        output = check_shuffle(where, source, size, factor)
        return output, lambda: self.core.add_shuffle(number, rows, columns, factor)

    def _add(self, fields: Fields, where: str) -> Added:
        number, source = self._input(fields, "input", where)
        other_number, other = self._input(fields, "other", where)
        low, high = _clamp(fields, where)
        output = check_add(where, source, other, (low, high))
        return output, lambda: self.core.add_sum(number, other_number, low, high)

    def _input(self, fields: Fields, key: str, where: str) -> tuple[int, Values]:
        name = fields.text(key)
        if name not in self.known:
            raise ModelError(f"{where}: its input '{name}' is no earlier layer")
        self.read.add(name)
        return self.known[name]

    def _weights(self, fields: Fields, where: str, source: Values) -> tuple[_core.Linear, Values]:
        """The linear layer that `linear` and `conv` have in common."""
        weight = self._tensor(f"{where}.weight", "int8")
        bias = self._tensor(f"{where}.bias", "int32")
        multiplier = self._tensor(f"{where}.multiplier", "int32")
        clamp = _clamp(fields, where)
        return make_linear(
            where, source, weight, bias, multiplier, fields.integer("shift", 1, 52), clamp
        )

    def _tensor(self, name: str, *dtypes: str) -> NDArray[Any]:
        self.tensor_names.add(name)
        return tensor(self._tensors, name, *dtypes)


def read_size(fields: Fields) -> Size:
    """The rows and columns that the field `size` names."""
    rows, columns = fields.integers("size", 2, 1, 1 << 24)
    return rows, columns


def tensor(tensors: Tensors, name: str, *dtypes: str) -> NDArray[Any]:
    """The tensor `name`; ModelError if there is none or its dtype is not among `dtypes`."""
    if name not in tensors:
        raise ModelError(f"the tensor {name} is missing")
    array = tensors[name]
    if array.dtype not in [np.dtype(dtype) for dtype in dtypes]:
        raise ModelError(f"the tensor {name} must be {' or '.join(dtypes)}, not {array.dtype}")
    return array


def _clamp(fields: Fields, where: str) -> tuple[int, int]:
    low, high = fields.integers("clamp", 2, -32768, 32767)
    if low >= high:
        raise ModelError(
            f"{where}: 'clamp' must be two integers, the lower one first, not {[low, high]}"
        )
    return low, high
