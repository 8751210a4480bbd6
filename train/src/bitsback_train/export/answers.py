"""Compute a module's outputs as integers of its model, and from them the test vectors of a model
file.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback_train.export.vectors import Answers, Draw, digests
from bitsback_train.network.architectures import AnyVae
from bitsback_train.network.context import ContextModule
from bitsback_train.network.exact_tables import bucket_centres, latent_grid
from bitsback_train.network.rounding import HIDDEN, TOP, Grid

TEST_COUNT = 4


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
    value = latent_grid(module.architecture.bits).real(
        centres[torch.from_numpy(buckets.astype(np.int64))]
    )
    if isinstance(module, ContextModule):
        rows, columns = module.architecture.shape
        return {"features": _integers(HIDDEN, module.decode(value)[:, :rows, :columns].flatten(1))}
    hidden = module.decoder(value)
    return {
        name: _integers(layer.target, layer(hidden))
        for name, layer in module.output_layers().items()
    }


@torch.no_grad()
def pixel_integers(module: ContextModule, context: NDArray[np.uint8]) -> Answers:
    """The outputs of the network `pixel`, for contexts [n, its inputs]."""
    return _of_pixel(
        module, module.context_outputs(HIDDEN.real(torch.from_numpy(context).double()))
    )


@torch.no_grad()
def flat_integers(module: ContextModule, features: NDArray[np.uint8]) -> Answers:
    """The outputs of the network `flat`, for features [n, their number]."""
    return _of_pixel(
        module, module.outputs_if_flat(HIDDEN.real(torch.from_numpy(features).double()))
    )


def _of_pixel(module: ContextModule, outputs: tuple[Tensor, ...]) -> Answers:
    grids = module.pixel_likelihood.outputs
    return {
        name: _integers(grid, out) for (name, grid), out in zip(grids.items(), outputs, strict=True)
    }


def _integers(grid: Grid, value: Tensor) -> NDArray[np.int32]:
    return grid.integers(value).numpy().astype(np.int32)


def all_integers(module: AnyVae, draw: Draw) -> dict[str, Answers]:
    """The outputs of all networks, in the order of the description, each for its own sources."""
    a = module.architecture
    x = draw(a.pixels, a.levels - 1)
    answers = {
        "posterior": posterior_integers(module, torch.from_numpy(x.astype(np.float64))),
        "likelihood": likelihood_integers(module, draw(a.latents, 2**a.bits - 1)),
    }
    if isinstance(module, ContextModule):
        answers["pixel"] = pixel_integers(module, draw(module.inputs, TOP).astype(np.uint8))
        if module.flat:
            features = draw(module.architecture.features, TOP).astype(np.uint8)
            answers["flat"] = flat_integers(module, features)
    return answers


def vector_digests(module: AnyVae) -> dict[str, str]:
    """The `sha256` of the test vectors: docs/model-format.md, Test vectors."""
    return digests(all_integers(module, Draw(TEST_COUNT)))
