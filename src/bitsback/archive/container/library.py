"""Find the models of an archive's blocks.

A model may come from the caller, from the bundled or registered models, from the archive, or from a
file that the environment names.
"""

from collections.abc import Callable, Iterable
from typing import Any

from bitsback.coding.block import PREFIX_SIZE
from bitsback.errors import ArchiveError, ModelError
from bitsback.format.layout import MODEL, open_section
from bitsback.io.locks import Lock
from bitsback.models import Model, bundled, file, known
from bitsback.models.embed import read_description, unpack_model
from bitsback.models.integer.fields import Fields
from bitsback.models.outline import Outline
from bitsback.wire import Cursor

START = 1 << 20
"""The number of bytes at the start of an `M` section that contain its description."""
ADVICE = "if you have its file, give it with -m FILE (model=FILE)"


class Library:
    """Finds models by the first 16 bytes of their identity. Several threads may use it."""

    def __init__(
        self,
        requested: Model | None,
        embedded: Callable[[], Iterable[bytes]],
        starts: Callable[[], Iterable[bytes]] = tuple,
    ) -> None:
        """requested: the model of the caller.

        embedded: reads the `M` sections. It is called once, when a block needs a model that is
        neither requested nor bundled, or by `damage`. starts: reads the first START bytes of each
        `M` section.
        """
        self._starts = starts
        self.has_requested = requested is not None
        """Whether the caller gave a model. Embedded models that no block needs may then be damaged.
        """
        self._known = {requested.identity[:PREFIX_SIZE]: requested} if requested is not None else {}
        self._embedded: Callable[[], Iterable[bytes]] | None = embedded
        self._damage: list[ArchiveError] = []
        self._lock = Lock()

    def find(self, prefix: bytes) -> Model:
        """The model whose identity starts with `prefix`. Raises ArchiveError if it is missing."""
        with self._lock:
            if prefix not in self._known:
                model = _found(bundled.find, prefix)
                if model is not None:
                    self._known[prefix] = model
            if prefix not in self._known:
                self._load_embedded()
            if prefix not in self._known:
                model = _found(known.find, prefix)
                if model is None:
                    for error in self._damage:
                        raise error
                    raise ArchiveError(
                        f"it was coded with the model {prefix.hex()}, which is neither in the"
                        " archive nor bundled; give its file with -m FILE (model=FILE), or name the"
                        f" file, or its folder, in the environment variable {known.VARIABLE}"
                    )
                self._known[prefix] = model
            return self._known[prefix]

    def describe(self, prefix: bytes) -> dict[str, Any] | None:
        """The name, purpose and code of a model; None if it is not found. It builds no model."""
        known: Outline | None = self._known.get(prefix)
        for name in bundled.names() if known is None else ():
            identity = bundled.identity(name)
            if identity.startswith(prefix):
                return _about(bundled.outline(name)) | {"identity": identity.hex()}
        if known is not None:
            return _about(known)
        described = (_described(start, prefix) for start in self._starts())
        return next((about for about in described if about is not None), None)

    def damage(self) -> list[ArchiveError]:
        """The faults of the models in the archive; empty if the caller gave a model instead."""
        if self.has_requested:
            return []
        with self._lock:
            self._load_embedded()
            return list(self._damage)

    def _load_embedded(self) -> None:
        if self._embedded is None:
            return
        sections, self._embedded = self._embedded(), None
        for section in sections:
            try:
                model = load_embedded(section)
                self._known[model.identity[:PREFIX_SIZE]] = model
            except ArchiveError as error:
                self._damage.append(error)


def _found(find: Callable[[bytes], Model | None], prefix: bytes) -> Model | None:
    try:
        return find(prefix)
    except ModelError as error:
        raise ArchiveError(str(error)) from None


def _about(model: Outline) -> dict[str, Any]:
    return {
        "name": model.name,
        "about": model.about,
        "code": [str(step) for step in model.code],
    }


def _described(start: bytes, prefix: bytes) -> dict[str, Any] | None:
    """The description of a model from the first bytes of its `M` section."""
    cursor = Cursor(start, 1)
    try:
        cursor.varint()
        if cursor.take(PREFIX_SIZE) != prefix:
            return None
        description = read_description(start[cursor.at - PREFIX_SIZE :])
        return _about(Outline.read(Fields(file.parse(description), "description")))
    except (ArchiveError, ModelError):
        return None


def load_embedded(section: bytes) -> Model:
    """The model in an `M` section. Raises ArchiveError if it is damaged."""
    try:
        return unpack_model(open_section(section, MODEL))
    except (ArchiveError, ModelError) as error:
        raise ArchiveError(f"the model in the archive is damaged: {error}; {ADVICE}") from None
