"""Whether latents pay off in a size-agnostic model: one set for an image, or one for each cell of a
grid.

    python benchmarks/prediction_latents.py photos=PHOTOS clothes=IMAGES.gz
    python benchmarks/prediction_latents.py glyphs=GLYPHS.npy --only "as it is" "one set"

Each source is NAME=PATH: a folder with patches_01.webp to patches_03.webp and val_00.webp, as for
the recipe universal, an idx file, or a .npy file of images [n, rows, columns(, channels)], bool or
uint8, of which a tenth is held out. Every variant learns for the same number of steps from the same
pixels, in floats, and is measured by its negative ELBO in bits per sub-pixel of held-out images, so
neither rounding nor the start-up of a chain is in it. "where" sees a map of the image, which is
learned, or made from the latents. Needs bitsback[train].
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import report
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle

from bitsback_train.fit.items import Item, patches
from bitsback_train.fit.machine import faster_in_half
from bitsback_train.fit.optimiser import Optimiser
from bitsback_train.fit.pixels import Pixels, make_predictor, sample_pixels
from bitsback_train.fit.start_matrices import PSEUDO_COUNT, as_starts, no_starts, sum_products
from bitsback_train.fit.vae_training import read_idx_images
from bitsback_train.network.convolutions import chain
from bitsback_train.network.dense import LinearModule
from bitsback_train.network.likelihoods import LN2
from bitsback_train.network.pixel_predictor import (
    LinearPredictor,
    Places,
    PredictiveArchitecture,
    PredictiveModule,
    relative_nats,
)
from bitsback_train.network.rounding import HIDDEN

GREY = PredictiveArchitecture()
BILEVEL = replace(
    GREY,
    predictors=(LinearPredictor(Places.nearest(4, 1, 1), 16, (86, 72, 72)),),
    window=Places.nearest(64, 5, 1),
    hidden=48,
    residuals=2,
    components=2,
)
FEATURES, CHANNELS, MAP = 16, (16, 32, 64, 64), 8
IMAGES, HELD_OUT, KEPT = 8_000, 512, 512  # the most images of each kind; training pixels of each
BATCH, OF_EACH = 64, 128  # images of a step, and pixels of each
RATE, WARM_UP, CONSTANT, AVERAGE, CLIP = 2e-3, 100, 0.3, 0.01, 0.5
# shares of all steps; the free KL of a latent
KL_FROM, FREE_UNTIL, FREE_NATS = 0.3, 0.5, 0.5


@dataclass(frozen=True)
class Variant:
    """latents: of an image, or of a cell of rows and columns."""

    latents: int = 0
    cell: int = 0
    where: bool = False


VARIANTS = {
    "as it is": Variant(),
    "where": Variant(where=True),
    "one set": Variant(16),
    "one set, where": Variant(16, where=True),
    "cells of 8 x 8": Variant(4, cell=8),
    "cells of 16 x 16": Variant(4, cell=16),
}


@dataclass(frozen=True, eq=False)
class Looked:
    """Images [n, channels, rows, columns], from -1 to 1; the coded pixels of each, image by image,
    and their places [n, kept] in the image.
    """

    images: Tensor
    pixels: Pixels
    places: Tensor


class Features(nn.Module):
    """The features that latents, a map, or both give for the pixels of an image."""

    def __init__(self, variant: Variant, channels: int) -> None:
        super().__init__()
        self.variant = variant
        a, b, c, d = CHANNELS
        sizes = [channels + 2, a, b, c, d][: 5 if variant.cell == 16 else 4]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.ReLU()]
        if not variant.cell:
            layers += [nn.AdaptiveAvgPool2d(4), nn.Conv2d(c, 128, 4), nn.ReLU()]
        self.encoder = None
        if variant.latents:
            last = nn.Conv2d(d if variant.cell else 128, 2 * variant.latents, 1)
            self.encoder = nn.Sequential(*layers, last)
        many = {0: 1, 8: 8, 16: 16}[variant.cell] ** 2 * FEATURES
        if variant.cell:
            first: nn.Module = nn.Conv2d(variant.latents, 64, 3, 1, 1)
        else:
            first = nn.Conv2d(max(variant.latents, 1), 64 * (MAP**2 if variant.where else 1), 1)
        self.first, self.second = first, nn.Conv2d(64, many, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[b, FEATURES, rows, columns], and KLs [b, latents] in nats."""
        variant, shape = self.variant, images.shape[2:]
        z, kl = torch.zeros(len(images), 1, 1, 1), torch.zeros(len(images), 0)
        if self.encoder is not None:
            axes = [torch.linspace(-1, 1, size) for size in shape]
            where = torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(
                len(images), -1, -1, -1
            )
            mean, scale = self.encoder(torch.cat((images, where), 1)).chunk(2, 1)
            scale = scale.clamp(-7, 3)
            z = mean + scale.exp() * torch.randn_like(mean)
            kl = (0.5 * (mean.square() + (2 * scale).exp() - 1) - scale).sum((2, 3))
        hidden = torch.relu(self.first(z))
        if variant.where:
            hidden = hidden.view(len(images), -1, MAP, MAP)
        made: Tensor = self.second(hidden)
        if variant.cell:
            return pixel_shuffle(made, variant.cell)[:, :, : shape[0], : shape[1]], kl
        if variant.where:
            return interpolate(made, list(shape), mode="bilinear"), kl
        return made.expand(-1, -1, *shape), kl


class AnyVae(PredictiveModule):
    """The size-agnostic module, whose first layer sees features of the image too."""

    def __init__(
        self, architecture: PredictiveArchitecture, variant: Variant, channels: int
    ) -> None:
        super().__init__(architecture)
        self.features = None
        if variant != Variant():
            self.features = Features(variant, channels)
            width = architecture.width + FEATURES
            self.pixel[0] = LinearModule(width, architecture.hidden, HIDDEN, HIDDEN, half=True)

    def elbo(self, images: Tensor, pixels: Pixels, places: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of each pixel, and the KLs, in nats."""
        half = self.training and any(layer.half_precision for layer in self.linear_layers())
        seen = pixels.context.to(torch.bfloat16 if half else torch.float32).div_(HIDDEN.scale)
        kl = torch.zeros(len(images), 0)
        if self.features is not None:
            made, kl = self.features(images)
            at = places[:, None].expand(-1, FEATURES, -1)
            at_pixels = made.flatten(2).gather(2, at).transpose(1, 2).reshape(-1, FEATURES)
            seen = torch.cat((seen, at_pixels.to(seen.dtype)), 1)
        hidden = chain(self.pixel, seen)
        outputs = (layer(hidden) for layer in self.output_layers().values())
        return relative_nats(pixels.targets, *outputs), kl


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--steps", type=int, default=2_000, help="default %(default)s")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for name, path in (source.split("=", 1) for source in options.sources):
        architecture, train, held_out = looked(Path(path), np.random.default_rng(options.seed))
        first = len(rows)
        for variant in options.only:
            start = time.perf_counter()
            row = measured(architecture, VARIANTS[variant], train, held_out, options)
            rows.append({"images": name, "variant": variant} | row)
            rows[-1]["over_first"] = rows[-1]["-ELBO"] / rows[first]["-ELBO"]
            rows[-1]["seconds"] = round(time.perf_counter() - start)
            report(f"{name}, {options.steps} steps", rows[-1:], [], options.json)
    report(f"-ELBO, bits per sub-pixel, {options.steps} steps", rows, [], options.json)


def looked(
    path: Path, random: np.random.Generator
) -> tuple[PredictiveArchitecture, Looked, Looked]:
    """The training and the held-out pixels of the images at `path`."""
    if path.is_dir():
        found = np.concatenate([patches(path / f"patches_{n:02}.webp") for n in range(1, 4)])
        held_out = patches(path / "val_00.webp")
    else:
        every = np.load(path) if path.suffix == ".npy" else read_idx_images(path)
        every = every[random.permutation(len(every))]
        few = len(every) // 10
        found, held_out = every[few:], every[:few]
    levels = 2 if found.dtype == bool else 256
    of_each = [
        [Item(one.reshape(1, *one.shape[:2], -1).astype(np.uint8), levels) for one in images]
        for images in (found[:IMAGES], held_out[:: -(-len(held_out) // HELD_OUT)])
    ]
    architecture = BILEVEL if levels == 2 else GREY
    starts = no_starts(architecture)
    for _ in range(2):
        sums = sum_products(architecture, starts, of_each[0][::20])
        starts = as_starts(sums.means(), PSEUDO_COUNT)
    predictor = make_predictor(architecture, starts)
    train, validation = (
        look(lambda some: sample_pixels(predictor, some, 1, random), items, kept, random)
        for items, kept in zip(of_each, (KEPT, 4 * KEPT), strict=True)
    )
    return architecture, train, validation


def look(
    pixels_of: Callable[[list[Item]], list[Pixels]],
    items: list[Item],
    kept: int,
    random: np.random.Generator,
) -> Looked:
    size = items[0].symbols.size
    kept = min(kept, size)
    found, chosen = [], []
    for first in range(0, len(items), BATCH):
        some = items[first : first + BATCH]
        index = np.stack([np.sort(random.permutation(size)[:kept]) for _ in some])
        chosen.append(index)
        flat = (index + size * np.arange(len(some))[:, None]).reshape(-1)
        found.append(Pixels.joined(pixels_of(some)).at(torch.from_numpy(flat)))
    symbols = np.stack([item.symbols[0] for item in items]).transpose(0, 3, 1, 2)
    images = torch.from_numpy(symbols.astype(np.float32) / (items[0].levels - 1) * 2 - 1)
    places = torch.from_numpy(np.concatenate(chosen) // images.shape[1])
    return Looked(images, Pixels.joined(found), places)


def batches(of: Looked, step: int, seed: int) -> tuple[Tensor, Pixels, Tensor]:
    """Some pixels of some images: a function of the seed and the step alone."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    images = torch.randint(len(of.images), (BATCH,), generator=generator)
    kept = of.places.shape[1]
    index = torch.randint(kept, (BATCH, OF_EACH), generator=generator)
    flat = (index + kept * images[:, None]).reshape(-1)
    return of.images[images], of.pixels.at(flat), of.places[images].gather(1, index)


def measured(
    architecture: PredictiveArchitecture,
    variant: Variant,
    train: Looked,
    held_out: Looked,
    options: argparse.Namespace,
) -> dict[str, float]:
    """The negative ELBO of held-out images by a module that has been trained, and its parts."""
    torch.manual_seed(options.seed)
    module = AnyVae(architecture, variant, train.images.shape[1])
    module.multiply_in_half(faster_in_half())
    average = copy.deepcopy(module)
    optimiser = Optimiser(module, RATE, muon=True)
    elements = math.prod(train.images.shape[1:])
    module.train()
    for step in range(options.steps):
        done = step / options.steps
        nats, kl = module.elbo(*batches(train, step, options.seed))
        of_latents = kl.mean(0)
        if done < FREE_UNTIL:
            of_latents = of_latents.clamp(min=FREE_NATS)
        loss = nats.mean() + min(1.0, done / KL_FROM) * of_latents.sum() / elements
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        fall = max(0.0, done - CONSTANT) / (1 - CONSTANT)
        rising = min(1.0, (step + 1) / WARM_UP)
        optimiser.step(RATE * rising * 0.5 * (1 + math.cos(math.pi * fall)))
        with torch.no_grad():
            for old, new in zip(average.parameters(), module.parameters(), strict=True):
                old.lerp_(new, max(AVERAGE, min(1.0, 10 / (step + 1))))
    return evaluated(average.eval(), held_out, elements)


@torch.no_grad()
def evaluated(module: AnyVae, of: Looked, elements: int) -> dict[str, float]:
    nats, kl = 0.0, 0.0
    kept = of.places.shape[1]
    for first in range(0, len(of.images), BATCH):
        images, places = of.images[first : first + BATCH], of.places[first : first + BATCH]
        pixels = of.pixels.at(slice(first * kept, (first + len(images)) * kept))
        of_pixels, of_latents = module.elbo(images, pixels, places)
        nats, kl = nats + float(of_pixels.sum()), kl + float(of_latents.sum())
    likelihood = nats / of.places.numel() / LN2
    divergence = kl / len(of.images) / LN2
    return {"-ELBO": likelihood + divergence / elements, "KL_bits_an_image": divergence}


if __name__ == "__main__":
    main()
