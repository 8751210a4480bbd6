"""Whole models, and changes that break them."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from model_parts import Parts, Tensors
from random_models import random_context_model, random_model
from random_wavefronts import small_wavefront

Change = Callable[[dict[str, Any], Tensors], None]
MISSING = object()
BIT_SWAP = [
    "pop z ~ q(z|x)", "push x ~ p(x|z)", "pop y ~ q(y|z)", "push z ~ p(z|y)", "push y ~ p(y)",
]  # fmt: skip


def two_latents(size: tuple[int, int] | None) -> tuple[str, Tensors]:
    """Bit-Swap over grids; p(x|z) shares a network with q(y|z)."""
    parts = Parts(0, size)
    parts.data(2, 9)
    parts.latent("z", 2, 8, grid=1)
    parts.latent("y", 3, 5, grid=2)
    net = parts.net("up", ["x"])
    net.conv(net.bytes_of("x", "bytes"), 4, name="hidden")
    parts.distribution("q(z|x)", "gaussian", 24, net, "hidden", 2, 256)
    net = parts.net("middle", ["z"])
    net.conv("z", 4, name="hidden")
    net.conv("hidden", 4, name="half", stride=2)
    parts.distribution("q(y|z)", "gaussian", 20, net, "half", 3, 32)
    parts.distribution("p(x|z)", "exponential", 20, net, "hidden", 2, 9)
    net = parts.net("down", ["y"])
    net.linear("y", 8, name="wide")
    net.grow("pixel_shuffle", "wide", "double", factor=2)
    parts.distribution("p(z|y)", "gaussian", 24, net, "double", 2, 256)
    parts.distributions["p(y)"] = {"codec": "uniform"}
    return parts.model(BIT_SWAP)


def layers() -> tuple[str, Tensors]:
    """Bit-Swap of items: z on a fixed grid."""
    parts = Parts(0, (2, 3))
    parts.data(1, 9)
    parts.latent("z", 2, 5)
    parts.latent("y", 1, 8)
    net = parts.net("up", ["x"])
    net.linear(net.grow("flatten", "x", "row"), 4, name="hidden")
    parts.distribution("q(z|x)", "normal", 24, net, "hidden", 2, 32)
    net = parts.net("middle", ["z"])
    net.linear("z", 4, name="hidden")
    parts.distribution("q(y|z)", "gaussian", 24, net, "hidden", 1, 256)
    net.grow("image", net.linear("hidden", 6, name="row"), "cells", grid=1)
    parts.distribution("p(x|z)", "exponential", 20, net, "cells", 1, 9)
    net = parts.net("down", ["y"])
    parts.distribution("p(z|y)", "normal", 20, net, "y", 2, 32)
    parts.distributions["p(y)"] = {"codec": "uniform"}
    return parts.model(BIT_SWAP)


def coupled() -> tuple[str, Tensors]:
    """Images of any size in colour, whose channels follow each other."""
    parts = Parts(0, None)
    parts.data(3, 256)
    parts.latent("z", 2, 8, grid=2)
    net = parts.net("up", ["x"])
    half = net.conv("x", 4, name="half", stride=2)
    parts.distribution("q(z|x)", "gaussian", 24, net, half, 2, 256)
    net = parts.net("down", ["z"])
    net.grow("pixel_shuffle", net.linear("z", 16, name="wide"), "cells", factor=2)
    outputs = net.outputs("normal", "cells", 3, 256)
    outputs.append(net.linear("cells", 3, (-128, 127), "coupling"))
    parts.distributions["p(x|z)"] = parts.codec("normal", 24, net, outputs, 256)
    parts.distributions["p(z)"] = {"codec": "uniform"}
    return parts.model(["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"])


def many_macs() -> tuple[str, Tensors]:
    """A model without a size, with nearly 5,000 multiply-adds at each pixel."""
    parts = Parts(0, None)
    parts.data(1, 256)
    parts.latent("z", 1, 8, grid=1)
    net = parts.net("up", ["x"])
    net.linear("x", 10, name="wide")
    net.conv("wide", 10, name="hidden", kernel=7)
    parts.distribution("q(z|x)", "gaussian", 24, net, "hidden", 1, 256)
    net = parts.net("down", ["z"])
    parts.distribution("p(x|z)", "beta-binomial", 24, net, "z", 1, 256)
    parts.distributions["p(z)"] = {"codec": "uniform"}
    return parts.model(["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"])


def many_levels() -> tuple[str, Tensors]:
    """x of 65,536 levels, which a table maps to bytes, beside a value below 0."""
    parts = Parts(0, (2, 3))
    parts.data(1, 65536)
    parts.latent("z", 1, 8, grid=1)
    net = parts.net("up", ["x"])
    below = net.linear(net.bytes_of("x", "bytes"), 1, (-5, 300), "below")
    parts.distribution("q(z|x)", "gaussian", 24, net, net.add(below, below), 1, 256)
    net = parts.net("down", ["z"])
    parts.distribution("p(x|z)", "mixture", 20, net, "z", 1, 65536)
    parts.distributions["p(z)"] = {"codec": "uniform"}
    return parts.model(["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"])


MODELS: dict[str, Callable[[], tuple[str, Tensors]]] = {
    "dense": lambda: random_model(bits=10),
    "dense family": lambda: random_model(likelihood="exponential", levels=9),
    "pixels": lambda: random_context_model(codec="mixture", levels=30, precision=22),
    "pixels of two levels": random_context_model,
    "pixels of a family": lambda: random_context_model(codec="exponential", levels=9, precision=18),
    "groups": lambda: random_context_model(
        shape=(3, 4, 3), groups=[[1], [2, 0]], codec="mixture", levels=8, precision=20, flat=True
    ),
    "two latents": lambda: two_latents((5, 3)),
    "no size": lambda: two_latents(None),
    "layers": layers,
    "coupled": coupled,
    "many MACs": many_macs,
    "many levels": many_levels,
    "any shape": small_wavefront,
}


@cache
def whole(model: str) -> tuple[str, Tensors]:
    return MODELS[model]()


def broken(model: str, *changes: Change) -> tuple[str, Tensors]:
    """The model with changes, its tensors copied."""
    description, tensors = whole(model)
    about, tensors = json.loads(description), {name: of.copy() for name, of in tensors.items()}
    for change in changes:
        change(about, tensors)
    return json.dumps(about), tensors


def find(about: dict[str, Any], path: list[str]) -> Any:
    """The object at a path of keys, of names of layers, and of places in lists."""
    for key in path:
        if not isinstance(about, list):
            about = about[key]
        elif key.isdigit():
            about = about[int(key)]
        else:
            about = next(layer for layer in about if layer["name"] == key)
    return about


def field(place: str, value: Any) -> Change:
    """place: a path, its parts divided by slashes."""
    *path, key = place.split("/")

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        if value is MISSING:
            del find(about, path)[key]
        else:
            find(about, path)[int(key) if key.isdigit() else key] = value

    return change


def renamed(place: str, name: str) -> Change:
    """Another key for a field."""
    *path, key = place.split("/")

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        of = find(about, path)
        of[name] = of.pop(key)

    return change


def tensor(name: str, value: Any) -> Change:
    """value: a tensor, or a function from the old tensor to the new one."""

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        if value is MISSING:
            del tensors[name]
        else:
            tensors[name] = value(tensors[name]) if callable(value) else value

    return change
