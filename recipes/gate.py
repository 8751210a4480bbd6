"""The gate of a context VAE: pixels with empty windows go to a small network of their own.

It is added to a trained module, whose other networks do not change. So the features of all flat
contexts, which are the network's only input, are computed once, and training takes a minute.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from vae_training import parts

from bitsback_train.fit.training import Descent, Recipe
from bitsback_train.layers.rounding import HIDDEN
from bitsback_train.network.context import ContextArchitecture, ContextModule
from bitsback_train.network.likelihoods import LN2


@dataclass(frozen=True)
class Gate:
    """A context is flat if its window has only the first `levels` symbols."""

    hidden: int = 48
    """Units of the network for flat contexts."""
    components: int = 4
    """The components of its mixture, for more than two levels."""
    levels: int = 1
    epochs: int = 8
    """The number of times that the network sees each of its flat contexts in training."""

    def added_to(self, a: ContextArchitecture) -> ContextArchitecture:
        components = 1 if a.levels == 2 else self.components
        return replace(
            a, flat_hidden=self.hidden, flat_components=components, flat_levels=self.levels
        )


def with_gate(module: ContextModule, gate: Gate, x: Tensor, seed: int) -> ContextModule:
    """A quantised `module` with a gate, its network trained on the flat contexts of x, symbols [n,
    pixels].
    """
    torch.manual_seed(seed)
    gated = ContextModule(gate.added_to(module.architecture))
    gated.start(x)
    gated.load_state_dict(module.state_dict(), strict=False)
    gated.quantise()
    gated.eval()
    features, symbols = _flat_pixels(gated, x)
    if not len(symbols):
        return gated
    recipe = Recipe(
        "gate", gated.architecture, gate.epochs, quantise_from=0, batch=8_192, learning_rate=3e-3,
        constant=0.0, warm_up=100, clip=math.inf, average=0.01, seed=seed,
    )  # fmt: skip
    training = _GateTraining(gated, features, symbols, recipe)
    for _ in range(recipe.epochs):
        training.run_epoch()
    return training.last_module()


@torch.no_grad()
def _flat_pixels(module: ContextModule, x: Tensor) -> tuple[Tensor, Tensor]:
    """The features, as bytes [n, features], and the symbols, uint8 [n, 1], of all flat contexts."""
    found = []
    for part in parts(*x.shape):
        images = x[part]
        mean, log2_inverse = module.posterior(images)
        features = module.features(mean + torch.exp2(-log2_inverse) * torch.randn(mean.shape))
        flat = module.is_flat(module.windows(images))
        seen = HIDDEN.integers(features.flatten(0, 2)[flat]).to(torch.uint8)
        found.append((seen, images.reshape(-1, 1)[flat].to(torch.uint8)))
    return torch.cat([seen for seen, _ in found]), torch.cat([symbols for _, symbols in found])


class _GateTraining(Descent[ContextModule, tuple[Tensor, Tensor]]):
    """Trains the network for flat contexts alone, since no other has gradients. features: as bytes
    [n, features].
    """

    def __init__(self, module: ContextModule, features: Tensor, symbols: Tensor, recipe: Recipe):
        super().__init__(recipe, module, -(-len(symbols) // recipe.batch))
        self.features, self.symbols = features, symbols

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in torch.split(torch.randperm(len(self.symbols)), self.recipe.batch):
            yield HIDDEN.real(self.features[batch].float()), self.symbols[batch].float()

    def _loss(self, batch: tuple[Tensor, Tensor], done: int) -> tuple[Tensor, Tensor]:
        features, symbols = batch
        outputs = self.module.outputs_if_flat(features)
        nats = self.module.pixel_likelihood.nats(symbols, *outputs).mean()
        return nats, nats.detach() / LN2
