"""The paper's variational auto-encoder, and bits back with it in twenty lines.

A VAE is trained on most of the digits of the lab; the others are coded with it, image by image, and
restored. They take the negative ELBO, the training loss of the VAE: this is the result of Townsend,
Bird and Barber 2019.

The networks compute in floats, so only this machine can read the messages. `portable_vae.py` makes
archives of such a model that any machine reads.

    python examples/vae.py
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from bitsback import Message
from bitsback.codecs import Bernoulli, BitsBack, GaussianBuckets, Repeat, Uniform
from bitsback_lab.digits import binarised_mnist_test_images

LATENTS, BUCKET_BITS = 40, 8


class Vae(nn.Module):
    """x: 784 pixels, 0 or 1. z: 40 numbers, each with the prior N(0, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 2 * LATENTS))
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 200), nn.ReLU(), nn.Linear(200, 784))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of z."""
        mean, log_scale = self.encoder(x).chunk(2, -1)
        return mean, log_scale.clamp(-5, 2).exp()

    def negative_elbo(self, x: Tensor) -> Tensor:
        """The negative ELBO of each image, in nats."""
        mean, scale = self.posterior(x)
        logits = self.decoder(mean + scale * torch.randn_like(scale))
        pixels = binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        return pixels + ((mean**2 + scale**2 - 1) / 2 - scale.log()).sum(-1)


def train(images: Tensor, epochs: int = 20) -> Vae:
    vae = Vae()
    adam = torch.optim.Adam(vae.parameters(), lr=2e-3)
    steps = epochs * (len(images) // 100)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(epochs):
        for batch in images[torch.randperm(len(images))].split(100):
            adam.zero_grad()
            vae.negative_elbo(batch).mean().backward()
            adam.step()
            falling.step()
    return vae


def bits_back(vae: Vae) -> BitsBack[NDArray[np.uint8], Any]:
    """The codec of an image, uint8 [784]. A latent is the number of a bucket; under the prior all
    buckets are equally likely.
    """
    # The decoder takes the centre of a bucket.
    centres = torch.as_tensor(GaussianBuckets.centres(BUCKET_BITS), dtype=torch.float32)

    def posterior(x: NDArray[np.int64]) -> GaussianBuckets:
        mean, scale = vae.posterior(torch.as_tensor(x, dtype=torch.float32))
        return GaussianBuckets.from_float(mean.numpy(), scale.numpy(), BUCKET_BITS)

    def likelihood(z: NDArray[np.int64]) -> Bernoulli:
        return Bernoulli.from_logits(vae.decoder(centres[torch.as_tensor(z)]).numpy())

    prior = Uniform(1 << BUCKET_BITS, (LATENTS,))
    return BitsBack(prior, likelihood, posterior)


def main(epochs: int = 20, coded: int = 500) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    images = binarised_mnist_test_images().reshape(-1, 784).astype(np.uint8)
    taught, others = images[:-coded], images[-coded:]
    vae = train(torch.as_tensor(taught, dtype=torch.float32), epochs)

    with torch.no_grad():
        codec = Repeat(bits_back(vae), times=coded)
        message = Message.random()  # the first latents are drawn with its bits
        codec.push(message, list(others))
        rate = message.net_bits / others.size
        restored = np.stack(codec.pop(message))

        x = torch.as_tensor(others, dtype=torch.float32)
        elbo = torch.stack([vae.negative_elbo(x).mean() for _ in range(50)]).mean()
    bound = float(elbo) / np.log(2) / 784

    assert np.array_equal(restored, others) and message == Message.random()
    print(f"{coded} digits that the model has not seen, restored bit for bit")
    print(f"negative ELBO  {bound:.4f} bits per pixel")
    print(f"bits back      {rate:.4f} bits per pixel, {100 * (rate / bound - 1):+.1f} %")


if __name__ == "__main__":
    main()
