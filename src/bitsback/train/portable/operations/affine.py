"""Linear layers and convolutions: all that multiplies by weights."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback.train.portable.operations.operation import Operation, Range
from bitsback.train.portable.requantise import (
    WEIGHT_TOP,
    Integers,
    requantised,
    snap_weight,
    weight_integers,
    weight_steps,
)
from bitsback.train.portable.steps import TOP, Steps
from bitsback.train.portable.writer import NetworkWriter, Tensors


@dataclass(frozen=True)
class _Exported:
    """The layer in the model file. `inside`: constants that the input gets as channels of its own,
    which are 0 outside of the grid: what the zero of the input's steps is there.
    """

    integers: Integers
    inside: tuple[int, ...]


class Affine(Operation):
    """Weights [out, in, kernel, kernel], an odd kernel around each stride-th place; at the item the
    kernel is 1. Held to [low, high], the range of a ReLU say.
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
            weight = snap_weight(weight)
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
        out = self._product(value, layer.weight) + layer.bias
        out = torch.floor((out * layer.multiplier + 2.0 ** (layer.shift - 1)) / 2.0**layer.shift)
        return out.clamp(*self.range())

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        exported = self._exported(where)
        (source,) = inputs
        if exported.inside:
            source = self._write_inside(writer, source, exported.inside)
        layer = exported.integers
        weight = layer.weight.permute(0, 2, 3, 1).flatten(1).numpy().astype(np.int8)
        tensors: Tensors = {
            "weight": weight,
            "bias": layer.bias.numpy().astype(np.int32),
            "multiplier": layer.multiplier.numpy().astype(np.int32),
        }
        fields: dict[str, Any] = {"shift": layer.shift, "clamp": list(self.range())}
        if self.kernel == 1 and self.stride == 1:
            return writer.add("linear", "linear", source, tensors, fields)
        places: dict[str, Any] = {"kernel": self.kernel, "stride": self.stride}
        return writer.add("conv", "conv", source, tensors, places | fields)

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
        steps, whole = weight_steps(weight), weight_integers(weight)
        (source,) = self.sources
        unseen = source.zero * whole.sum((1, 2, 3))
        inside: tuple[int, ...] = ()
        if self.kernel > 1 and source.zero:
            parts, inside = _split(torch.round(-source.zero * whole.sum(1)))
            whole = torch.cat((whole, parts), 1)
            unseen = torch.zeros_like(unseen)
        high = max((self.source_ranges[0][1], *inside))
        seen = Steps(source.step, source.zero, 0, high)
        integers = requantised(where, whole, steps, self.bias, seen, self.target, unseen)
        return _Exported(integers, inside)

    def _write_inside(self, writer: NetworkWriter, source: str, inside: tuple[int, ...]) -> str:
        count = len(inside)
        channels = self.weight.shape[1]
        tensors: Tensors = {
            "weight": np.zeros((count, channels), np.int8),
            "bias": np.array(inside, np.int32),
            "multiplier": np.full(count, 2, np.int32),
        }
        made = writer.add("linear", "inside", source, tensors, {"shift": 1, "clamp": [0, TOP]})
        return writer.add("join", "framed", source, {}, {"other": made})


def _split(values: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Whole numbers [out, k, k] as int8 weights [out, n, k, k] of n constants, whose sums of
    products they are.
    """
    rest = values
    parts, constants = [], []
    while bool((rest.abs() > WEIGHT_TOP).any()):
        part = torch.trunc(rest / TOP).clamp(-WEIGHT_TOP, WEIGHT_TOP)
        parts.append(part)
        constants.append(TOP)
        rest = rest - part * TOP
    return torch.stack([*parts, rest], 1), (*constants, 1)
