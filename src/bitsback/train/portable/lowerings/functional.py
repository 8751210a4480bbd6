"""Linear layers and convolutions as functions of weights that the user's module holds."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback.train.portable.lowerings import convolutions, layers
from bitsback.train.portable.lowerings.call import Call
from bitsback.train.portable.value import Value


def _linear(call: Call) -> Value:
    weight, bias = _weights(call)
    module = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    return layers.linear(call, _holding(module, weight, bias))


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
    return convolutions.convolution(call, _holding(module, weight, bias))


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
    return convolutions.transposed(call, _holding(module, weight, bias))


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


FUNCTIONS: dict[Any, Callable[[Call], Value]] = {
    functional.linear: _linear,
    functional.conv2d: _convolution,
    functional.conv_transpose2d: _transposed,
}
