"""All kinds of VAEs: their sizes in words and as JSON, modules of given sizes, and float weights as
a small safetensors file (float16), for measuring and comparing.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from bitsback.errors import InputError
from bitsback.train.network.context import ContextArchitecture, ContextModule
from bitsback.train.network.dense import Architecture, VaeModule
from bitsback.train.network.layered import (
    LayeredArchitecture,
    LayeredModule,
    TopDownArchitecture,
    TopDownModule,
)
from bitsback.train.network.pyramid import PyramidArchitecture, PyramidModule

AnyArchitecture = (
    Architecture
    | ContextArchitecture
    | LayeredArchitecture
    | PyramidArchitecture
    | TopDownArchitecture
)

OneLayer = VaeModule | ContextModule
AnyVae = OneLayer | LayeredModule | PyramidModule | TopDownModule
KEY = "bitsback-twin"


def make_module(architecture: AnyArchitecture, centre: float) -> AnyVae:
    """An untrained module. `centre`: the mean of the pixels as parts of the top level, which a
    dense module needs.
    """
    if isinstance(architecture, ContextArchitecture):
        return ContextModule(architecture)
    if isinstance(architecture, TopDownArchitecture):
        return TopDownModule(architecture, centre)
    if isinstance(architecture, PyramidArchitecture):
        return PyramidModule(architecture)
    if isinstance(architecture, LayeredArchitecture):
        return LayeredModule(architecture, centre)
    return VaeModule(architecture, centre)


def to_json(architecture: AnyArchitecture) -> dict[str, Any]:
    return asdict(architecture)


def in_words(architecture: AnyArchitecture, latents: int) -> str:
    """The sizes, for people, with the remaining latents."""
    if isinstance(architecture, PyramidArchitecture):
        layers = ", ".join(map(str, architecture.layers))
        grids = ", ".join(map(str, architecture.grids))
        return f"convolutions, layers of {layers} latents in cells of {grids} pixels either way"
    if isinstance(architecture, TopDownArchitecture):
        sizes = "-".join(map(str, (architecture.pixels, *architecture.hidden)))
        lower, upper = architecture.lower, architecture.upper
        return f"dense, sizes {sizes}, {upper} latents and {lower} below them, from the top down"
    if isinstance(architecture, LayeredArchitecture):
        sizes = "-".join(map(str, (architecture.pixels, *architecture.hidden)))
        return f"dense, sizes {sizes}, layers of {', '.join(map(str, architecture.layers))} latents"
    if isinstance(architecture, Architecture):
        return (
            "dense, sizes"
            f" {'-'.join(map(str, (architecture.pixels, *architecture.hidden, latents)))}"
        )
    return (
        f"context, of {architecture.window} pixels before each and {architecture.features} features"
        f" from {latents} latents, {architecture.hidden} hidden"
    )


def from_json(fields: dict[str, Any]) -> AnyArchitecture:
    """Raises TypeError if `fields` do not belong to any kind."""
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()
    }
    if "upper" in values:
        return TopDownArchitecture(**values)
    if "factors" in values:
        return PyramidArchitecture(**values)
    if "layers" in values:
        return LayeredArchitecture(**values)
    return ContextArchitecture(**values) if "shape" in values else Architecture(**values)


def save_module(module: AnyVae, path: Path) -> None:
    """Write the weights, rounded to float16, and what is needed to build the module again."""
    tensors = {name: tensor.half() for name, tensor in module.state_dict().items()}
    build = {
        "architecture": to_json(module.architecture),
        "centre": module.centre if isinstance(module, VaeModule) else 0,
    }
    path.write_bytes(safetensors.torch.save(tensors, metadata={KEY: json.dumps(build)}))


def load_module(path: Path) -> AnyVae:
    """The module, in floats and eval mode. Raises InputError for other files."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            build = json.loads(file.metadata()[KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not the weights of a module ({error})") from None
    module = make_module(from_json(build["architecture"]), build["centre"])
    module.load_state_dict(tensors)
    return module.eval()
