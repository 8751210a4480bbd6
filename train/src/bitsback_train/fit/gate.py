"""The gate of a context VAE: pixels with empty windows go to a small network of their own.

It is added to a trained module, whose other networks do not change. So the features of all flat
contexts, which are the network's only input, are computed once, and training takes a minute.
"""

import copy
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bitsback_train.fit.vae_training import parts
from bitsback_train.network.context import ContextArchitecture, ContextModule
from bitsback_train.network.dense import LinearModule
from bitsback_train.network.rounding import HIDDEN

BATCH = 8192  # pixels
RATE = 3e-3
WARM_UP = 100  # steps until the full rate, which then falls to zero by a cosine
AVERAGED = 0.01  # weight of one step in the running average of the weights


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
    if len(symbols):
        _train(gated, features, symbols, gate.epochs)
    return gated.eval()


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


def _train(module: ContextModule, features: Tensor, symbols: Tensor, epochs: int) -> None:
    layers = [
        layer
        for part in (module.flat, module.flat_outputs)
        for layer in part.modules()
        if isinstance(layer, LinearModule)
    ]
    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    averages = copy.deepcopy(parameters)
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    module.train()
    batches = [
        batch for _ in range(epochs) for batch in torch.split(torch.randperm(len(symbols)), BATCH)
    ]
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            falling = 0.5 * (1 + math.cos(math.pi * step / len(batches)))
            group["lr"] = RATE * min(1.0, (step + 1) / WARM_UP) * falling
        outputs = module.outputs_if_flat(HIDDEN.real(features[batch].float()))
        loss = module.pixel_likelihood.nats(symbols[batch].float(), *outputs).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            for kept, new in zip(averages, parameters, strict=True):
                kept.lerp_(new, max(AVERAGED, min(1.0, 10 / (step + 1))))
    with torch.no_grad():
        for kept, new in zip(averages, parameters, strict=True):
            new.copy_(kept)
