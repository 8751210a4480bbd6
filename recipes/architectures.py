"""Both kinds of VAEs: sizes as JSON, modules of given sizes, and float weights as a small
safetensors file (float16), for measuring and comparing.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from bitsback.errors import InputError
from bitsback_train.export.exporter import AnyVae
from bitsback_train.network.context import ContextArchitecture, ContextModule
from bitsback_train.network.dense import Architecture, VaeModule

AnyArchitecture = Architecture | ContextArchitecture
KEY = "bitsback-twin"


def make_module(architecture: AnyArchitecture, centre: float) -> AnyVae:
    """An untrained module. `centre`: the mean of the pixels as parts of the top level, which a
    dense module needs.
    """
    if isinstance(architecture, ContextArchitecture):
        return ContextModule(architecture)
    return VaeModule(architecture, centre)


def from_json(fields: dict[str, Any]) -> AnyArchitecture:
    """Raises TypeError if `fields` do not belong to any kind."""
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()
    }
    return ContextArchitecture(**values) if "shape" in values else Architecture(**values)


def save_module(module: AnyVae, path: Path) -> None:
    """Write the weights, rounded to float16, and what is needed to build the module again."""
    tensors = {name: tensor.half() for name, tensor in module.state_dict().items()}
    build = {
        "architecture": asdict(module.architecture),
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
