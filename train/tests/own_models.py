"""Models of torch modules as users write them, with random weights, and images that fit them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bitsback_train import portable
from bitsback_train.portable import PortableModel


def images(shape: tuple[int, ...], levels: int, count: int = 24, seed: int = 0) -> NDArray[Any]:
    """Smooth blobs with noise, [count, *shape], the last axis channels if there are three."""
    random = np.random.default_rng(seed)
    grids = np.meshgrid(*(np.arange(size) for size in shape[:2]), indexing="ij")
    planes = []
    for _ in range(count * (shape[2] if len(shape) == 3 else 1)):
        far = sum((grid - random.uniform(0, grid.shape[0])) ** 2 for grid in grids)
        planes.append(np.exp(-far / random.uniform(4, 40)))
    value = np.moveaxis(np.reshape(planes, (count, -1, *shape[:2])), 1, -1).reshape(count, *shape)
    value = value + random.normal(0, 0.05, value.shape)
    kind = np.uint8 if levels <= 256 else np.uint16
    return np.clip(np.round(value * (levels - 1)), 0, levels - 1).astype(kind)


def vectors(size: int, levels: int, count: int = 24) -> NDArray[Any]:
    random = np.random.default_rng(1)
    kind = np.uint8 if levels <= 256 else np.uint16
    return random.integers(0, levels, (count, size)).astype(kind)


def perceptron(inputs: int, outputs: int, between: nn.Module | None = None) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 20), between or nn.ReLU(), nn.Linear(20, outputs))


class Residual(nn.Module):
    """Activations before the convolutions, as in a ResNet of the second kind."""

    def __init__(self, channels: int, activation: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 1)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.activation(self.first(self.activation(x))))


class Encoder(nn.Module):
    """Strided convolutions, a residual, and a dense end that is cut in two."""

    def __init__(self, channels: int, cells: int, latents: int, activation: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 8, 4, stride=2, padding=1),
            nn.BatchNorm2d(8),
            activation,
            Residual(8, activation),
            nn.Dropout(0.2),
            nn.Conv2d(8, 8, 3, stride=2, padding=1),
        )
        self.end = nn.Linear(8 * cells, 2 * latents)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        hidden = functional.silu(self.body(2 * x - 1)).flatten(1)
        return self.end(hidden).chunk(2, 1)


class Decoder(nn.Module):
    """A dense start, a transposed convolution, a residual and a pixel shuffle."""

    def __init__(
        self, latents: int, cells: tuple[int, int], channels: int, activation: nn.Module
    ) -> None:
        super().__init__()
        self.cells = cells
        self.start = nn.Linear(latents, 8 * cells[0] * cells[1])
        self.body = nn.Sequential(
            activation,
            nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1),
            activation,
            Residual(8, activation),
            nn.Conv2d(8, 32, 3, padding=1),
            nn.PixelShuffle(2),
            activation,
            nn.Conv2d(8, channels, 3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.body(self.start(z).view(z.size(0), 8, *self.cells))
        return out


class WithSkips(nn.Module):
    """Dense, with a residual, joined values and BatchNorm1d."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, 12)
        self.norm = nn.BatchNorm1d(12)
        self.second = nn.Linear(12, 12)
        self.end = nn.Linear(24, outputs)

    def forward(self, x: Tensor) -> Tensor:
        one = functional.elu(self.norm(self.first(x)))
        two = one + torch.tanh(self.second(one))
        out: Tensor = self.end(torch.cat([two, functional.leaky_relu(one, 0.1)], 1))
        return out


class OfTwo(nn.Module):
    """Reads two latents."""

    def __init__(self, one: int, two: int, outputs: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(one, 16), nn.Linear(two, 16)
        self.end = nn.Linear(16, outputs)

    def forward(self, z: Tensor, w: Tensor) -> Tensor:
        return torch.sigmoid(self.end(functional.relu(self.one(z) + self.two(w))))


class Places(nn.Module):
    """From latents at places to means and positive scales at pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.GELU(),
            nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1),
            nn.Softplus(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(8, 6, 3, padding=1),
        )
        self.shift = nn.Parameter(torch.randn(1, 6, 1, 1) / 4)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        both = self.body(z) + self.shift
        return torch.sigmoid(both[:, :3]), functional.softplus(both[:, 3:]) * 0.1 + 0.01


@dataclass(frozen=True)
class Own:
    """The arguments of `build`."""

    networks: dict[str, nn.Module]
    variables: dict[str, Any]
    steps: list[portable.Step]
    images: NDArray[Any]

    def build(self) -> PortableModel:
        return portable.build(self.networks, self.variables, self.steps, self.images)


def one_layer(likelihood: portable.Step, posterior: portable.Step | None = None) -> list[Any]:
    """The steps of a VAE with the networks q and p."""
    return [
        posterior or portable.pop("z", portable.Normal("q", given="x")),
        likelihood,
        portable.push("z", portable.StandardNormal()),
    ]


def trained(network: nn.Module, *shapes: tuple[int, ...]) -> nn.Module:
    """Sets running statistics that differ from those of a new layer."""
    network.train()
    network(*(torch.rand(16, *shape) for shape in shapes))
    return network.eval()


def sure(network: nn.Module) -> nn.Module:
    """Makes the last layer nearly certain of most pixels, for all latents."""
    *_, last = (part for part in network.modules() if isinstance(part, nn.Linear))
    with torch.no_grad():
        last.bias.copy_(4 * torch.randn(len(last.bias)).sign())
    return network


def dense() -> Own:
    return Own(
        {"q": nn.Sequential(nn.Flatten(), perceptron(48, 8)), "p": sure(perceptron(4, 48))},
        {"x": portable.Data((1, 6, 8), levels=2), "z": portable.Latent((4,), bits=8)},
        one_layer(portable.push("x", portable.Bernoulli("p", given="z"))),
        images((6, 8), 2),
    )


def convolutional(activation: nn.Module) -> Own:
    variance = portable.Normal("q", given="x", spread="log_variance")
    return Own(
        {
            "q": trained(Encoder(1, 12, 5, activation), (1, 12, 16)),
            "p": Decoder(5, (3, 4), 2, activation),
        },
        {"x": portable.Data((1, 12, 16)), "z": portable.Latent((5,))},
        one_layer(
            portable.push("x", portable.Logistic("p", given="z")), portable.pop("z", variance)
        ),
        images((12, 16), 256),
    )


def colour() -> Own:
    mixture = portable.LogisticMixture("p", given="z", components=2)
    return Own(
        {
            "q": trained(Encoder(3, 9, 4, nn.Tanh()), (3, 12, 10)),
            "p": nn.Sequential(
                nn.Linear(4, 8 * 9), nn.Unflatten(1, (8, 3, 3)), nn.ELU(),
                nn.ConvTranspose2d(8, 8, 3, 2, 1, output_padding=(1, 0)), nn.ReLU(),
                nn.ConvTranspose2d(8, 18, 4, 2, 1),
            ),
        },
        {"x": portable.Data((3, 12, 10), low=-1.0), "z": portable.Latent((4,))},
        one_layer(portable.push("x", mixture)),
        images((12, 10, 3), 256),
    )  # fmt: skip


def at_places() -> Own:
    encoder = nn.Sequential(
        nn.Conv2d(3, 8, 5, 2, 2), nn.GELU(), nn.Conv2d(8, 8, 3, 2, 1, groups=2), nn.Hardswish(),
        nn.Conv2d(8, 6, 1),
    )  # fmt: skip
    return Own(
        {"q": encoder, "p": Places()},
        {"x": portable.Data((3, 12, 16)), "z": portable.Latent((3, 3, 4), bits=9)},
        one_layer(portable.push("x", portable.Logistic("p", given="z", spread="scale"))),
        images((12, 16, 3), 256),
    )


def of_records() -> Own:
    return Own(
        {"q": trained(WithSkips(15, 8), (15,)), "p": trained(WithSkips(4, 30), (4,))},
        {"x": portable.Data((15,), levels=900, low=-2.0, high=2.0), "z": portable.Latent((4,))},
        one_layer(portable.push("x", portable.Normal("p", given="z"))),
        vectors(15, 900),
    )


def layered() -> Own:
    """In Bit-Swap's order."""
    return Own(
        {
            "q1": nn.Sequential(nn.Flatten(), perceptron(48, 12, nn.SiLU())),
            "q2": perceptron(6, 6, nn.Sigmoid()),
            "p1": perceptron(3, 12, nn.Softplus()),
            "p": sure(perceptron(6, 48)),
        },
        {
            "x": portable.Data((1, 6, 8), levels=2),
            "z1": portable.Latent((6,), bits=7),
            "z2": portable.Latent((3,)),
        },
        [
            portable.pop("z1", portable.Normal("q1", given="x")),
            portable.push("x", portable.Bernoulli("p", given="z1")),
            portable.pop("z2", portable.Normal("q2", given="z1")),
            portable.push("z1", portable.Normal("p1", given="z2")),
            portable.push("z2", portable.StandardNormal()),
        ],
        images((6, 8), 2),
    )


def of_two_latents() -> Own:
    likelihood = portable.Bernoulli("p", given=("z", "w"), parameter="probability")
    return Own(
        {
            "q1": nn.Sequential(nn.Flatten(), perceptron(48, 8)),
            "q2": nn.Sequential(nn.Flatten(), perceptron(48, 4)),
            "p": sure(OfTwo(4, 2, 48)),
        },
        {
            "x": portable.Data((1, 6, 8), levels=2),
            "z": portable.Latent((4,)),
            "w": portable.Latent((2,)),
        },
        [
            portable.pop("z", portable.Normal("q1", given="x")),
            portable.pop("w", portable.Normal("q2", given="x")),
            portable.push("x", likelihood),
            portable.push("z", portable.StandardNormal()),
            portable.push("w", portable.StandardNormal()),
        ],
        images((6, 8), 2),
    )


OWN: dict[str, Callable[[], Own]] = {
    "dense": dense,
    "convolutions and ReLU": lambda: convolutional(nn.ReLU()),
    "convolutions and SiLU": lambda: convolutional(nn.SiLU()),
    "colour": colour,
    "latents at places": at_places,
    "records": of_records,
    "layers of latents": layered,
    "two latents": of_two_latents,
}
