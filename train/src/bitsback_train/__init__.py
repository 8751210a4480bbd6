"""Training: torch modules of the integer networks, their training, and the exporter. It comes
with `./train[torch]`.

    train_model(images, "mine.safetensors")   a model for one's own images, as `bitsback train` does
    portable.build(...)                       one of torch modules that you have trained

The package bitsback does not import this one, so compressing and decompressing never need it.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bitsback.errors import MissingExtra

if TYPE_CHECKING:
    from bitsback_train import portable
    from bitsback_train.job.train_model import train_model

__all__ = ["portable", "train_model"]


def require_torch() -> None:
    """Raises MissingExtra without PyTorch."""
    if find_spec("torch") is None:
        raise MissingExtra("torch", "./train[torch]")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'bitsback_train' has no attribute '{name}'")
    require_torch()
    if name == "portable":
        return import_module("bitsback_train.portable")
    from bitsback_train.job.train_model import train_model

    return train_model
