"""A twin whose posterior goes from the top down as networks and distributions, and what these give
for the test vectors.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback.train.export.layered import Answers, Draw, gaussian_reads, normal_integers
from bitsback.train.export.network_fields import NetworkDescription
from bitsback.train.quantise.exact_tables import bucket_centres, inverse_scales, latent_grid
from bitsback.train.twins.dense import Mlp
from bitsback.train.twins.layered import NormalTwin
from bitsback.train.twins.top_down import TopDownTwin

CODE = [
    "pop z2 ~ q(z2|x)",
    "pop z1 ~ q(z1|x,z2)",
    "push x ~ p(x|z1,z2)",
    "push z1 ~ p(z1)",
    "push z2 ~ p(z2)",
]
"""Plain order: all latents are popped before anything is pushed."""


def latent_variables(twin: TopDownTwin) -> dict[str, dict[str, int]]:
    """z1 and z2 of a description."""
    a = twin.architecture
    channels = {"z1": a.lower, "z2": a.upper}
    return {name: {"channels": count, "bits": a.bits} for name, count in channels.items()}


def posteriors(
    twin: TopDownTwin, top: NetworkDescription, seen: str, lower: NetworkDescription, seen_too: str
) -> list[NetworkDescription]:
    """The networks of both posteriors, begun before. seen, seen_too: the values in each that its
    first layer reads.
    """
    assert isinstance(twin.top.hidden, Mlp)
    _normal(top, _mlp(top, top.flatten("row", seen), twin.top.hidden), twin.top)
    hidden = _mlp(lower, lower.flatten("row", seen_too), twin.lower.image)
    value = lower.table("value", "z2", bucket_centres(twin.architecture.bits))
    upper = lower.linear("upper", value, twin.lower.upper)
    both = lower.join("both", hidden, upper)
    assert isinstance(twin.lower.normal.hidden, Mlp)
    _normal(lower, _mlp(lower, both, twin.lower.normal.hidden, "joint"), twin.lower.normal)
    for network in (top, lower):
        network.tensors[f"{network.name}.inverse_scale"] = inverse_scales()
    return [top, lower]


def latent_values(twin: TopDownTwin, likelihood: NetworkDescription) -> str:
    """What the first layer of the likelihood multiplies."""
    centres = bucket_centres(twin.architecture.bits)
    values = [likelihood.table(f"value{layer}", f"z{layer}", centres) for layer in (1, 2)]
    return likelihood.join("values", *values)


def latent_distributions() -> dict[str, dict[str, Any]]:
    """Of both posteriors and priors."""
    return {
        "q(z2|x)": gaussian_reads("posterior2"),
        "q(z1|x,z2)": gaussian_reads("posterior1"),
        "p(z1)": {"codec": "uniform"},
        "p(z2)": {"codec": "uniform"},
    }


@torch.no_grad()
def top_down_integers(twin: TopDownTwin, draw: Draw) -> dict[str, Answers]:
    """The outputs of all networks, in the order of the description, each for sources of its own."""
    a = twin.architecture

    def image() -> Tensor:
        return twin.image(torch.from_numpy(draw(a.pixels, a.levels - 1).astype(np.float64)))

    found = {"posterior2": normal_integers(twin.top, image())}
    seen = image()
    hidden = torch.cat((twin.lower.image(seen), twin.lower.upper(_drawn(twin, draw, a.upper))), 1)
    found["posterior1"] = normal_integers(twin.lower.normal, hidden)
    z1 = _drawn(twin, draw, a.lower)
    outputs = twin.likelihood(z1, _drawn(twin, draw, a.upper))
    found["likelihood"] = {
        name: layer.target.integers(out).numpy().astype(np.int32)
        for (name, layer), out in zip(twin.output_layers().items(), outputs, strict=True)
    }
    return found


def _drawn(twin: TopDownTwin, draw: Draw, count: int) -> Tensor:
    bits = twin.architecture.bits
    buckets: NDArray[np.uint16] = draw(count, 2**bits - 1)
    centres = bucket_centres(bits)[buckets].astype(np.float64)
    return latent_grid(bits).real(torch.from_numpy(centres))


def _mlp(network: NetworkDescription, source: str, layers: Mlp, name: str = "hidden") -> str:
    for position, layer in enumerate(layers.layers, 1):
        source = network.linear(f"{name}{position}", source, layer)
    return source


def _normal(network: NetworkDescription, source: str, normal: NormalTwin) -> None:
    network.linear("mean", source, normal.mean)
    network.linear("scale", source, normal.scale)
