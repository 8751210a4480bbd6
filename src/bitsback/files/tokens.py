"""Code the choices of a deflate encoder relative to its plaintext, and restore its streams
(docs/format.md, Tokens of deflate streams).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bitsback import _core, tables
from bitsback.errors import ArchiveError

_MOST = 1 << 30  # bytes of plaintext, at most


class TokenWriter:
    """Codes the tokens of raw deflate streams of one encoder, one after the other."""

    def __init__(self) -> None:
        self._encoder = _core.DeflateEncoder(tables.stretch(), tables.logistic_cdf())

    def add(self, stream: bytes | memoryview, most: int = _MOST) -> tuple[bytes, int] | None:
        """The plaintext and the size of the next stream; other bytes may follow the stream.

        most: the limit for the bytes of plaintext. None if the stream is damaged, or beyond it.
        """
        try:
            return self._encoder.add(stream, most)
        except ValueError:
            return None

    def end(self) -> bytes:
        """The coded tokens."""
        return self._encoder.end()


class TokenReader:
    """Restores streams, one after the other. Raises ArchiveError for tokens of other plaintext."""

    def __init__(self, coded: bytes) -> None:
        with _refusing():
            self._decoder = _core.DeflateDecoder(coded, tables.stretch(), tables.logistic_cdf())

    def stream(self, plaintext: bytes | bytearray, size: int) -> bytes:
        """The next stream, with this plaintext and so many bytes."""
        with _refusing():
            return self._decoder.stream(plaintext, max(size, 0))

    def end(self) -> None:
        with _refusing():
            self._decoder.end()


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ArchiveError(f"its compression cannot be made again: {error}") from None
