"""Latent-variable models: the file they come in, their parts, and those that are bundled."""

from os import PathLike
from pathlib import Path

from bitsback.errors import ModelError
from bitsback.models import bundled
from bitsback.models.model import Model

__all__ = ["Model", "bundled", "load_model"]


def load_model(source: str | PathLike[str] | bytes) -> Model:
    """A model by its bundled name, from a file, or from the bytes of one.

    >>> import bitsback
    >>> bitsback.load_model("mnist-binary").item_shape
    (28, 28)

    Raises ModelError, naming the file, if it cannot be read, is no model, or breaks a bound.
    """
    if isinstance(source, bytes):
        return Model.from_bytes(source)
    if isinstance(source, str) and source in bundled.names():
        return bundled.load(source)
    path = Path(source)
    try:
        return Model.from_bytes(path.read_bytes())
    except OSError as error:
        known = ", ".join(bundled.names())
        raise ModelError(
            f"{path}: {error.strerror}: give a model file, or the name of a bundled model ({known})"
        ) from None
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
