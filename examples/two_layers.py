"""A VAE with two layers of latents beside one with a single layer, both as portable model files.

Two layers are coded in Bit-Swap's order (Kingma, Abbeel, Ho 2019): z1 is popped, the image pushed,
and only then z2 popped, with bits that the image has just added. The same code trains both VAEs,
describes them to `bitsback_train.portable`, and compresses other digits.

    python examples/two_layers.py
    python examples/two_layers.py MNIST

MNIST is a folder with the published train-images-idx3-ubyte.gz. With it the VAEs train on all its
images, for five minutes each on a core, and code the 10,000 test images. Without it they train on
8,000 of the test images.
"""

import gzip
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import binary_cross_entropy_with_logits

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from bitsback_train import portable

PIXELS, BATCH = 784, 100
TRAIN_IMAGES = "train-images-idx3-ubyte.gz"


def dense(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Gaussian(nn.Module):
    """Mean and logarithm of the standard deviation, in the ranges that a model file allows."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), dense(*sizes[:-1], 2 * sizes[-1]))

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = self.body(given).chunk(2, 1)
        return mean.clamp(-4, 4), log_scale.clamp(-4.8, 0.69)


def normal(parameters: tuple[Tensor, Tensor]) -> Normal:
    return Normal(parameters[0], parameters[1].exp())


class Vae(nn.Module):
    """x: 784 pixels, 0 or 1. latents: the size of each layer, from the image up.

    The image is layer 0. q[i] infers layer i + 1 from layer i, and p[i] generates layer i from
    layer i + 1. The prior of the top layer is N(0, 1).
    """

    def __init__(self, latents: Sequence[int]) -> None:
        super().__init__()
        sizes = [PIXELS, *latents]
        hidden = [(256, 128), *[(128,)] * (len(latents) - 1)]
        self.q, self.p = nn.ModuleList(), nn.ModuleList()
        for below, above, between in zip(sizes, latents, hidden, strict=False):
            self.q.append(Gaussian(below, *between, above))
            kind = dense if below == PIXELS else Gaussian
            self.p.append(kind(above, *between[::-1], below))

    def negative_elbo(self, x: Tensor, latents_weight: float = 1.0) -> Tensor:
        """The negative ELBO of each image, in nats."""
        below, pixels, latents = x, torch.zeros(len(x)), torch.zeros(len(x))
        for q, p in zip(self.q, self.p, strict=True):
            posterior = normal(q(below))
            z = posterior.rsample()
            if below is x:
                pixels = binary_cross_entropy_with_logits(p(z), x, reduction="none").sum(1)
            else:
                latents = latents - normal(p(z)).log_prob(below).sum(1)
            latents = latents - posterior.entropy().sum(1)
            below = z
        top = (posterior.mean**2 + posterior.variance + np.log(2 * np.pi)) / 2
        return pixels + latents_weight * (latents + top.sum(1))


def train(latents: Sequence[int], grey: NDArray[np.uint8], epochs: int) -> Vae:
    """Trains on images [n, 784], each pixel drawn anew from its grey value in every epoch."""
    torch.manual_seed(1)
    vae = Vae(latents)
    adam = torch.optim.Adam(vae.parameters(), lr=2e-3)
    images = torch.tensor(grey)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs)
    for epoch in range(epochs):
        weight = min(1.0, 0.1 + 10 * epoch / epochs)
        for chosen in images[torch.randperm(len(images))].split(BATCH):
            x = (255 * torch.rand(chosen.shape) < chosen).float()
            adam.zero_grad()
            vae.negative_elbo(x, weight).mean().backward()
            nn.utils.clip_grad_norm_(vae.parameters(), 300)
            adam.step()
        falling.step()
    return vae


def make_portable(
    vae: Vae, latents: Sequence[int], images: NDArray[np.bool_]
) -> portable.PortableModel:
    """Describes the model in Bit-Swap's order: once a layer is popped, the one below is pushed."""
    names = ["x", *(f"z{number}" for number in range(1, len(latents) + 1))]
    networks: dict[str, nn.Module] = {}
    variables: dict[str, portable.Data | portable.Latent] = {
        "x": portable.Data((1, 28, 28), levels=2)
    }
    steps = []
    for below, above, size, q, p in zip(names, names[1:], latents, vae.q, vae.p, strict=False):
        networks |= {f"q_{above}": q, f"p_{below}": p}
        # Below the top, 32 places from -4 to 4; at the top, 256 buckets of N(0, 1).
        variables[above] = portable.Latent((size,), bits=8 if above == names[-1] else 5)
        generated = portable.Bernoulli if below == "x" else portable.Normal
        steps += [
            portable.pop(above, portable.Normal(f"q_{above}", given=below)),
            portable.push(below, generated(f"p_{below}", given=above)),
        ]
    steps.append(portable.push(names[-1], portable.StandardNormal()))
    return portable.build(networks, variables, steps, calibration=images)


def main(folder: str | None = None, epochs: int = 20, tuning: int = 100, coded: int = 2000) -> None:
    """epochs: of training in floats. tuning: steps of it with all roundings. coded: the number of
    test images to compress, the last ones.
    """
    torch.set_num_threads(1)
    tests = binarised_mnist_test_images()
    others = tests[-coded:]
    if folder is None:
        grey = mnist_test_images()[:-coded]
    else:
        grey = np.frombuffer(gzip.decompress((Path(folder) / TRAIN_IMAGES).read_bytes()), np.uint8)
        grey = grey[16:].reshape(-1, 28, 28)  # behind the header of an IDX file
    drawn = np.random.default_rng(1).random(grey.shape) < grey / 255

    print(f"{coded} digits that the models have not seen, restored bit for bit; bits per pixel")
    print("latents   negative ELBO, floats   integers   archive   model inside")
    for latents in (32,), (32, 16):
        vae = train(latents, grey.reshape(-1, PIXELS), epochs)
        model = make_portable(vae, latents, drawn[:1000])
        model.fine_tune(drawn, steps=tuning)
        report = model.check(others, layers=False)
        with TemporaryDirectory() as name:
            path = Path(name) / "digits.bb"
            made = bitsback.compress(others, path, model=model, embed="always")
            assert np.array_equal(bitsback.decompress(path), others)
        rate = 8 * (made.bytes_out - made.model_bytes) / others.size
        print(
            f"{'+'.join(map(str, latents)):7}   {report.float_elbo:.4f}{'':17}"
            f"{report.code_length:.4f}     {rate:.4f}    {made.model_bytes:,} bytes"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1], epochs=60, tuning=1000, coded=10_000)
    else:
        main()
