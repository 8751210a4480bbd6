"""A float twin's weights as a small safetensors file, float16, for measuring and comparing."""

import json
from dataclasses import asdict
from pathlib import Path

import safetensors
import safetensors.torch

from bitsback.errors import InputError
from bitsback.train.twins import Architecture, VaeTwin

KEY = "bitsback-twin"


def save_twin(twin: VaeTwin, path: Path) -> None:
    """Write the weights, rounded to float16, and what is needed to build the twin again."""
    tensors = {name: tensor.half() for name, tensor in twin.state_dict().items()}
    build = {"architecture": asdict(twin.architecture), "centre": twin.centre}
    path.write_bytes(safetensors.torch.save(tensors, metadata={KEY: json.dumps(build)}))


def load_twin(path: Path) -> VaeTwin:
    """The twin, as floats, in eval mode. Raises InputError where the file is none."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            build = json.loads(file.metadata()[KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not the weights of a twin ({error})") from None
    sizes = build["architecture"]
    architecture = Architecture(**{**sizes, "hidden": tuple(sizes["hidden"])})
    twin = VaeTwin(architecture, build["centre"])
    twin.load_state_dict(tensors)
    return twin.eval()
