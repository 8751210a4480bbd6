"""The manifest of a set of shards: a JSON file beside them (docs/clusters.md, The manifest)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import bitsback
from bitsback.dask import shard_places
from bitsback.dask.shard_places import ModelPlace, model_file
from bitsback.errors import ArchiveError
from bitsback.format.layout import DTYPES, Shape
from bitsback.images.file_io import Location, name_of
from bitsback.images.names import fault

NAME = "manifest.json"
_FORMAT = "bitsback shards"
_VERSION = 1
_HEX = frozenset("0123456789abcdef")

Kind = Literal["array", "files"]


@dataclass(frozen=True)
class Shard:
    """The record of one shard."""

    file: str
    """Its name, in the folder of the manifest."""
    shape: Shape
    """The shape of its array; for files, their number."""
    dtype: str
    """NumPy's type string, or "mixed"."""
    bytes: int
    """The bytes of the archive."""
    sha256: str
    """The SHA-256 of the archive, in hexadecimal digits."""
    input_sha256: str
    """The SHA-256 of the input that it was made from (`bitsback.dask.shard.digest`)."""
    input_bytes: int
    """The bytes of the arrays in it."""

    @classmethod
    def read(cls, fields: object) -> "Shard":
        """Raises ArchiveError, which names the field, for invalid records."""
        if not isinstance(fields, dict):
            raise ArchiveError("is no object")
        try:
            shard = cls(
                _text(fields, "file"),
                _shape(fields),
                _text(fields, "dtype"),
                _number(fields, "bytes"),
                _digest(fields, "sha256"),
                _digest(fields, "input_sha256"),
                _number(fields, "input_bytes"),
            )
        except KeyError as error:
            raise ArchiveError(f"has no field {error}") from None
        if fault(shard.file) is not None or "/" in shard.file or "\\" in shard.file:
            raise ArchiveError(f"its file {shard.file!r} is not in the folder of the manifest")
        if shard.dtype not in DTYPES and shard.dtype != "mixed":
            raise ArchiveError(f"its dtype {shard.dtype!r} is not one that an archive can hold")
        return shard


@dataclass(frozen=True)
class ShardNote:
    """The record that is written before a shard, for a run that starts again."""

    shard: Shard
    settings: dict[str, Any]
    """The settings that the shard was made with."""

    def pack(self) -> bytes:
        return json.dumps({"shard": vars(self.shard), "settings": self.settings}).encode()

    @classmethod
    def unpack(cls, data: bytes) -> "ShardNote | None":
        """None if it is damaged."""
        try:
            found = json.loads(data)
            return cls(Shard.read(found["shard"]), dict(found["settings"]))
        except (ArchiveError, ValueError, KeyError, TypeError, RecursionError):
            return None


@dataclass(frozen=True)
class Manifest:
    """A set of shards, in order."""

    kind: Kind
    shards: tuple[Shard, ...]
    settings: dict[str, Any]
    """The settings that all shards were made with."""
    model: str | None
    """The identity of the requested model, in hexadecimal digits; None if shards chose theirs."""
    beside: bool
    """Whether the model is beside the shards, since it is not bundled."""

    @property
    def shape(self) -> Shape:
        """The shape of the shards one after the other; for files, their number."""
        first = self.shards[0].shape
        return (sum(shard.shape[0] for shard in self.shards), *first[1:])

    def model_place(self, place: Location) -> ModelPlace | None:
        """The place of the model, if one lies beside the shards. place: that of the manifest."""
        if self.model is None or not self.beside:
            return None
        return ModelPlace(self.model, shard_places.sibling(place, model_file(self.model)))

    def pack(self) -> bytes:
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "bitsback": bitsback.__version__,
            "kind": self.kind,
            "shape": self.shape,
            "dtype": self.shards[0].dtype if self.kind == "array" else "mixed",
            "model": self._model(),
            "settings": self.settings,
        }
        # One shard per line, so that line tools can search a long manifest.
        shards = ",\n".join(json.dumps(vars(shard)) for shard in self.shards)
        return f'{json.dumps(head)[:-1]}, "shards": [\n{shards}\n]}}\n'.encode()

    def _model(self) -> dict[str, str | None] | None:
        if self.model is None:
            return None
        return {"identity": self.model, "file": model_file(self.model) if self.beside else None}

    @classmethod
    def unpack(cls, data: bytes, name: str) -> "Manifest":
        """Raises ArchiveError, naming the manifest and the field."""
        try:
            return cls._read(data)
        except ArchiveError as error:
            raise ArchiveError(f"{name}: {error}") from None

    @classmethod
    def _read(cls, data: bytes) -> "Manifest":
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ArchiveError(f"this is no manifest of shards: {error}") from None
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ArchiveError("this is no manifest of shards: it does not say that it is one")
        if found.get("version") != _VERSION:
            raise ArchiveError(
                f"this manifest has the version {found.get('version')!r}: update bitsback"
            )
        try:
            kind, settings, listed = _text(found, "kind"), found["settings"], found["shards"]
            model, beside = _read_model(found["model"])
        except KeyError as error:
            raise ArchiveError(f"has no field {error}") from None
        if kind not in get_args(Kind) or not isinstance(settings, dict):
            raise ArchiveError("its kind or its settings are not what any writer makes")
        if not isinstance(listed, list) or not listed:
            raise ArchiveError("lists no shards")
        shards = []
        for number, fields in enumerate(listed):
            try:
                shards.append(Shard.read(fields))
            except ArchiveError as error:
                raise ArchiveError(f"shard {number}: {error}") from None
        first = shards[0]
        for number, shard in enumerate(shards):
            if len(shard.shape) < 1 or (
                kind == "array" and (shard.shape[1:], shard.dtype) != (first.shape[1:], first.dtype)
            ):
                raise ArchiveError(f"shard {number}: its shape or dtype does not go with the first")
        manifest = cls(cast(Kind, kind), tuple(shards), settings, model, beside)
        if list(manifest.shape) != found.get("shape"):
            raise ArchiveError("its shards do not have the shape that it says")
        return manifest


def read_manifest(place: Location) -> Manifest | None:
    """The manifest at a place; None if there is none. Raises InputError, ArchiveError."""
    data = shard_places.read_bytes(place)
    return None if data is None else Manifest.unpack(data, name_of(place))


def _read_model(fields: object) -> tuple[str | None, bool]:
    """Its identity, and whether it is beside the shards."""
    if fields is None:
        return None, False
    if not isinstance(fields, dict):
        raise ArchiveError("its field 'model' is no object")
    identity = _digest(fields, "identity")
    if fields["file"] not in (None, model_file(identity)):
        raise ArchiveError("its model is not in a file that any writer makes")
    return identity, fields["file"] is not None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise ArchiveError(f"its field {name!r} is no text")
    return value


def _number(fields: Mapping[str, Any], name: str) -> int:
    value = fields[name]
    if type(value) is not int or value < 0:
        raise ArchiveError(f"its field {name!r} is no number of bytes")
    return value


def _digest(fields: Mapping[str, Any], name: str) -> str:
    value = _text(fields, name)
    if len(value) != 64 or not _HEX.issuperset(value):
        raise ArchiveError(f"its field {name!r} is no SHA-256 in hexadecimal digits")
    return value


def _shape(fields: Mapping[str, Any]) -> Shape:
    value = fields["shape"]
    if not isinstance(value, list) or any(type(size) is not int or size < 0 for size in value):
        raise ArchiveError("its field 'shape' is no list of numbers")
    return tuple(value)
