"""Size presets: the VAEs from which `bitsback train` chooses by the number of images."""

import lzma
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from bitsback_train.job.image_set import ImageSet, Values
from bitsback_train.network.architectures import AnyArchitecture, make_module
from bitsback_train.network.context import ContextArchitecture
from bitsback_train.network.dense import Architecture
from bitsback_train.peers.units import Images, pack

Kind = Literal["context", "dense"]
KINDS: tuple[Kind, ...] = ("context", "dense")
"""A context VAE is the better of the two if there is time for a little training."""

DENSE: tuple[tuple[tuple[int, ...], int], ...] = (
    ((512, 256), 64), ((384, 192), 48), ((256, 128), 32), ((192, 96), 32), ((128, 64), 24),
    ((96, 48), 24),
    ((64,), 20), ((48,), 16), ((32,), 16), ((24,), 12), ((16,), 8),
)  # fmt: skip
"""Hidden layers and latents, the largest first. Unused latents are removed after training, so there
may be too many.
"""


@dataclass(frozen=True)
class ContextSizes:
    """Sizes of a context VAE, as those of `ContextArchitecture`."""

    window: int
    """Rows above, and columns to either side."""
    features: int
    hidden: int
    residuals: int
    components: int
    channels: tuple[int, int]
    dense: int
    latents: int


CONTEXT = (
    ContextSizes(4, 48, 64, 2, 8, (32, 64), 64, 32),
    ContextSizes(4, 32, 48, 2, 8, (24, 48), 64, 24),
    ContextSizes(4, 24, 48, 1, 6, (16, 32), 64, 16),
    ContextSizes(4, 16, 40, 1, 5, (12, 24), 32, 16),
    ContextSizes(3, 12, 32, 1, 5, (8, 16), 32, 8),
    ContextSizes(3, 8, 24, 1, 4, (8, 12), 16, 8),
    ContextSizes(3, 6, 20, 1, 3, (4, 8), 12, 6),
    ContextSizes(2, 4, 16, 1, 2, (4, 8), 8, 4),
)
"""The largest first."""

BYTES_A_WEIGHT = 0.75  # in an archive
MODEL_SHARE = 0.125  # the largest size of a model, as a share of the data compressed by xz
SAMPLE = 1_000  # images for the trial of xz


def candidates(images: ImageSet, kind: Kind) -> list[AnyArchitecture]:
    """The architectures that the size of the images justifies, the largest first; if there are
    none, the smallest of all.
    """
    assert images.levels is not None
    sample = as_images(images.train[0][:SAMPLE], images.levels)
    compressed = len(lzma.compress(pack(sample))) * images.count / len(sample)
    most = MODEL_SHARE * compressed / BYTES_A_WEIGHT
    presets: list[AnyArchitecture] = (
        [_context(images, preset) for preset in CONTEXT]
        if kind == "context"
        else [_dense(images, *preset) for preset in DENSE]
    )
    return [preset for preset in presets if weights(preset) <= most] or presets[-1:]


def as_images(values: Values, levels: int) -> Images:
    """Symbols [n, rows, columns, 1] as compressors take them, [n, rows, columns]: bool for two
    levels.
    """
    symbols: Images = values[..., 0]
    return symbols.astype(np.bool_) if levels == 2 else symbols


def weights(architecture: AnyArchitecture) -> int:
    """The total number of weights of all networks, without biases."""
    with torch.device("meta"):
        module = make_module(architecture, centre=0.0)
    return sum(parameter.numel() for parameter in module.parameters() if parameter.ndim == 2)


def _dense(images: ImageSet, hidden: tuple[int, ...], latents: int) -> AnyArchitecture:
    assert images.levels is not None
    likelihood, bits = ("bernoulli", 8) if images.levels == 2 else ("exponential", 10)
    pixels = int(images.train[0][0].size)
    return Architecture(pixels, hidden, latents, bits, images.levels, likelihood)


def _context(images: ImageSet, preset: ContextSizes) -> AnyArchitecture:
    assert images.levels is not None
    rows, columns = images.train[0].shape[1:3]
    return ContextArchitecture(
        shape=(rows, columns),
        latents=preset.latents,
        bits=8,
        levels=images.levels,
        above=preset.window,
        side=preset.window,
        features=preset.features,
        hidden=preset.hidden,
        residuals=preset.residuals,
        components=1 if images.levels == 2 else preset.components,
        channels=preset.channels,
        dense=preset.dense,
    )
