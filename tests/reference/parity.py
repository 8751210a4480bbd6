"""Parity and preview sections, which no reader needs (docs/format.md, `p` and `v`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from .archive import crc32c
from .fields import Reader, require


def times(one: int, other: int) -> int:
    """The product of two polynomials over GF(2), modulo x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for bit in range(8):
        if other >> bit & 1:
            product ^= one << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0b100011101 << (bit - 8)
    return product


@cache
def power(one: int, exponent: int) -> int:
    product = 1
    for _ in range(exponent):
        product = times(product, one)
    return product


def point(number: int) -> int:
    return power(2, number - 1) if number else 0


def value(known: dict[int, int], wanted: int) -> int:
    """The value at the point with the number `wanted` of the polynomial of lowest degree with these
    values at other points, by Lagrange's formula.
    """
    total, x = 0, point(wanted)
    for number, at in known.items():
        term = at
        for other in known:
            if other != number:
                difference = point(number) ^ point(other)
                term = times(times(term, x ^ point(other)), power(difference, 254))
        total ^= term
    return total


@dataclass
class Section:
    part: int
    place: int
    length: int
    size: int
    groups: int
    rows: int
    content: bytes


def read_parity(payload: bytes) -> Section:
    reader = Reader(payload)
    part = reader.byte()
    section = Section(part, *(reader.varint() for _ in range(5)), payload[reader.at :])
    require(min(section.length, section.size, section.groups, section.rows) >= 1, "at least 1")
    require(part <= section.rows, "a row that there is")
    shards = -(-section.length // section.size)
    columns = -(-shards // section.groups)
    require(section.groups <= shards and columns + section.rows <= 256, "a point for each shard")
    require(section.size * section.groups <= 2**30, "rows that are not too long")
    sums = 4 * (shards + section.groups * section.rows)
    require(len(section.content) == (section.size * section.groups if part else sums), "its length")
    return section


def shards_of(section: Section, archive: bytes) -> list[bytes]:
    """The shards of the window, filled with zeros, so that all groups have as many."""
    window = archive[section.place : section.place + section.length]
    columns = -(-len(window) // (section.size * section.groups))
    window += bytes(columns * section.size * section.groups - len(window))
    return [window[at : at + section.size] for at in range(0, len(window), section.size)]


def check_sums(section: Section, archive: bytes, rows: list[bytes]) -> None:
    """Checks part 0 with the rows of parity."""
    shards = shards_of(section, archive)[: -(-section.length // section.size)]
    for row in rows:
        shards += [row[at : at + section.size] for at in range(0, len(row), section.size)]
    sums = b"".join(crc32c(shard).to_bytes(4, "little") for shard in shards)
    require(sums == section.content, "the checksums of shards")


def check_parity(archive: bytes, payloads: Iterable[bytes]) -> None:
    """Checks all parity sections of an archive: checksums, and each byte of the rows."""
    windows: dict[tuple[int, ...], dict[int, bytes]] = {}
    for one in map(read_parity, payloads):
        about = (one.place, one.length, one.size, one.groups, one.rows)
        windows.setdefault(about, {})[one.part] = one.content
    for about, contents in windows.items():
        section = Section(0, *about, contents[0])
        rows = [contents[1 + row] for row in range(section.rows)]
        check_sums(section, archive, rows)
        shards = shards_of(section, archive)
        columns = len(shards) // section.groups
        for row, content in enumerate(rows):
            for place, byte in enumerate(content):
                group, at = divmod(place, section.size)
                known = {t: shards[t * section.groups + group][at] for t in range(columns)}
                require(value(known, columns + row) == byte, "the parity of a group")


def read_previews(payload: bytes) -> dict[int, bytes]:
    """The previews of files, by their numbers; empty for a file that has none."""
    reader = Reader(payload)
    first, count = reader.varint(), reader.varint()
    require(count >= 1, "previews of a file")
    lengths = [reader.varint() for _ in range(count)]
    previews = {number: reader.take(length) for number, length in enumerate(lengths, first)}
    reader.done()
    return previews
