"""Other shapes of the same numbers, parts of them, and several together."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from bitsback.train.portable.graph import Node, selected
from bitsback.train.portable.lowerings.call import Call
from bitsback.train.portable.operations import Join
from bitsback.train.portable.value import Value, flat_value


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
    channels = sum(node.channels for node in nodes)
    node = Node(Join(), nodes, (*nodes[0].shape[:-1], channels), call.place)
    if values[0].order is None:
        return Value(node)
    starts = np.cumsum([0, *(value.size for value in values)])
    return Value(
        node,
        np.concatenate([v.order + start for v, start in zip(values, starts, strict=False)]),
    )


def split(call: Call) -> tuple[Value, ...]:
    """Into as many parts as there are shapes."""
    if call.argument(2, "dim", 0) not in (1, 1 - len(call.shape) - 1):
        raise call.unsupported("only channels can be split, dim=1")
    return parts(call, call.value, [shape[0] for shape in call.shapes])


def parts(call: Call, value: Value, sizes: Sequence[int]) -> tuple[Value, ...]:
    """Channels, or elements of a row, of so many in each part."""
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


MODULES: dict[type, Callable[[Call, Any], Value]] = {
    nn.Flatten: _reshape_module,
    nn.Unflatten: _reshape_module,
}

_SAME = ["contiguous", "clone", "detach", "float", "double", "to", "type_as"]

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
}
