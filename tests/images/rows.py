"""The rows of the table of files: what each format restores, stores verbatim, and refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Restored:
    """A file that is split into pixels and container metadata, and restored from both."""

    data: bytes
    exact: bool = True
    """Whether both restore the same bytes, if these are wanted."""
    anew: bool = False
    """Whether the pixels are compressed anew, unless the same bytes are wanted."""
    indexed: bool = False
    pixels: NDArray[Any] | None = None
    """The samples, if the row knows them."""
    most: int | None = None
    """The most bytes of its container metadata."""
    unlike: tuple[bytes, ...] = ()
    """Files that differ from it in more than their compression."""


@dataclass(frozen=True)
class Verbatim:
    """A file that is not split."""

    data: bytes
    reason: str = ""
    """A part of the reason."""
    damaged: bool = False
    """Whether it cannot be read."""


@dataclass(frozen=True)
class Forged:
    """Container metadata that break a rule of docs/format.md, and pixels."""

    metadata: bytes
    pixels: NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """All rows of a format, by their names."""

    ending: str
    restored: Mapping[str, Restored] = field(default_factory=dict)
    verbatim: Mapping[str, Verbatim] = field(default_factory=dict)
    forged: Mapping[str, Forged] = field(default_factory=dict)
