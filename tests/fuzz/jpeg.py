"""Mutations of JPEG streams: of blocks that code them, and of files before they are compressed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import get_args

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

import bitsback
from bitsback import lzma2
from bitsback.coding.block import DECODED, STREAMS
from bitsback.coding.streams import JpegCoder, encode_streams
from bitsback.files import dicom
from bitsback.files.jpeg_samples import KIND, take_samples
from bitsback.format.layout import HEAD
from bitsback.wire import varint
from decoded_pictures import DECODED as PICTURES
from images.test_jpeg_samples import ROWS, SLOPE, encapsulated, lossless
from jpeg_files import LOSSLESS, cut, in_strips, jpeg, picture, with_preview
from jpeg_files import STREAMS as FILES
from packing import archive_of_block, archive_of_bytes, archive_of_files, index_of
from reference.blocks import read_runs
from reference.fields import Reader
from reference.jpeg_markers import Skeleton
from reference.jpeg_streams import SYMBOLS, Details, decompress, write
from reference.test_jpeg_streams import SAMPLES, components
from reference.test_jpeg_streams import samples as samples_of
from written_symbols import archive_of_symbols, write_symbols

from .check import MEMORY
from .mutate import change, change_streams, mutate, read, section, without_digests

SCAN = b"\xff\xda"
"""Its marker."""
MOST_BYTES = 1 << 15
"""Of a file that is compressed."""
MOST_ADDED = 1 << 12
"""Bytes that changed decisions may take more. Changed symbols do not end well with any."""
MOST_TRIALS = 6
"""Of sizes that fit changed decisions."""
COUNTED = re.compile(
    r"coded decisions have (?P<more>\d+) bytes too many|a JPEG stream has (?P<size>\d+) bytes in"
)
"""What the second decoder says of sizes that do not fit."""
Fault = Callable[[bytes], str | None]
"""Why the second decoder refuses an archive; None if it does not."""


@cache
def files() -> list[bytes]:
    """Files with JPEG streams of all kinds."""
    deep = np.random.default_rng(0).integers(1900, 2300, (24, 40), np.uint16)
    found = [make() for make in (*FILES.values(), *LOSSLESS.values())]
    found += [jpeg(picture(rows=64, columns=80), quality=quality) for quality in (20, 95)]
    found += [cut(jpeg(progressive=progressive), 0.7) for progressive in (False, True)]
    found += [bytes(imagecodecs.jpeg8_encode(deep, bitspersample=12)), with_preview(), in_strips()]
    found += [lossless(SLOPE), encapsulated(SLOPE[np.newaxis], [[jpeg()]])]
    found += [row.data for row in ROWS.restored.values()]
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
def pixels() -> list[bytes]:
    """The decisions of pictures by the method decoded."""
    found = []
    for make in PICTURES.values():
        ((_, payload),) = (part for part in read(compress(make()))[0] if part[0] == "B")
        reader = Reader(payload)
        reader.varint()
        list(read_runs(reader))
        found.append(payload[reader.at + 1 :])
    return found


@cache
def samples() -> bytes:
    """An archive of lossless streams in DICOM files, by their samples."""
    found = [dicom.split(io.BytesIO(row.data), True) for row in ROWS.restored.values()]
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


def change_block(random: Random, data: bytes, other: bytes) -> bytes:
    """Changes a block of an archive."""
    parts, counts = read(data)
    parts = without_digests(parts[:-1])
    at = random.choice([number for number, (kind, _) in enumerate(parts) if kind == "B"])
    payload, strange = parts[at][1], random.choice(read(other)[0])[1]
    parts[at] = "B", random.choice((change_streams, change))(random, payload, strange)
    body = HEAD + b"".join(section(*part) for part in parts)
    return body + index_of(body, counts)


@dataclass(frozen=True)
class Stream:
    """What a round leaves of a file of one stream (docs/jpeg-format.md, J1), and what else makes
    it: coded coefficients, or samples.
    """

    rounds: int
    """The byte with the flags of the block; 0 with samples."""
    skeleton: bytes
    details: bytes
    others: bytes

    def rest(self, size: int) -> bytes:
        """With so many bytes of the stream."""
        numbers = (size, 1, 0, size, len(self.skeleton), len(self.details), 0)
        return b"".join(map(varint, numbers)) + self.skeleton + self.details

    def changed(self, random: Random, other: Stream) -> Stream:
        """With a field changed."""
        name = random.choice(("skeleton", "details", "others", "others"))
        return replace(self, **{name: mutate(random, getattr(self, name), getattr(other, name))})


def read_stream(rest: bytes, others: bytes, rounds: int = 0) -> Stream | None:
    """None of several streams, and of other bytes around one."""
    reader = Reader(rest)
    total, count, _, size, skeleton, details, _ = (reader.varint() for _ in range(7))
    if count != 1 or size != total:
        return None
    return Stream(rounds, reader.take(skeleton), reader.take(details), others)


@cache
def streams() -> list[Stream]:
    """Those of the files that are one stream without strips."""
    found = []
    for content, coder in product(files(), get_args(JpegCoder)):
        data = encode_streams(np.frombuffer(content, np.uint8), coder=coder)
        if data is not None and data[0] in (1, 9):
            reader = Reader(data, 2)
            packed = reader.byte()
            rest = decompress(reader.take(reader.varint()), packed)
            found.append(read_stream(rest, data[reader.at :], data[0]))
    return [stream for stream in found if stream]


def fitted(make: Callable[[int, bytes], bytes], coded: bytes, fault: Fault) -> bytes:
    """What `make` makes of a size and of decisions, after the second decoder has corrected both."""
    size = MOST_BYTES
    for _ in range(MOST_TRIALS):
        data = make(size, coded)
        found = COUNTED.search(fault(data) or "")
        if found is None:
            break
        if found["more"]:
            coded = coded[: len(coded) - int(found["more"])]
        else:
            size = int(found["size"])
    return data


def change_stream(random: Random, fault: Fault) -> bytes:
    """An archive of one stream with a changed field, and with the sizes that follow from it."""
    stream = random.choice(streams()).changed(random, random.choice(streams()))

    def make(size: int, coded: bytes) -> bytes:
        rest = lzma2.compress(stream.rest(size))
        head = bytes([stream.rounds, 0, 1]) + varint(len(rest))
        return archive_of_bytes(size, STREAMS, head + rest + coded)

    added = b"" if stream.rounds & SYMBOLS else random.randbytes(MOST_ADDED)
    return fitted(make, stream.others + added, fault)


def choose_symbols(random: Random) -> tuple[bytes, bytes | None]:
    """An archive of a small stream of any symbols, and this stream. A few of the symbols are none
    that a reader accepts, or the coded ones are changed: then the stream is None.
    """
    skeleton, _ = components(random.choice(((0x31, 0x12, 0x11, 0x22), (0x32, 0x21), (0x11,))))
    steps = random.choice((1, 3, 16, 255, 65_535)).to_bytes(2, "big") * 64
    data = skeleton.data.replace(b"\0\3" * 64, steps)
    size = bytes([0, random.randint(1, 24), 0, random.randint(1, 40)])
    skeleton = Skeleton(data.replace(b"\0\x15\0\x1e", size))
    assert skeleton.frame
    skew, strange = random.choice((0.2, 0.6, 2)), random.choice((0, 1e-3))

    def choose(accepted: range, _: object) -> int:
        if random.random() < strange:
            return random.randrange(min(len(accepted) + 3, 16))
        if random.random() < 0.02 or accepted.stop > 16:
            return random.choice(accepted)
        return accepted[min(int(random.expovariate(skew)), len(accepted) - 1)]

    coded, planes = write_symbols(skeleton.frame, choose)
    if random.random() < 0.2:
        changed = mutate(random, coded, coded[::-1])
        return archive_of_symbols(skeleton, changed, planes)[0], None
    archive, stream = archive_of_symbols(skeleton, coded, planes)
    return archive, stream if planes else None


@cache
def lossless_streams() -> list[tuple[Stream, tuple[int, ...]]]:
    """Lossless streams, with the shapes of their samples."""
    made = (write(one, samples_of(one), Details(b"", 1)) for one in SAMPLES.values())
    taken = [take_samples(content) for content in (*made, *(make() for make in LOSSLESS.values()))]
    found = (
        (read_stream(one.metadata.rest, one.samples.tobytes()), one.samples.shape)
        for one in taken
        if one
    )
    return [(stream, shape) for stream, shape in found if stream]


def change_samples(random: Random, fault: Fault) -> bytes:
    """The same of a lossless stream. fault: why its file cannot be made."""
    stream, shape = random.choice(lossless_streams())
    other, _ = random.choice(lossless_streams())
    changed = stream.changed(random, other)
    size = len(stream.others)
    values = np.frombuffer(changed.others[:size].ljust(size, b"\0"), np.uint16).reshape(shape)
    metadata = bytes([KIND, 0])
    data = archive_of_files((metadata + changed.rest(MOST_BYTES), values))
    found = COUNTED.search(fault(data) or "")
    if found and found["size"]:
        data = archive_of_files((metadata + changed.rest(int(found["size"])), values))
    return data


def change_pixels(random: Random, fault: Fault) -> bytes:
    """An archive of pixels by the method decoded, of any size, with changed decisions."""
    channels = random.choice(((), (3,)))
    shape = random.randint(8, 40), random.randint(8, 40), *channels
    coded, other, begin = random.choice(pixels()), random.choice(pixels()), random.choice((0, 50))
    coded = coded[:begin] + mutate(random, coded[begin:], other) + random.randbytes(MOST_ADDED)
    return fitted(lambda _, coded: archive_of_block("|u1", shape, DECODED, coded), coded, fault)
