"""Training: torch modules of the integer networks, recipes, and the exporter. It needs the extra
`bitsback[train]`.

    train_model(images, "mine.safetensors")   a model for one's own images, as `bitsback train` does
    portable.build(...)                       one of torch modules that you have trained

Nothing else in bitsback imports this package, and compressing or decompressing never needs it.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bitsback.errors import MissingExtra

if TYPE_CHECKING:
    from bitsback.train import portable
    from bitsback.train.job.train_model import train_model

__all__ = ["portable", "train_model"]

if find_spec("torch") is None:
    raise MissingExtra("torch", "bitsback[train]", ".[train]")


def __getattr__(name: str) -> Any:
    if name == "train_model":
        from bitsback.train.job.train_model import train_model

        return train_model
    if name == "portable":
        return import_module("bitsback.train.portable")
    raise AttributeError(f"module 'bitsback.train' has no attribute '{name}'")
