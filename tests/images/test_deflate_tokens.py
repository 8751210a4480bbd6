"""Deflate streams of any encoder come back bit for bit from their plaintext and coded tokens."""

from __future__ import annotations

import random
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bitsback.errors import ArchiveError
from bitsback.files.tokens import TokenReader, TokenWriter
from reference import deflate_tokens as reference

STREAMS = zipfile.ZipFile(Path(__file__).parent / "deflate/streams.zip")
NAMES = STREAMS.namelist()
SEVERAL = [name for name in NAMES if name.startswith("text/")]


def raw(data: bytes, level: int = 6, memory: int = 8, strategy: int = 0) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    return packer.compress(data) + packer.flush()


def some(size: int, letters: int, seed: int = 1) -> bytes:
    return bytes(random.Random(seed).choices(range(letters), k=size))


@dataclass(frozen=True)
class Tokens:
    """The tokens of a raw deflate stream."""

    coded: bytes
    size: int
    """Bytes of the stream."""

    @classmethod
    def find(cls, stream: bytes, most: int = 1 << 30) -> tuple[bytes, Tokens] | None:
        """The plaintext and the tokens of a stream."""
        writer = TokenWriter()
        found = writer.add(stream, most)
        return None if found is None else (found[0], cls(writer.end(), found[1]))

    def stream(self, plaintext: bytes) -> bytes:
        reader = TokenReader(self.coded)
        made = reader.stream(plaintext, self.size)
        reader.end()
        return made


def checked_tokens(stream: bytes, plaintext: bytes | None = None) -> Tokens:
    """It comes back, also where other bytes are behind it."""
    found = Tokens.find(stream + b"behind")
    assert found is not None
    made, tokens = found
    assert tokens.size == len(stream)
    assert plaintext is None or made == plaintext
    assert tokens.stream(made) == stream
    return tokens


class Bits:
    """Streams bit by bit; words of codes have their highest bit first."""

    def __init__(self) -> None:
        self.out = reference.Writer()

    def put(self, *fields: tuple[int, int]) -> Bits:
        for value, count in fields:
            self.out.put(value, count)
        return self

    def words(self, *words: str) -> Bits:
        self.out.bits += [int(bit) for word in words for bit in word]
        return self

    def end(self, padding: int = 0) -> bytes:
        self.out.pad(padding)
        return self.out.bytes()


def fixed_letter(letter: int) -> str:
    return f"{0x30 + letter:08b}"


@pytest.mark.parametrize("name", NAMES)
def test_streams_of_encoders(name: str) -> None:
    stream = STREAMS.read(name)
    tokens = checked_tokens(stream, zlib.decompress(stream, -15))
    # ISA-L's hash is its own, and zopfli and the highest level of libdeflate search for the
    # shortest stream.
    share = 0.15 if name.endswith(("isa-l-0", "isa-l-3", "zopfli", "-12")) else 0.03
    assert len(tokens.coded) < share * len(stream)


@pytest.mark.parametrize("strategy", range(5))
@pytest.mark.parametrize("memory", [1, 8, 9])
def test_streams_of_zlib(strategy: int, memory: int) -> None:
    plaintext = zlib.decompress(STREAMS.read("drawing/zopfli"), -15) + some(3000, 9)
    for level in range(10):
        stream = raw(plaintext, level, memory, strategy)
        tokens = checked_tokens(stream, plaintext)
        assert len(tokens.coded) < 0.05 * len(stream)


PLAINTEXTS = {
    "letters": some(30_000, 3),
    "words": b"".join(some(1 + i % 7, 4, i % 97) for i in range(6_000)),
    "noise": some(70_000, 256),
    "runs": b"".join(bytes([i % 5]) * (i % 300) for i in range(300)),
    "few": b"few",
}


@pytest.mark.parametrize(
    "strategy",
    [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED],
)
@pytest.mark.parametrize("memory", [8, 9])
def test_what_zlib_chooses_takes_next_to_nothing(memory: int, strategy: int) -> None:
    for level in range(10):
        for plaintext in PLAINTEXTS.values():
            stream = raw(plaintext, level, memory, strategy)
            assert len(checked_tokens(stream, plaintext).coded) < 30


LEVELS = range(1, 10)
SOME = {
    (9, zlib.Z_DEFAULT_STRATEGY): LEVELS,
    (8, zlib.Z_FILTERED): (1, 4, 9),
    (8, zlib.Z_RLE): (1, 9),
}
EACH = dict.fromkeys(SOME, LEVELS)


@pytest.mark.parametrize(
    ("size", "levels"), [(4_500, SOME), pytest.param(9_000, EACH, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", PLAINTEXTS)
def test_the_specification_chooses_the_same(
    name: str, size: int, levels: dict[tuple[int, int], Iterable[int]]
) -> None:
    plaintext, step = PLAINTEXTS[name][:size], size * 4 // 9
    for level, memory, strategy in [(n, *kind) for kind, each in levels.items() for n in each]:
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
        stream = (
            b"".join(
                packer.compress(plaintext[at : at + step]) + packer.flush(zlib.Z_SYNC_FLUSH)
                for at in range(0, len(plaintext), step)
            )
            + packer.flush()
        )
        tokens = checked_tokens(stream, plaintext)
        assert reference.stream(plaintext, tokens.coded, tokens.size) == stream


@pytest.mark.parametrize(
    "name", [*SEVERAL, "photograph/libdeflate-6", "drawing/zlib-ng-3", "drawing/zopfli"]
)
def test_the_specification_makes_the_same(name: str) -> None:
    stream = STREAMS.read(name)
    found = Tokens.find(stream)
    assert found is not None
    plaintext, tokens = found
    assert reference.stream(plaintext, tokens.coded, tokens.size) == stream


def odd_streams() -> dict[str, bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    flushed = b"".join(
        packer.compress(some(900, 5, i)) + packer.flush(mode)
        for i, mode in enumerate((zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH))
    )
    far = some(1 << 15, 256)
    fixed, more = ((1, 1), (1, 2)), ((0, 1), (1, 2))
    single = (1, 1), (2, 2), (0, 5), (0, 5), (14, 4)  # HLIT 257, HDIST 1, HCLEN 18
    # Code lengths 0 (1 bit), 1 (2 bits) and 18 (2 bits).
    lengths = [(0, 3), (0, 3), (2, 3), (1, 3), *[(0, 3)] * 13, (2, 3)]
    return {
        "empty": raw(b""),
        "empty stored": Bits().put((1, 1), (0, 2)).end() + b"\0\0\xff\xff",
        "padding of a stored block": Bits().put((1, 1), (0, 2)).end(21) + b"\1\0\xfe\xffx",
        "padding at the end": Bits().put(*fixed).words("0000000").end(41),
        "empty blocks": Bits().put(*more).words("0000000").put(*fixed).words("0000000").end(),
        "flushed": flushed + packer.flush(),
        "stored": raw(some(200_000, 256), 0),
        "distance 32,768": raw(far + far[:300], 9),
        "258 with extra bits": Bits()
        .put(*fixed)
        .words(fixed_letter(65), "11000100")
        .put((31, 5))
        .words("00000")
        .words("0000000")
        .end(),
        "no codes of distances, one word": Bits()
        .put(*single, *lengths)
        .words("11")
        .put((127, 7))
        .words("11")
        .put((107, 7))
        .words("10", "0")
        .words("0")
        .end(),
    }


@pytest.mark.parametrize("name", odd_streams())
def test_odd_streams(name: str) -> None:
    stream = odd_streams()[name]
    plaintext = zlib.decompress(stream, -15)
    tokens = checked_tokens(stream, plaintext)
    if len(plaintext) < 1 << 14:
        assert reference.stream(plaintext, tokens.coded, tokens.size) == stream


def test_streams_have_a_limit() -> None:
    """That many empty blocks follow each other is no reason to make a gigabyte of a kilobyte."""

    def blocks(count: int) -> bytes:
        return b"\0\0\0\xff\xff" * count + b"\1\1\0\xfe\xffx"

    most = (2 + (1 << 16) - 6) // 5
    assert Tokens.find(blocks(most + 1)) is None
    found = Tokens.find(blocks(most))
    assert found is not None and len(found[1].coded) < 50
    with pytest.raises(ArchiveError, match="too long"):
        Tokens(found[1].coded, found[1].size + 100).stream(b"x")
    checked_tokens(blocks(most))


def test_tokens_that_are_cut_off() -> None:
    with pytest.raises(ArchiveError, match="cannot be made again: coded decisions are cut off"):
        TokenReader(b"")


def test_several_streams_in_a_row() -> None:
    streams = [raw(some(500, 4, seed)) for seed in range(3)]
    data = b"".join(streams)
    for stream in streams:
        found = Tokens.find(data)
        assert found is not None and found[1].size == len(stream)
        data = data[found[1].size :]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\x07",  # no such block
        raw(b"text" * 9)[:-1],
        b"\x01\0\0\0\0",  # the length of a stored block is damaged
        Bits().put((1, 1), (1, 2)).words("0000001", "00000", "0000000").end(),  # nothing to copy
        Bits().put((1, 1), (2, 2), (0, 5), (30, 5), (0, 4), *[(1, 3)] * 4).end() + bytes(9),
        Bits().put((1, 1), (2, 2), (0, 5), (0, 5), (0, 4), *[(1, 3)] * 4).end() + bytes(99),
    ],
)
def test_damaged_streams(stream: bytes) -> None:
    assert Tokens.find(stream) is None


def test_plaintext_has_a_limit() -> None:
    stream = raw(bytes(10_000))
    assert Tokens.find(stream, 9_999) is None
    assert Tokens.find(stream, 10_000) is not None


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SEVERAL)
def test_mutations_of_streams(name: str, count: int) -> None:
    """What zlib accepts comes back, and what it refuses is refused."""
    stream, draw = STREAMS.read(name), random.Random(name)
    for _ in range(count):
        mutated = bytearray(stream)
        for _ in range(draw.randint(1, 3)):
            mutated[draw.randrange(len(mutated))] ^= 1 << draw.randrange(8)
        unpacker = zlib.decompressobj(-15)
        try:
            plaintext = unpacker.decompress(bytes(mutated))
        except zlib.error:
            plaintext = b""
        if not unpacker.eof:
            assert Tokens.find(bytes(mutated)) is None
            continue
        size = len(mutated) - len(unpacker.unused_data)
        checked_tokens(bytes(mutated[:size]), plaintext)


@pytest.mark.parametrize("count", [60, pytest.param(600, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SEVERAL)
def test_mutations_of_coded_tokens(name: str, count: int) -> None:
    """They are refused, or make another stream of the same plaintext."""
    found = Tokens.find(STREAMS.read(name))
    assert found is not None
    plaintext, tokens = found
    draw = random.Random(name)
    for _ in range(count):
        coded = bytearray(tokens.coded)
        coded[draw.randrange(len(coded))] = draw.randrange(256)
        del coded[draw.randint(1, len(coded) + 99) :]
        size = tokens.size + draw.choice((0, 0, 1, -1))
        other = plaintext if draw.random() < 0.8 else plaintext[draw.randrange(99) :]
        try:
            made = Tokens(bytes(coded), size).stream(other)
        except ArchiveError:
            continue
        assert zlib.decompress(made, -15) == other and len(made) == size


@pytest.mark.parametrize(
    "plaintext",
    [
        bytes(1 << 19),
        b"abc" * (1 << 17),
        some(1 << 16, 2),
        b"".join(bytes(250) + bytes([i % 256]) for i in range(1 << 10)),
    ],
)
def test_repetitive_plaintext_takes_little_time(plaintext: bytes) -> None:
    checked_tokens(raw(plaintext, 9), plaintext)
