"""Paths and URLs of shards, and of the model that they share."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from bitsback.errors import InputError, ModelError
from bitsback.images.file_io import Location, name_of, reading
from bitsback.models import Model, bundled
from bitsback.models.model import Choice, model_of
from bitsback.planner.candidates import is_bundled
from bitsback.remote.url import Options, Url, located
from bitsback.restoring.output import naming, open_output

NUMBER = "{i}"
"""The placeholder for the number in names of shards."""


def absolute(place: Any, options: Options | None = None) -> Location:
    """The same place for processes in other folders. Raises InputError for anything but a place."""
    found = located(place, options)
    if isinstance(found, Url):
        return found
    if not isinstance(found, str | os.PathLike):
        raise InputError(f"a path or a URL is needed, not {type(found).__name__}")
    return Path(os.path.abspath(found))  # noqa: PTH100 - links stay as they are


def sibling(place: Location, name: str) -> Location:
    """The file of this name in the folder of `place`."""
    if not isinstance(place, Url):
        return Path(place).parent / name
    path, mark, query = place.text.partition("?")
    return Url(f"{path.rpartition('/')[0]}/{name}{mark}{query}", place.options)


def base(place: Location) -> str:
    """The last part of its path."""
    return place.base if isinstance(place, Url) else Path(place).name


def read_bytes(place: Location) -> bytes | None:
    """The content of a file; None if there is no such file. Raises InputError."""
    with reading(name_of(place)):
        try:
            if not isinstance(place, Url):
                return Path(place).read_bytes()
            fs, path = place.connect()
            with place.as_os_error():
                try:
                    return bytes(fs.cat_file(path))
                except FileNotFoundError:
                    return None
        except FileNotFoundError:
            return None


def write_bytes(place: Location, data: bytes) -> None:
    """Writes a file atomically. Raises InputError."""
    with open_output(place, force=True) as output:
        output.write(data)


def exists(place: Location) -> bool:
    """Whether there is such a file. Raises InputError."""
    with reading(name_of(place)):
        if not isinstance(place, Url):
            return os.path.lexists(place)
        fs, path = place.connect()
        with place.as_os_error():
            fs.invalidate_cache(fs._parent(path))
            return bool(fs.exists(path))


def make_folder(place: Location) -> None:
    """Makes the folder of a file; at a URL there is nothing to make."""
    if not isinstance(place, Url):
        with naming(os.fspath(Path(place).parent)):
            Path(place).parent.mkdir(parents=True, exist_ok=True)


def remove(places: Sequence[Location]) -> None:
    """Removes files that are no longer needed, where that is possible."""
    urls = [place for place in places if isinstance(place, Url)]
    for place in places:
        if not isinstance(place, Url):
            with suppress(OSError):
                Path(place).unlink()
    if urls:
        with suppress(Exception):  # a failure only leaves files that waste space
            fs, _ = urls[0].connect()
            fs.rm([url.connect()[1] for url in urls])


class Pattern:
    """The places of a set's shards, by their numbers."""

    def __init__(self, place: Any, options: Options | None = None) -> None:
        """place: a path or a URL with `{i}` for the number in its last part; or a folder, in which
        shards are called `part-{i}.bb`. Raises InputError.
        """
        text = os.fspath(place) if isinstance(place, os.PathLike) else place
        if not isinstance(text, str):
            raise InputError(
                f"shards go to a path or a URL with {NUMBER}, not {type(text).__name__}"
            )
        if NUMBER not in text:
            if text.endswith(".bb"):
                raise InputError(
                    f"{text}: several archives are made; put {NUMBER} where the number of each is"
                    f" to stand, as in part-{NUMBER}.bb, or name a folder"
                )
            text = f"{text.rstrip('/') or '/'}/part-{NUMBER}.bb"
        self._place = absolute(text, options)
        self.name = name_of(self._place)
        """The name for messages."""
        self._base = base(self._place)
        if self.name.count(NUMBER) != 1 or NUMBER not in self._base:
            raise InputError(f"{self.name}: {NUMBER} is to be once, in the last part of the name")

    def shard(self, number: int, count: int) -> Location:
        """The shard with this number out of `count`; names sort in the order of the numbers."""
        digits = f"{number:0{len(str(max(count - 1, 0)))}d}"
        return sibling(self._place, self._base.replace(NUMBER, digits))

    def beside(self, name: str) -> Location:
        """A file beside the shards."""
        return sibling(self._place, name)


@dataclass(frozen=True)
class ModelPlace:
    """A model by its identity, and the place of its file; None if it is bundled."""

    identity: str
    """The identity of the model, in hexadecimal digits."""
    place: Location | None

    def load(self) -> Model:
        """Loads it. Raises ModelError or InputError if it is missing, or another one."""
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
    data = read_bytes(wanted.place)
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
    """The place where workers find the model for reading archives: the name of a bundled one, or
    the path or URL of a file. Raises InputError, ModelError.
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
    place = absolute(cast(str, choice), options)
    data = read_bytes(place)
    if data is None:
        raise ModelError(f"{name_of(place)}: there is no such model file")
    try:
        return ModelPlace(Model.from_bytes(data).identity.hex(), place)
    except ModelError as error:
        raise ModelError(f"{name_of(place)}: {error}") from None
