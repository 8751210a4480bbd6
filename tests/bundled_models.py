"""The bundled models as the specification reads them, each once, since running their test vectors
takes long.
"""

from functools import cache

from bitsback.models import bundled
from reference.model import Model


@cache
def spec_model(name: str) -> Model:
    return Model.from_bytes(bundled.load(name).to_bytes())


def spec_models() -> tuple[Model, ...]:
    return tuple(map(spec_model, bundled.names()))
