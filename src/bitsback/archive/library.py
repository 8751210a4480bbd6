"""The models that an archive's blocks ask for: given by hand, embedded in it, or bundled."""

from collections.abc import Callable, Iterable
from threading import Lock

from bitsback.archive.block import PREFIX_SIZE
from bitsback.archive.layout import MODEL, open_section
from bitsback.errors import ArchiveError, ModelError
from bitsback.models import Model, bundled
from bitsback.models.embed import unpack_model


class Library:
    """Finds models by the first 16 bytes of their identity. May be used from several threads."""

    def __init__(self, given: Model | None, embedded: Callable[[], Iterable[bytes]]) -> None:
        """embedded: reads the `M` sections; called once, when a block asks for a model that was not
        given.
        """
        self._known = {given.identity[:PREFIX_SIZE]: given} if given is not None else {}
        self._embedded: Callable[[], Iterable[bytes]] | None = embedded
        self._damage: ArchiveError | None = None
        self._lock = Lock()

    def find(self, prefix: bytes) -> Model:
        """Raises ArchiveError, saying what to do, if the model is not there."""
        with self._lock:
            if prefix not in self._known and self._embedded is not None:
                self._load_embedded(self._embedded())
                self._embedded = None
            if prefix not in self._known:
                model = bundled.find(prefix)
                if model is None:
                    raise self._damage or ArchiveError(
                        f"it was coded with the model {prefix.hex()}, which is neither in the"
                        " archive nor bundled; give its file with -m FILE (model=FILE)"
                    )
                self._known[prefix] = model
            return self._known[prefix]

    def check(self) -> None:
        """Raises ArchiveError if a model in the archive is damaged, whether a block has asked for
        it or not.
        """
        with self._lock:
            if self._embedded is not None:
                self._load_embedded(self._embedded())
                self._embedded = None
            if self._damage is not None:
                raise self._damage

    def _load_embedded(self, sections: Iterable[bytes]) -> None:
        for section in sections:
            try:
                model = load_embedded(section)
                self._known[model.identity[:PREFIX_SIZE]] = model
            except ArchiveError as error:
                self._damage = error


def load_embedded(section: bytes) -> Model:
    """The model in an `M` section. Raises ArchiveError if it is damaged."""
    try:
        return unpack_model(open_section(section, MODEL))
    except (ArchiveError, ModelError) as error:
        raise ArchiveError(
            f"the model in the archive is damaged: {error}; if you have its file, give it with -m"
            " FILE (model=FILE)"
        ) from None
