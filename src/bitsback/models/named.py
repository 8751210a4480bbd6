"""A model in metadata: its name and its identity, and optionally the whole model."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bitsback.errors import ArchiveError, ModelError
from bitsback.models import bundled, known
from bitsback.models.embed import pack_model, unpack_model
from bitsback.models.model import Model
from bitsback.models.outline import Outline

_IDENTITY_SIZE = 32


@dataclass(frozen=True)
class NamedModel:
    """A model by its identity, with its name for people.

    A pickle of it contains the model itself if that is registered and not bundled. The receiver
    then registers it.
    """

    name: str
    identity: str
    """SHA-256, 64 hexadecimal digits."""
    embedded: str | None = field(default=None, repr=False)
    """The model as embedded in archives (docs/format.md, An embedded model), in Base64."""

    @classmethod
    def from_model(cls, model: Model, embed: bool = False) -> "NamedModel":
        embedded = base64.b64encode(pack_model(model)).decode() if embed else None
        return cls(model.name, model.identity.hex(), embedded)

    @classmethod
    def bundled(cls, name: str) -> "NamedModel":
        """The bundled model of this name."""
        return cls(name, bundled.identity(name).hex())

    @classmethod
    def from_json(cls, entry: Any) -> "NamedModel":
        """Reads the result of `to_json`. Raises ModelError for anything else."""
        keys = ("name", "identity", "embedded")
        if not isinstance(entry, Mapping) or any(
            key not in keys or not isinstance(value, str) for key, value in entry.items()
        ):
            raise ModelError(f"a model needs the keys {', '.join(map(repr, keys))}, not {entry!r}")
        identity = entry.get("identity", "")
        if len(identity) != 2 * _IDENTITY_SIZE or set(identity) - set("0123456789abcdef"):
            raise ModelError(f"{identity!r} is no identity of a model, which has 64 hex digits")
        return cls(entry.get("name", identity[:8]), identity, entry.get("embedded"))

    def to_json(self) -> dict[str, str]:
        entry = {"name": self.name, "identity": self.identity}
        return entry if self.embedded is None else entry | {"embedded": self.embedded}

    def __reduce__(self) -> tuple[Any, ...]:
        model = known.registered(self.digest) if self.embedded is None else None
        carried = None if model is None else _packed(model)
        return _known_again, (self.name, self.identity, self.embedded, carried)

    @property
    def digest(self) -> bytes:
        """The identity as bytes."""
        return bytes.fromhex(self.identity)

    def outline(self) -> Outline:
        """The outline of the model, without loading a bundled one. Raises ModelError."""
        if self.name in bundled.names() and bundled.identity(self.name) == self.digest:
            return bundled.outline(self.name)
        return self.load()

    def load(self) -> Model:
        """The model. Raises ModelError, with advice, if it is missing or damaged."""
        model = known.find(self.digest)
        if model is None and self.embedded is not None:
            model = known.register_model(self._unpack(self.embedded))
        if model is None:
            raise ModelError(
                f"the model {self.name} (identity {self.identity[:16]}...) does not ship with this"
                f" bitsback: {known.ADVICE}"
            )
        return model

    def _unpack(self, embedded: str) -> Model:
        try:
            model = unpack_model(base64.b64decode(embedded, validate=True))
        except (ArchiveError, ModelError, binascii.Error) as error:
            raise ModelError(f"the model {self.name} in the metadata is damaged: {error}") from None
        if model.identity != self.digest:
            raise ModelError(f"the model {self.name} in the metadata has another identity")
        return model


_packed = lru_cache(8)(pack_model)  # packing searches for the smallest form


def _known_again(
    name: str, identity: str, embedded: str | None, carried: bytes | None
) -> NamedModel:
    if carried is not None and known.find(bytes.fromhex(identity)) is None:
        known.register_model(unpack_model(carried))
    return NamedModel(name, identity, embedded)
