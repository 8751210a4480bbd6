"""Sums of values, and values with constants."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bitsback.train.portable.graph import Node, applied, scaled
from bitsback.train.portable.lowerings.activations import by_function
from bitsback.train.portable.lowerings.call import Call
from bitsback.train.portable.lowerings.layers import by_channel
from bitsback.train.portable.operations import Add, Function
from bitsback.train.portable.operations.elementwise import scaling
from bitsback.train.portable.value import Value


def _added(call: Call, sign: float = 1.0) -> Value:
    one, two = _arguments(call)
    if call.argument(2, "alpha", 1) != 1:
        raise call.unsupported("it has an alpha; multiply first")
    if isinstance(one, Value) and isinstance(two, Value):
        if one.shape != two.shape:
            raise call.unsupported(f"it adds {one.shape} and {two.shape}")
        if one.order is not None and two.order is not None:
            two = two.ordered(one.order, call.place)
        other = two.node if sign > 0 else applied(two.node, scaling(sign, 0.0), call.place)
        return Value(Node(Add(), (one.node, other), one.node.shape, call.place), one.order)
    if isinstance(one, Value):
        return _shifted(call, one, 1.0, two, sign)
    return _shifted(call, two, sign, one, 1.0)


def _arguments(call: Call) -> tuple[Any, Any]:
    """Both of them."""
    one, two = (
        call.settled(each) if isinstance(each, Value) else each for each in call.arguments[:2]
    )
    return one, two


def _shifted(call: Call, value: Value, factor: float, constant: Any, sign: float) -> Value:
    shift = _constant(call, value, constant) * sign
    return by_channel(call, value, torch.tensor([factor]), shift)


def _subtracted(call: Call) -> Value:
    return _added(call, -1.0)


def _multiplied(call: Call) -> Value:
    one, two = _arguments(call)
    if isinstance(one, Value) and isinstance(two, Value):
        raise call.unsupported("it multiplies two values; only sums of values can be")
    value, constant = (one, two) if isinstance(one, Value) else (two, one)
    return by_channel(call, value, _constant(call, value, constant), torch.zeros(1))


def _divided(call: Call) -> Value:
    one, two = _arguments(call)
    if isinstance(two, Value):
        raise call.unsupported("it divides by a value")
    return by_channel(call, one, 1.0 / _constant(call, one, two), torch.zeros(1))


def _negated(call: Call) -> Value:
    value = call.value
    node = scaled(value.node, torch.tensor([-1.0]), torch.zeros(1), call.place)
    return Value(node, value.order)


def _power(call: Call) -> Value:
    exponent = call.argument(1, "exponent", None)
    if not isinstance(exponent, int | float):
        raise call.unsupported("its exponent must be a number")
    return by_function(call, Function(lambda value: value**exponent))


def _constant(call: Call, value: Value, constant: Any) -> Tensor:
    """One number, or one for each channel, or for each element of a row."""
    tensor = torch.as_tensor(constant, dtype=torch.float32).detach()
    if tensor.numel() == 1:
        return tensor.reshape(1)
    shape = tuple(tensor.shape)
    if len(shape) > len(value.shape):
        if shape[0] != 1:
            raise call.unsupported("it has a constant for each item of the batch")
        tensor, shape = tensor[0], shape[1:]
    full = tensor.expand(value.shape)
    if value.order is not None:
        return full
    first = full[:, 0, 0]
    if not torch.equal(full, first[:, None, None].expand(value.shape)):
        raise call.unsupported("it has a constant that differs from pixel to pixel")
    return first


FUNCTIONS: dict[Any, Callable[[Call], Value]] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), _added),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, "sub", "sub_"), _subtracted),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), _multiplied),
    **dict.fromkeys((operator.truediv, torch.div, "div", "div_"), _divided),
    **dict.fromkeys((operator.neg, torch.neg, "neg"), _negated),
    operator.pow: _power,
}
