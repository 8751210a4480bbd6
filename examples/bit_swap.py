"""A hierarchical VAE, coded in Bit-Swap's order.

It has two layers of latents: z1 next to the image, and z2 above z1. Bit-Swap (Kingma, Abbeel, Ho
2019) pops z1, pushes the image, and only then pops z2, with bits that the image has just added;
plain bits back pops both first. Both take the negative ELBO in the long run; they differ in the
initial bits that the first image needs.

Latents are integers: places on a grid with steps of 1/4, to which all normals are rounded. As in
`vae.py`, networks compute in floats, so messages are for one machine.

    python examples/bit_swap.py
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Normal as FloatNormal
from torch.nn.functional import binary_cross_entropy_with_logits

from bitsback import Message
from bitsback.codecs import Bernoulli, BitsBack, BitSwap, ChainRule, Codec, Normal, Repeat
from bitsback_lab.digits import binarised_mnist_test_images

PIXELS, BELOW, ABOVE = 784, 32, 16
STEP, FARTHEST = 1 / 4, 32  # the step of the grid, and the places on either side of zero


def network(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 200), nn.ReLU(), nn.Linear(200, outputs))


def normal(parameters: Tensor) -> FloatNormal:
    mean, log_scale = parameters.chunk(2, -1)
    return FloatNormal(mean, log_scale.clamp(-3, 2).exp())


class Hierarchy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.z1_of_x = network(PIXELS, 2 * BELOW)
        self.z2_of_z1 = network(BELOW, 2 * ABOVE)
        self.x_of_z1 = network(BELOW, PIXELS)
        self.z1_of_z2 = network(ABOVE, 2 * BELOW)
        self.top = FloatNormal(0.0, 1.0)

    def negative_elbo(self, x: Tensor) -> Tensor:
        """The negative ELBO of each image, in nats."""
        q1 = normal(self.z1_of_x(x))
        z1 = q1.rsample()
        q2 = normal(self.z2_of_z1(z1))
        z2 = q2.rsample()
        pixels = binary_cross_entropy_with_logits(self.x_of_z1(z1), x, reduction="none").sum(-1)
        pushed = normal(self.z1_of_z2(z2)).log_prob(z1).sum(-1) + self.top.log_prob(z2).sum(-1)
        popped = q1.log_prob(z1).sum(-1) + q2.log_prob(z2).sum(-1)
        return pixels - pushed + popped


def train(images: Tensor, epochs: int) -> Hierarchy:
    model = Hierarchy()
    adam = torch.optim.Adam(model.parameters(), lr=2e-3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs * (len(images) // 100))
    for _ in range(epochs):
        for batch in images[torch.randperm(len(images))].split(100):
            adam.zero_grad()
            model.negative_elbo(batch).mean().backward()
            adam.step()
            falling.step()
    return model


def on_grid(network: nn.Module, step: float = STEP) -> Callable[[NDArray[Any]], Normal]:
    """A function from the inputs of the network, in steps of `step`, to the codec of the latents on
    the grid.
    """

    def codec(seen: NDArray[Any]) -> Normal:
        floats = normal(network(torch.as_tensor(seen, dtype=torch.float32) * step))
        mean, scale = floats.mean.numpy() / STEP, floats.stddev.numpy() / STEP
        inside = np.clip(mean, -FARTHEST, FARTHEST)
        return Normal.from_float(inside, scale, within=(-FARTHEST, FARTHEST))

    return codec


def orders(model: Hierarchy) -> dict[str, Codec[NDArray[np.uint8]]]:
    """The codecs of an image, uint8 [784]: the same distributions in two orders."""

    def pixels(z1: NDArray[np.int64]) -> Bernoulli:
        logits = model.x_of_z1(torch.as_tensor(z1, dtype=torch.float32) * STEP)
        return Bernoulli.from_logits(logits.numpy())

    q1, q2 = on_grid(model.z1_of_x, step=1), on_grid(model.z2_of_z1)
    p1, top = on_grid(model.z1_of_z2), np.zeros(ABOVE)
    p2 = Normal.from_float(top, 1 / STEP, within=(-FARTHEST, FARTHEST))
    plain = BitsBack(
        prior=ChainRule(p2, p1, swapped=True),  # pops z2 before z1
        likelihood=lambda z: pixels(z[0]),
        posterior=lambda x: ChainRule(q1(x), q2),
    )
    return {"Bit-Swap": BitSwap([q1, q2], [pixels, p1], p2), "plain": plain}


def main(epochs: int = 12, coded: int = 500) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    images = binarised_mnist_test_images().reshape(-1, PIXELS).astype(np.uint8)
    taught, others = images[:-coded], images[-coded:]
    model = train(torch.as_tensor(taught, dtype=torch.float32), epochs)

    with torch.no_grad():
        x = torch.as_tensor(others, dtype=torch.float32)
        elbo = torch.stack([model.negative_elbo(x).mean() for _ in range(50)]).mean()
        print(f"{coded} digits that the model has not seen, restored bit for bit in both orders")
        print(f"negative ELBO {float(elbo) / np.log(2) / PIXELS:.4f} bits per pixel")
        for name, codec in orders(model).items():
            message = Message.random()
            codec.push(message, others[-1])
            first = message.net_bits
            chain = Repeat(codec, times=coded - 1)
            chain.push(message, list(others[:-1]))
            rate = message.net_bits / others.size
            restored = [*chain.pop(message), codec.pop(message)]
            assert np.array_equal(restored, others) and message == Message.random()
            print(f"{name:13} {rate:.4f} bits per pixel, of which the first image {first:.0f} bits")


if __name__ == "__main__":
    main()
