"""Forged notes of pictures: one changed anywhere, and all around it made to fit, so that what reads
notes and draws files gets to see it.
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
from bitsback.format.collection import Collection
from bitsback.format.facts import Facts
from bitsback.format.layout import pack_index
from bitsback.format.parts import FileList
from bitsback.format.runs import Run, pack_runs
from bitsback.wire import Cursor, varint
from bundled_models import spec_model
from reference import archive as spec
from reference import notes as spec_notes

from .mutate import NUMBERS, mutate, read, section

_PIXELS = np.dtype("u1")


@dataclass(frozen=True)
class Noted:
    """An archive of pictures with notes, taken apart."""

    head: bytes
    parts: list[tuple[str, bytes]]
    """The sections as they are."""
    counts: list[int]
    """Tiles of each block."""
    content: FileList
    facts: Facts
    files: list[spec.File]

    @property
    def noted(self) -> list[int]:
        """The numbers of the files that have a note."""
        return [number for number, file in enumerate(self.files) if file.note]


@cache
def take_apart(data: bytes) -> Noted | None:
    """None if it has no notes."""
    archive = bitsback.open(io.BytesIO(data))
    content = archive._collection
    if not isinstance(content, FileList) or not content.notes or archive._files.facts is None:
        return None
    parts, counts = read(data)
    files = spec.decode_files(data, [spec_model(name) for name in ("mnist-binary", "mnist")])
    return Noted(data[:8], parts[:-1], counts, content, archive._files.facts, files)


def forge_note(random: Random, data: bytes, other: bytes) -> bytes:
    """An archive with notes, one of them changed. other: one whose notes are spliced in."""
    seed, strange = take_apart(data), take_apart(other)
    assert seed is not None and strange is not None
    notes = [file.note for file in seed.files]
    one = random.choice(seed.noted)
    note = notes[one]
    for _ in range(random.choice((1, 1, 2, 3))):
        note = change(random, note, strange.files[random.choice(strange.noted)].note)
    if random.random() < 0.5:
        with suppress(Exception):  # where no file can be made of it
            note = spec_notes.sealed(seed.files[one].array, note)
    notes[one] = note
    return put_together(random, seed, notes)


def change(random: Random, note: bytes, other: bytes) -> bytes:
    """A field of it, or bytes anywhere."""
    at = random.randrange(len(note) + 1)
    match random.randrange(6):
        case 0:
            return note[:at] + varint(random.choice(NUMBERS)) + note[at + 1 :]
        case 1:
            width = random.choice((1, 2, 4, 8))
            value = random.choice(NUMBERS) % 256**width
            order = random.choice(("little", "big"))
            return note[:at] + value.to_bytes(width, order) + note[at + width :]  # type: ignore[arg-type]
        case 2:
            return (
                note[:at] + bytes([(note + b"\0")[at] ^ 1 << random.randrange(8)]) + note[at + 1 :]
            )
        case 3:
            return random.choice((other, other[:1] + note[1:], note[:1] + other[1:]))
        case _:
            return mutate(random, note, other)


def put_together(random: Random, seed: Noted, notes: list[bytes]) -> bytes:
    """The archive with these notes of its files, in one part and one block of bytes as they are."""
    content = b"".join(notes)
    first, last = seed.content.notes[0], seed.content.notes[-1]
    begin, end = seed.content.starts[first], seed.content.starts[last + 1]
    part = Collection(_PIXELS, (0, len(content)), seed.content.parts[first].axes)
    parts = (*seed.content.parts[:first], part, *seed.content.parts[last + 1 :])
    sizes = [
        len(note) if file.note else size
        for file, note, size in zip(seed.files, notes, seed.facts.sizes, strict=True)
    ]
    facts = Facts(array("Q", sizes), seed.facts.times)
    if random.random() < 0.05:
        facts = seed.facts
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
            told = facts.pack() if kind == "F" else section(kind, payload)
            before, others = (before, others + told) if blocks else (before + told, others)
    start = seed.head + before
    index = pack_index(len(start), [(count, len(block)) for count, block in blocks])
    return start + b"".join(block for _, block in blocks) + others + index
