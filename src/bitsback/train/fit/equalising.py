"""Numbers that use the range of their grid, in the encoder of a context VAE: the idea of Nagel et
al. 2019.
"""

import torch
from torch import Tensor

from bitsback.train.quantise.rounding import HIDDEN
from bitsback.train.twins.context import ContextTwin
from bitsback.train.twins.convolutions import ConvTwin, ResidualTwin, by_channel

PART = 0.5  # of the range of a hidden layer, which the greatest output comes to


@torch.no_grad()
def equalise(twin: ContextTwin, x: Tensor) -> None:
    """Scale what the convolutions of the encoder say, and scale the weights that read it back.

    Of the first one each channel by itself, of the others all channels alike. As floats the twin
    computes the same. Rounded, small numbers would say little. Weights of channels that are always
    zero become zero, so that the steps of the others' weights are finer. x: symbols [n, pixels].
    """
    first, second = twin.encoder[0], twin.encoder[1]
    assert isinstance(first, ConvTwin) and isinstance(second, ConvTwin)
    value: Tensor = first(twin.image(x))
    greatest = value.amax((0, 1, 2))
    scale = torch.where(greatest > 0, PART * HIDDEN.real_hi / greatest, 1.0)
    back = torch.where(greatest > 0, 1 / scale, 0.0)
    by_channel(second, len(back)).mul_(back)
    first.linear.weight.mul_(scale[:, None])
    first.linear.bias.mul_(scale)

    value *= scale
    top = 0.0
    for layer in twin.encoder[1:]:
        value = layer(value)
        top = max(top, float(value.max()))
    if top > 0:
        factor = PART * HIDDEN.real_hi / top
        second.linear.weight.mul_(factor)
        second.linear.bias.mul_(factor)
        for layer in twin.encoder[2:]:
            assert isinstance(layer, ResidualTwin)
            layer.layer.linear.bias.mul_(factor)
        twin.dense.linear.weight.div_(factor)
