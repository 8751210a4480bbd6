"""The outputs of a module in eval mode, as integers of its model."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback_train.export.exporter import AnyVae
from bitsback_train.layers.rounding import HIDDEN, Grid
from bitsback_train.network.context import ContextModule
from bitsback_train.network.exact_tables import bucket_centres

Answers = dict[str, NDArray[np.int32]]


@torch.no_grad()
def posterior_integers(module: AnyVae, x: Tensor) -> Answers:
    """`mean` and `scale`, for symbols [n, pixels]."""
    mean, scale = module.posterior(x.double())
    return {
        "mean": _integers(module.mean.target, mean),
        "scale": _integers(module.scale.target, scale),
    }


@torch.no_grad()
def likelihood_integers(module: AnyVae, buckets: NDArray[np.integer]) -> Answers:
    """The outputs of the network `likelihood`, for buckets [n, latents]."""
    centres = torch.from_numpy(bucket_centres(module.architecture.bits).astype(np.float64))
    value = module.latent_grid.real(centres[torch.from_numpy(buckets.astype(np.int64))])
    if isinstance(module, ContextModule):
        return {"features": _integers(HIDDEN, module.decode(value).flatten(1))}
    hidden = module.decoder(value)
    return {
        name: _integers(layer.target, layer(hidden))
        for name, layer in module.output_layers().items()
    }


@torch.no_grad()
def pixel_integers(module: ContextModule, context: NDArray[np.uint8]) -> Answers:
    """The outputs of the network `pixel`, for contexts [n, its inputs]."""
    context_values = HIDDEN.real(torch.from_numpy(context).double())
    return _of_pixel(module, module.context_outputs(context_values))


@torch.no_grad()
def flat_integers(module: ContextModule, features: NDArray[np.uint8]) -> Answers:
    """The outputs of the network `flat`, for features [n, their number]."""
    feature_values = HIDDEN.real(torch.from_numpy(features).double())
    return _of_pixel(module, module.outputs_if_flat(feature_values))


def _of_pixel(module: ContextModule, outputs: tuple[Tensor, ...]) -> Answers:
    grids = module.pixel_likelihood.outputs
    return {
        name: _integers(grid, out) for (name, grid), out in zip(grids.items(), outputs, strict=True)
    }


def _integers(grid: Grid, value: Tensor) -> NDArray[np.int32]:
    return grid.integers(value).numpy().astype(np.int32)
