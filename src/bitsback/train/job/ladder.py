"""The sizes of models that `bitsback train` chooses from, and which of them some images are
worth.
"""

import lzma
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from bitsback.peers.units import pack
from bitsback.train.job.image_set import ImageSet, Parts, as_images
from bitsback.train.twins.architectures import AnyArchitecture, make_twin
from bitsback.train.twins.context import ContextArchitecture
from bitsback.train.twins.dense import Architecture

Kind = Literal["context", "dense"]
KINDS: tuple[Kind, ...] = ("context", "dense")
"""A context VAE is the better of the two, wherever there is time for a little training of it."""

DENSE: tuple[tuple[tuple[int, ...], int], ...] = (
    ((512, 256), 64), ((384, 192), 48), ((256, 128), 32), ((192, 96), 32), ((128, 64), 24),
    ((96, 48), 24),
    ((64,), 20), ((48,), 16), ((32,), 16), ((24,), 12), ((16,), 8),
)  # fmt: skip
"""Hidden layers and latents, the largest first. Latents that end up idle are dropped, so there may
be too many.
"""


@dataclass(frozen=True)
class Rung:
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
    Rung(4, 48, 64, 2, 8, (32, 64), 64, 32),
    Rung(4, 32, 48, 2, 8, (24, 48), 64, 24),
    Rung(4, 24, 48, 1, 6, (16, 32), 64, 16),
    Rung(4, 16, 40, 1, 5, (12, 24), 32, 16),
    Rung(3, 12, 32, 1, 5, (8, 16), 32, 8),
    Rung(3, 8, 24, 1, 4, (8, 12), 16, 8),
    Rung(3, 6, 20, 1, 3, (4, 8), 12, 6),
    Rung(2, 4, 16, 1, 2, (4, 8), 8, 4),
)
"""The largest first."""

BYTES_A_WEIGHT = 0.75  # in an archive
MODEL_SHARE = 0.125  # of what xz makes of the data: the most that a model may have
SAMPLE = 1_000  # images that xz is tried on


def candidates(collection: ImageSet, parts: Parts, kind: Kind) -> list[AnyArchitecture]:
    """The architectures that the data are worth, the largest first; the smallest of all if there is
    none.
    """
    sample = as_images(parts.train[:SAMPLE], collection.levels)
    everything = len(collection.images) + (0 if collection.test is None else len(collection.test))
    compressed = len(lzma.compress(pack(sample))) * everything / len(sample)
    most = MODEL_SHARE * compressed / BYTES_A_WEIGHT
    rungs = (
        [_context(collection, r) for r in CONTEXT]
        if kind == "context"
        else [_dense(collection, *r) for r in DENSE]
    )
    return [architecture for architecture in rungs if weights(architecture) <= most] or rungs[-1:]


def weights(architecture: AnyArchitecture) -> int:
    """How many weights all networks have together, biases not among them."""
    with torch.device("meta"):
        twin = make_twin(architecture, centre=0.0)
    return sum(parameter.numel() for parameter in twin.parameters() if parameter.ndim == 2)


def _dense(collection: ImageSet, hidden: tuple[int, ...], latents: int) -> AnyArchitecture:
    likelihood, bits = ("bernoulli", 8) if collection.levels == 2 else ("exponential", 10)
    return Architecture(
        int(np.prod(collection.shape)), hidden, latents, bits, collection.levels, likelihood
    )


def _context(collection: ImageSet, rung: Rung) -> AnyArchitecture:
    return ContextArchitecture(
        shape=collection.shape,
        latents=rung.latents,
        bits=8,
        levels=collection.levels,
        above=rung.window,
        side=rung.window,
        features=rung.features,
        hidden=rung.hidden,
        residuals=rung.residuals,
        components=1 if collection.levels == 2 else rung.components,
        channels=rung.channels,
        dense=rung.dense,
    )
