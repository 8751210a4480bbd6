"""Texts in a description that people will see: names that files may have, and printable lines."""

import re

from bitsback.errors import ModelError
from bitsback.integer.fields import Fields

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_MOST = 1_000


def read_name(fields: Fields, key: str) -> str:
    """The name of a model: so plain that it can be shown and typed anywhere. Raises ModelError."""
    name = fields.text(key)
    if not _NAME.match(name):
        raise ModelError(
            f"'{key}' must have 1 to 64 characters a-z, 0-9, '.', '_' and '-', the first a letter"
            f" or a digit, not {name[:80]!r}"
        )
    return name


def read_text(fields: Fields, key: str) -> str:
    """A line of text, without what could play tricks with a terminal. Raises ModelError."""
    text = fields.text(key)
    if len(text) > _MOST or not text.isprintable():
        raise ModelError(f"'{key}' must have at most 1,000 characters, all of them printable")
    return text
