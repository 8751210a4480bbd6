"""bitsback: lossless compression of image collections with latent-variable models and bits-back
coding.

    compress(source, destination)   writes an archive of an array, a folder of pictures, ...
    decompress(archive)             restores the source of an archive
    open(archive)                   opens an archive, to index it like an array or by file names

>>> import io
>>> import bitsback
>>> import numpy as np
>>> digits = np.zeros((100, 28, 28), np.uint8)
>>> file = io.BytesIO()  # or the path of a file
>>> summary = bitsback.compress(digits, file)
>>> np.array_equal(bitsback.decompress(file), digits)
True
>>> with bitsback.open(file) as archive:
...     archive[[3, 1], 10:20].shape
(2, 10, 28)

`bitsback.codecs` has the parts of models. `bitsback.torch` has a dataset for PyTorch.
`bitsback.dask`, `bitsback.zarr`, `bitsback.numcodecs`, `bitsback.hdf5`, `bitsback.pillow` and
`bitsback.xarray` are for those packages. Each is imported on first use. If its package is missing,
it raises MissingExtra, which says what to install.

Errors are `BitsbackError` and its subclasses. IndexError and KeyError stand for a missing item,
ValueError for a closed archive.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bitsback.errors import (
    ArchiveError,
    BitsbackError,
    CodecError,
    InputError,
    InputWarning,
    MessageError,
    MessageExhausted,
    MissingExtra,
    ModelError,
    ModelWarning,
)

if TYPE_CHECKING:
    from bitsback import codecs
    from bitsback.archive.archive import Archive, open
    from bitsback.archive.comparing.differences import diff
    from bitsback.archive.restoring.decompress import decompress
    from bitsback.archive.writing.changing import add, remove
    from bitsback.archive.writing.embedding import embed
    from bitsback.archive.writing.merging import merge
    from bitsback.archive.writing.repairing import add_parity, repair
    from bitsback.archive.writing.writer import compress
    from bitsback.array_bytes import decode, encode
    from bitsback.compress_options import CompressOptions
    from bitsback.decompress_options import DecompressOptions
    from bitsback.message import Message
    from bitsback.models import Model, load_model
    from bitsback.models.known import register_model

__version__ = "1.0.0"

__all__ = [
    "Archive",
    "ArchiveError",
    "BitsbackError",
    "CodecError",
    "CompressOptions",
    "DecompressOptions",
    "InputError",
    "InputWarning",
    "Message",
    "MessageError",
    "MessageExhausted",
    "MissingExtra",
    "Model",
    "ModelError",
    "ModelWarning",
    "add",
    "add_parity",
    "codecs",
    "compress",
    "decode",
    "decompress",
    "diff",
    "embed",
    "encode",
    "load_model",
    "merge",
    "open",
    "register_model",
    "remove",
    "repair",
]

_MODULES = {
    "codecs": None,
    "dask": "dask",
    "hdf5": "h5py",
    "numcodecs": "numcodecs",
    "pillow": None,
    "torch": "torch",
    "xarray": "xarray",
    "zarr": "zarr",
}
"""Modules that are imported on first use, and the package that each needs."""

# Loaded on first use, so that `bitsback --help` does not wait for NumPy.
_LAZY = {
    "Archive": "archive.archive",
    "add": "archive.writing.changing",
    "add_parity": "archive.writing.repairing",
    "CompressOptions": "compress_options",
    "compress": "archive.writing.writer",
    "DecompressOptions": "decompress_options",
    "decode": "array_bytes",
    "decompress": "archive.restoring.decompress",
    "diff": "archive.comparing.differences",
    "encode": "array_bytes",
    "embed": "archive.writing.embedding",
    "merge": "archive.writing.merging",
    "open": "archive.archive",
    "Message": "message",
    "Model": "models",
    "load_model": "models",
    "register_model": "models.known",
    "remove": "archive.writing.changing",
    "repair": "archive.writing.repairing",
}


def __dir__() -> list[str]:
    """The names of the package, without modules whose packages are not installed."""
    modules = {name for name, needed in _MODULES.items() if needed is None or find_spec(needed)}
    ours = {"Any", "TYPE_CHECKING", "find_spec", "import_module"}
    return sorted({*globals(), *__all__, *modules} - ours)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"bitsback.{name}")
    if name in _LAZY:
        return getattr(import_module(f"bitsback.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'bitsback' has no attribute '{name}'")
