"""Remove unused latents from a module, and unused units of a context VAE's encoder."""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn
from vae_training import ACTIVE_NATS, latent_nats, parts

from bitsback_train.export.exporter import AnyVae
from bitsback_train.layers.affine import Affine
from bitsback_train.network.context import ContextModule


def prune(module: AnyVae, x: Tensor) -> AnyVae:
    """The module without latents that carry no information about `x`: one that equals its prior
    still costs pops.

    The likelihood gets the prior's mean, 0, in their place. At least one latent stays. The encoder
    of a context VAE has most of its weights in its last hidden layer; units that are zero for all
    of `x` are removed.
    """
    nats = latent_nats(module, x)
    kept = torch.nonzero((nats > ACTIVE_NATS) | (nats == nats.max()))[:, 0]
    pruned = copy.deepcopy(module)
    pruned.architecture = replace(pruned.architecture, latents=len(kept))
    first = pruned.cell if isinstance(pruned, ContextModule) else pruned.decoder.layers[0]
    assert isinstance(first, Affine)
    _keep(kept, (pruned.mean, pruned.scale), (first,))
    if isinstance(pruned, ContextModule):
        _drop_dead_units(pruned, x)
    return pruned


@torch.no_grad()
def _drop_dead_units(module: ContextModule, x: Tensor) -> None:
    greatest = torch.zeros(module.architecture.dense)
    for part in parts(*x.shape):
        greatest = torch.maximum(greatest, module.last_hidden(x[part]).amax(0))
    kept = torch.nonzero((greatest > 0) | (torch.arange(len(greatest)) == greatest.argmax()))[
        :, 0
    ]  # one at least
    module.architecture = replace(module.architecture, dense=len(kept))
    _keep(kept, (module.dense,), (module.mean, module.scale))


@torch.no_grad()
def _keep(kept: Tensor, writers: tuple[Affine, ...], readers: tuple[Affine, ...]) -> None:
    """Leave only the outputs `kept` of the writers, and the matching inputs of the readers."""
    for layer in writers:
        layer.linear.weight = nn.Parameter(layer.linear.weight[kept])
        layer.linear.bias = nn.Parameter(layer.linear.bias[kept])
        layer.linear.out_features = len(kept)
    for layer in readers:
        layer.linear.weight = nn.Parameter(layer.linear.weight[:, kept])
        layer.linear.in_features = len(kept)
