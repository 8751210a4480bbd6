"""Each layer that docs/own-model.md lists: the graph computes the same as torch, and its integers,
which the core compares with the model's test vectors, are close.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from bitsback_train import portable
from bitsback_train.network.likelihoods import LN2
from own_models import images, trained
from reference.model import Model as SpecModel

HEIGHT, WIDTH, LATENTS = 12, 8, 3


class Equalised(nn.Conv2d):
    """A user's layer, which tracing enters."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight * 0.7, self.bias, padding=1)


class Turned(nn.Module):
    """Weights outside any torch layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 5, 4, 4) / 8)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, self.weight, stride=2, padding=1)


class Does(nn.Module):
    """A function as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


CONVOLUTIONS: dict[str, nn.Module] = {
    "kernel 1": nn.Conv2d(4, 5, 1),
    "kernel 7": nn.Conv2d(4, 5, 7, padding=3),
    "kernel 2, stride 2": nn.Conv2d(4, 5, 2, stride=2),
    "kernel 4, stride 2": nn.Conv2d(4, 5, 4, stride=2, padding=1),
    "stride 4": nn.Conv2d(4, 5, 5, stride=4, padding=2),
    "oblong": nn.Conv2d(4, 5, (3, 5), padding=(1, 2)),
    "dilation": nn.Conv2d(4, 5, 3, padding=2, dilation=2),
    "groups": nn.Conv2d(4, 6, 3, padding=1, groups=2),
    "depthwise": nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
    "same": nn.Conv2d(4, 5, 5, padding="same", dilation=1),
    "a class of one's own": Equalised(4, 5, 3),
    "weight norm": parametrizations.weight_norm(nn.Conv2d(4, 5, 3, padding=1)),
    "valid": nn.Conv2d(4, 5, 3),
    "reflected": nn.Conv2d(4, 5, 3, padding=1, padding_mode="reflect"),
}

ENLARGING: dict[str, nn.Module] = {
    "transposed": nn.ConvTranspose2d(4, 5, 4, stride=2, padding=1),
    "transposed by a function": Turned(),
    "transposed, odd": nn.ConvTranspose2d(4, 5, 3, stride=2, padding=1, output_padding=1),
    "transposed, stride 1": nn.ConvTranspose2d(4, 5, 5, padding=2),
    "transposed, stride 4": nn.ConvTranspose2d(4, 5, 6, stride=4, padding=1),
    "transposed, groups": nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2),
    "transposed, of another size": nn.ConvTranspose2d(4, 2, 3, stride=2),
    "shuffle": nn.Sequential(nn.PixelShuffle(2), nn.Sigmoid()),
    "nearest": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "interpolated": Does(lambda x: functional.interpolate(x, scale_factor=2)),
}

OTHERS: dict[str, nn.Module] = {
    "batch norm": nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3, padding=1)),
    "unshuffle": nn.PixelUnshuffle(4),
    "mean": nn.AvgPool2d(2),
    "overlapping means": nn.AvgPool2d(3, 1, 1),
    "mean of all": nn.AdaptiveAvgPool2d(1),
    "channels": Does(lambda x: x[:, 1:3]),
    "parts": Does(lambda x: torch.cat([x.chunk(2, 1)[1].tanh(), x.chunk(2, 1)[0]], 1)),
    "constants": Does(lambda x: (3 - x) * torch.tensor([[[1.0]], [[2.0]], [[0.0]], [[-1.0]]]) / 2),
    "difference": Does(lambda x: x - torch.tanh(x)),
    "mean over pixels": Does(lambda x: x.mean((2, 3))),
    "pooled": Does(lambda x: functional.avg_pool2d(x, 2)),
}

FUNCTIONS: dict[str, nn.Module] = {
    type(module).__name__: module
    for module in (
        nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.5, 0.7), nn.SiLU(), nn.GELU(), nn.Tanh(),
        nn.Sigmoid(), nn.ELU(), nn.CELU(), nn.SELU(), nn.LeakyReLU(0.2), nn.PReLU(),
        nn.Softplus(), nn.Mish(), nn.Hardswish(), nn.Hardsigmoid(), nn.Softsign(),
        nn.LogSigmoid(), nn.Identity(), nn.Dropout(),
    )
} | {
    "clamp": Does(lambda x: x.clamp(min=-0.3)),
    "exp": Does(torch.exp),
    "abs": Does(lambda x: x.abs()),
    "power": Does(lambda x: x**2),
    "not everywhere": Does(lambda x: torch.log1p(0.44 * (3 * x).tanh() + 0.44 * (2 * x).tanh())),
    "several": Does(lambda x: torch.log(functional.softplus(-2 * x + 1) + 0.1)),
    "scaled": Does(lambda x: 1 - 2 * x),
    "added to itself": Does(lambda x: x + x),
    "halves": Does(lambda x: torch.cat(torch.split(x, 6, dim=1)[::-1], 1)),
    "linear by a function": Does(lambda x: functional.linear(x, torch.eye(12)[:5], torch.ones(5))),
    "there and back": Does(lambda x: x.view(-1, 3, 2, 2).flatten(1)),
    "one more axis": Does(lambda x: x.unsqueeze(2).squeeze(2)),
    "batch norm": nn.BatchNorm1d(12),
}  # fmt: skip


def check(body: nn.Module, flat: bool = False, stride: int = 1) -> None:
    """A network with the layer in its middle, as the encoder of a model."""
    torch.manual_seed(5)
    start: nn.Module = nn.Conv2d(1, 4, 3, stride, padding=1)
    if flat:
        start = nn.Sequential(nn.Flatten(), nn.Linear(HEIGHT * WIDTH, 12))
    with torch.no_grad():
        width = body.eval()(start(torch.zeros(2, 1, HEIGHT, WIDTH))).flatten(1).shape[1]
    encoder = nn.Sequential(start, body, nn.Flatten(), nn.Linear(width, 2 * LATENTS))
    trained(encoder, (1, HEIGHT, WIDTH))
    data = images((HEIGHT, WIDTH), 256)
    made = portable.build(
        {"q": encoder, "p": nn.Linear(LATENTS, 2 * HEIGHT * WIDTH)},
        {"x": portable.Data((1, HEIGHT, WIDTH)), "z": portable.Latent((LATENTS,))},
        [
            portable.pop("z", portable.Normal("q", given="x")),
            portable.push("x", portable.Logistic("p", given="z")),
            portable.push("z", portable.StandardNormal()),
        ],
        data,
    )
    mean, scale = made.model.posterior_parameters(data.reshape(len(data), -1))
    with torch.no_grad():
        value = torch.as_tensor(data, dtype=torch.float32)[:, None] / 255
        expected, log_scale = encoder(value).numpy().reshape(len(data), 2, -1).swapaxes(0, 1)
    log_scale = log_scale.clip(max=LN2)  # a posterior is held to standard deviations of at most 2
    for got, want in ((mean / 256, expected), ((32.0 - scale) / 32 * LN2, log_scale)):
        apart = np.abs(got - want)
        assert apart.mean() < 0.02 + 0.03 * want.std()
    SpecModel.from_bytes(made.model.to_bytes())  # runs the test vectors too


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name: str) -> None:
    check(CONVOLUTIONS[name])


@pytest.mark.parametrize("name", ENLARGING)
def test_enlarging(name: str) -> None:
    check(ENLARGING[name], stride=4)


@pytest.mark.parametrize("name", OTHERS)
def test_other_layers_of_images(name: str) -> None:
    check(OTHERS[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    check(FUNCTIONS[name], flat=True)


def test_padding_means_zero_where_the_integer_0_does_not() -> None:
    """The border of a convolution of tanh, whose steps have their zero in the middle."""
    check(nn.Sequential(nn.Tanh(), nn.Conv2d(4, 8, 5, padding=2), nn.SiLU()))
