"""The module of a pyramid as variables, networks and distributions, and what these give for the
test vectors.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitsback.train.export.latent_layers import (
    Answers,
    Draw,
    gaussian_reads,
    normal_reads,
    real_latents,
)
from bitsback.train.export.network_writer import NetworkWriter, Tensors
from bitsback.train.network.exact_tables import bucket_centres, inverse_scales, inverse_step_scales
from bitsback.train.network.mixtures import MEAN_SHIFT
from bitsback.train.network.pyramid import DownModule, PyramidModule, UpModule
from bitsback.train.network.rounding import Grid, seven_bits

TEST_CELLS = (1, 2)
"""Rows and columns of cells of the top grid in the images of the test."""


def test_size(module: PyramidModule) -> tuple[int, int]:
    """Rows and columns of the images of the test."""
    top = module.architecture.grids[-1]
    return TEST_CELLS[0] * top, TEST_CELLS[1] * top


def variables(module: PyramidModule) -> dict[str, dict[str, int]]:
    """All of a description."""
    a = module.architecture
    bits = [a.step_bits] * (len(a.layers) - 1) + [a.bits]
    latents = {
        f"z{layer}": {"channels": channels, "bits": of, "grid": grid}
        for layer, (channels, of, grid) in enumerate(zip(a.layers, bits, a.grids, strict=True), 1)
    }
    return {"x": {"channels": a.shape[2], "levels": a.levels}, **latents}


def networks(module: PyramidModule, tensors: Tensors) -> list[NetworkWriter]:
    """The networks of all posteriors, from the image up, then of all priors, then of the
    likelihood.
    """
    count = len(module.up)
    found = []
    for layer, up in enumerate(module.up):
        source = "x" if layer == 0 else f"z{layer}"
        network = NetworkWriter(f"posterior{layer + 1}", [source], tensors)
        if layer == 0:
            levels = module.architecture.levels
            seen = seven_bits(torch.arange(levels), levels).numpy().astype(np.uint8)
            source = network.add("lookup_table", "symbols", "x", table=seen)
        found.append(_up(network, source, up))
        scales = inverse_scales()
        if layer < count - 1:
            scales = inverse_step_scales(module.grids[layer].scale)
        tensors[f"{network.name}.inverse_scale"] = scales
    for layer, down in [*enumerate(module.down)][1:]:
        network = NetworkWriter(f"prior{layer}", [f"z{layer + 1}"], tensors)
        found.append(_down(network, _value(module, network, layer), down))
        tensors[f"{network.name}.inverse_scale"] = inverse_step_scales(
            module.grids[layer - 1].scale
        )
    likelihood = NetworkWriter("likelihood", ["z1"], tensors)
    found.append(_down(likelihood, _value(module, likelihood, 0), module.down[0]))
    for name, tensor in module.pixel_likelihood.tensors().items():
        tensors[f"likelihood.{name}"] = tensor
    return found


def distributions(module: PyramidModule) -> dict[str, dict[str, Any]]:
    """The distributions of all variables."""
    count = len(module.up)
    shift = module.grids[0].scale.bit_length() - 1 if count > 1 else 0
    pixels = module.pixel_likelihood
    found: dict[str, dict[str, Any]] = {
        "p(x|z1)": {
            "codec": pixels.codec, "precision": pixels.precision, "mean_shift": MEAN_SHIFT,
            "network": "likelihood", "outputs": list(pixels.outputs),
        }
    }  # fmt: skip
    names = ["x", *(f"z{layer + 1}" for layer in range(count))]
    for layer in range(1, count):
        key = f"({names[layer]}|{names[layer - 1]})"
        found[f"q{key}"] = normal_reads(f"posterior{layer}", shift)
        found[f"p({names[layer]}|{names[layer + 1]})"] = normal_reads(f"prior{layer}", shift)
    found[f"q({names[-1]}|{names[-2]})"] = gaussian_reads(f"posterior{count}")
    found[f"p({names[-1]})"] = {"codec": "uniform"}
    return found


@torch.no_grad()
def pyramid_integers(module: PyramidModule, draw: Draw) -> dict[str, Answers]:
    """The outputs of all networks, in the order of the description, each for sources of its own."""
    a = module.architecture
    rows, columns = test_size(module)

    def latents(layer: int) -> Tensor:
        grid, channels = a.grids[layer], a.layers[layer]
        shape = rows // grid, columns // grid, channels
        top = 2**a.bits - 1 if layer == len(a.layers) - 1 else module.grids[layer].hi
        drawn = draw(int(np.prod(shape)), top)
        return real_latents(module, layer, drawn).view(len(drawn), *shape)

    x = torch.from_numpy(draw(rows * columns * a.shape[2], a.levels - 1).astype(np.float64))
    seen = module.pixel_grid.real(seven_bits(x, a.levels)).view(-1, rows, columns, a.shape[2])
    found = {"posterior1": _up_answers(module.up[0], seen)}
    for layer in range(1, len(module.up)):
        found[f"posterior{layer + 1}"] = _up_answers(module.up[layer], latents(layer - 1))
    for layer in range(1, len(module.down)):
        found[f"prior{layer}"] = _down_answers(module.down[layer], latents(layer))
    return found | {"likelihood": _down_answers(module.down[0], latents(0))}


def _value(module: PyramidModule, network: NetworkWriter, layer: int) -> str:
    """The value of a layer's latents that a network's first layer multiplies."""
    name = f"z{layer + 1}"
    if layer < len(module.up) - 1:
        return name  # on its grid
    centres = bucket_centres(module.architecture.bits)
    return network.add("lookup_table", "value", name, table=centres)


def _up(network: NetworkWriter, source: str, up: nn.Module) -> NetworkWriter:
    assert isinstance(up, UpModule)
    if up.seen is not None:
        source = network.layer("seen", source, up.seen.layer)
    around = network.layer("around", source, up.around)
    hidden = network.residuals("hidden", around, [up.change])
    direct = network.layer("direct", source, up.direct)
    network.sum("mean", direct, network.layer("mean_hidden", hidden, up.mean), up.means)
    network.layer("scale", hidden, up.scale)
    return network


def _down(network: NetworkWriter, source: str, down: nn.Module) -> NetworkWriter:
    assert isinstance(down, DownModule)
    seen = network.layer("seen", source, down.seen.layer)
    around = network.layer("around", seen, down.around)
    hidden = network.residuals("hidden", around, [down.change])
    direct = network.layer("direct", source, down.direct)
    for name, head in down.layers().items():
        cells = network.layer(f"{name}_hidden", hidden, head)
        if name == "mean":
            cells = network.sum("mean_cells", direct, cells, down.outputs["mean"])
        network.add("pixel_shuffle", name, cells, factor=down.factor)
    return network


def _up_answers(up: nn.Module, value: Tensor) -> Answers:
    assert isinstance(up, UpModule)
    mean, scale = up(value)
    return {"mean": _integers(up.means, mean), "scale": _integers(up.scale.target, scale)}


def _down_answers(down: nn.Module, value: Tensor) -> Answers:
    assert isinstance(down, DownModule)
    return {
        name: _integers(grid, out)
        for (name, grid), out in zip(down.outputs.items(), down(value), strict=True)
    }


def _integers(grid: Grid, value: Tensor) -> NDArray[np.int32]:
    return grid.integers(value).numpy().astype(np.int32).reshape(len(value), -1)
