"""Linear layers and convolutions, and their integers within the bounds of docs/model-format.md.

A layer has three ways to run. In floats (`rounded = False`) it is an ordinary layer. In training
with `rounded = True` its weights and its result are rounded on the way forward. In `eval()` with
`rounded = True` it computes with the integers of the model file, so a network's results on the
validation set are those of the exported model.
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
from bitsback_train.layers.network_writer import NetworkWriter
from bitsback_train.layers.operations import Add, Operation, Range, Shape
from bitsback_train.layers.requantising import Requantised, requantise
from bitsback_train.layers.rounding import (
    HIDDEN,
    SMALLEST_WEIGHT_STEP,
    TOP,
    WEIGHT_TOP,
    Grid,
    fine_integers,
    snap_finely,
    snap_weight,
    weight_integers,
    weight_step,
)

_SMALLEST_PART = 2.0**-10  # a share of a layer's largest step, so that all biases fit into int32


@dataclass(frozen=True)
class _Exported:
    """The layer in the model file. `inside`: constants that become extra channels of the input and
    are 0 outside of the image, where they represent the zero of the input's grid.
    """

    integers: Requantised
    inside: tuple[int, ...]


class Affine(Operation):
    """A linear layer at each place; with a kernel above 1 a convolution, with zeros around the
    image. Weights are [out, kernel * kernel * channels], in the order row, column, channel.

    source, target: the grids, if they are known. centre: subtracted from each input, which helps
    the optimiser. half: in training, multiply in bfloat16, which is four times as fast on
    processors that support it. top: the largest integer weight; a smaller one makes a smaller
    model.
    """

    word = "linear"
    low, high = -math.inf, math.inf
    """The range of the result, for example that of a ReLU."""
    learns = True
    mask: Tensor | None

    def __init__(
        self,
        channels: int,
        outputs: int,
        source: Grid | None = None,
        target: Grid | None = None,
        *,
        kernel: int = 1,
        stride: int = 1,
        centre: float = 0.0,
        half: bool = False,
        top: int = WEIGHT_TOP,
        label: str = "",
    ) -> None:
        super().__init__()
        if source is not None and target is not None:
            if kernel > 1 and source.zero:
                raise ValueError("padding with zeros needs a grid on which the integer 0 means 0")
            self.sources, self.target, self.fixed = (source,), target, True
            self.source_ranges = ((source.lo, source.hi),)
        self.linear = nn.Linear(kernel * kernel * channels, outputs)
        self.kernel, self.stride, self.ratio = kernel, stride, Fraction(stride)
        self.centre, self.top, self.label = centre, top, label
        self.may_be_half = self.half_precision = half
        self.register_buffer("mask", None, persistent=False)

    @classmethod
    def of_weights(
        cls,
        weight: Tensor,
        bias: Tensor,
        kernel: int = 1,
        stride: int = 1,
        low: float = -math.inf,
        high: float = math.inf,
        learns: bool = True,
    ) -> "Affine":
        """A layer with these weights, without grids. Zero weights stay zero."""
        made = cls(weight.shape[1] // kernel**2, len(weight), kernel=kernel, stride=stride)
        made.linear.weight = nn.Parameter(weight.detach().clone().float(), requires_grad=learns)
        made.linear.bias = nn.Parameter(bias.detach().clone().float(), requires_grad=learns)
        made.mask = (weight != 0).float()
        made.low, made.high, made.learns = low, high, learns
        return made

    def changed(
        self,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        low: float = -math.inf,
        high: float = math.inf,
    ) -> "Affine":
        """A copy with other weights, a bias or a range."""
        weight = self.linear.weight if weight is None else weight
        bias = self.linear.bias if bias is None else bias
        return Affine.of_weights(weight, bias, self.kernel, self.stride, low, high, self.learns)

    @property
    def clamps(self) -> bool:
        return self.low > -math.inf or self.high < math.inf

    @property
    def source(self) -> Grid:
        return self.sources[0]

    @property
    def weight(self) -> Tensor:
        """The weights; structural zeros, such as those of a grouped convolution, stay."""
        return self.linear.weight if self.mask is None else self.linear.weight * self.mask

    def by_channel(self, channels: int) -> Tensor:
        """The weights for an input of `channels` channels at each place, [out, places, channels]; a
        view.
        """
        return self.linear.weight.view(self.linear.out_features, -1, channels)

    def shape(self, *shapes: Shape) -> Shape:
        return (*(-(-n // self.stride) for n in shapes[0][:-1]), self.linear.out_features)

    def range(self) -> Range:
        if self.fixed:
            return self.target.lo, self.target.hi

        def whole(value: float) -> int:
            return int(self.target.integers(torch.tensor(value, dtype=torch.float64)))

        low, high = whole(self.low), whole(self.high)
        return low, max(high, low + 1)

    def forward(self, *values: Tensor) -> Tensor:
        """[b, rows, columns, channels] to [b, rows / stride, columns / stride, outputs], rounded
        up; or [b, channels] to [b, outputs].
        """
        (value,) = values
        if not self.rounded:
            out = self._product(value, self.weight, self.linear.bias)
            if self.fixed:
                return self.target.clamp(out)
            return functional.hardtanh(out, self.low, self.high) if self.clamps else out
        if not self.training:
            return self.target.real(self.integers(self.source.integers(value))).to(value.dtype)
        low, high = self.range()
        return replace(self.target, lo=low, hi=high).snap(
            self._product(value, self._snapped_weight(), self._snapped_bias())
        )

    def integers(self, *values: Tensor) -> Tensor:
        (value,) = values
        exported = self._exported("a layer")
        if exported.inside:
            inside = torch.tensor(exported.inside, dtype=value.dtype)
            value = torch.cat((value, inside.expand(*value.shape[:-1], -1)), -1)
        return self._computed(value, exported.integers)

    def requantised(self) -> Requantised:
        """The exported integers, with a multiplier as exact as the bounds of the format allow."""
        return self._exported("a layer").integers

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        exported = self._exported(where)
        (source,) = inputs
        if exported.inside:
            source = self._write_inside(writer, source, exported.inside)
        return self._write(writer, self.label, source, exported.integers)

    def _write(self, writer: NetworkWriter, name: str, source: str, integers: Requantised) -> str:
        fields = integers.fields(*self.range())
        if self.kernel == 1 and self.stride == 1:
            return writer.add("linear", name or writer.numbered("linear"), source, **fields)
        places: dict[str, Any] = {"kernel": self.kernel, "stride": self.stride}
        return writer.add("conv", name or writer.numbered("conv"), source, **places, **fields)

    def _product(self, value: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if self.kernel > 1 and not self.fixed:  # a user's may have too many patches for the memory
            planes, square = value.permute(0, 3, 1, 2), (len(weight), self.kernel, self.kernel, -1)
            kernels = weight.view(square).permute(0, 3, 1, 2)
            out = functional.conv2d(planes, kernels, bias, self.stride, self.kernel // 2)
            return out.permute(0, 2, 3, 1)
        value = patches(value, self.kernel, self.stride)
        if self.centre:
            value = value - self.centre
        if self.half_precision and self.training:
            if self.rounded:  # the grids of the results are finer than bfloat16
                return functional.linear(value.bfloat16(), weight.bfloat16()).float() + bias
            return functional.linear(value.bfloat16(), weight.bfloat16(), bias.bfloat16())
        return functional.linear(value.to(weight.dtype), weight, bias)

    def _computed(self, value: Tensor, layer: Requantised) -> Tensor:
        """The integers for those of the input."""
        exact = torch.float32 if layer.largest(self.source_ranges[0][1]) < 2**24 else torch.float64
        value = patches(value.to(exact), self.kernel, self.stride)
        out = functional.linear(value, layer.weight.to(exact), layer.bias.to(exact)).double()
        return layer.scaled(out).clamp_(*self.range())

    def _weight_step(self) -> Tensor:
        """The size of one int8 step for each output; none is much smaller than the largest."""
        weight = self.weight.detach()
        if self.fixed:
            return weight_step(weight, self.top, SMALLEST_WEIGHT_STEP)
        least = float(weight.abs().max()) / WEIGHT_TOP * _SMALLEST_PART
        return weight_step(weight, self.top, least or 1.0)

    def _snapped_weight(self) -> Tensor:
        return snap_weight(self.weight, self._weight_step(), self.top)

    def _snapped_bias(self) -> Tensor:
        """The bias rounded as it is exported, with a straight-through gradient."""
        bias, steps = self.linear.bias, self._weight_step()
        step = steps[:, 0] / self.source.scale
        exact = (bias.detach() + self.target.zero / self.target.scale) / step
        if self._offset:
            exact = exact - self._offset * weight_integers(self.weight, steps, self.top).sum(1)
        return bias + (torch.round(exact) - exact) * step

    @property
    def _offset(self) -> float:
        """The integer of an input that the layer reads as 0, unless constants stand for it."""
        return 0.0 if self.kernel > 1 else self.source.zero + self.centre * self.source.scale

    def _exported(self, where: str) -> _Exported:
        step = self._weight_step()
        whole = weight_integers(self.weight, step, self.top).double()
        inside: tuple[int, ...] = ()
        if self.kernel > 1 and self.source.zero:
            kernels = whole.view(len(whole), self.kernel**2, -1)
            parts, inside = _split(torch.round(-self.source.zero * kernels.sum(2)))
            whole = torch.cat((kernels, parts), 2).flatten(1)
        return _Exported(self._whole(whole, step, self.linear.bias, where, inside), inside)

    def _whole(
        self,
        weight: Tensor,
        step: Tensor,
        bias: Tensor,
        where: str = "a layer",
        inside: tuple[int, ...] = (),
    ) -> Requantised:
        """The integers for int8 weights in steps [out, 1], and a real bias [out]."""
        unseen = self._offset * weight.double().sum(1)
        seen = replace(self.source, lo=0, hi=max((self.source_ranges[0][1], *inside)))
        try:
            return requantise(weight, step, bias, seen, self.target, unseen)
        except ValueError as error:
            if self.fixed:
                raise
            raise InputError(
                f"{where}: {error}; use weight decay, or batch normalisation in eval mode"
            ) from None

    def _write_inside(self, writer: NetworkWriter, source: str, inside: tuple[int, ...]) -> str:
        count = len(inside)
        channels = self.linear.in_features // self.kernel**2
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


class FineAffine(Affine):
    """A linear layer whose weights have 15 bits, as the sum of two layers of int8 weights, for
    layers that would suffer most from rounded weights. Source and target have the zero 0.

    width: the inputs, if it reads only the first `channels` of them.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        source: Grid,
        target: Grid,
        label: str,
        width: int | None = None,
    ) -> None:
        super().__init__(channels, outputs, source, target, label=label)
        self.width = width or channels

    def forward(self, *values: Tensor) -> Tensor:
        return super().forward(values[0][..., : self.linear.in_features])

    def integers(self, *values: Tensor) -> Tensor:
        value = values[0][..., : self.linear.in_features]
        coarse, fine = (self._computed(value, each) for each in (self.requantised(), self.fine()))
        return (coarse + fine).clamp_(*self.range())

    def fine(self) -> Requantised:
        """The second layer: the rounding errors of the first one's weights."""
        weight, step = fine_integers(self.linear.weight)
        return self._whole(weight, step, torch.zeros_like(self.linear.bias))

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        (source,) = inputs
        missing = self.width - self.linear.in_features

        def added(name: str, layer: Requantised) -> str:
            padded = replace(layer, weight=functional.pad(layer.weight, (0, missing)))
            return self._write(writer, f"{self.label}_{name}", source, padded)

        coarse, fine = added("coarse", self.requantised()), added("fine", self.fine())
        return writer.sum(self.label, coarse, fine, self.target)

    def _snapped_weight(self) -> Tensor:
        return snap_finely(self.linear.weight)


RESIDUAL = Grid(scale=16, zero=0, lo=-128, hi=127)


class Residual(nn.Module):
    """value + f(value), clamped to the range of a hidden layer; f is one linear layer or
    convolution with the target RESIDUAL.
    """

    def __init__(self, layer: Affine, label: str = "") -> None:
        super().__init__()
        self.layer = layer
        self.add = Add(HIDDEN, label)

    def forward(self, value: Any) -> Any:
        return self.add(value, self.layer(value))


def affine_layers(module: nn.Module) -> list[Affine]:
    """All linear layers and convolutions of a module."""
    return [layer for layer in module.modules() if isinstance(layer, Affine)]


def chain(layers: nn.ModuleList, value: Any) -> Any:
    """The layers one after the other."""
    for layer in layers:
        value = layer(value)
    return value


def patches(value: Tensor, kernel: int, stride: int) -> Tensor:
    """Every stride-th patch around a pixel of [b, h, w, c], elements in the order row, column,
    channel.
    """
    if kernel == 1 and stride == 1:
        return value
    margin = kernel // 2
    padded = functional.pad(value, (0, 0, margin, margin, margin, margin))
    rows, columns = (-(-n // stride) for n in value.shape[1:3])
    parts = [
        padded[
            :, y : y + stride * (rows - 1) + 1 : stride, x : x + stride * (columns - 1) + 1 : stride
        ]
        for y in range(kernel)
        for x in range(kernel)
    ]
    return torch.cat(parts, 3)


def _split(values: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Splits whole numbers [out, places] into int8 weights [out, places, n] of n constants, with
    the numbers as sums of products.
    """
    rest = values
    parts, constants = [], []
    while bool((rest.abs() > WEIGHT_TOP).any()):
        part = torch.trunc(rest / TOP).clamp(-WEIGHT_TOP, WEIGHT_TOP)
        parts.append(part)
        constants.append(TOP)
        rest = rest - part * TOP
    return torch.stack([*parts, rest], -1), (*constants, 1)
