"""Quantisation-aware modules with layers of latents, as networks and distributions, and their
answers to the test vectors: Bit-Swap's chain, and a posterior from the top down.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitsback.train.export.network_writer import NetworkWriter, Tensors
from bitsback.train.network.dense import Mlp
from bitsback.train.network.exact_tables import (
    bucket_centres,
    inverse_scales,
    inverse_step_scales,
    latent_grid,
)
from bitsback.train.network.layered import REACH_BITS, LayeredModule, NormalModule, TopDownModule
from bitsback.train.network.pyramid import PyramidModule
from bitsback.train.network.rounding import Grid

PRECISION = 24

Answers = dict[str, NDArray[np.int32]]
"""The outputs by name, int32 [n, elements]."""
Draw = Callable[[int, int], NDArray[np.uint16]]
"""A function from a width and a top to symbols 0 ... top, [n, width]."""


def latent_variables(module: LayeredModule) -> dict[str, dict[str, int]]:
    """z1, z2, ... of a description, from that next to the image up."""
    a = module.architecture
    bits = [a.step_bits] * len(module.down) + [a.bits]
    names = _names(module)
    return {
        name: {"channels": channels, "bits": of}
        for name, channels, of in zip(names, a.layers, bits, strict=True)
    }


def latent_networks(
    module: LayeredModule, seen: str, posterior: NetworkWriter, tensors: Tensors
) -> list[NetworkWriter]:
    """The networks of all posteriors, of which the first has begun and ends its name in 1, and of
    all priors.

    seen: the value in `posterior` that its first layer reads.
    """
    names = _names(module)
    networks = [_normal(posterior, posterior.add("flatten", "row", seen), module.up[0])]
    for layer in range(1, len(names)):
        network = NetworkWriter(f"posterior{layer + 1}", [names[layer - 1]], tensors)
        networks.append(
            _normal(network, latent_value(module, network, layer - 1), module.up[layer])
        )
    for layer, down in enumerate(module.down):
        network = NetworkWriter(f"prior{layer + 1}", [names[layer + 1]], tensors)
        networks.append(_normal(network, latent_value(module, network, layer + 1), down))
    for network in networks[: len(names) - 1] + networks[len(names) :]:
        tensors[f"{network.name}.inverse_scale"] = inverse_step_scales(module.grids[0].scale)
    tensors[f"{networks[len(names) - 1].name}.inverse_scale"] = inverse_scales()
    return networks


def latent_value(module: LayeredModule, network: NetworkWriter, layer: int) -> str:
    """The value of a layer's latents that a network's first layer multiplies."""
    name = _names(module)[layer]
    if layer < len(module.down):
        return name  # on its grid
    centres = bucket_centres(module.architecture.bits)
    return network.add("lookup_table", "value", name, table=centres)


def latent_distributions(module: LayeredModule) -> dict[str, dict[str, Any]]:
    """The distributions of all posteriors and priors."""
    names = ["x", *_names(module)]
    top = len(names) - 1
    found = {}
    for layer in range(1, top + 1):
        # The means are in units of 2^-8.
        shift = module.architecture.step_bits - REACH_BITS - 1
        key, network = f"q({names[layer]}|{names[layer - 1]})", f"posterior{layer}"
        found[key] = gaussian_reads(network) if layer == top else normal_reads(network, shift)
        if layer < top:
            key = f"p({names[layer]}|{names[layer + 1]})"
            found[key] = normal_reads(f"prior{layer}", shift)
    found[f"p({names[top]})"] = {"codec": "uniform"}
    return found


def bit_swap(latents: Iterable[str]) -> list[str]:
    """The code in Bit-Swap's order of latents from the image up: a layer is popped once the one
    below has been pushed.

    Source: Kingma, Abbeel, Ho 2019, Algorithm 1.
    """
    names = ["x", *latents]
    code = []
    for below, above in pairwise(names):
        code += [f"pop {above} ~ q({above}|{below})", f"push {below} ~ p({below}|{above})"]
    return [*code, f"push {names[-1]} ~ p({names[-1]})"]


@torch.no_grad()
def normal_integers(normal: nn.Module, value: torch.Tensor) -> Answers:
    """The outputs of one of the networks, for real values [n, width] on its source's grid."""
    assert isinstance(normal, NormalModule)
    outputs = zip(("mean", "scale"), (normal.mean, normal.scale), normal(value), strict=True)
    return {
        name: layer.target.integers(out).numpy().astype(np.int32) for name, layer, out in outputs
    }


def real_latents(
    module: LayeredModule | PyramidModule, layer: int, symbols: NDArray[np.integer]
) -> torch.Tensor:
    """The real values of the latents [n, width] of a layer, float64."""
    grid: Grid = module.grids[layer]
    if layer == len(module.up) - 1:
        symbols = bucket_centres(module.architecture.bits)[symbols]
    return grid.real(torch.from_numpy(symbols.astype(np.float64)))


def _names(module: LayeredModule) -> list[str]:
    return [f"z{number}" for number in range(1, len(module.up) + 1)]


def gaussian_reads(network: str) -> dict[str, Any]:
    """The posterior of the top layer, by such a network."""
    return {"codec": "gaussian", **_reads(network)}


def normal_reads(network: str, mean_shift: int) -> dict[str, Any]:
    """A distribution on a grid, by such a network."""
    return {"codec": "normal", "mean_shift": mean_shift, **_reads(network)}


def _reads(network: str) -> dict[str, Any]:
    return {"precision": PRECISION, "network": network, "outputs": ["mean", "scale"]}


def _normal(network: NetworkWriter, source: str, normal: nn.Module) -> NetworkWriter:
    assert isinstance(normal, NormalModule) and isinstance(normal.hidden, Mlp)
    return _ends(network, _mlp(network, source, normal.hidden), normal)


def _mlp(network: NetworkWriter, source: str, layers: Mlp, name: str = "hidden") -> str:
    for position, layer in enumerate(layers.layers, 1):
        source = network.layer(f"{name}{position}", source, layer)
    return source


def _ends(network: NetworkWriter, source: str, normal: NormalModule) -> NetworkWriter:
    network.layer("mean", source, normal.mean)
    network.layer("scale", source, normal.scale)
    return network


TOP_DOWN_CODE = [
    "pop z2 ~ q(z2|x)",
    "pop z1 ~ q(z1|x,z2)",
    "push x ~ p(x|z1,z2)",
    "push z1 ~ p(z1)",
    "push z2 ~ p(z2)",
]
"""Plain order: all latents are popped before anything is pushed."""


def top_down_variables(module: TopDownModule) -> dict[str, dict[str, int]]:
    """z1 and z2 of a description."""
    a = module.architecture
    channels = {"z1": a.lower, "z2": a.upper}
    return {name: {"channels": count, "bits": a.bits} for name, count in channels.items()}


def top_down_posteriors(
    module: TopDownModule, top: NetworkWriter, seen: str, lower: NetworkWriter, seen_too: str
) -> list[NetworkWriter]:
    """The networks of both posteriors, begun before. seen, seen_too: the values in each that its
    first layer reads.
    """
    assert isinstance(module.top.hidden, Mlp)
    _ends(top, _mlp(top, top.add("flatten", "row", seen), module.top.hidden), module.top)
    hidden = _mlp(lower, lower.add("flatten", "row", seen_too), module.lower.image)
    value = lower.add("lookup_table", "value", "z2", table=bucket_centres(module.architecture.bits))
    upper = lower.layer("upper", value, module.lower.upper)
    both = lower.add("concat", "both", hidden, other=upper)
    assert isinstance(module.lower.normal.hidden, Mlp)
    _ends(lower, _mlp(lower, both, module.lower.normal.hidden, "joint"), module.lower.normal)
    for network in (top, lower):
        network.tensors[f"{network.name}.inverse_scale"] = inverse_scales()
    return [top, lower]


def top_down_values(module: TopDownModule, likelihood: NetworkWriter) -> str:
    """The value that the first layer of the likelihood multiplies."""
    centres = bucket_centres(module.architecture.bits)
    values = [
        likelihood.add("lookup_table", f"value{layer}", f"z{layer}", table=centres)
        for layer in (1, 2)
    ]
    return likelihood.add("concat", "values", values[0], other=values[1])


def top_down_distributions() -> dict[str, dict[str, Any]]:
    """The distributions of both posteriors and priors."""
    return {
        "q(z2|x)": gaussian_reads("posterior2"),
        "q(z1|x,z2)": gaussian_reads("posterior1"),
        "p(z1)": {"codec": "uniform"},
        "p(z2)": {"codec": "uniform"},
    }


@torch.no_grad()
def top_down_integers(module: TopDownModule, draw: Draw) -> dict[str, Answers]:
    """The outputs of all networks, in the order of the description, each for sources of its own."""
    a = module.architecture

    def image() -> Tensor:
        return module.image(torch.from_numpy(draw(a.pixels, a.levels - 1).astype(np.float64)))

    found = {"posterior2": normal_integers(module.top, image())}
    seen = image()
    hidden = torch.cat(
        (module.lower.image(seen), module.lower.upper(_drawn(module, draw, a.upper))), 1
    )
    found["posterior1"] = normal_integers(module.lower.normal, hidden)
    z1 = _drawn(module, draw, a.lower)
    outputs = module.likelihood(z1, _drawn(module, draw, a.upper))
    found["likelihood"] = {
        name: layer.target.integers(out).numpy().astype(np.int32)
        for (name, layer), out in zip(module.output_layers().items(), outputs, strict=True)
    }
    return found


def _drawn(module: TopDownModule, draw: Draw, count: int) -> Tensor:
    bits = module.architecture.bits
    buckets: NDArray[np.uint16] = draw(count, 2**bits - 1)
    centres = bucket_centres(bits)[buckets].astype(np.float64)
    return latent_grid(bits).real(torch.from_numpy(centres))
