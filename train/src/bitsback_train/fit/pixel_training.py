"""Training the network of a size-agnostic model on pixels and their contexts.

An epoch is one step, since pixels are drawn at random, not in passes over all of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bitsback_train.fit.pixels import Pixels
from bitsback_train.fit.training import Recipe, Training
from bitsback_train.network.likelihoods import LN2
from bitsback_train.network.pixel_predictor import PredictiveArchitecture, PredictiveModule, Targets

AT_ONCE = 1 << 15  # pixels that are validated at a time


def pixel_recipe(
    name: str,
    architecture: PredictiveArchitecture,
    steps: int,
    quantise_from: int,
    validate_every: int,
    *,
    learning_rate: float = 2e-3,
    constant: float = 0.3,
    warm_up: int = 300,
    batch: int = 8_192,
    average: float = 0.002,
    seed: int = 1,
    muon: bool = True,
    half: bool = True,
    scale: float = 1.0,
) -> Recipe:
    """A recipe with the settings for pixels."""
    return Recipe(
        name, architecture, steps, quantise_from, batch, learning_rate, constant, warm_up,
        least_rate=1e-5, scale=scale, average=average, validate_every=validate_every, seed=seed,
        muon=muon, half=half,
    )  # fmt: skip


@dataclass(frozen=True)
class Share:
    """Training pixels, and their share of each batch."""

    pixels: Pixels
    part: float


class PixelTraining(Training[PredictiveModule, Pixels]):
    """validation: by the name of the kind of images. The best mean over the kinds is chosen.
    learned: weights to start from. half: whether to multiply in bfloat16.
    """

    counted = "step"

    def __init__(
        self,
        recipe: Recipe,
        shares: list[Share],
        validation: Mapping[str, Pixels],
        folder: Path,
        *,
        learned: dict[str, Tensor] | None = None,
        device: str = "cpu",
        half: bool = True,
        replanned: bool = False,
    ) -> None:
        assert isinstance(recipe.architecture, PredictiveArchitecture)
        self.device = torch.device(device)
        self.shares = [Share(one.pixels.to(self.device), one.part) for one in shares]
        self.validation = {name: of.to(self.device) for name, of in validation.items()}
        torch.manual_seed(recipe.seed)
        module = PredictiveModule(recipe.architecture)
        module.multiply_in_half(half and recipe.half)
        if learned is not None:
            module.load_state_dict(learned)
        super().__init__(recipe, module.to(self.device), 1, folder, replanned)

    def _batches(self) -> Iterator[Pixels]:
        """The batches, each with its part from every share."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.epoch)
        found = []
        for share in self.shares:
            count = round(self.recipe.batch * share.part)
            index = torch.randint(len(share.pixels), (count,), generator=generator)
            found.append(share.pixels.at(index.to(self.device)))
        yield found[0] if len(found) == 1 else Pixels.joined(found)

    def _loss(self, batch: Pixels, done: int) -> tuple[Tensor, Tensor]:
        nats = self.module.nats(batch.context, batch.targets)
        bits = batch.weighed(nats).mean() / LN2
        return bits, bits.detach()

    def _validated(self) -> dict[str, float]:
        of = {name: mean_bits(self.average, pixels) for name, pixels in self.validation.items()}
        return {"validation": sum(of.values()) / len(of)} | of


@torch.no_grad()
def mean_bits(module: PredictiveModule, pixels: Pixels) -> float:
    """Bits per pixel, by the module in eval mode."""
    module.eval()
    total = 0.0
    for start in range(0, len(pixels), AT_ONCE):
        part = pixels.at(slice(start, start + AT_ONCE))
        total += float(part.weighed(module.nats(part.context, Targets(*part.targets))).sum())
    return total / (pixels.count * LN2)
