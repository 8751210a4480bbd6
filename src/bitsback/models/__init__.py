"""Latent-variable models: their file, their parts, and the bundled models."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import cast

from bitsback.errors import ModelError
from bitsback.io.remote.ranges import read_all
from bitsback.io.remote.url import Options, Url, located
from bitsback.models import bundled
from bitsback.models.model import Choice, Model, model_of

__all__ = ["Model", "bundled", "load_model", "requested_model"]


def load_model(
    source: str | PathLike[str] | bytes, storage_options: Options | None = None
) -> Model:
    """A model by its bundled name, from a file, or from the bytes of one.

    >>> import bitsback
    >>> bitsback.load_model("mnist-binary").item_shape
    (28, 28)

    The file may be at a URL that fsspec supports; the storage options are for its filesystem.
    Raises ModelError, which names the file, if it cannot be read, is no model, or exceeds a bound.
    """
    if isinstance(source, bytes):
        return Model.from_bytes(source)
    if isinstance(source, str) and source in bundled.names():
        return bundled.load(source)
    place = located(source, storage_options)
    path = place if isinstance(place, Url) else Path(place)
    try:
        return Model.from_bytes(read_all(path) if isinstance(path, Url) else path.read_bytes())
    except OSError as error:
        known = ", ".join(bundled.names())
        raise ModelError(
            f"{path}: {error.strerror or error}: give a model file, or the name of a bundled model"
            f" ({known})"
        ) from None
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def requested_model(choice: Choice, storage_options: Options | None = None) -> Model | None:
    """The model that a choice names; None for "auto". Raises ModelError if it is missing."""
    if (requested := model_of(choice)) is not None:
        return requested
    return None if choice == "auto" else load_model(cast(str, choice), storage_options)
