"""The method inflated: deflate streams in bytes (docs/format.md, A5.20)."""

from collections.abc import Callable

from . import deflate_tokens
from .fields import Reader, require
from .jpeg_streams import decode_streams


def decode_inflated(
    data: bytes,
    size: int,
    by_fallback: Callable[[Reader, int], bytes],
    picture: Callable[[Reader], bytes],
) -> bytes:
    """The bytes of a block, so many. by_fallback: from the data of a block of the method fallback
    to so many bytes. picture: from the fields of a picture to its file.
    """
    most = min(2**10 * size + 2**16, size + 2**26)
    reader = Reader(data)
    rounds, left = reader.byte(), reader.varint()
    require(1 <= rounds <= 2 and left <= most, "rounds, and bytes with plaintexts")
    tokens = deflate_tokens.Streams(reader.take(reader.varint()))
    files = Reader(b"".join(picture(reader) for _ in range(reader.varint())))
    method = reader.byte()
    require(method in (3, 6), "a method of bytes")
    inner = Reader(data[reader.at :])
    require(left <= 2**16 + 2**12 * len(inner.data), "no more bytes than the data may claim")
    rest = by_fallback(inner, left) if method == 3 else decode_streams(inner.data, left)
    for number in reversed(range(rounds)):
        reader = Reader(rest)
        total, heads = read_streams(reader)
        require(total == size if number == 0 else total <= most, "the bytes before a round")
        plaintexts = Reader(reader.take(sum(plaintext for _, _, plaintext in heads)))
        rest = put_in(total, heads, plaintexts, reader, tokens, files)
    tokens.done()
    files.done()
    return rest


def read_streams(reader: Reader) -> tuple[int, list[list[int]]]:
    """The bytes before a round, and the three numbers of each stream."""
    total = reader.varint()
    heads = [[reader.varint() for _ in range(3)] for _ in range(reader.varint())]
    require(sum(gap + own for gap, own, _ in heads) <= total, "streams in the bytes")
    return total, heads


def put_in(
    total: int,
    heads: list[list[int]],
    plaintexts: Reader,
    others: Reader,
    tokens: deflate_tokens.Streams,
    files: Reader,
) -> bytes:
    """The bytes before a round."""
    whole = b""
    for gap, own, plaintext in heads:
        whole += others.take(gap)
        text = plaintexts.take(plaintext)
        whole += tokens.next(text, own) if plaintext else files.take(own)
    whole += others.take(len(others.data) - others.at)
    require(len(whole) == total, "the size of all bytes")
    return whole
