"""Damage and forgery: bytes changed in any way, and changed sections with corrected checksums."""

import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from random import Random

from bitsback import _core, lzma2
from bitsback.errors import ArchiveError
from reference import archive as spec
from reference.blocks import STREAMS, read_runs
from reference.fields import Reader
from reference.jpeg_streams import HEADER, decompress
from reference.message import write_varint

NUMBERS = [
    0, 1, 2, 127, 128, 255, 256, 2**16, 2**24, 2**31 - 1, 2**31, 2**32, 2**40, 2**60, 2**63,
    2**64 - 1,
]  # fmt: skip


def mutate(random: Random, data: bytes, other: bytes) -> bytes:
    """Makes one to four changes; some splice in bytes of `other`."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        data = random.choice(CHANGES)(random, data, other)
    return data


def a_range(random: Random, data: bytes, longest: int = 64) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.randint(1, longest))


def flip(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = a_range(random, data, 1)
    return (
        data[:start]
        + bytes(byte ^ 1 << random.randrange(8) for byte in data[start:end])
        + data[end:]
    )


def set_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = a_range(random, data, 8)
    return (
        data[:start]
        + bytes([random.choice((0, 1, 127, 128, 255, random.randrange(256)))]) * (end - start)
        + data[end:]
    )


def insert(random: Random, data: bytes, other: bytes) -> bytes:
    start, _ = a_range(random, data)
    return data[:start] + random.randbytes(random.randint(1, 20)) + data[start:]


def delete(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = a_range(random, data, random.choice((1, 4, 64, 1000)))
    return data[:start] + data[end:]


def repeat(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = a_range(random, data)
    return data[:end] + data[start:end] * random.randint(1, 3) + data[end:]


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = a_range(random, data)
    first, last = a_range(random, other, 400)
    return data[:start] + other[first:last] + data[end:]


def cross_over(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def number(random: Random, data: bytes, other: bytes) -> bytes:
    """Replaces a byte or two by a number, mostly a huge one."""
    start, _ = a_range(random, data)
    return (
        data[:start] + write_varint(random.choice(NUMBERS)) + data[start + random.randint(0, 2) :]
    )


def truncate(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def append(random: Random, data: bytes, other: bytes) -> bytes:
    return random.choice((data + other, data + data, other + data, data + random.randbytes(5)))


CHANGES = [
    flip, flip, set_bytes, set_bytes, insert, delete, repeat, splice, cross_over, number, number,
    truncate, append,
]  # fmt: skip


def section(kind: str, payload: bytes) -> bytes:
    body = kind.encode("latin-1") + write_varint(len(payload)) + payload
    return body + _core.crc32c(body).to_bytes(4, "little")


@cache
def read(data: bytes) -> tuple[list[tuple[str, bytes]], list[int]]:
    """The kinds and payloads of an archive's sections, and the number of items of each block."""
    sections = spec.read_sections(data)
    _, tiles = spec.read_index(sections[-1])
    return [(part.kind, part.payload) for part in sections], [count for _, count in tiles]


def without_digests(parts: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The sections of an archive, without digests of groups of files."""
    found = []
    for kind, payload in parts:
        if kind == "H":
            reader = Reader(payload)
            fields = [reader.take(1), write_varint(count := reader.varint())]
            for _ in range(count):
                fields.append(write_varint(reader.varint()) + b"\0")
                reader.take(reader.byte())
            payload = b"".join(fields) + payload[reader.at :]
        found.append((kind, payload))
    return found


def forge(random: Random, data: bytes, other: bytes) -> bytes:
    """Changes, drops, doubles and moves sections, then corrects every checksum and usually the
    index.
    """
    parts, counts = map(list, read(data))
    if random.random() < 0.8:  # otherwise digests refuse most changes of names and metadata
        parts = without_digests(parts)
    strange, _ = read(other)
    for _ in range(random.choice((1, 1, 2))):
        at = random.randrange(len(parts))
        match random.randrange(12):
            case 0:
                del parts[at]
            case 1:
                parts.insert(at, random.choice(parts))
            case 2:
                parts.insert(at, random.choice(strange))
            case 3:
                parts.insert(
                    at, (random.choice("CMBINFULHEQxz"), random.randbytes(random.randrange(20)))
                )
            case _:
                kind, payload = parts[at]
                inner = {"M": change_model, "B": change_streams}.get(kind, change)
                changed = inner if random.random() < 0.5 else change
                parts[at] = kind, changed(random, payload, random.choice(strange)[1])
        if not parts:
            return data
    out = [data[:8], *(section(*part) for part in parts)]
    if random.random() < 0.8:
        out = out[:-1]
        counts += [random.choice(NUMBERS)] * (len(out) - len(counts))
        if random.random() < 0.2 and counts:
            counts[random.randrange(len(counts))] = random.choice(NUMBERS)
        out.append(section("I", index_of(random, out[1:], counts)))
    return b"".join(out) + len(out[-1]).to_bytes(8, "little") + spec.END


def index_of(random: Random, sections: list[bytes], counts: list[int]) -> bytes:
    """The payload of the index of these sections, now and then with a number changed."""
    others, blocks, runs, place = list[int](), list[int](), 0, 8
    ends = [0, 0]
    for part in sections:
        if part[:1] != b"B":
            others += [part[0], place - ends[0], len(part)]
            ends[0] = place + len(part)
        else:
            if place != ends[1]:
                run = sections[sections.index(part) :]
                length = next((n for n, one in enumerate(run) if one[:1] != b"B"), len(run))
                blocks += [0, place - ends[1], length]
                runs += 1
            blocks += [counts.pop(0), len(part)]
            ends[1] = place + len(part)
        place += len(part)
    numbers = [len(others) // 3, *others, runs, *blocks]
    if random.random() < 0.3:
        numbers[random.randrange(len(numbers))] = random.choice(NUMBERS)
    kinds = range(1, len(others), 3)
    return b"".join(
        bytes([number & 255]) if at in kinds else write_varint(number)
        for at, number in enumerate(numbers)
    )


def change(random: Random, payload: bytes, other: bytes) -> bytes:
    """Changes bytes near the start, where the numbers are, or anywhere."""
    if random.random() < 0.6:
        head = payload[: random.choice((8, 24, 60))]
        return mutate(random, head, other[:30]) + payload[len(head) :]
    return mutate(random, payload, other)


def change_model(random: Random, payload: bytes, other: bytes) -> bytes:
    """Changes what the stream of an `M` section holds, if it is one."""
    try:
        content, _ = lzma2.decompress(payload[16:], 1 << 20)
    except ArchiveError:
        content = b""
    return payload[:16] + lzma2.compress(change(random, content, other))


def change_streams(random: Random, payload: bytes, other: bytes) -> bytes:
    """Changes what is left of JPEG streams in a `B` section without their coefficients, or else
    anything.
    """
    found = None
    with suppress(Exception):  # if it is damaged
        found = with_streams(payload, lambda rest: change(random, rest, other))
    return change(random, payload, other) if found is None else found


def with_streams(payload: bytes, changed: Callable[[bytes], bytes]) -> bytes | None:
    """A `B` section in which this is changed; None if its method is not streams."""
    reader = Reader(payload)
    reader.varint()
    list(read_runs(reader))
    if reader.byte() != STREAMS:
        return None
    reader.byte()
    reader.varint()
    at, coder = reader.at, reader.byte()
    rest = changed(decompress(reader.take(reader.varint()), coder))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=HEADER)
    packed = packer.compress(rest) + packer.flush()
    return payload[:at] + b"\0" + write_varint(len(packed)) + packed + payload[reader.at :]


def forge_model(random: Random, data: bytes, other: bytes) -> bytes:
    """Changes numbers and words of a model file's header and corrects its length, or changes its
    tensors.
    """
    length = int.from_bytes(data[:8], "little")
    header, tensors = data[8 : 8 + length].decode(), data[8 + length :]
    match random.randrange(4):
        case 0:
            tensors = mutate(random, tensors, other[-100:])
        case 1:
            text = mutate(random, header.encode(), other[8:200])
            return len(text).to_bytes(8, "little") + text + tensors
        case 2:
            words = list(re.finditer(r"[a-zA-Z_0-9]+", header))
            one, replacement = random.choice(words), random.choice(words).group()
            header = header[: one.start()] + replacement + header[one.end() :]
        case _:
            for _ in range(random.choice((1, 1, 2))):
                one = random.choice(list(re.finditer(r"\d+", header)))
                value = random.choice(
                    [
                        *NUMBERS, -1, int(one.group()) + 1, int(one.group()) - 1, "1e9", "true",
                        "null", "[]",
                    ]
                )  # fmt: skip
                header = header[: one.start()] + str(value) + header[one.end() :]
    text = header.encode()
    return len(text).to_bytes(8, "little") + text + tensors
