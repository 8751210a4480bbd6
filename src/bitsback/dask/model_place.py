"""Models that workers load, each once, from where all of them see it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from bitsback.archive.choose import is_bundled
from bitsback.dask import places
from bitsback.errors import InputError, ModelError
from bitsback.images.file_io import Location, name_of
from bitsback.models import Model, bundled
from bitsback.models.model import Choice, model_of
from bitsback.remote.url import Options


@dataclass(frozen=True)
class ModelPlace:
    """A model, by its identity, and where its file is; None: it ships."""

    identity: str
    """In hexadecimal digits."""
    place: Location | None

    def load(self) -> Model:
        """Raises ModelError or InputError if it is not there, or is another one."""
        return _load(self)


@lru_cache(maxsize=4)
def _load(wanted: ModelPlace) -> Model:
    identity = bytes.fromhex(wanted.identity)
    if wanted.place is None:
        model = bundled.find(identity)
        if model is None:
            raise ModelError(
                f"the model {wanted.identity} does not ship with this bitsback: update it"
            )
        return model
    name = name_of(wanted.place)
    data = places.read_bytes(wanted.place)
    if data is None:
        raise InputError(f"{name}: is the model of these archives, and is not there; put it back")
    try:
        model = Model.from_bytes(data)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
    if model.identity != identity:
        raise ModelError(f"{name}: is not the model {wanted.identity}, which these archives need")
    return model


def model_file(identity: str) -> str:
    """The name of a model's file beside shards."""
    return f"model-{identity}.safetensors"


def model_place(choice: Choice, options: Options | None) -> ModelPlace:
    """Where workers find a model that archives are to be read with: a bundled one by its name, or
    a file by its path or URL. Raises InputError, ModelError.
    """
    if isinstance(choice, str) and choice in bundled.names():
        return ModelPlace(bundled.identity(choice).hex(), None)
    if (model := model_of(choice)) is not None:
        if not is_bundled(model):
            raise InputError(
                "a model that does not ship is given to workers as a file: save it where all of"
                " them see it, and give its path or URL"
            )
        return ModelPlace(model.identity.hex(), None)
    place = places.absolute(cast(str, choice), options)
    data = places.read_bytes(place)
    if data is None:
        raise ModelError(f"{name_of(place)}: there is no such model file")
    try:
        return ModelPlace(Model.from_bytes(data).identity.hex(), place)
    except ModelError as error:
        raise ModelError(f"{name_of(place)}: {error}") from None
