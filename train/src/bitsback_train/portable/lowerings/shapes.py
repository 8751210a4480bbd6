"""Changes of shape and size: reshaping, splitting and concatenating channels, pixel shuffles,
average pooling, and upsampling.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bitsback_train.layers.operations import Concat, Node
from bitsback_train.portable.graph import affine, selected
from bitsback_train.portable.lowerings.call import Call
from bitsback_train.portable.lowerings.weighted import pair, placed, spread
from bitsback_train.portable.value import Value, flat_value


def reshaped(call: Call) -> Value:
    value, shape = call.of_elements, call.shape
    if shape == value.shape:
        return Value(value.node, value.order)
    flat = value.flat(call.place)
    if len(shape) == 1:
        return Value(flat.node, flat.order)
    return flat.image(shape, call.place) if len(shape) == 3 else replace(flat, passing=shape)


def _reshape_module(call: Call, module: nn.Module) -> Value:
    return reshaped(call)


def _unchanged(call: Call) -> Value:
    return call.value


def joined(call: Call) -> Value:
    values = call.arguments[0]
    if call.argument(1, "dim", 0) not in (1, 1 - len(call.shape) - 1):
        raise call.unsupported("only channels can be joined, dim=1")
    if not all(isinstance(value, Value) for value in values):
        raise call.unsupported("it joins a constant; add it to a layer's bias")
    values = [call.settled(value) for value in values]
    nodes = tuple(value.node for value in values)
    node = Node(Concat(), nodes, call.place)
    if values[0].order is None:
        return Value(node)
    starts = np.cumsum([0, *(value.size for value in values)])
    return Value(
        node,
        np.concatenate([v.order + start for v, start in zip(values, starts, strict=False)]),
    )


def split(call: Call) -> tuple[Value, ...]:
    """Splits into as many parts as there are shapes."""
    if call.argument(2, "dim", 0) not in (1, 1 - len(call.shape) - 1):
        raise call.unsupported("only channels can be split, dim=1")
    return parts(call, call.value, [shape[0] for shape in call.shapes])


def parts(call: Call, value: Value, sizes: Sequence[int]) -> tuple[Value, ...]:
    """Parts with these sizes of the channels, or of the elements of a row."""
    ends = np.cumsum([0, *sizes])
    return tuple(channels(call, value, np.arange(start, end)) for start, end in pairwise(ends))


def channels(call: Call, value: Value, numbers: Any) -> Value:
    """These channels, or elements of a row, in torch's order."""
    if value.order is None:
        return Value(selected(value.node, numbers, call.place))
    return flat_value(selected(value.node, np.argsort(value.order)[numbers], call.place))


def _item(call: Call) -> Value:
    value, index = call.value, call.argument(1, "index", None)
    index = index if isinstance(index, tuple) else (index,)
    whole = slice(None)
    if (
        len(index) < 2
        or index[0] not in (whole, Ellipsis)
        or not isinstance(index[1], slice)
        or any(each != whole for each in index[2:])
    ):
        raise call.unsupported("only channels can be taken, as in value[:, 2:5]")
    return channels(call, value, np.arange(value.shape[0])[index[1]])


_SAME = ["contiguous", "clone", "detach", "float", "double", "to", "type_as"]


def pixel_shuffle(call: Call, module: nn.PixelShuffle) -> Value:
    return _shuffled(call, module.upscale_factor)


def _shuffled(call: Call, factor: int) -> Value:
    value = call.image()
    if factor > 8:
        raise call.unsupported("its factor is above 8")
    channels = call.shape[0]
    # torch has the place within a square after the channel, a model file before it
    numbers = np.arange(channels * factor**2).reshape(channels, factor**2)
    node = selected(value.node, numbers.T.ravel(), call.place)
    return Value(spread(node, factor, call))


def pixel_unshuffle(call: Call, module: nn.PixelUnshuffle) -> Value:
    return _unshuffled(call, module.downscale_factor)


def _unshuffled(call: Call, factor: int) -> Value:
    value, offsets = call.image(), list(range(factor))
    channels, rows, columns = value.shape
    if factor > 4 or rows % factor or columns % factor:
        raise call.unsupported("its factor must be at most 4 and divide rows and columns")
    weight = torch.zeros(channels, factor, factor, channels, factor, factor)
    for c in range(channels):
        for i in range(factor):
            for j in range(factor):
                weight[c, i, j, c, i, j] = 1.0
    weight = weight.flatten(0, 2)
    return placed(call, value, weight, None, [offsets, offsets], factor, learns=False)


def mean_pool(call: Call, module: nn.AvgPool2d) -> Value:
    return _mean_pool(call, module, pair(module.kernel_size), pair(module.stride), module.padding)


def _mean_pool(
    call: Call, function: Callable[..., Any], size: tuple[int, int], stride: Any, padding: Any
) -> Value:
    value = call.image()
    channels, rows, columns = value.shape
    fits = size[0] == size[1] == stride[0] == stride[1] and pair(padding) == (0, 0)
    if not fits or size[0] > 4 or rows % size[0] or columns % size[0]:
        return call.dense(function, "its windows overlap, or do not cover the image")
    offsets = list(range(size[0]))
    mean = torch.full(size, 1 / size[0] ** 2)
    weight = torch.eye(channels)[:, :, None, None] * mean
    return placed(call, value, weight, None, [offsets, offsets], size[0], learns=False)


def any_linear(call: Call, module: nn.Module) -> Value:
    return call.dense(module, "it sees the whole image")


def enlarge(call: Call, module: nn.Upsample) -> Value:
    return _enlarged(call, module, module.mode)


def _enlarged(call: Call, function: Callable[..., Any], mode: str) -> Value:
    value = call.image()
    channels, rows, columns = value.shape
    factor = call.shape[1] // rows
    if mode == "nearest" and call.shape[1:] == (rows * factor, columns * factor) and factor <= 8:
        weight = torch.eye(channels).repeat(factor**2, 1)
        return Value(spread(affine(value.node, weight, None, call.place, False), factor, call))
    return call.dense(function, f"it enlarges by '{mode}'")


def _function(target: Callable[..., Any], call: Call) -> Callable[..., Any]:
    return lambda value: target(value, *call.arguments[1:], **call.keywords)


def _interpolate(call: Call) -> Value:
    return _enlarged(
        call, _function(functional.interpolate, call), call.argument(3, "mode", "nearest")
    )


def _average(call: Call) -> Value:
    size = pair(call.argument(1, "kernel_size", None))
    stride = call.argument(2, "stride", None)
    padding = call.argument(3, "padding", 0)
    function = _function(functional.avg_pool2d, call)
    return _mean_pool(call, function, size, size if stride is None else pair(stride), padding)


def _whole(target: Callable[..., Any]) -> Callable[[Call], Value]:
    def lower(call: Call) -> Value:
        return call.dense(_function(target, call), "it sees the whole image")

    return lower


def _by_factor(lower: Callable[[Call, int], Value], name: str) -> Callable[[Call], Value]:
    return lambda call: lower(call, call.argument(1, name, 1))


MODULES: dict[type, Callable[[Call, Any], Value]] = {
    nn.Flatten: _reshape_module,
    nn.Unflatten: _reshape_module,
    nn.PixelShuffle: pixel_shuffle,
    nn.PixelUnshuffle: pixel_unshuffle,
    nn.AvgPool2d: mean_pool,
    nn.AdaptiveAvgPool2d: any_linear,
    nn.Upsample: enlarge,
    nn.UpsamplingNearest2d: enlarge,
    nn.UpsamplingBilinear2d: enlarge,
}


FUNCTIONS: dict[Any, Callable[[Call], Value | tuple[Value, ...]]] = {
    **dict.fromkeys(["view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"], reshaped),
    **dict.fromkeys(
        (torch.flatten, torch.reshape, torch.unflatten, torch.squeeze, torch.unsqueeze), reshaped
    ),
    **dict.fromkeys(_SAME, _unchanged),
    nn.functional.dropout: _unchanged,
    torch.cat: joined,
    torch.concat: joined,
    **dict.fromkeys((torch.chunk, torch.split, "chunk", "split"), split),
    operator.getitem: _item,
    functional.pixel_shuffle: _by_factor(_shuffled, "upscale_factor"),
    functional.pixel_unshuffle: _by_factor(_unshuffled, "downscale_factor"),
    functional.interpolate: _interpolate,
    functional.avg_pool2d: _average,
    functional.adaptive_avg_pool2d: _whole(functional.adaptive_avg_pool2d),
    torch.mean: _whole(torch.mean),
    "mean": _whole(torch.Tensor.mean),
}
