"""Functions of each element: clamps, and all others as tables."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bitsback.train.portable.graph import applied
from bitsback.train.portable.lowerings.call import Call
from bitsback.train.portable.operations import Function
from bitsback.train.portable.operations.elementwise import clamping
from bitsback.train.portable.value import Value


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

MODULES: dict[type, Callable[[Call, Any], Value]] = {
    nn.ReLU: _clamp_module(0.0, math.inf),
    nn.ReLU6: _clamp_module(0.0, 6.0),
    nn.Hardtanh: _hardtanh,
    nn.PReLU: _prelu,
    **dict.fromkeys(_TABLES, _table_module),
}

_FUNCTIONAL = [
    "silu", "gelu", "tanh", "sigmoid", "elu", "celu", "selu", "leaky_relu", "softplus", "mish",
    "hardswish", "hardsigmoid", "softsign", "logsigmoid",
]  # fmt: skip
_EVERYWHERE = [
    "tanh", "sigmoid", "exp", "abs", "sin", "cos", "square", "sqrt", "log", "log1p", "expm1",
    "asinh", "atan", "erf", "pow",
]  # fmt: skip

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
}
