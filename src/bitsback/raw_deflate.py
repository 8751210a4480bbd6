"""Raw deflate streams, RFC 1951, in bounded memory."""

import zlib

from bitsback.errors import ArchiveError

WINDOW = -15
"""The window size that zlib takes for a stream without a header."""


def compress(
    data: bytes | memoryview,
    strategy: int = zlib.Z_DEFAULT_STRATEGY,
    level: int = 9,
    memory: int = 9,
) -> bytes:
    """The stream by zlib, with these parameters of zlib."""
    packer = zlib.compressobj(level, zlib.DEFLATED, WINDOW, memory, strategy)
    return packer.compress(data) + packer.flush()


def decompress(data: bytes | memoryview, limit: int, dictionary: bytes = b"") -> tuple[bytes, bool]:
    """The first `limit` bytes of the content, and whether stream and data end there.

    No more bytes are decoded. dictionary: bytes before the content, to which it may refer. Raises
    ArchiveError.
    """
    inflater = zlib.decompressobj(WINDOW, zdict=dictionary)
    try:
        content = inflater.decompress(data, limit)
    except zlib.error as error:
        raise ArchiveError(f"its compressed bytes are damaged: {error}") from None
    return content, inflater.eof and not inflater.unused_data


def decompress_exactly(data: bytes | memoryview, size: int) -> bytes | None:
    """The content, if it has exactly `size` bytes; None if not, or if the stream is damaged."""
    try:
        content, ended = decompress(data, size + 1)
    except ArchiveError:
        return None
    return content if ended and len(content) == size else None
