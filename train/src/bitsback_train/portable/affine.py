"""Linear layers and convolutions of a traced network, and their integers within the bounds of
docs/model-format.md.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback.errors import InputError
from bitsback_train.export.network_writer import NetworkWriter
from bitsback_train.network.requantising import Requantised, requantise
from bitsback_train.network.rounding import (
    TOP,
    WEIGHT_TOP,
    snap_weight,
    weight_integers,
    weight_step,
)
from bitsback_train.portable.operations import Operation, Range

_SMALLEST_PART = 2.0**-10  # a share of a layer's largest step, so that all biases fit into int32


@dataclass(frozen=True)
class _Exported:
    """The layer in the model file. `inside`: constants that become extra channels of the input and
    are 0 outside of the image, where they represent the zero of the input's grid.
    """

    integers: Requantised
    inside: tuple[int, ...]


class Affine(Operation):
    """Weights [out, in, kernel, kernel], an odd kernel around each stride-th place; values per item
    have the kernel 1. The result is clamped to [low, high], for example the range of a ReLU.
    """

    word = "linear"

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        stride: int = 1,
        low: float = -math.inf,
        high: float = math.inf,
        learns: bool = True,
    ) -> None:
        super().__init__()
        weight = weight.detach().clone().float()
        self.weight = nn.Parameter(weight, requires_grad=learns)
        self.bias = nn.Parameter(bias.detach().clone().float(), requires_grad=learns)
        self.register_buffer("mask", (weight != 0).float(), persistent=False)
        self.stride = stride
        self.ratio = Fraction(stride)
        self.low, self.high = low, high
        self.learns = learns

    @property
    def kernel(self) -> int:
        return int(self.weight.shape[-1])

    @property
    def clamps(self) -> bool:
        return self.low > -math.inf or self.high < math.inf

    def changed(
        self,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        low: float = -math.inf,
        high: float = math.inf,
    ) -> "Affine":
        """A copy with other weights, a bias or a range."""
        return Affine(
            self.weight if weight is None else weight,
            self.bias if bias is None else bias,
            self.stride,
            low,
            high,
            self.learns,
        )

    def forward(self, *values: Tensor) -> Tensor:
        (value,) = values
        weight = self.weight * self.get_buffer("mask")
        if self.rounded:
            weight = snap_weight(weight, _weight_step(weight))
        out = self._product(value, weight.to(value.dtype)) + self.bias.to(value.dtype)
        if self.clamps:
            out = out.clamp(self.low, self.high)
        return self.target.snap(out) if self.rounded else out

    def integers(self, *values: Tensor) -> Tensor:
        (value,) = values
        exported = self._exported("a layer")
        if exported.inside:
            inside = torch.tensor(exported.inside, dtype=value.dtype)
            value = torch.cat((value, inside.expand(*value.shape[:-1], -1)), -1)
        layer = exported.integers
        out = layer.scaled(self._product(value, layer.weight) + layer.bias)
        return out.clamp(*self.range())

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        exported = self._exported(where)
        (source,) = inputs
        if exported.inside:
            source = self._write_inside(writer, source, exported.inside)
        layer = exported.integers
        fields = layer.fields(*self.range())
        if self.kernel == 1 and self.stride == 1:
            return writer.add("linear", writer.numbered("linear"), source, **fields)
        places: dict[str, Any] = {"kernel": self.kernel, "stride": self.stride}
        return writer.add("conv", writer.numbered("conv"), source, **places, **fields)

    def _product(self, value: Tensor, weight: Tensor) -> Tensor:
        if self.kernel == 1 and self.stride == 1:
            return functional.linear(value, weight[:, :, 0, 0])
        planes = value.permute(0, 3, 1, 2)
        out = functional.conv2d(planes, weight, None, self.stride, self.kernel // 2)
        return out.permute(0, 2, 3, 1)

    def range(self) -> Range:
        def whole(value: float) -> int:
            return int(self.target.integers(torch.tensor(value, dtype=torch.float64)))

        low, high = whole(self.low), whole(self.high)
        return low, max(high, low + 1)

    def _exported(self, where: str) -> _Exported:
        weight = (self.weight * self.get_buffer("mask")).detach().double()
        step = _weight_step(weight)
        whole = weight_integers(weight, step)
        (source,) = self.sources
        unseen = source.zero * whole.sum((1, 2, 3))
        inside: tuple[int, ...] = ()
        if self.kernel > 1 and source.zero:
            parts, inside = _split(torch.round(-source.zero * whole.sum(1)))
            whole = torch.cat((whole, parts), 1)
            unseen = torch.zeros_like(unseen)
        high = max((self.source_ranges[0][1], *inside))
        seen = replace(source, lo=0, hi=high)
        try:
            integers = requantise(whole, step, self.bias, seen, self.target, unseen)
        except ValueError as error:
            raise InputError(
                f"{where}: {error}; use weight decay, or batch normalisation in eval mode"
            ) from None
        return _Exported(integers, inside)

    def _write_inside(self, writer: NetworkWriter, source: str, inside: tuple[int, ...]) -> str:
        count = len(inside)
        channels = self.weight.shape[1]
        made = writer.add(
            "linear",
            writer.numbered("inside"),
            source,
            shift=1,
            clamp=[0, TOP],
            weight=np.zeros((count, channels), np.int8),
            bias=np.array(inside, np.int32),
            multiplier=np.full(count, 2, np.int32),
        )
        return writer.add("concat", writer.numbered("framed"), source, other=made)


def _split(values: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Splits whole numbers [out, k, k] into int8 weights [out, n, k, k] of n constants, with the
    numbers as sums of products.
    """
    rest = values
    parts, constants = [], []
    while bool((rest.abs() > WEIGHT_TOP).any()):
        part = torch.trunc(rest / TOP).clamp(-WEIGHT_TOP, WEIGHT_TOP)
        parts.append(part)
        constants.append(TOP)
        rest = rest - part * TOP
    return torch.stack([*parts, rest], 1), (*constants, 1)


def _weight_step(weight: Tensor) -> Tensor:
    """The size of one int8 step for each output; none is much smaller than the largest."""
    largest = float(weight.detach().abs().max()) / WEIGHT_TOP
    return weight_step(weight, least=largest * _SMALLEST_PART or 1.0)
