"""Training the network of a pixel on pixels drawn at random.

An epoch is one step, since there are no passes over all pixels.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bitsback_train.fit.pixels import Pixels
from bitsback_train.fit.training import Recipe, Training
from bitsback_train.network.wavefront import PixelNetwork

AT_ONCE = 1 << 14  # pixels whose bits are computed at a time


@dataclass(frozen=True)
class PixelArchitecture:
    """The sizes of a network."""

    references: int
    hidden: int
    residual: int


def pixel_recipe(
    network: PixelNetwork,
    steps: int,
    quantise_from: int,
    validate_every: int,
    *,
    learning_rate: float,
    constant: float,
    warm_up: int,
    batch: int,
    average: float,
    seed: int = 1,
) -> Recipe:
    """A recipe with the settings for pixels."""
    sizes = network.references, network.outputs.in_features, len(network.layers) - 1
    return Recipe(
        "pixels", PixelArchitecture(*sizes), steps, quantise_from, batch, learning_rate, constant,
        warm_up, least_rate=1e-5, average=average, validate_every=validate_every, seed=seed,
        muon=True, half=False,
    )  # fmt: skip


class PixelTraining(Training[PixelNetwork, Pixels]):
    """network: with the weights to start from."""

    counted = "step"

    def __init__(
        self,
        recipe: Recipe,
        network: PixelNetwork,
        train: Pixels,
        validation: Pixels,
        folder: Path,
        replanned: bool = False,
    ) -> None:
        self.train, self.validation = train, validation
        super().__init__(recipe, copy.deepcopy(network), 1, folder, replanned)

    def _batches(self) -> Iterator[Pixels]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.epoch)
        yield self.train.at(
            torch.randint(len(self.train), (self.recipe.batch,), generator=generator)
        )

    def _loss(self, batch: Pixels, done: int) -> tuple[Tensor, Tensor]:
        bits = self.module.bits(batch.values, batch.features).mean()
        return bits, bits.detach()

    def _validated(self) -> dict[str, float]:
        return {"validation": mean_bits(self.average, self.validation)}


@torch.no_grad()
def mean_bits(network: PixelNetwork, pixels: Pixels) -> float:
    """Bits per pixel."""
    parts = (pixels.at(slice(k, k + AT_ONCE)) for k in range(0, len(pixels), AT_ONCE))
    return sum(float(network.bits(part.values, part.features).sum()) for part in parts) / len(
        pixels
    )
