"""Channels that use the range of their grid: the idea of Nagel et al. 2019, for the first layer of a context VAE."""

import torch
from torch import Tensor

from bitsback.train.context import ContextTwin
from bitsback.train.quantise import HIDDEN

PART = 0.5  # of the range of a hidden layer, which the greatest output of a channel comes to
IMAGES = 1_000


@torch.no_grad()
def equalise(twin: ContextTwin, x: Tensor) -> None:
    """Scale what the first convolution says, by channels, and scale the next one's weights back.

    As floats the twin computes the same. Rounded, a channel of small numbers would say little. Weights of channels that
    are always zero become zero, so that the steps of the others' weights are finer. x: symbols [n, pixels].
    """
    first, second = twin.encoder[0], twin.encoder[1]
    images = twin.pixel_grid.real(x).view(-1, *twin.architecture.shape, 1)
    greatest = first(images).amax((0, 1, 2))
    scale = torch.where(greatest > 0, PART * HIDDEN.real_hi / greatest, 1.0)
    first.linear.weight.mul_(scale[:, None])
    first.linear.bias.mul_(scale)
    back = torch.where(greatest > 0, 1 / scale, 0.0)
    second.linear.weight.view(len(second.linear.weight), -1, len(back)).mul_(back)
