"""The models that come with the package.

A released model stays for ever, since archives name it by its identity.
"""

import json
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from bitsback.errors import ModelError
from bitsback.models import file
from bitsback.models.integer.fields import Fields
from bitsback.models.model import Model
from bitsback.models.outline import Outline

# Among several that fit an item equally well, the first one is the default.
_NAMES = (
    "mnist-binary", "mnist-binary-paper", "mnist-binary-context", "mnist", "mnist-paper",
    "mnist-context", "mnist-context-small", "fashion-mnist-context", "universal",
    "universal-16", "bilevel", "graphics", "graphics-grey", "universal-mixed",
    "universal-deep", "series", "universal-fast",
)  # fmt: skip


def names() -> tuple[str, ...]:
    """The names of the bundled models, the default first."""
    return _NAMES


@cache
def load(name: str) -> Model:
    """The bundled model `name`. Raises ModelError if there is none."""
    if name not in _NAMES:
        raise ModelError(
            f"there is no bundled model '{name}': choose one of {', '.join(_NAMES)}, or give a file"
        )
    return Model.from_bytes(_file(name).read_bytes())


@cache
def outline(name: str) -> Outline:
    """The outline of the model `name`. Its networks are neither read nor tested."""
    with _file(name).open("rb") as stream:
        description = file.read_description(stream)
    return Outline.read(Fields(file.parse(description), "description"))


@cache
def identity(name: str) -> bytes:
    """The identity of the model `name`, without building it."""
    return file.identity(*file.read(_file(name).read_bytes()))


@cache
def speeds() -> dict[str, tuple[float, float]]:
    """The speeds of each model at compressing and restoring, in million samples a second.

    They are for one core. `benchmarks/model_speeds.py` measures them.
    """
    table = json.loads((resources.files(__name__) / "speeds.json").read_text())
    return {name: (encode, decode) for name, (encode, decode) in table["speeds"].items()}


def shown(speed: float) -> str:
    """A speed as text with at least two digits."""
    return f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}" if speed >= 1 else f"{speed:.2g}"


def content(name: str) -> bytes:
    """The bytes of the file of the model `name`."""
    return _file(name).read_bytes()


def size(name: str) -> int:
    """The size in bytes of the file of the model `name`."""
    return len(content(name))


def find(prefix: bytes) -> Model | None:
    """The bundled model whose identity starts with `prefix` (16 bytes in archives), or None."""
    return next((load(name) for name in _NAMES if identity(name).startswith(prefix)), None)


def alike(model: Model) -> list[Model]:
    """The other bundled models with tensors of the same names, dtypes and shapes.

    `model` may be coded as differences to them. Only size-agnostic models have any.
    """
    found = []
    for name in _NAMES:
        if model.any_shape and outline(name).any_shape and identity(name) != model.identity:
            base = load(name)
            if _kinds(base) == _kinds(model):
                found.append(base)
    return found


def _kinds(model: Model) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (tensor.dtype.str, tensor.shape) for name, tensor in model.tensors.items()}


def _file(name: str) -> Traversable:
    return resources.files(__name__) / f"{name}.safetensors"
