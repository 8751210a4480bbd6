"""A twin without the latents that carry nothing."""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from bitsback.train.context import ContextTwin
from bitsback.train.recipe import ACTIVE_NATS, Twin, latent_nats
from bitsback.train.twins import LinearTwin


def prune(twin: Twin, x: Tensor) -> Twin:
    """The twin without the latents that say nothing of `x`: one that only follows the prior still costs its pops.

    The likelihood sees the prior's mean, 0, in their place. One latent stays, whatever it says.
    """
    nats = latent_nats(twin, x)
    kept = torch.nonzero((nats > ACTIVE_NATS) | (nats == nats.max()))[:, 0]
    pruned = copy.deepcopy(twin)
    first: nn.Module
    if isinstance(pruned, ContextTwin):
        pruned.architecture, first = replace(pruned.architecture, latents=len(kept)), pruned.cell
    else:
        pruned.architecture, first = replace(pruned.architecture, latents=len(kept)), pruned.decoder.layers[0]
    assert isinstance(first, LinearTwin)
    with torch.no_grad():
        for layer in (pruned.mean, pruned.scale):
            layer.linear.weight = nn.Parameter(layer.linear.weight[kept])
            layer.linear.bias = nn.Parameter(layer.linear.bias[kept])
        first.linear.weight = nn.Parameter(first.linear.weight[:, kept])
    return pruned
