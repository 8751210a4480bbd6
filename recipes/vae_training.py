"""Training a VAE on images of one shape, and the training digits of the bundled ones."""

import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from architectures import make_module
from numpy.typing import NDArray
from torch import Tensor
from warm_start import equalise, grow, revive

from bitsback.errors import InputError
from bitsback_train.export.exporter import AnyVae
from bitsback_train.fit.training import Recipe, Training
from bitsback_train.network.context import ContextModule
from bitsback_train.network.dense import Architecture
from bitsback_train.network.likelihoods import LN2, pixel_means

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
VALIDATION_SAMPLES = 3
MOST_PIXELS = 1 << 15  # of the images evaluated at once
ACTIVE_NATS = 0.01
PROBED = 1_000
"""The number of images for equalising a module that starts from another, or for finding its dead
channels.
"""


@dataclass(frozen=True)
class Split:
    """Grey pixels as uint8 [n, pixels]; all choices are made on `validation`, which is not used for
    training.
    """

    train: Tensor
    validation: Tensor


def read_idx_images(path: Path) -> NDArray[np.uint8]:
    """The images of a gzipped IDX file, uint8 [n, rows, columns]. Raises InputError for other
    files.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a gzipped IDX file ({error})") from None
    if data[:4] != b"\x00\x00\x08\x03":
        raise InputError(f"{path}: not an IDX file of images")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", 3, 4))
    return np.frombuffer(data, np.uint8, offset=16).reshape(shape)


def mnist_split(folder: Path, validation: int = 5_000) -> Split:
    """MNIST's training set, or that of a data set in the same files, with the last `validation`
    images held out.
    """
    images = torch.from_numpy(read_idx_images(folder / TRAIN_IMAGES).reshape(-1, 784).copy())
    return Split(images[:-validation], images[-validation:])


def binarise(grey: Tensor, generator: torch.Generator) -> Tensor:
    """Each pixel a one with the probability grey / 255; float32 like `grey`."""
    return (torch.rand(grey.shape, generator=generator) * 255 < grey).float()


class VaeTraining(Training[AnyVae, tuple[Tensor, Tensor]]):
    """samples: the number of samples of the posterior for each validation image."""

    def __init__(
        self,
        recipe: Recipe,
        split: Split,
        folder: Path,
        samples: int = VALIDATION_SAMPLES,
    ) -> None:
        a = recipe.architecture
        self.architecture, self.split, self.samples = a, split, samples
        torch.manual_seed(recipe.seed)
        # Images of two levels are drawn from grey ones.
        top = 255 if a.levels == 2 else a.levels - 1
        centre = 0.0
        if isinstance(a, Architecture):
            centre = round(float(pixel_means(split.train, top).mean()), 3)
        module = make_module(a, centre)
        if isinstance(module, ContextModule):
            module.multiply_in_half(recipe.half)
        module.start(split.train)
        self.validation = self._symbols(
            split.validation, torch.Generator().manual_seed(recipe.seed)
        )
        steps = max(1, len(split.train) // recipe.batch)
        super().__init__(recipe, module, steps, folder)

    def start_from(self, learned: dict[str, Tensor]) -> None:
        """Start from the weights of a module of the same size or smaller.

        See recipes/warm_start.py: `revive` if floats are trained further, `equalise` if
        rounding begins.
        """
        torch.manual_seed(self.recipe.seed)
        grow(self.module, learned)
        if isinstance(self.module, ContextModule):
            adapt = equalise if self.recipe.quantise_from == 0 else revive
            adapt(self.module.eval(), self.symbols_to_train_on(PROBED))
        self.average.load_state_dict(self.module.state_dict())

    def symbols_to_train_on(self, count: int) -> Tensor:
        """The symbols of `count` of the training images, or of all if there are fewer."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        return self._symbols(self.split.train[:count], generator)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Freshly binarised symbols, and noise."""
        recipe = self.recipe
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.split.train), generator=generator)
        for step in range(self.steps):
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            grey = self.split.train[chosen]
            x = self._symbols(self._shifted(grey, generator), generator)
            yield x, torch.randn(len(x), self.architecture.latents, generator=generator)

    def _shifted(self, grey: Tensor, generator: torch.Generator) -> Tensor:
        """Moves the recipe's share of the images by one pixel in one of eight directions."""
        if not self.recipe.shifted:
            return grey
        side = math.isqrt(grey.shape[1])  # of digits
        images = grey.reshape(-1, side, side).clone()
        moved = torch.rand(len(images), generator=generator) < self.recipe.shifted
        steps = torch.randint(-1, 2, (len(images), 2), generator=generator)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                which = moved & (steps == torch.tensor([down, right])).all(1)
                images[which] = images[which].roll((down, right), (1, 2))
        return images.reshape(grey.shape)

    def _symbols(self, grey: Tensor, generator: torch.Generator) -> Tensor:
        """The symbols of grey pixels: all 256 levels, or two, drawn."""
        return binarise(grey, generator) if self.architecture.levels == 2 else grey

    def _loss(self, batch: tuple[Tensor, Tensor], done: int) -> tuple[Tensor, Tensor]:
        losses, kl = self.module.nats(*batch)
        pixels = batch[0].shape[1]
        weight = min(1.0, 0.1 + done / max(1, self.recipe.kl_warm_up * self.steps))
        bits = (losses + kl).detach().mean() / (pixels * LN2)
        return (losses + weight * kl).mean() / (pixels * LN2), bits

    def _validated(self) -> dict[str, float]:
        generator = torch.Generator().manual_seed(self.recipe.seed)
        shape = (len(self.validation), self.architecture.latents)
        losses = kls = 0.0
        for _ in range(self.samples):
            loss, kl = nats_in_parts(
                self.average, self.validation, torch.randn(shape, generator=generator)
            )
            losses += float(loss.mean()) / self.samples
            kls += float(kl.mean()) / self.samples
        return {
            "validation": (losses + kls) / (self.validation.shape[1] * LN2),
            "kl_bits": round(kls / LN2, 2),
            "active": int((latent_nats(self.average, self.validation) > ACTIVE_NATS).sum()),
        }


def parts(count: int, pixels: int) -> list[slice]:
    """Slices of `count` images that are small enough to be processed at once."""
    size = max(1, MOST_PIXELS // pixels)
    return [slice(start, start + size) for start in range(0, count, size)]


@torch.no_grad()
def nats_in_parts(module: AnyVae, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """`module.nats` in parts, since it may take too much memory for many images at once."""
    found = [module.nats(x[part], noise[part]) for part in parts(*x.shape)]
    losses, kls = zip(*found, strict=True)
    return torch.cat(losses), torch.cat(kls)


@torch.no_grad()
def latent_nats(module: AnyVae, x: Tensor) -> Tensor:
    """The cost of each latent, its mean KL to the prior, [latents], in nats: near 0 for one without
    information about x.
    """
    total = torch.zeros(module.architecture.latents)
    for part in parts(*x.shape):
        total += module.latent_nats(x[part]).sum(0)
    return total / len(x)
