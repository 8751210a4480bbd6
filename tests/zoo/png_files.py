"""PNG files by hand: every type of colour with every depth, interlace and filter, and all oddities
of chunks and streams. Source: PNG (second edition).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.container_metadata import CHANNELS, chunk, filtered, packed

from .pictures import SIZES, File, samples

MAGIC = b"\x89PNG\r\n\x1a\n"
KINDS = [
    *((0, depth) for depth in (1, 2, 4, 8, 16)),
    *((3, depth) for depth in (1, 2, 4, 8)),
    *((colour, depth) for colour in (2, 4, 6) for depth in (8, 16)),
]
"""Types of colour, and bits of a sample."""
_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip

Chunks = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Drawn:
    """A PNG file in the making: its chunks and the uncompressed rows."""

    size: tuple[int, int]
    colour: int
    depth: int
    interlace: int
    rows: bytes
    """With their filters."""
    before: Chunks = field(default_factory=list)
    after: Chunks = field(default_factory=list)

    @property
    def header(self) -> bytes:
        return struct.pack(">IIBBBBB", *self.size, self.depth, self.colour, 0, 0, self.interlace)

    def file(self, stream: bytes | None = None, cuts: tuple[int, ...] = ()) -> bytes:
        """cuts: where the stream is cut into IDAT chunks."""
        stream = zlib.compress(self.rows) if stream is None else stream
        ends = [0, *cuts, len(stream)]
        idats = [(b"IDAT", stream[a:b]) for a, b in pairwise(ends)]
        return joined([(b"IHDR", self.header), *self.before, *idats, *self.after, (b"IEND", b"")])


def joined(chunks: Chunks) -> bytes:
    return MAGIC + b"".join(chunk(kind, data) for kind, data in chunks)


def drawn(
    size: tuple[int, int], colour: int, depth: int, interlace: int = 0, filters: str = "01234"
) -> Drawn:
    """filters: of the rows, in turn."""
    channels = CHANNELS[colour]
    pixels = samples(size, channels, depth, colour)
    rows = b""
    for left, top, across, down in _PASSES if interlace else ((0, 0, 1, 1),):
        rows += _rows(pixels[top::down, left::across], channels, depth, filters)
    before = []
    if colour == 3:
        palette = np.random.default_rng(depth).integers(0, 256, 3 << depth, np.uint8)
        before.append((b"PLTE", palette.tobytes()))
    return Drawn(size, colour, depth, interlace, rows, before)


def _rows(pixels: NDArray[np.uint64], channels: int, depth: int, filters: str) -> bytes:
    content, above = b"", b""
    if pixels.size == 0:
        return b""
    for number, row in enumerate(pixels.reshape(len(pixels), -1).tolist()):
        data = struct.pack(f">{len(row)}H", *row) if depth == 16 else packed(row, depth)
        kind = int(filters[number % len(filters)])
        distance = max(channels * depth // 8, 1)
        content += bytes([kind]) + filtered(data, above or bytes(len(data)), distance, kind)
        above = data
    return content


def _between(png: Drawn) -> bytes:
    stream = zlib.compress(png.rows)
    half = len(stream) // 2
    idats = [(b"IDAT", stream[:half]), (b"tEXt", b"in\0between"), (b"IDAT", stream[half:])]
    return joined([(b"IHDR", png.header), *png.before, *idats, (b"IEND", b"")])


def _raw(content: bytes, window: int = 15, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, window)
    return packer.compress(content) + packer.flush()


def _last_row(png: Drawn) -> int:
    """Bytes of the last row."""
    return -(-png.size[0] * CHANNELS[png.colour] * png.depth // 8) + 1


def _wrong_crc(data: bytes, kind: bytes) -> bytes:
    at = data.rindex(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[:end] + bytes([data[end] ^ 255]) + data[end + 1 :]


def _with(png: Drawn, *before: tuple[bytes, bytes], after: Chunks | None = None) -> bytes:
    return replace(png, before=[*png.before, *before], after=after or []).file()


def _padded(png: Drawn) -> bytes:
    """Sets the last padding bit, which is 0 otherwise."""
    rows = bytearray(png.rows)
    if (png.size[0] * CHANNELS[png.colour] * png.depth) % 8 and not png.interlace:
        rows[-1] ^= 1
    return replace(png, rows=bytes(rows)).file()


def _control(number: int, size: tuple[int, int]) -> tuple[bytes, bytes]:
    return b"fcTL", struct.pack(">IIIIIHHBB", number, *size, 0, 0, 1, 10, 0, 0)


def _animated(png: Drawn, frames: int) -> bytes:
    stream = zlib.compress(png.rows)
    before = [*png.before, (b"acTL", struct.pack(">II", frames, 0)), _control(0, png.size)]
    after: Chunks = []
    for frame in range(1, frames):
        after.append(_control(2 * frame - 1, png.size))
        after.append((b"fdAT", struct.pack(">I", 2 * frame) + stream))
    return replace(png, before=before, after=after).file()


def _dictionary(content: bytes) -> bytes:
    packer = zlib.compressobj(zdict=content[:20] or b"x")
    return packer.compress(content) + packer.flush()


SHORT: dict[str, Callable[[Drawn], bytes]] = {
    "short": lambda png: png.file(zlib.compress(png.rows[: -_last_row(png)])),
    "short by a byte": lambda png: png.file(zlib.compress(png.rows[:-1])),
    "empty stream": lambda png: png.file(zlib.compress(b"")),
    "wrong adler": lambda png: png.file(zlib.compress(png.rows)[:-4] + b"oops"),
    "no adler": lambda png: png.file(zlib.compress(png.rows)[:-4]),
    "cut stream": lambda png: png.file(zlib.compress(png.rows)[:-9]),
    "no such filter": lambda png: replace(png, rows=b"\5" + png.rows[1:]).file(),
}
"""Files with valid chunks and damaged pixels."""
TOLD: dict[str, tuple[bytes, bytes]] = {
    "gamma": (b"gAMA", struct.pack(">I", 45455)),
    "chromaticities": (b"cHRM", struct.pack(">8I", *range(1, 9))),
    "srgb": (b"sRGB", b"\1"),
    "profile": (b"iCCP", b"name\0\0" + zlib.compress(b"profile" * 9)),
    "resolution": (b"pHYs", struct.pack(">IIB", 2835, 2000, 1)),
    "time": (b"tIME", struct.pack(">HBBBBB", 2020, 2, 29, 23, 59, 60)),
    "text": (b"tEXt", b"Title\0caf\xe9"),
    "packed text": (b"zTXt", b"Comment\0\0" + zlib.compress(b"text" * 99)),
    "international": (b"iTXt", b"Title\0\0\0de\0Titel\0\xc3\xbc"),
    "exif": (b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"),
    "offset": (b"oFFs", struct.pack(">iiB", 3, -4, 0)),
    "scale": (b"sCAL", b"\1" + b"0.1\0" + b"0.2"),
    "palette of suggestions": (b"sPLT", b"name\0\x08" + bytes(range(12))),
    "somebody's own": (b"abCd", b"of somebody's own"),
    "not to be copied": (b"abCD", b"of somebody's own"),
    "apple": (b"iDOT", struct.pack(">7I", 2, 0, 7, 40, 7, 7, 99)),
    "credentials": (b"caBX", b"jumb, with a digest of the file"),
    "signature": (b"dSIG", b"of the file"),
}
ODD: dict[str, Callable[[Drawn], bytes]] = {
    **SHORT,
    "long": lambda png: png.file(zlib.compress(png.rows + b"more")),
    "long by a row": lambda png: png.file(zlib.compress(png.rows + png.rows[-_last_row(png) :])),
    "bytes behind the stream": lambda png: png.file(zlib.compress(png.rows) + b"more"),
    "two streams": lambda png: png.file(zlib.compress(png.rows) * 2),
    "stored": lambda png: png.file(zlib.compress(png.rows, 0)),
    "small window": lambda png: png.file(_raw(png.rows, 9)),
    "dictionary": lambda png: png.file(_dictionary(png.rows)),
    "no end": lambda png: png.file()[:-12],
    "half an end": lambda png: png.file()[:-5],
    "cut": lambda png: png.file()[: len(png.file()) * 2 // 3],
    "bytes behind the end": lambda png: png.file() + b"more",
    "another file behind": lambda png: png.file() * 2,
    "a chunk behind the end": lambda png: png.file() + chunk(b"tEXt", b"a\0b"),
    "an end that is not empty": lambda png: png.file()[:-12] + chunk(b"IEND", b"x"),
    "wrong crc of a text": lambda png: _wrong_crc(_with(png, TOLD["text"]), b"tEXt"),
    "wrong crc of the pixels": lambda png: _wrong_crc(png.file(), b"IDAT"),
    "wrong crc of the end": lambda png: _wrong_crc(png.file(), b"IEND"),
    "a text between the pixels": _between,
    "empty pixels before": lambda png: png.file(cuts=(0,)),
    "empty pixels behind": lambda png: png.file(cuts=(len(zlib.compress(png.rows)),)),
    "a byte a chunk": lambda png: png.file(cuts=tuple(range(1, len(zlib.compress(png.rows))))),
    "no pixels": lambda png: joined([(b"IHDR", png.header), *png.before, (b"IEND", b"")]),
    "two headers": lambda png: _with(png, (b"IHDR", png.header)),
    "a palette": lambda png: _with(png, (b"PLTE", bytes(range(24)))),
    "a palette behind": lambda png: _with(png, after=[(b"PLTE", bytes(range(24)))]),
    "an odd palette": lambda png: _with(replace(png, before=[]), (b"PLTE", bytes(range(23)))),
    "a short palette": lambda png: _with(replace(png, before=[]), (b"PLTE", bytes(range(6)))),
    "no palette": lambda png: replace(png, before=[]).file(),
    "a transparent colour": lambda png: _with(png, (b"tRNS", _transparent(png))),
    "a transparent colour behind": lambda png: _with(png, after=[(b"tRNS", _transparent(png))]),
    "a background": lambda png: _with(png, (b"bKGD", _transparent(png)[:1] * 2)),
    "significant bits": lambda png: _with(png, (b"sBIT", b"\5" * CHANNELS[png.colour])),
    "a histogram": lambda png: _with(png, (b"hIST", bytes(2 << png.depth)[:512])),
    "other bits at the end": _padded,
    "one frame": lambda png: _animated(png, 1),
    "two frames": lambda png: _animated(png, 2),
    "a critical chunk": lambda png: _with(png, (b"ABCD", b"critical")),
    "a text behind": lambda png: _with(png, after=[TOLD["text"], TOLD["text"]]),
    "of Apple's": lambda png: MAGIC + chunk(b"CgBI", b"\x50\0\x20\2") + png.file()[8:],
    "another method": lambda png: png.file().replace(
        chunk(b"IHDR", png.header), chunk(b"IHDR", png.header[:10] + b"\1" + png.header[11:])
    ),
    "another interlace": lambda png: png.file().replace(
        chunk(b"IHDR", png.header), chunk(b"IHDR", png.header[:12] + b"\2")
    ),
    "taller than it is": lambda png: replace(png, size=(png.size[0], png.size[1] + 3)).file(),
    "wider than it is": lambda png: replace(png, size=(png.size[0] + 9, png.size[1])).file(),
}
"""Odd files by their oddity."""


def _transparent(png: Drawn) -> bytes:
    return {0: b"\0\1", 2: b"\0\1\0\2\0\3"}.get(png.colour, b"\0\x80\xff")


def files() -> Iterator[File]:
    """All of them."""
    kinds = product(KINDS, (0, 1), ("0", "1", "2", "3", "4", "01234", "4321003"))
    for number, ((colour, depth), interlace, filters) in enumerate(kinds):
        size = SIZES[number % len(SIZES)]
        name = f"colour{colour}-depth{depth}-interlace{interlace}-filters{filters}.png"
        yield name, partial(_plain, size, colour, depth, interlace, filters)
    for told, made in TOLD.items():
        for colour, depth in ((0, 8), (2, 8), (3, 4)):
            yield f"{told}-colour{colour}.png", partial(_telling, made, colour, depth)
    for odd, make in ODD.items():
        for colour, depth, interlace in (
            *((0, 1, 0), (0, 8, 0), (0, 16, 0), (2, 8, 0), (3, 4, 0), (6, 8, 0), (2, 16, 0)),
            *((0, 8, 1), (3, 2, 1), (6, 8, 1)),
        ):
            name = f"{odd}-colour{colour}-depth{depth}-interlace{interlace}.png"
            yield name, partial(_odd, make, colour, depth, interlace)


def _plain(*what: Any) -> bytes:
    return drawn(*what).file()


def _telling(told: tuple[bytes, bytes], colour: int, depth: int) -> bytes:
    return _with(drawn(SIZES[0], colour, depth), told)


def _odd(make: Callable[[Drawn], bytes], colour: int, depth: int, interlace: int) -> bytes:
    return make(drawn(SIZES[0], colour, depth, interlace))
