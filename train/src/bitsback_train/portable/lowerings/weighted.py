"""Linear layers and convolutions, as modules and as functions of weights; normalisation by fixed
numbers; and layers that do nothing in eval mode. Strided and transposed convolutions become odd
kernels around each stride-th place, and pixel shuffles.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback_train.layers.affine import Affine
from bitsback_train.layers.operations import Node, PixelShuffle
from bitsback_train.portable.graph import affine, scaled
from bitsback_train.portable.lowerings.call import Call
from bitsback_train.portable.value import Value, flat_value


def linear(call: Call, module: nn.Linear) -> Value:
    value = call.value
    if value.order is None:
        raise call.unsupported("its input is an image; flatten it before")
    weight = module.weight.detach()[:, torch.from_numpy(value.order)]
    bias = None if module.bias is None else module.bias.detach()
    return flat_value(affine(value.node, weight, bias, call.place))


def batch_norm(call: Call, module: Any) -> Value:
    if module.running_mean is None:
        raise call.unsupported("it has no running statistics; use track_running_stats=True")
    factor = torch.rsqrt(module.running_var + module.eps)
    if module.weight is not None:
        factor = factor * module.weight.detach()
    shift = -module.running_mean * factor
    if module.bias is not None:
        shift = shift + module.bias.detach()
    return by_channel(call, call.value, factor, shift)


def by_channel(call: Call, value: Value, factor: Tensor, shift: Tensor) -> Value:
    """factor * value + shift, with numbers for each channel, or for each element of one row."""
    if value.order is not None:
        order = torch.from_numpy(np.ascontiguousarray(value.order))
        factor, shift = (n.expand(value.size)[order] for n in (factor, shift))
    return Value(scaled(value.node, factor, shift, call.place), value.order)


def nothing(call: Call, module: nn.Module) -> Value:
    return call.value


Pair = tuple[int, int]

_FARTHEST = 3  # the reach of a kernel of 7
_MOST_STRIDE = 4
_MOST_FACTOR = 8


def convolution(call: Call, module: nn.Conv2d) -> Value:
    value, padding = call.image(), _padding(module)
    offsets = [
        [i * step - pad for i in range(size)]
        for size, step, pad in zip(module.kernel_size, module.dilation, padding, strict=True)
    ]
    why = _why_not(offsets, pair(module.stride), _MOST_STRIDE, value.shape, call.shape)
    if module.padding_mode != "zeros":
        why = f"its padding is '{module.padding_mode}', not zeros"
    if why:
        return call.dense(module, why)
    weight = _ungrouped(module.weight.detach(), module.groups)
    return placed(call, value, weight, module.bias, offsets, pair(module.stride)[0])


def placed(
    call: Call,
    value: Value,
    weight: Tensor,
    bias: Tensor | None,
    offsets: list[list[int]],
    stride: int,
    learns: bool = True,
) -> Value:
    """A convolution with weights [out, in, h, w], whose row i and column j are for the place
    offsets[0][i], offsets[1][j] from each stride-th place.
    """
    return Value(_convolved(call, value, around(weight, offsets), bias, stride, learns))


def _convolved(
    call: Call, value: Value, weight: Tensor, bias: Tensor | None, stride: int, learns: bool
) -> Node:
    """A convolution with an odd kernel, [out, in, kernel, kernel]."""
    bias = torch.zeros(len(weight)) if bias is None else bias
    flat = weight.permute(0, 2, 3, 1).flatten(1)
    operation = Affine.of_weights(flat, bias, weight.shape[-1], stride, learns=learns)
    return value.node.over(operation, call.place)


def around(weight: Tensor, offsets: list[list[int]]) -> Tensor:
    """The same weights in an odd square kernel around the place."""
    far = max(abs(offset) for each in offsets for offset in each)
    made = torch.zeros(*weight.shape[:2], 2 * far + 1, 2 * far + 1)
    row, column = (torch.tensor(each) + far for each in offsets)
    made[:, :, row[:, None], column] = weight.detach()
    return made


def transposed(call: Call, module: nn.ConvTranspose2d) -> Value:
    value = call.image()
    factor, padding = pair(module.stride), pair(module.padding)
    taps = [
        _taps(size, step, stride, pad)
        for size, step, stride, pad in zip(
            module.kernel_size, module.dilation, factor, padding, strict=True
        )
    ]
    offsets = [[offset for phase in each for _, offset in phase] for each in taps]
    why = _why_not(offsets, factor, _MOST_FACTOR, call.shape, value.shape)
    if why:
        return call.dense(module, why)
    weight = _ungrouped(module.weight.detach().transpose(0, 1), module.groups, transposed=True)
    far = max((abs(offset) for each in offsets for offset in each), default=0)
    (stride, _), outputs = factor, len(weight)
    phases = torch.zeros(stride, stride, *weight.shape[:2], 2 * far + 1, 2 * far + 1)
    for y, of_y in enumerate(taps[0]):
        for x, of_x in enumerate(taps[1]):
            for i, down in of_y:
                for j, right in of_x:
                    phases[y, x, :, :, down + far, right + far] += weight[:, :, i, j]
    bias = torch.zeros(outputs) if module.bias is None else module.bias.detach()
    node = _convolved(call, value, phases.flatten(0, 2), bias.repeat(stride**2), 1, True)
    return Value(spread(node, stride, call))


def spread(node: Node, factor: int, call: Call) -> Node:
    """Each place becomes factor x factor places of the result."""
    if factor == 1:
        return node
    _, rows, columns = call.shape
    return node.over(PixelShuffle(factor, rows, columns), call.place)


def _taps(size: int, step: int, stride: int, padding: int) -> list[list[Pair]]:
    """For each phase of the output, the elements of the kernel that reach it, and their offsets."""
    return [
        [
            (i, (phase + padding - i * step) // stride)
            for i in range(size)
            if (phase + padding - i * step) % stride == 0
        ]
        for phase in range(stride)
    ]


def _why_not(
    offsets: list[list[int]],
    stride: Pair,
    most: int,
    large: tuple[int, ...],
    small: tuple[int, ...],
) -> str:
    """The reason why a model file cannot have this convolution from the large to the small image,
    or back; '' if it can.
    """
    if stride[0] != stride[1]:
        return f"its strides {stride[0]} and {stride[1]} differ"
    if stride[0] > most:
        return f"its stride {stride[0]} is above {most}"
    if any(abs(offset) > _FARTHEST for each in offsets for offset in each):
        return f"its kernel reaches farther than {_FARTHEST} pixels"
    expected = tuple(-(-size // stride[0]) for size in large[1:])
    if expected != small[1:]:
        shown, wanted = (" x ".join(map(str, size)) for size in (small[1:], expected))
        return (
            f"it makes images of {shown} and {' x '.join(map(str, large[1:]))} of one another, and"
            f" a stride of {stride[0]} goes with {wanted}: change its padding"
        )
    return ""


def _padding(module: nn.Conv2d) -> Pair:
    """The padding before the first row and the first column."""
    if module.padding == "same":
        rows, columns = (
            step * (size - 1) // 2
            for size, step in zip(module.kernel_size, module.dilation, strict=True)
        )
        return rows, columns
    return (0, 0) if module.padding == "valid" else pair(module.padding)


def _ungrouped(weight: Tensor, groups: int, transposed: bool = False) -> Tensor:
    """[out, in / groups, h, w], or of a transposed one [out / groups, in, h, w], as [out, in, h,
    w].
    """
    if groups == 1:
        return weight
    blocks = weight.chunk(groups, 1 if transposed else 0)
    outputs, inputs = (sum(block.shape[axis] for block in blocks) for axis in (0, 1))
    made = torch.zeros(outputs, inputs, *weight.shape[2:])
    for group, block in enumerate(blocks):
        rows, columns = block.shape[:2]
        made[group * rows : (group + 1) * rows, group * columns : (group + 1) * columns] = block
    return made


def pair(number: Any) -> Pair:
    """One number, or one for each axis."""
    return (number, number) if isinstance(number, int) else (int(number[0]), int(number[-1]))


def _linear(call: Call) -> Value:
    weight, bias = _weights(call)
    module = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    return linear(call, _holding(module, weight, bias))


def _convolution(call: Call) -> Value:
    weight, bias = _weights(call)
    groups = call.argument(6, "groups", 1)
    module = nn.Conv2d(
        weight.shape[1] * groups,
        weight.shape[0],
        (weight.shape[2], weight.shape[3]),
        stride=call.argument(3, "stride", 1),
        padding=call.argument(4, "padding", 0),
        dilation=call.argument(5, "dilation", 1),
        groups=groups,
        bias=bias is not None,
    )
    return convolution(call, _holding(module, weight, bias))


def _transposed(call: Call) -> Value:
    weight, bias = _weights(call)
    groups = call.argument(6, "groups", 1)
    module = nn.ConvTranspose2d(
        weight.shape[0],
        weight.shape[1] * groups,
        (weight.shape[2], weight.shape[3]),
        stride=call.argument(3, "stride", 1),
        padding=call.argument(4, "padding", 0),
        output_padding=call.argument(5, "output_padding", 0),
        dilation=call.argument(7, "dilation", 1),
        groups=groups,
        bias=bias is not None,
    )
    return transposed(call, _holding(module, weight, bias))


def _weights(call: Call) -> tuple[Tensor, Tensor | None]:
    weight, bias = call.argument(1, "weight", None), call.argument(2, "bias", None)
    if not isinstance(weight, Tensor) or not isinstance(bias, Tensor | None):
        raise call.unsupported("its weights depend on the input")
    return weight, bias


def _holding(module: Any, weight: Tensor, bias: Tensor | None) -> Any:
    """The module with these weights."""
    with torch.no_grad():
        module.weight.copy_(weight)
        if bias is not None:
            module.bias.copy_(bias)
    return module


MODULES: dict[type, Callable[[Call, Any], Value]] = {
    nn.Linear: linear,
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.Identity: nothing,
    nn.Dropout: nothing,
    nn.Dropout1d: nothing,
    nn.Dropout2d: nothing,
    nn.AlphaDropout: nothing,
    nn.Conv2d: convolution,
    nn.ConvTranspose2d: transposed,
}


FUNCTIONS: dict[Any, Callable[[Call], Value]] = {
    functional.linear: _linear,
    functional.conv2d: _convolution,
    functional.conv_transpose2d: _transposed,
}
