"""A call in a traced network."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from bitsback.errors import InputError
from bitsback_train.portable.graph import affine
from bitsback_train.portable.value import Value, flat_value

_MOST_WEIGHTS = 1 << 22


@dataclass(frozen=True)
class Call:
    """A call. `arguments`: values, or Python objects. `shapes`: the item shapes of the results."""

    place: str
    what: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the only result."""
        return self.shapes[0]

    @property
    def value(self) -> Value:
        """The first argument."""
        return self.settled(self.of_elements)

    @property
    def of_elements(self) -> Value:
        """The first argument, of any shape."""
        first = self.arguments[0] if self.arguments else None
        if not isinstance(first, Value):
            raise self.unsupported("its first argument does not depend on the input")
        return first

    def settled(self, value: Value) -> Value:
        """The value with a shape of the graph."""
        if value.passing is None:
            return value
        if len(value.passing) != 3:
            raise self.unsupported(
                f"its input is of the shape {value.passing}: values are [batch, n] or [batch,"
                " channels, rows, columns]"
            )
        return value.image(value.passing, self.place)

    def argument(self, position: int, name: str, default: Any) -> Any:
        if len(self.arguments) > position:
            return self.arguments[position]
        return self.keywords.get(name, default)

    def image(self) -> Value:
        """The first argument, which has rows and columns."""
        if self.value.order is not None:
            raise self.unsupported(
                f"its input is one row of {self.value.size} numbers, not [batch, channels, rows,"
                " columns]"
            )
        return self.value

    def unsupported(self, why: str) -> InputError:
        return InputError(f"{self.place}: {self.what} cannot be made portable: {why}")

    def dense(self, function: Callable[[Tensor], Tensor], why: str) -> Value:
        """Any linear function of the first argument, as one matrix. why: the reason why nothing
        simpler is possible.
        """
        value, size = self.value.flat(self.place), math.prod(self.shape)
        if value.size * size > _MOST_WEIGHTS:
            raise self.unsupported(
                f"{why}, and as one matrix it would have {value.size} x {size} weights, more than"
                f" {_MOST_WEIGHTS}"
            )
        with torch.no_grad():
            bias = function(torch.zeros(1, *self.value.shape)).flatten()
            rows = function(torch.eye(value.size).reshape(-1, *self.value.shape)).flatten(1)
        weight = (rows - bias).T[:, torch.from_numpy(value.order)]
        made = flat_value(affine(value.node, weight, bias, self.place))
        return made if len(self.shape) == 1 else replace(made, passing=self.shape)
