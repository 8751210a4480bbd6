"""Recognise research archives, which only `bitsback.research` decodes, and refuse them elsewhere
(docs/research.md).
"""

from dataclasses import dataclass
from typing import Any, Self

from bitsback import wire
from bitsback.errors import ArchiveError

START = b"R"
"""The kind of their first section, by which other readers recognise them."""


@dataclass(frozen=True)
class ResearchSummary:
    """The properties of a research archive at its beginning, for people."""

    images: str
    made: str

    def pack(self) -> bytes:
        """Texts of up to 200 bytes each, so that both are near the start of the file."""
        texts = [text.encode()[:200] for text in (self.images, self.made)]
        return b"".join(wire.varint(len(text)) + text for text in texts)

    @classmethod
    def read(cls, cursor: wire.Cursor) -> Self:
        """Raises ArchiveError."""
        texts = [cursor.take(cursor.varint()).decode(errors="replace") for _ in range(2)]
        return cls(*texts)


class ResearchArchive(ArchiveError):
    """An archive that only the model's own code decodes. summary: None if it cannot be read."""

    def __init__(self, summary: ResearchSummary | None) -> None:
        of = f" of {summary.images}, made by {summary.made}" if summary else ""
        super().__init__(
            f"this is a research archive{of}: it can be decoded only with the model that made it,"
            " by the same floats; use bitsback.research.decompress(path, model) there"
        )
        self.summary = summary

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.summary,)


def refuse(data: bytes, at: int) -> ResearchArchive:
    """The error for an archive whose first section, at data[at:], is that of a research archive."""
    try:
        cursor = wire.Cursor(data, at + 1)
        cursor.varint()
        return ResearchArchive(ResearchSummary.read(cursor))
    except ArchiveError:
        return ResearchArchive(None)
