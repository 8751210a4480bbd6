"""Forged container metadata of pictures: one picture's is changed anywhere, and everything around
it corrected, so that the code that reads metadata and draws files is reached.
"""

from __future__ import annotations

import io
from array import array
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from random import Random

import numpy as np

import bitsback
from bitsback.format.array_part import ArrayPart
from bitsback.format.file_stats import FileStats
from bitsback.format.parts import FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.wire import Cursor, varint
from bundled_models import spec_model
from packing import index_of
from reference import archive as spec
from reference import container_metadata as spec_metadata

from .mutate import NUMBERS, mutate, read, section, without_digests

_PIXELS = np.dtype("u1")


@dataclass(frozen=True)
class WithMetadata:
    """An archive of pictures with container metadata, taken apart."""

    head: bytes
    parts: list[tuple[str, bytes]]
    """The sections as they are."""
    counts: list[int]
    """Tiles of each block."""
    content: FileCollection
    stats: FileStats
    files: list[spec.File]

    @property
    def with_metadata(self) -> list[int]:
        """The numbers of the files that have container metadata."""
        return [number for number, file in enumerate(self.files) if file.metadata]


@cache
def take_apart(data: bytes) -> WithMetadata | None:
    """None if it has no metadata."""
    archive = bitsback.open(io.BytesIO(data))
    content = archive.reader.collection
    if (
        not isinstance(content, FileCollection)
        or not content.metadata_parts
        or content.has_removed
        or archive.reader.files.stats is None
    ):
        return None
    parts, counts = read(data)
    files = spec.decode_files(data, [spec_model(name) for name in ("mnist-binary", "mnist")])
    return WithMetadata(
        data[:8], without_digests(parts[:-1]), counts, content, archive.reader.files.stats, files
    )


def forge_metadata(random: Random, data: bytes, other: bytes) -> bytes:
    """An archive with container metadata, in which one file's is changed. other: an archive whose
    metadata is spliced in.
    """
    seed, strange = take_apart(data), take_apart(other)
    assert seed is not None and strange is not None
    of_files = [file.metadata for file in seed.files]
    one = random.choice(seed.with_metadata)
    metadata = of_files[one]
    for _ in range(random.choice((1, 1, 2, 3))):
        metadata = change(
            random, metadata, strange.files[random.choice(strange.with_metadata)].metadata
        )
    if random.random() < 0.5:
        with suppress(Exception):  # if no file can be made from it
            metadata = spec_metadata.sealed(seed.files[one].array, metadata)
    of_files[one] = metadata
    return put_together(random, seed, of_files)


def change(random: Random, metadata: bytes, other: bytes) -> bytes:
    """Changes a field of the metadata, or bytes anywhere."""
    at = random.randrange(len(metadata) + 1)
    match random.randrange(6):
        case 0:
            return metadata[:at] + varint(random.choice(NUMBERS)) + metadata[at + 1 :]
        case 1:
            width = random.choice((1, 2, 4, 8))
            value = random.choice(NUMBERS) % 256**width
            order = random.choice(("little", "big"))
            return metadata[:at] + value.to_bytes(width, order) + metadata[at + width :]  # type: ignore[arg-type]
        case 2:
            return (
                metadata[:at]
                + bytes([(metadata + b"\0")[at] ^ 1 << random.randrange(8)])
                + metadata[at + 1 :]
            )
        case 3:
            return random.choice((other, other[:1] + metadata[1:], metadata[:1] + other[1:]))
        case _:
            return mutate(random, metadata, other)


def put_together(random: Random, seed: WithMetadata, of_files: list[bytes]) -> bytes:
    """The archive with this container metadata, in one part and one block of raw bytes."""
    content = b"".join(of_files)
    first, last = seed.content.metadata_parts[0], seed.content.metadata_parts[-1]
    begin, end = seed.content.starts[first], seed.content.starts[last + 1]
    part = ArrayPart(_PIXELS, (0, len(content)), seed.content.parts[first].axes)
    parts = (*seed.content.parts[:first], part, *seed.content.parts[last + 1 :])
    sizes = [
        len(metadata) if file.metadata else size
        for file, metadata, size in zip(seed.files, of_files, seed.stats.sizes, strict=True)
    ]
    stats = replace(seed.stats, sizes=array("Q", sizes))
    if random.random() < 0.05:
        stats = seed.stats
    blocks: list[tuple[int, bytes]] = []
    counts = iter(seed.counts)
    before, others = b"", b""
    for kind, payload in seed.parts:
        if kind == "C":
            before += replace(seed.content, parts=parts).pack()
        elif kind == "B":
            cursor, count = Cursor(memoryview(payload)), next(counts)
            place = cursor.varint()
            if begin <= place < end:
                if place == begin:
                    run = pack_runs([Run(1, _PIXELS, (len(content),), None)])
                    blocks.append((1, section("B", varint(begin) + run + b"\0" + content)))
                continue
            shift = 1 - (end - begin) if place >= end else 0
            blocks.append((count, section("B", varint(place + shift) + payload[cursor.at :])))
        else:
            told = stats.pack() if kind == "F" else section(kind, payload)
            before, others = (before, others + told) if blocks else (before + told, others)
    start = seed.head + before
    data = start + b"".join(block for _, block in blocks) + others
    return data + index_of(data, [count for count, _ in blocks])
