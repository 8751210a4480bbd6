"""Mutations of JPEG streams: of blocks that code them, and of files before they are compressed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

import bitsback
from bitsback.coding.block import DECODED, STREAMS, Method
from bitsback.files import dicom
from bitsback.format.layout import HEAD
from decoded_pictures import DECODED as PICTURES
from images.test_jpeg_samples import DICOM, SLOPE, encapsulated, lossless
from jpeg_files import LOSSLESS, cut, in_strips, jpeg, picture, with_preview
from jpeg_files import STREAMS as FILES
from packing import archive_of_files, index_of
from reference.blocks import read_runs
from reference.fields import Reader

from .check import MEMORY
from .mutate import change, change_streams, mutate, read, section, without_digests

SCAN = b"\xff\xda"
"""Its marker."""
MOST_BYTES = 1 << 15
"""Of a file that is compressed."""
MOST_ADDED = 1 << 12
"""Bytes that changed decisions may take more."""
CUT = "are cut off"
"""In the second decoder's error if decisions take more."""
Fault = Callable[[bytes], str | None]
"""Why the second decoder refuses an archive."""


@cache
def files() -> list[bytes]:
    """Files with JPEG streams of all kinds."""
    deep = np.random.default_rng(0).integers(1900, 2300, (24, 40), np.uint16)
    found = [make() for make in (*FILES.values(), *LOSSLESS.values())]
    found += [jpeg(picture(rows=64, columns=80), quality=quality) for quality in (20, 95)]
    found += [cut(jpeg(progressive=progressive), 0.7) for progressive in (False, True)]
    found += [bytes(imagecodecs.jpeg8_encode(deep, bitspersample=12)), with_preview(), in_strips()]
    found += [lossless(SLOPE), encapsulated(SLOPE[np.newaxis], [[jpeg()]])]
    found += [content for _, content in DICOM.values()]
    out = io.BytesIO()
    picture().save(out, "MPO", save_all=True, append_images=[picture("RGB", 40, 20)])
    found.append(out.getvalue())
    for options in ({"tile": (16, 16)}, {"rowsperstrip": 8}):
        out = io.BytesIO()
        tifffile.imwrite(out, np.asarray(picture()), compression="jpeg", **options)
        found.append(out.getvalue())
    with zipfile.ZipFile(out := io.BytesIO(), "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.jpg"), jpeg())
    return [*found, out.getvalue()]


@cache
def archives() -> list[bytes]:
    """Archives of one of these files each, and of pixels that JPEG decoders made."""
    return [compress(content) for content in (*files(), *(make() for make in PICTURES.values()))]


@cache
def samples() -> bytes:
    """An archive of lossless streams in DICOM files, by their samples."""
    found = [dicom.split(io.BytesIO(content), True) for _, content in DICOM.values()]
    return archive_of_files(*((split.metadata, split.pixels.whole()) for split in found if split))


def compress(content: bytes | NDArray[np.uint8]) -> bytes:
    """An archive of a file or of a picture."""
    out = io.BytesIO()
    with TemporaryDirectory(dir=MEMORY) as name:
        if isinstance(content, bytes):
            (Path(name) / "a").write_bytes(content)
            bitsback.compress(Path(name), out, threads=1)
        else:
            bitsback.compress(content, out, stack=False, threads=1)
    return out.getvalue()


def change_file(random: Random) -> tuple[bytes, bytes]:
    """A changed file, and its archive."""
    small = [content for content in files() if len(content) < MOST_BYTES]
    content, other = random.choice(small), random.choice(small)
    begin = random.choice((0, max(content.find(SCAN), 0)))
    changed = content[:begin] + mutate(random, content[begin:], other)
    return changed, compress(changed)


def change_block(random: Random, data: bytes, other: bytes, fault: Fault) -> bytes:
    """Changes a block of an archive."""
    parts, counts = read(data)
    parts = without_digests(parts[:-1])
    at = random.choice([number for number, (kind, _) in enumerate(parts) if kind == "B"])
    payload, strange = parts[at][1], random.choice(read(other)[0])[1]

    def with_payload(changed: bytes) -> bytes:
        parts[at] = "B", changed
        body = HEAD + b"".join(section(*part) for part in parts)
        return body + index_of(body, counts)

    begin = decisions_at(payload)
    if begin is None or random.random() < 0.5:
        return with_payload(random.choice((change_streams, change))(random, payload, strange))
    payload = payload[:begin] + change(random, payload[begin:], strange)
    if random.random() < 0.9:
        return with_payload(payload)
    return fitting(with_payload, payload + random.randbytes(MOST_ADDED), begin, fault)


def decisions_at(payload: bytes) -> int | None:
    """The place of coded decisions in a block; None if its method has no coefficients."""
    reader = Reader(payload)
    reader.varint()
    list(read_runs(reader))
    method = Method.read(reader.byte()).number
    if method == STREAMS:
        reader.byte()
        reader.varint()
        reader.byte()
        reader.take(reader.varint())
    return reader.at if method in (STREAMS, DECODED) else None


def fitting(
    with_payload: Callable[[bytes], bytes], payload: bytes, begin: int, fault: Fault
) -> bytes:
    """The archive with as many bytes of decisions as are needed, so that all else is decoded."""
    low, high = begin, len(payload)
    while low < high:
        middle = (low + high) // 2
        if CUT in (fault(with_payload(payload[:middle])) or ""):
            low = middle + 1
        else:
            high = middle
    return with_payload(payload[:low])
