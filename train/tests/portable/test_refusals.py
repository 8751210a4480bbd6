"""Errors for modules that cannot be made portable name the place and a remedy."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bitsback.errors import InputError
from bitsback_train import portable
from own_models import Own, dense, perceptron


class Middle(nn.Module):
    """A network with a user's module in the middle."""

    def __init__(self, does: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.start, self.end = nn.Linear(48, 8), nn.Linear(8, 8)
        self.does = does

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.end(self.does(self.start(x.flatten(1))))
        return out


def with_encoder(encoder: nn.Module) -> Own:
    own = dense()
    return replace(own, networks=own.networks | {"q": encoder})


def refused(own: Own, message: str) -> None:
    with pytest.raises(InputError, match=message):
        own.build()


LAYERS = {
    "LayerNorm": (nn.LayerNorm(8), "use BatchNorm1d or BatchNorm2d"),
    "Softmax": (nn.Softmax(1), "use linear layers and convolutions, functions of one number"),
    "PReLU": (nn.PReLU(8), "num_parameters=1"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_by_its_place_its_type_and_what_to_use(name: str) -> None:
    layer, message = LAYERS[name]
    encoder = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(48, 8), layer))
    refused(with_encoder(encoder), rf"^q\.1\.1: {name} cannot be made portable: .*{message}")


FUNCTIONS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "a product": (lambda h: h * h.sigmoid(), r"^q: mul\(\) .* multiplies two values"),
    "a quotient": (lambda h: 1 / (1 + h.exp()), r"divides by a value"),
    "the batch": (lambda h: h - h.mean(0, keepdim=True), r"mean\(\) .* items are mixed"),
    "a branch": (lambda h: h if h.sum() > 0 else -h, r"^q: torch\.fx cannot trace its forward"),
    "a maximum": (lambda h: torch.maximum(h, -h), r"maximum\(\) .* no such function"),
    "a product of matrices": (lambda h: h @ torch.ones(8, 8), r"no such function"),
    "another axis": (lambda h: h.unsqueeze(2).tanh().mean(2), r"is of the shape \(8, 1\)"),
    "noise": (lambda h: h + torch.rand_like(h), r"rand_like\(\) .* no such function"),
    "each item": (lambda h: h + torch.ones(3, 1), r"constant for each item"),
    "infinite": (lambda h: torch.log(h - 100), r"another 'mean' than the module itself"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function(name: str) -> None:
    does, message = FUNCTIONS[name]
    refused(with_encoder(Middle(does)), message)


def test_shapes_that_do_not_match() -> None:
    flat = nn.Flatten()
    refused(with_encoder(nn.Sequential(flat, perceptron(48, 10))), r"'mean' has the shape \(5,\)")
    refused(with_encoder(nn.Sequential(flat, perceptron(47, 8))), r"^q: it cannot be run on")
    refused(with_encoder(nn.Sequential(flat, perceptron(48, 7))), r"must return 2 tensors")
    refused(with_encoder(nn.Conv2d(1, 2, 3)), r"'mean' has the shape \(24,\).* z of the shape")


def test_a_convolution_that_is_too_large_for_one_matrix() -> None:
    own = dense()
    own = replace(
        own,
        variables={"x": portable.Data((1, 60, 60), levels=2), "z": portable.Latent((4,))},
        images=np.zeros((4, 60, 60), np.uint8),
    )
    own = replace(own, networks=own.networks | {"q": nn.Conv2d(1, 8, 3)})
    refused(own, r"^q\.0: Conv2d .* change its padding, and as one matrix it would have 3600 x")


def test_weights_that_leave_the_integers() -> None:
    own = dense()
    last = own.networks["p"].get_submodule("2")
    with torch.no_grad():
        last.get_parameter("bias").fill_(1e20)
    refused(own, r"^p\.2: a bias is too large for its weights")


STEPS: dict[str, tuple[list[portable.Step], str]] = {
    "unknown": ([portable.push("y", portable.StandardNormal())], "no variable 'y'"),
    "before": (
        [portable.push("x", portable.Bernoulli("p", given="z"))],
        r"^push x ~ p\(x\|z\): 'z' is not known at this step",
    ),
    "twice": (
        [portable.pop("z", portable.Normal("q", given="x"))] * 2,
        r"^pop z ~ q\(z\|x\): 'z' is popped twice",
    ),
    "network": ([portable.pop("z", portable.Normal("r", given="x"))], "no network 'r'"),
    "left": ([portable.pop("z", portable.Normal("q", given="x"))], "'x' is never pushed"),
    "itself": ([portable.pop("z", portable.Normal("q", given="z"))], "given itself"),
    "Bernoulli": (
        [
            portable.pop("z", portable.Bernoulli("q", given="x")),
            portable.push("x", portable.Bernoulli("p", given="z")),
            portable.push("z", portable.StandardNormal()),
        ],
        "Bernoulli is for data of two levels",
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_that_are_no_code(name: str) -> None:
    steps, message = STEPS[name]
    refused(replace(dense(), steps=steps), message)


def test_data_that_do_not_fit() -> None:
    own = dense()
    refused(replace(own, images=own.images[:, :5]), r"must have the shape \[n, 6, 8\]")
    refused(replace(own, images=own.images * 2), r"must lie from 0 to 1, not 0 to 2")
    refused(replace(own, images=own.images / 2), r"must be the integers that are compressed")
    with pytest.raises(InputError, match="2 to 65,536 levels"):
        portable.Data((1, 6, 8), levels=1)
    with pytest.raises(InputError, match="4 to 12 bits"):
        portable.Latent((3,), bits=13)
    with pytest.raises(InputError, match=r"\(channels, rows, columns\) or \(n,\)"):
        portable.Data((6, 8))


def test_what_is_no_module_is_named() -> None:
    three: Any = 3
    refused(with_encoder(three), "^q: must be a torch.nn.Module, not int$")
