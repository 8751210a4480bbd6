"""The bundled models as the specification reads them, each once, since running their test vectors
takes long.
"""

from functools import cache

from bitsback.models import bundled
from reference.model import Model


@cache
def spec_model(name: str) -> Model:
    return Model.from_bytes(bundled.load(name).to_bytes())


def spec_models(archive: bytes) -> tuple[Model, ...]:
    """Those that the archive refers to."""
    named = (name for name in bundled.names() if bundled.identity(name)[:16] in archive)
    return tuple(map(spec_model, named))
