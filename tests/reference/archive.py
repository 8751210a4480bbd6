"""A decoder of whole archives (docs/format.md), from bytes to an array. It stops at the first thing amiss."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import chain
from .message import Message, read_varint
from .model import Model

MAGIC = bytes.fromhex("89 62 62 0D 0A 1A 0A")
END = bytes.fromhex("62 62 1A 0A")
NUMBERS = ("u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8")
DTYPES = {"|b1", "|u1", "|i1"} | {order + number for order in "<>" for number in NUMBERS}
RAW, PACKED, CHAIN = 0, 1, 2


class ArchiveError(Exception):
    """These bytes break docs/format.md."""


def require(condition: bool, rule: str) -> None:
    if not condition:
        raise ArchiveError(rule)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli): reflected, polynomial 0x1EDC6F41, all ones before and after."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) % 256] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc_of_byte(crc: int) -> int:
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc % 2 else 0)
    return crc


CRC_TABLE = [_crc_of_byte(byte) for byte in range(256)]


class Reader:
    """Fields one after another."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        require(self.at + n <= len(self.data), "cut short")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        try:
            value, self.at = read_varint(self.data, self.at)
        except ValueError as error:
            raise ArchiveError(str(error)) from error
        return value

    def dtype(self) -> np.dtype[Any]:
        name = self.take(3).decode("latin-1")
        require(name in DTYPES, "a dtype of the list")
        return np.dtype(name)

    def shape(self) -> tuple[int, ...]:
        axes = self.byte()
        require(axes <= 32, "at most 32 dimensions")
        return tuple(self.varint() for _ in range(axes))

    def done(self) -> None:
        require(self.at == len(self.data), "nothing follows the last field")


@dataclass
class Section:
    kind: str
    at: int
    payload: bytes
    size: int  # kind, length and CRC included


def read_sections(data: bytes) -> list[Section]:
    reader = Reader(data)
    require(reader.take(7) == MAGIC, "the magic bytes of bitsback")
    require(reader.byte() == 0, "version 0")
    require(reader.varint() == 0, "no feature that this reader does not understand")
    require(data[-4:] == END, "the last four bytes of a footer")
    sections = []
    while reader.at < len(data) - 12:
        at = reader.at
        kind = chr(reader.byte())
        payload = reader.take(reader.varint())
        crc = crc32c(data[at : reader.at])
        require(crc == int.from_bytes(reader.take(4), "little"), "the CRC32C of a section")
        require(kind in "CMBIN" or kind in "abcdefghijklmnopqrstuvwxyz", "a kind of section that is known")
        sections.append(Section(kind, at, payload, reader.at - at))
    require(reader.at == len(data) - 12, "the sections end where the footer begins")
    index_size = int.from_bytes(reader.take(8), "little")
    require(len(sections) > 0 and sections[-1].kind == "I", "the last section is the index")
    require(sections[-1].size == index_size, "the footer gives the size of the index")
    kinds = "".join(s.kind for s in sections)
    blocks, models = kinds.count("B"), kinds.count("M")
    require(kinds.startswith("C" + "M" * models + "B" * blocks), "sections in order: C, M, B, others, I")
    require(kinds.count("C") == kinds.count("I") == 1, "one C and one I")
    return sections


def decode(data: bytes, models: Iterable[Model] = ()) -> NDArray[Any]:
    """The array in an archive. `models` are all that it may name: those it carries are not read here."""
    sections = read_sections(data)
    dtype, axes, shape = read_collection(sections[0].payload)
    items = shape[0] if axes else 1
    known = {model.identity[:16]: model for model in models}
    blocks = [s for s in sections if s.kind == "B"]
    counts = read_index(sections[-1], blocks)
    parts, first = [], 0
    for section, count in zip(blocks, counts, strict=True):
        parts.append(decode_block(section.payload, first, count, dtype, shape[axes:], known))
        first += count
    require(first == items, "the blocks hold as many items as the collection")
    return np.frombuffer(b"".join(parts), dtype).reshape(shape)


def read_collection(payload: bytes) -> tuple[np.dtype[Any], int, tuple[int, ...]]:
    reader = Reader(payload)
    require(reader.byte() == 0, "the container is an array")
    dtype, axes, shape = reader.dtype(), reader.byte(), reader.shape()
    reader.done()
    require(axes == 0 or (axes == 1 and len(shape) > 0), "one item, or items along the first axis")
    return dtype, axes, shape


def read_index(index: Section, blocks: list[Section]) -> list[int]:
    """The number of items of each block; the index must agree with the sections themselves."""
    reader = Reader(index.payload)
    require(reader.varint() == (blocks[0].at if blocks else index.at), "the place of the first block")
    require(reader.varint() == len(blocks), "the number of blocks")
    pairs = [(reader.varint(), reader.varint()) for _ in blocks]
    reader.done()
    require([size for _, size in pairs] == [block.size for block in blocks], "the sizes of the blocks")
    return [count for count, _ in pairs]


@dataclass
class Run:
    """Items in a row that are alike."""

    count: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    levels: NDArray[Any]  # the two values of the dtype that elements have, or none

    @property
    def elements(self) -> int:
        return self.count * math.prod(self.shape)


def read_runs(reader: Reader) -> Iterator[Run]:
    for _ in range(reader.varint()):
        count, dtype, shape, k = reader.varint(), reader.dtype(), reader.shape(), reader.byte()
        require(count >= 1, "a run has an item")
        require(k in (0, 2), "two levels or none")
        levels = np.frombuffer(reader.take(k * dtype.itemsize), dtype)
        require(k == 0 or levels[0].tobytes() != levels[1].tobytes(), "levels differ")
        yield Run(count, dtype, shape, levels)


def decode_block(
    payload: bytes, first: int, count: int, dtype: np.dtype[Any], shape: tuple[int, ...], models: dict[bytes, Model]
) -> bytes:
    """The bytes of a block's items."""
    reader = Reader(payload)
    require(reader.varint() == first, "the number of the block's first item")
    at = reader.at
    runs = list(read_runs(reader))
    runs_field = payload[at : reader.at]
    require(sum(run.count for run in runs) == count, "the index gives the number of items")
    require(all((run.dtype, run.shape) == (dtype, shape) for run in runs), "the items of an array are alike")
    elements = sum(run.elements for run in runs)
    require(elements * dtype.itemsize <= 2**31, "at most 2^31 bytes a block")
    method = reader.byte()
    if method == RAW:
        items = reader.take(elements * dtype.itemsize)
        reader.done()
        return items
    require(all(len(run.levels) for run in runs), "two levels")
    if method == PACKED:
        bits = np.unpackbits(np.frombuffer(reader.take(-(-elements // 8)), np.uint8), bitorder="little")
        require(not bits[elements:].any(), "the last byte is filled with zeros")
        reader.done()
        return to_bytes(bits[:elements], runs)
    require(method == CHAIN, "a method of the list")
    name = reader.take(16)
    require(name in models, "a model that is there")
    model = models[name]
    require(all(math.prod(run.shape) == model.pixels for run in runs), "as many elements as the model")
    message = Message.from_bytes(payload[reader.at :])
    require(message.depth is not None, "the tail of a chain is infinite")
    items = to_bytes(chain.decode(model, message, count).ravel(), runs)
    chain.check_end(message, chain.digest(runs_field, items))
    return items


def to_bytes(symbols: NDArray[np.uint8], runs: list[Run]) -> bytes:
    """The elements that these symbols, 0 and 1, stand for."""
    out = b""
    for run in runs:
        out += run.levels[symbols[: run.elements]].tobytes()
        symbols = symbols[run.elements :]
    return out
