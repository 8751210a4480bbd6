"""What the encoder of a deflate stream chose, coded given its plaintext, and the stream made again
(docs/format.md, Tokens of deflate streams).
"""

from __future__ import annotations

from dataclasses import dataclass

from bitsback import _core, tables
from bitsback.errors import ArchiveError

_MOST = 1 << 30  # bytes of plaintext, at most


@dataclass(frozen=True)
class Tokens:
    """The tokens of a raw deflate stream."""

    coded: bytes
    size: int
    """Bytes of the stream."""

    @classmethod
    def find(cls, stream: bytes | memoryview, most: int = _MOST) -> tuple[bytes, Tokens] | None:
        """The plaintext and the tokens of a stream, behind which there may be other bytes.

        most: bytes of plaintext, at most. None if the stream is damaged, or longer.
        """
        try:
            plaintext, coded, size = _core.deflate_tokens(
                stream, most, tables.stretch(), tables.logistic_cdf()
            )
        except ValueError:
            return None
        return plaintext, cls(coded, size)

    def stream(self, plaintext: bytes | bytearray) -> bytes:
        """The stream with this plaintext. Raises ArchiveError if it is not that of the tokens."""
        try:
            return _core.deflate_stream(
                plaintext, self.coded, self.size, tables.stretch(), tables.logistic_cdf()
            )
        except ValueError as error:
            raise ArchiveError(f"its compression cannot be made again: {error}") from None
