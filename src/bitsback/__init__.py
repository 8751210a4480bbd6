"""bitsback: lossless compression of image collections with latent-variable models and bits-back
coding.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bitsback.errors import (
    ArchiveError,
    BitsbackError,
    InputError,
    InputWarning,
    MessageError,
    MessageExhausted,
    MissingExtra,
    ModelError,
)

if TYPE_CHECKING:
    from bitsback.archive import Archive, compress, decompress, merge, open
    from bitsback.message import Message
    from bitsback.models import Model, load_model

__version__ = "0.1.0"

__all__ = [
    "Archive",
    "ArchiveError",
    "BitsbackError",
    "InputError",
    "InputWarning",
    "Message",
    "MessageError",
    "MessageExhausted",
    "MissingExtra",
    "Model",
    "ModelError",
    "compress",
    "decompress",
    "load_model",
    "merge",
    "open",
]

# Loaded on first use: `bitsback --help` need not wait for NumPy.
_LAZY = {
    "Archive": "archive",
    "compress": "archive",
    "decompress": "archive",
    "merge": "archive",
    "open": "archive",
    "Message": "message",
    "Model": "models",
    "load_model": "models",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"bitsback.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'bitsback' has no attribute '{name}'")
