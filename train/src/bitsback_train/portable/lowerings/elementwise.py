"""Functions of each element, as clamps and lookup tables; sums of values, also with constants."""

import copy
import math
import operator
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback_train.layers.operations import Add, Function, Node, clamping, scaling
from bitsback_train.portable.graph import applied, scaled
from bitsback_train.portable.lowerings.call import Call
from bitsback_train.portable.lowerings.weighted import by_channel
from bitsback_train.portable.value import Value


def by_function(call: Call, function: Function) -> Value:
    value = call.of_elements
    return replace(value, node=applied(value.node, function, call.place))


def _clamp_module(low: float, high: float) -> Callable[[Call, Any], Value]:
    return lambda call, module: by_function(call, clamping(low, high))


def _hardtanh(call: Call, module: nn.Hardtanh) -> Value:
    return by_function(call, clamping(module.min_val, module.max_val))


def _table_module(call: Call, module: nn.Module) -> Value:
    return by_function(call, Function(copy.deepcopy(module).double()))


def _prelu(call: Call, module: nn.PReLU) -> Value:
    if module.num_parameters > 1:
        raise call.unsupported("it has a slope for each channel; give it one (num_parameters=1)")
    slope = float(module.weight.detach())
    return by_function(call, Function(partial(functional.leaky_relu, negative_slope=slope)))


def _clamp_function(low: float, high: float) -> Callable[[Call], Value]:
    return lambda call: by_function(call, clamping(low, high))


def _clamped(call: Call) -> Value:
    return by_function(call, clamping(*_bounds(call, "min", "max", -math.inf, math.inf)))


def _hardtanh_function(call: Call) -> Value:
    return by_function(call, clamping(*_bounds(call, "min_val", "max_val", -1.0, 1.0)))


def _bounds(call: Call, low: str, high: str, *defaults: float) -> tuple[float, float]:
    given = call.argument(1, low, defaults[0]), call.argument(2, high, defaults[1])
    if not all(bound is None or isinstance(bound, int | float) for bound in given):
        raise call.unsupported("its bounds must be numbers")
    bounds = [end if bound is None else bound for bound, end in zip(given, defaults, strict=True)]
    return float(bounds[0]), float(bounds[1])


def _table_function(target: Callable[..., Any]) -> Callable[[Call], Value]:
    def lower(call: Call) -> Value:
        rest, keywords = call.arguments[1:], dict(call.keywords)
        keywords.pop("inplace", None)
        if any(isinstance(one, Value) for one in (*rest, *keywords.values())):
            raise call.unsupported("it depends on two values; only their sum does")
        return by_function(call, Function(lambda value: target(value, *rest, **keywords)))

    return lower


_TABLES = [
    nn.SiLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.CELU, nn.SELU, nn.LeakyReLU, nn.Softplus,
    nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink,
    nn.Softshrink, nn.Hardshrink,
]  # fmt: skip


_FUNCTIONAL = [
    "silu", "gelu", "tanh", "sigmoid", "elu", "celu", "selu", "leaky_relu", "softplus", "mish",
    "hardswish", "hardsigmoid", "softsign", "logsigmoid",
]  # fmt: skip
_EVERYWHERE = [
    "tanh", "sigmoid", "exp", "abs", "sin", "cos", "square", "sqrt", "log", "log1p", "expm1",
    "asinh", "atan", "erf", "pow",
]  # fmt: skip


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
        return Value(Node(Add(), (one.node, other), call.place), one.order)
    if isinstance(one, Value):
        return _shifted(call, one, 1.0, two, sign)
    return _shifted(call, two, sign, one, 1.0)


def _arguments(call: Call) -> tuple[Any, Any]:
    """Both arguments."""
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


MODULES: dict[type, Callable[[Call, Any], Value]] = {
    nn.ReLU: _clamp_module(0.0, math.inf),
    nn.ReLU6: _clamp_module(0.0, 6.0),
    nn.Hardtanh: _hardtanh,
    nn.PReLU: _prelu,
    **dict.fromkeys(_TABLES, _table_module),
}


FUNCTIONS: dict[Any, Callable[[Call], Value]] = {
    **{
        getattr(functional, name): _table_function(getattr(functional, name))
        for name in _FUNCTIONAL
    },
    **{
        key: _table_function(getattr(torch, name))
        for name in _EVERYWHERE
        for key in (name, getattr(torch, name))
    },
    torch.relu: _clamp_function(0.0, math.inf),
    functional.relu: _clamp_function(0.0, math.inf),
    "relu": _clamp_function(0.0, math.inf),
    functional.relu6: _clamp_function(0.0, 6.0),
    functional.hardtanh: _hardtanh_function,
    torch.clamp: _clamped,
    torch.clip: _clamped,
    "clamp": _clamped,
    "clip": _clamped,
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), _added),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, "sub", "sub_"), _subtracted),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), _multiplied),
    **dict.fromkeys((operator.truediv, torch.div, "div", "div_"), _divided),
    **dict.fromkeys((operator.neg, torch.neg, "neg"), _negated),
    operator.pow: _power,
}
