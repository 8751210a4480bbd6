"""Find models by their identities.

It knows the models registered in this process, the bundled models, and the files that the
environment variable BITSBACK_MODELS names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from bitsback.errors import ModelError
from bitsback.io.locks import Lock
from bitsback.models import bundled, file, load_model
from bitsback.models.model import HasModel, Model, model_of

VARIABLE = "BITSBACK_MODELS"
ADVICE = (
    "give its file to bitsback.register_model(FILE), or name the file, or its folder, in the"
    f" environment variable {VARIABLE}"
)

_ENDING = ".safetensors"

_Stamp = tuple[Path, int, int]
"""A file at the time of reading: its path, size, and modification time in ns."""

# By identity. Checking a model takes long, so each is loaded once, by one thread.
_models: dict[bytes, Model] = {}
_identities: dict[_Stamp, bytes] = {}
_lock = Lock()


def register_model(model: Model | HasModel | str | os.PathLike[str] | bytes) -> Model:
    """Registers a model, so that this process can decode data that were coded with it.

    model: a model, an object with one, the path of a model file, or its bytes. Returns the model.
    Raises ModelError if it cannot be read, is no model, or exceeds a bound.

    Other processes find models in the files and folders that the environment variable
    BITSBACK_MODELS names, separated as in PATH.

    >>> register_model("mnist-binary").name
    'mnist-binary'
    """
    known = model_of(model)
    if known is None:
        known = load_model(cast("str | bytes", model))
    with _lock:
        return _models.setdefault(known.identity, known)


def registered(identity: bytes) -> Model | None:
    """The registered model with this identity; None for others and for bundled models."""
    ships = identity in map(bundled.identity, bundled.names())
    return None if ships else _models.get(identity)


def find(prefix: bytes) -> Model | None:
    """The model whose identity begins with `prefix`, or None. Several threads may use it.

    Raises ModelError if there is none and a file that the environment names cannot be read, or if
    the model is damaged.
    """
    with _lock:
        for identity, model in _models.items():
            if identity.startswith(prefix):
                return model
        found = bundled.find(prefix)
        if found is None:
            found = _find_file(prefix)
        if found is not None:
            _models[found.identity] = found
        return found


def _find_file(prefix: bytes) -> Model | None:
    problems: list[ModelError] = []
    for path, named in _files():
        try:
            if _identity(path).startswith(prefix):
                return load_model(path)
        except OSError as error:
            problems.append(ModelError(f"{path}, which {VARIABLE} names: {error.strerror}"))
        except ModelError as error:
            if named:
                problems.append(ModelError(f"{path}, which {VARIABLE} names: {error}"))
    for problem in problems:
        raise problem
    return None


def _files() -> Iterator[tuple[Path, bool]]:
    """Pairs (file, whether BITSBACK_MODELS names the file itself).

    Files of a folder that it names need not be models.
    """
    for entry in os.environ.get(VARIABLE, "").split(os.pathsep):
        path = Path(entry)
        if entry and path.is_dir():
            yield from ((found, False) for found in sorted(path.glob(f"*{_ENDING}")))
        elif entry:
            yield path, True


def _identity(path: Path) -> bytes:
    """The identity of the model in a file.

    Raises OSError if it cannot be read, ModelError if it is no model file.
    """
    found = path.stat()
    stamp = path, found.st_size, found.st_mtime_ns
    if stamp not in _identities:
        _identities[stamp] = file.identity(*file.read(path.read_bytes()))
    return _identities[stamp]
