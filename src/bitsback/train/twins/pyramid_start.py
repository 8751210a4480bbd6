"""What the twin of a pyramid starts from: principal components of cells, layer by layer, which are
the best that networks without hidden layers could do.
"""

import torch
from torch import Tensor, nn

from bitsback.train.quantise.rounding import HIDDEN
from bitsback.train.twins.mixtures import SYMBOLS_A_UNIT
from bitsback.train.twins.pyramid_networks import DownTwin, SeenTwin, UpTwin

REACH = 3.5  # what nearly all latents of a grid from -4 to 4 lie within
NEARLY_ALL = 0.999
LOOKED_AT = 400_000  # cells, at most, for a quantile
SMALL = 0.1  # of the usual size, the first weights behind hidden layers


@torch.no_grad()
def principal(up: nn.ModuleList, down: nn.ModuleList, value: Tensor, symbols: Tensor) -> None:
    """value: training images as the first layer sees them, [n, rows, columns, channels]; symbols:
    the same, uint8.
    """
    below = symbols.float() / SYMBOLS_A_UNIT
    last = len(up) - 1
    for layer, (reads, tells) in enumerate(zip(up, down, strict=True)):
        assert isinstance(reads, UpTwin) and isinstance(tells, DownTwin)
        for head in (reads.mean, reads.scale, *tells.layers().values()):
            head.linear.weight.mul_(SMALL)
        for seen in (reads.seen, tells.seen):
            if seen is not None:
                _see(seen)
        units = value.flatten().std() / below.flatten().std()  # of what the layer reads
        cells = _cells(below, tells.factor)
        middle = cells.mean(0)
        vectors = torch.linalg.eigh(torch.cov(cells.T)).eigenvectors
        chosen = vectors[:, -tells.direct.linear.in_features :].flip(1)
        found = (cells - middle) @ chosen
        if layer < last:
            some = found[:: max(1, len(found) // LOOKED_AT)].abs()
            reach = torch.quantile(some, NEARLY_ALL, dim=0) / REACH
        else:
            reach = found.std(0)
        left = (cells - middle - found @ chosen.T).std(0)
        noise = left.square().mean().sqrt().clamp(min=1e-3)
        _read(reads, chosen / reach / units, middle, units)
        reads.scale.linear.bias.copy_(torch.log2(reach / noise).clamp(0.0, 4.5))
        tells.direct.linear.weight.copy_(chosen * reach)
        tells.direct.linear.bias.copy_(middle)
        tells.layers()["mean"].linear.bias.zero_()
        scale = left * SYMBOLS_A_UNIT if layer == 0 else left
        tells.layers()["scale"].linear.bias.copy_(-torch.log2(scale.clamp(min=0.02)))
        value = reads(value)[0]
        below = value


def _cells(values: Tensor, factor: int) -> Tensor:
    """[b, h, w, c] to [cells, factor * factor * c]."""
    b, h, w, c = values.shape
    split = values.view(b, h // factor, factor, w // factor, factor, c)
    return split.transpose(2, 3).reshape(-1, factor * factor * c)


def _see(seen: SeenTwin) -> None:
    """Its first outputs become the latents, raised above zero."""
    layer = seen.layer.linear
    count = layer.in_features
    layer.weight[:count] = torch.eye(count)
    layer.bias[:count] = HIDDEN.real_hi / 2


def _read(up: UpTwin, weights: Tensor, middle: Tensor, units: Tensor) -> None:
    """The direct convolution becomes these weights [cell, outputs] of the cell itself, less what
    they make of the `middle` [cell].
    """
    layer, kernel, side = up.direct, up.direct.kernel, up.direct.stride
    channels = layer.linear.in_features // kernel**2
    held = layer.linear.weight.zero_().view(-1, kernel, kernel, channels)
    own, first = len(weights) // side**2, kernel // 2
    cell = weights.T.reshape(-1, side, side, own)
    held[:, first : first + side, first : first + side, :own] = cell
    offset = HIDDEN.real_hi / 2 if up.seen is not None else 0.0
    layer.linear.bias.copy_(-((middle * units + offset) @ weights))
    up.mean.linear.bias.zero_()
