"""The bundled models as the specification reads them, each once, since running their test vectors
takes long.
"""

from contextlib import suppress
from functools import cache
from lzma import LZMAError

from bitsback.models import bundled
from reference.archive import read_sections
from reference.blocks import decompress
from reference.fields import ArchiveError
from reference.model import Model


@cache
def spec_model(name: str) -> Model:
    return Model.from_bytes(bundled.load(name).to_bytes())


def spec_models(archive: bytes) -> tuple[Model, ...]:
    """The specification's models that the archive refers to, and bases of models in it."""
    told = archive
    with suppress(ArchiveError, LZMAError):
        for section in read_sections(archive):
            if section.kind == "M":
                told += decompress(section.payload[16:], 1)
    named = (name for name in bundled.names() if bundled.identity(name)[:16] in told)
    return tuple(map(spec_model, named))
