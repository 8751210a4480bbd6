"""What a twin computes, as the integers of its model, and the test vectors that a model file gets
from them.
"""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback import _core
from bitsback.train.export.latent_grids import pyramid_integers
from bitsback.train.export.latent_layers import (
    Answers,
    Draw,
    normal_integers,
    real_latents,
    top_down_integers,
)
from bitsback.train.quantise.exact_tables import bucket_centres, latent_grid
from bitsback.train.quantise.rounding import HIDDEN, TOP, Grid
from bitsback.train.twins.architectures import OneLayer, Twin
from bitsback.train.twins.context import ContextTwin
from bitsback.train.twins.dense import VaeTwin
from bitsback.train.twins.layered import LayeredTwin, TopDownTwin
from bitsback.train.twins.pyramid import PyramidTwin

TEST_SEED = 1
TEST_COUNT = 4


@torch.no_grad()
def posterior_integers(twin: OneLayer, x: Tensor) -> Answers:
    """`mean` and `scale`, for symbols [n, pixels]."""
    mean, scale = twin.posterior(x.double())
    return {"mean": _integers(twin.mean.target, mean), "scale": _integers(twin.scale.target, scale)}


@torch.no_grad()
def likelihood_integers(twin: OneLayer, buckets: NDArray[np.integer]) -> Answers:
    """The outputs of the network `likelihood`, for buckets [n, latents]."""
    centres = torch.from_numpy(bucket_centres(twin.architecture.bits).astype(np.float64))
    value = latent_grid(twin.architecture.bits).real(
        centres[torch.from_numpy(buckets.astype(np.int64))]
    )
    if isinstance(twin, ContextTwin):
        rows, columns = twin.architecture.shape
        return {"features": _integers(HIDDEN, twin.decode(value)[:, :rows, :columns].flatten(1))}
    return _of_decoder(twin, value)


def _of_decoder(twin: VaeTwin | LayeredTwin, value: Tensor) -> Answers:
    hidden = twin.decoder(value)
    return {
        name: _integers(layer.target, layer(hidden)) for name, layer in twin.output_layers().items()
    }


@torch.no_grad()
def layered_integers(twin: LayeredTwin, draw: Draw) -> dict[str, Answers]:
    """The outputs of all networks, in the order of the description, each for sources of its own."""
    a = twin.architecture
    tops = [grid.hi for grid in twin.grids[:-1]] + [2**a.bits - 1]

    def latents(layer: int) -> Tensor:
        return real_latents(twin, layer, draw(a.layers[layer], tops[layer]))

    x = torch.from_numpy(draw(a.pixels, a.levels - 1).astype(np.float64))
    found = {"posterior1": normal_integers(twin.up[0], twin.image(x))}
    for layer in range(1, len(twin.up)):
        found[f"posterior{layer + 1}"] = normal_integers(twin.up[layer], latents(layer - 1))
    for layer, down in enumerate(twin.down):
        found[f"prior{layer + 1}"] = normal_integers(down, latents(layer + 1))
    return found | {"likelihood": _of_decoder(twin, latents(0))}


@torch.no_grad()
def pixel_integers(twin: ContextTwin, context: NDArray[np.uint8]) -> Answers:
    """The outputs of the network `pixel`, for contexts [n, its inputs]."""
    return _of_pixel(twin, twin.context_outputs(HIDDEN.real(torch.from_numpy(context).double())))


@torch.no_grad()
def dull_integers(twin: ContextTwin, features: NDArray[np.uint8]) -> Answers:
    """The outputs of the network `dull`, for features [n, their number]."""
    return _of_pixel(twin, twin.outputs_if_dull(HIDDEN.real(torch.from_numpy(features).double())))


def _of_pixel(twin: ContextTwin, outputs: tuple[Tensor, ...]) -> Answers:
    grids = twin.pixel_likelihood.outputs
    return {
        name: _integers(grid, out) for (name, grid), out in zip(grids.items(), outputs, strict=True)
    }


def _integers(grid: Grid, value: Tensor) -> NDArray[np.int32]:
    return grid.integers(value).numpy().astype(np.int32)


def one_layer_integers(twin: OneLayer, draw: Draw) -> dict[str, Answers]:
    """The outputs of all networks, in the order of the description, each for sources of its own."""
    a = twin.architecture
    x = draw(a.pixels, a.levels - 1)
    answers = {
        "posterior": posterior_integers(twin, torch.from_numpy(x.astype(np.float64))),
        "likelihood": likelihood_integers(twin, draw(a.latents, 2**a.bits - 1)),
    }
    if isinstance(twin, ContextTwin):
        answers["pixel"] = pixel_integers(twin, draw(twin.inputs, TOP).astype(np.uint8))
        if twin.dull:
            features = draw(twin.architecture.features, TOP).astype(np.uint8)
            answers["dull"] = dull_integers(twin, features)
    return answers


def vector_digests(twin: Twin) -> dict[str, str]:
    """The `sha256` of the test vectors: docs/model-format.md, Test vectors."""
    taken = 0

    def draw(width: int, top: int) -> NDArray[np.uint16]:
        nonlocal taken
        words = _core.splitmix64(TEST_SEED, taken, TEST_COUNT * width) >> np.uint64(32)
        taken += len(words)
        return (words % np.uint64(top + 1)).astype(np.uint16).reshape(TEST_COUNT, width)

    return {
        f"{network}.{name}": hashlib.sha256(out.astype("<i4").tobytes()).hexdigest()
        for network, outputs in _answers(twin, draw).items()
        for name, out in outputs.items()
    }


def _answers(twin: Twin, draw: Draw) -> dict[str, Answers]:
    if isinstance(twin, PyramidTwin):
        return pyramid_integers(twin, draw)
    if isinstance(twin, TopDownTwin):
        return top_down_integers(twin, draw)
    if isinstance(twin, LayeredTwin):
        return layered_integers(twin, draw)
    return one_layer_integers(twin, draw)
