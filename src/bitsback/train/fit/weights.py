"""A float twin's weights as a small safetensors file, float16, for measuring and comparing."""

import json
from pathlib import Path

import safetensors
import safetensors.torch

from bitsback.errors import InputError
from bitsback.train.fit.recipe import Twin, make_twin
from bitsback.train.twins.architectures import from_json, to_json
from bitsback.train.twins.dense import VaeTwin

KEY = "bitsback-twin"


def save_twin(twin: Twin, path: Path) -> None:
    """Write the weights, rounded to float16, and what is needed to build the twin again."""
    tensors = {name: tensor.half() for name, tensor in twin.state_dict().items()}
    build = {
        "architecture": to_json(twin.architecture),
        "centre": twin.centre if isinstance(twin, VaeTwin) else 0,
    }
    path.write_bytes(safetensors.torch.save(tensors, metadata={KEY: json.dumps(build)}))


def load_twin(path: Path) -> Twin:
    """The twin, as floats, in eval mode. Raises InputError where the file is none."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            build = json.loads(file.metadata()[KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not the weights of a twin ({error})") from None
    twin = make_twin(from_json(build["architecture"]), build["centre"])
    twin.load_state_dict(tensors)
    return twin.eval()
