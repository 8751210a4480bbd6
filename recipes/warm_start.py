"""Change the initial weights of a part of a run.

A larger module computes the same as the smaller one (the idea of Net2Net, Chen et al. 2016), dead
channels of an encoder get new weights, and values use the range of their grid (Nagel et al. 2019).
"""

import torch
from torch import Tensor, nn

from bitsback_train.layers.affine import Affine, Residual
from bitsback_train.layers.rounding import HIDDEN
from bitsback_train.network.context import ContextModule


@torch.no_grad()
def grow(module: nn.Module, learned: dict[str, Tensor]) -> None:
    """Give `module` the parameters `learned` by one of the same kind with fewer channels or
    residual layers.

    Both then compute the same: new channels read old ones, and no old channel reads a new one. A
    residual layer that only `module` has adds zeros.
    """
    for layer in module.modules():
        if isinstance(layer, Residual):
            for parameter in layer.parameters():
                parameter.zero_()
    for name, parameter in module.named_parameters():
        if name not in learned:
            continue
        old = learned[name]
        if parameter.ndim == 2:
            parameter[: old.shape[0], old.shape[1] :] = 0
        parameter[tuple(slice(size) for size in old.shape)] = old


TRIES = 10  # since new weights may be dead too


@torch.no_grad()
def revive(module: ContextModule, x: Tensor) -> None:
    """Gives the weights of dead channels new values, which no layer reads yet, so that the module
    computes the same.

    x: symbols [n, pixels].
    """
    for _ in range(TRIES):
        if not _revive_dead(module, x):
            return


def _revive_dead(module: ContextModule, x: Tensor) -> bool:
    """Gives dead weights new values; returns whether any was dead."""
    first, second, *residual = module.encoder
    assert isinstance(first, Affine) and isinstance(second, Affine)
    blocks = [layer.layer for layer in residual if isinstance(layer, Residual)]
    value = first(module.image(x))
    dead = _zeros(value)
    value = second(value)
    dead_second = _zeros(value)  # also after each residual layer, which adds to the same channels
    for layer in residual:
        value = layer(value)
        dead_second &= _zeros(value)
    dead_dense = _zeros(module.dense(value.flatten(1)))

    _start_anew(first, dead, [second])
    for block in blocks:
        block.linear.weight[dead_second] = 0
        block.linear.bias[dead_second] = 0
    _start_anew(second, dead_second, [*blocks, module.dense])
    _start_anew(module.dense, dead_dense, [module.mean, module.scale])
    return bool(dead.any() | dead_second.any() | dead_dense.any())


def _zeros(value: Tensor) -> Tensor:
    """The places of the last axis that are always zero."""
    return value.flatten(0, -2).amax(0) <= 0


def _start_anew(layer: Affine, dead: Tensor, readers: list[Affine]) -> None:
    fresh = nn.Linear(layer.linear.in_features, layer.linear.out_features)
    layer.linear.weight[dead] = fresh.weight[dead]
    layer.linear.bias[dead] = 0
    for reader in readers:
        reader.by_channel(len(dead))[..., dead] = 0


PART = 0.5  # the share of a hidden layer's range that the greatest output uses


@torch.no_grad()
def equalise(module: ContextModule, x: Tensor) -> None:
    """Scale the outputs of the encoder's convolutions, and scale the weights that read them back.

    The first one's channels are scaled separately, those of the others together. In floats the
    module computes the same; rounding would lose the information of small numbers. Weights of
    channels that are always zero become zero, so that the steps of the others' weights are finer.
    x: symbols [n, pixels].
    """
    first, second = module.encoder[0], module.encoder[1]
    assert isinstance(first, Affine) and isinstance(second, Affine)
    value: Tensor = first(module.image(x))
    greatest = value.amax((0, 1, 2))
    scale = torch.where(greatest > 0, PART * HIDDEN.real_hi / greatest, 1.0)
    back = torch.where(greatest > 0, 1 / scale, 0.0)
    second.by_channel(len(back)).mul_(back)
    first.linear.weight.mul_(scale[:, None])
    first.linear.bias.mul_(scale)

    value *= scale
    top = 0.0
    for layer in module.encoder[1:]:
        value = layer(value)
        top = max(top, float(value.max()))
    if top > 0:
        factor = PART * HIDDEN.real_hi / top
        second.linear.weight.mul_(factor)
        second.linear.bias.mul_(factor)
        for layer in module.encoder[2:]:
            assert isinstance(layer, Residual)
            layer.layer.linear.bias.mul_(factor)
        module.dense.linear.weight.div_(factor)
