"""Linear layers, normalisation by fixed numbers, and layers that do nothing once trained."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitsback.train.portable.graph import affine, scaled
from bitsback.train.portable.lowerings.call import Call
from bitsback.train.portable.value import Value, flat_value


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
    """factor * value + shift, of numbers for each channel, or for each element of one row."""
    if value.order is not None:
        order = torch.from_numpy(np.ascontiguousarray(value.order))
        factor, shift = (n.expand(value.size)[order] for n in (factor, shift))
    return Value(scaled(value.node, factor, shift, call.place), value.order)


def nothing(call: Call, module: nn.Module) -> Value:
    return call.value


MODULES: dict[type, Callable[[Call, Any], Value]] = {
    nn.Linear: linear,
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.Identity: nothing,
    nn.Dropout: nothing,
    nn.Dropout1d: nothing,
    nn.Dropout2d: nothing,
    nn.AlphaDropout: nothing,
}
