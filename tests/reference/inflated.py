"""The method inflated: deflate streams in bytes (docs/format.md, A5.20)."""

from collections.abc import Callable

from . import deflate_tokens
from .fields import Reader, require
from .jpeg_streams import decode_streams


def decode_inflated(data: bytes, size: int, by_fallback: Callable[[Reader, int], bytes]) -> bytes:
    """The bytes of a block, so many. by_fallback: from the data of a block of the method fallback
    to so many bytes.
    """
    most = min(2**10 * size + 2**16, size + 2**26)
    reader = Reader(data)
    rounds, left = reader.byte(), reader.varint()
    require(1 <= rounds <= 2 and left <= most, "rounds, and bytes with plaintexts")
    tokens = deflate_tokens.Streams(reader.take(reader.varint()))
    method = reader.byte()
    require(method in (3, 6), "a method of bytes")
    inner = Reader(data[reader.at :])
    require(left <= 2**16 + 2**12 * len(inner.data), "no more bytes than the data may claim")
    rest = by_fallback(inner, left) if method == 3 else decode_streams(inner.data, left)
    for number in reversed(range(rounds)):
        reader = Reader(rest)
        total = reader.varint()
        require(total == size if number == 0 else total <= most, "the bytes before a round")
        heads = [[reader.varint() for _ in range(3)] for _ in range(reader.varint())]
        require(sum(gap + own for gap, own, _ in heads) <= total, "streams in the bytes")
        texts = [reader.take(plaintext) for _, _, plaintext in heads]
        rest = b"".join(
            reader.take(gap) + tokens.next(text, own)
            for (gap, own, _), text in zip(heads, texts, strict=True)
        )
        rest += reader.data[reader.at :]
        require(len(rest) == total, "the size of all bytes")
    tokens.done()
    return rest
