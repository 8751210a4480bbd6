"""What a layer is read from: its entry in a description, the values before it, its tensors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.fields import Fields
from bitsback.integer.tensors import TensorReader
from bitsback.integer.values import ITEM, Size, Values


@dataclass(frozen=True)
class LayerEntry:
    """One layer of a description. `where` names it in errors, and its tensors begin with it."""

    fields: Fields
    where: str
    known: Mapping[str, Values]
    """What it may read."""
    tensors: TensorReader
    size: Size | None
    """Of the images, if the model has one."""

    def input(self, key: str = "input") -> tuple[str, Values]:
        """The name that a field has, and what it stands for."""
        name = self.fields.text(key)
        if name not in self.known:
            raise ModelError(f"{self.where}: its input '{name}' is no source and no earlier layer")
        return name, self.known[name]

    def input_on_grid(self) -> tuple[str, Values]:
        name, values = self.input()
        if values.grid == ITEM:
            raise ModelError(f"{self.where}: its input '{name}' lives at the item, on no grid")
        return name, values

    def input_at_item(self) -> tuple[str, Values]:
        name, values = self.input()
        if values.grid != ITEM:
            raise ModelError(f"{self.where}: its input '{name}' must live at the item")
        return name, values

    def two_inputs(self) -> tuple[tuple[str, str], Values, Values]:
        """Those of the fields `input` and `other`, which live alike."""
        (one, first), (two, second) = self.input(), self.input("other")
        if first.grid != second.grid:
            raise ModelError(f"{self.where}: its inputs live at different places")
        return (one, two), first, second

    def clamp(self) -> tuple[int, int]:
        low, high = self.fields.integers("clamp", 2, -32768, 32767)
        if low >= high:
            raise ModelError(
                f"{self.where}: 'clamp' must be two integers, the lower one first, not"
                f" {[low, high]}"
            )
        return low, high

    def whole_size(self) -> Size:
        """The size of the images; ModelError if the model has none."""
        if self.size is None:
            raise ModelError(f"{self.where}: only a model of images of one size has such a layer")
        return self.size

    def tensor(self, name: str, *dtypes: str, dimensions: int) -> NDArray[Any]:
        return self.tensors.get(f"{self.where}.{name}", *dtypes, dimensions=dimensions)

    def linear(self, inputs: int, source: Values) -> _core.Linear:
        """out = clamp((acc * multiplier + half) >> shift), acc = bias + weight * input, exact in
        int32: what `linear` and `conv` have in common. Raises ModelError if it breaks a bound.
        """
        weight = self.tensor("weight", "int8", dimensions=2)
        bias = self.tensor("bias", "int32", dimensions=1)
        multiplier = self.tensor("multiplier", "int32", dimensions=1)
        shift = self.fields.integer("shift", 1, 52)
        low, high = self.clamp()
        if weight.shape[1] != inputs:
            raise ModelError(
                f"{self.where}: the weight must have the shape [out, {inputs}], not"
                f" {list(weight.shape)}"
            )
        if not source.within(0, 255):
            raise ModelError(
                f"{self.where}: its input has the range [{source.low}, {source.high}], beyond"
                " [0, 255]"
            )
        try:
            return _core.Linear(weight, bias, multiplier, shift, low, high, source.high)
        except (ValueError, TypeError) as error:
            raise ModelError(f"{self.where}: {error}") from None
