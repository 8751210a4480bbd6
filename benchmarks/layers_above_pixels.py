"""Gain of a second layer of latents in a model with an autoregressive likelihood, in floats.

    python benchmarks/layers_above_pixels.py --data MNIST \\
        recipes/mnist-binary-context-float.safetensors

The float module of a context VAE does not change. Above its latents z1 it gets a layer z2: q(z2 |
z1) and p(z1 | z2), in place of N(0, 1), are trained by the negative ELBO of the training images.
The output is for the validation set: the bits per image of z1 under N(0, 1), and of z1 and z2
together. Needs bitsback[train].
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from bitsback.train.fit.vae_training import binarise, mnist_split
from bitsback.train.network.architectures import load_module
from bitsback.train.network.context import ContextModule
from bitsback.train.network.likelihoods import LN2

ABOVE, HIDDEN, BATCH = 16, 256, 250
RATE = 1e-3
FARTHEST = 4.0  # the bound of log standard deviations


class Above(nn.Module):
    """z2 above z1."""

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.up = network(latents, ABOVE)
        self.down = network(ABOVE, latents)

    def nats(self, mean: Tensor, scale: Tensor) -> Tensor:
        """The cost of z1 and z2, less the bits that their posteriors give back, for each image."""
        z1 = mean + scale * torch.randn_like(scale)
        above_mean, above_scale = parameters(self.up(z1))
        z2 = above_mean + above_scale * torch.randn_like(above_scale)
        given_mean, given_scale = parameters(self.down(z2))
        pushed = log_normal(z1, given_mean, given_scale) + log_normal(z2)
        popped = log_normal(z1, mean, scale) + log_normal(z2, above_mean, above_scale)
        return popped - pushed


def network(inputs: int, outputs: int) -> nn.Module:
    last = nn.Linear(HIDDEN, 2 * outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), last
    )


def parameters(outputs: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_scale = outputs.chunk(2, 1)
    return mean, log_scale.clamp(-FARTHEST, FARTHEST).exp()


def log_normal(z: Tensor, mean: Tensor | float = 0.0, scale: Tensor | None = None) -> Tensor:
    """For each image in nats, without the constant."""
    scale = torch.ones_like(z) if scale is None else scale
    return (-(((z - mean) / scale) ** 2) / 2 - scale.log()).sum(1)


@torch.no_grad()
def posteriors(module: ContextModule, grey: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of z1."""
    found = []
    for first in range(0, len(grey), 1_000):
        part = grey[first : first + 1_000].float()
        bilevel = module.architecture.levels == 2
        x = binarise(part, torch.Generator().manual_seed(1)) if bilevel else part
        mean, log2_inverse = module.posterior(x)
        found.append((mean, (-LN2 * log2_inverse).exp()))
    return torch.cat([mean for mean, _ in found]), torch.cat([scale for _, scale in found])


def main() -> None:
    parser = argparse.ArgumentParser(
        description="What a second layer brings to an autoregressive model."
    )
    parser.add_argument("modules", type=Path, nargs="+", help="weights of float modules")
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's IDX files")
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    split = mnist_split(options.data)
    for path in options.modules:
        torch.manual_seed(1)
        module = load_module(path)
        if not isinstance(module, ContextModule):
            raise SystemExit(f"{path}: is not the module of an autoregressive model")
        train, validation = posteriors(module, split.train), posteriors(module, split.validation)
        above = Above(train[0].shape[1])
        adam = torch.optim.Adam(above.parameters(), lr=RATE)
        steps = options.epochs * (len(train[0]) // BATCH)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for _ in range(steps):
            drawn = torch.randint(len(train[0]), (BATCH,))
            adam.zero_grad()
            above.nats(train[0][drawn], train[1][drawn]).mean().backward()  # type: ignore[no-untyped-call]
            adam.step()
            falling.step()
        with torch.no_grad():
            mean, scale = validation
            one = ((mean**2 + scale**2 - 1) / 2 - scale.log()).sum(1).mean() / LN2
            two = torch.stack([above.nats(mean, scale).mean() for _ in range(20)]).mean() / LN2
            seen = torch.stack([above.nats(*train).mean() for _ in range(3)]).mean() / LN2
        print(
            f"{path.stem}: z1 {float(one):.2f} bits an image; z1 and z2 {float(two):.2f}"
            f" (training images {float(seen):.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
