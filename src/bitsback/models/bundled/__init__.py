"""The models that come with the package. Once released, a model stays for ever: archives name it by its identity."""

from functools import cache
from importlib import resources

from bitsback.errors import ModelError
from bitsback.models.vae import Model

# Of those that fit an item equally well, the first is the default.
_NAMES = ("mnist-binary", "mnist-binary-paper", "mnist", "mnist-paper")


def names() -> tuple[str, ...]:
    """The names of the bundled models, the default first."""
    return _NAMES


@cache
def load(name: str) -> Model:
    """The bundled model `name`. Raises ModelError if there is none."""
    if name not in _NAMES:
        raise ModelError(f"there is no bundled model '{name}': choose one of {', '.join(_NAMES)}, or give a file")
    return Model.from_bytes((resources.files(__name__) / f"{name}.safetensors").read_bytes())


def find(prefix: bytes) -> Model | None:
    """The bundled model whose identity begins with `prefix` (16 bytes in archives), or None."""
    return next((model for model in map(load, _NAMES) if model.identity.startswith(prefix)), None)
