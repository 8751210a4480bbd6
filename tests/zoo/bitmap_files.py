"""Hand-made BMP and PNM files: every header, depth, mask and maximum, and odd endings."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from itertools import chain, product

import numpy as np

from reference.container_metadata import packed

from .pictures import SIZES, File, samples

_MASKS = {
    "555": (16, 0x7C00, 0x03E0, 0x001F, 0),
    "565": (16, 0xF800, 0x07E0, 0x001F, 0),
    "4444": (16, 0x0F00, 0x00F0, 0x000F, 0xF000),
    "8888": (32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "xrgb": (32, 0xFF0000, 0xFF00, 0xFF, 0),
    "abgr": (32, 0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "bgra": (32, 0xFF00, 0xFF0000, 0xFF000000, 0xFF),
    "101010": (32, 0x3FF00000, 0xFFC00, 0x3FF, 0),
}


def bmp(
    size: tuple[int, int],
    bits: int,
    header: int = 40,
    upside: int = 1,
    masks: tuple[int, ...] = (),
    colours: int | None = None,
    gap: int = 0,
    compression: int | None = None,
    body: bytes | None = None,
) -> bytes:
    """upside: -1 if the first row is the first in the file. masks: of red, green, blue, alpha.
    colours: of the palette. gap: bytes before the pixels.
    """
    width, height = size
    if body is None:
        channels, depth = (1, bits) if bits <= 8 else (1, 16) if bits == 16 else (bits // 8, 8)
        rows = samples(size, channels, depth, bits).reshape(height, -1)
        if bits == 16:
            lines = [struct.pack(f"<{width}H", *row.tolist()) for row in rows]
        else:
            lines = [packed([int(one) for one in row], depth) for row in rows]
        body = b"".join(line + bytes(-len(line) % 4) for line in lines)
    if compression is None:
        compression = (6 if masks[3] and header == 40 else 3) if masks else 0
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", 40, width, height * upside, 1, bits, compression,
                           len(body), 2835, 2835, colours or 0, 0)  # fmt: skip
        info += struct.pack("<4I", *masks) if masks else bytes(16)
        info = struct.pack("<I", header) + info[4:] + b"BGRs" + bytes(200)
        info = info[:header]
        if masks and header == 40:
            info += struct.pack("<4I", *masks)[: 16 if masks[3] else 12]
    palette = b""
    if bits <= 8:
        count = 1 << bits if colours is None else colours
        entries = np.random.default_rng(bits).integers(0, 256, (count, 4 if header > 12 else 3))
        if header > 12:
            entries[:, 3] = 0
        palette = entries.astype(np.uint8).tobytes()
    start = 14 + len(info) + len(palette) + gap
    head = b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start)
    return head + info + palette + bytes(range(gap)) + body


def _runs(size: tuple[int, int], bits: int) -> bytes:
    """Rows of runs and a row of single pixels, in RLE8 or RLE4."""
    body = b""
    for row in range(size[1]):
        if row == 1 and size[0] > 3:
            singles = bytes(range(size[0])) if bits == 8 else packed(list(range(size[0] % 16)), 4)
            count = size[0] if bits == 8 else size[0] % 16
            body += bytes([0, count]) + singles + bytes(len(singles) % 2) if count > 2 else b""
        else:
            body += bytes([size[0], row * 17 % 256])
        body += b"\0\0"
    return body + b"\0\1"


def bmp_files() -> Iterator[tuple[str, bytes]]:
    kinds = product((1, 4, 8, 24, 32), (12, 40, 52, 56, 64, 108, 124), (1, -1))
    for number, (bits, header, upside) in enumerate(kinds):
        size = SIZES[number % len(SIZES)]
        if header > 12 or upside == 1:
            yield f"{bits}bits-header{header}-{upside}.bmp", bmp(size, bits, header, upside)
    for name, (bits, *masks) in _MASKS.items():
        for header in (40, 56, 108, 124):
            data = bmp(SIZES[0], bits, header, masks=tuple(masks))
            yield f"mask{name}-header{header}.bmp", data
    for header in (12, 40, 108):
        yield f"16bits-header{header}.bmp", bmp(SIZES[0], 16, header)
    for bits, compression in ((8, 1), (4, 2)):
        data = bmp(SIZES[0], bits, compression=compression, body=_runs(SIZES[0], bits))
        yield f"runs-of-{bits}.bmp", data
        yield f"runs-of-{bits}-cut.bmp", data[:-20]
    for bits, colours in ((1, 1), (4, 5), (8, 2), (8, 17), (8, 256), (8, 300)):
        yield f"{bits}bits-{colours}colours.bmp", bmp(SIZES[0], bits, colours=colours)
    for bits, gap in product((1, 8, 24, 32), (2, 6, 100)):
        yield f"{bits}bits-gap{gap}.bmp", bmp(SIZES[0], bits, gap=gap)
    for bits in (1, 4, 8, 24, 32):
        whole = bmp(SIZES[4], bits)
        yield f"{bits}bits-more.bmp", whole + b"and more"
        yield f"{bits}bits-cut.bmp", whole[:-5]
        yield f"{bits}bits-half.bmp", whole[: len(whole) // 2 + 40]
        yield f"{bits}bits-head.bmp", whole[:20]
        yield f"{bits}bits-wrong-size.bmp", whole[:2] + b"\1\2\3\4" + whole[6:]
        padded = bytearray(whole)  # the padding bytes of the rows are not 0
        padded[-1] = 7
        yield f"{bits}bits-padding.bmp", bytes(padded)
    yield "png-inside.bmp", bmp(SIZES[0], 24, compression=5)
    yield "no-bits.bmp", bmp(SIZES[0], 24).replace(b"\x18\0", b"\0\0", 1)


def _pnm(kind: int, size: tuple[int, int], most: int, comment: bytes = b"") -> bytes:
    channels = 3 if kind in (3, 6) else 1
    bits = max(most.bit_length(), 1)
    rows = (samples(size, channels, bits, most) % (most + 1)).reshape(size[1], -1)
    head = b"P%d\n%b%d %d\n" % (kind, comment, *size)
    if kind not in (1, 4):
        head += b"%d\n" % most
    if kind < 4:
        return head + b"\n".join(b" ".join(b"%d" % one for one in row) for row in rows) + b"\n"
    if kind == 4:
        return head + b"".join(packed([int(one) for one in row], 1) for row in rows)
    return head + rows.astype(">u2" if most > 255 else "u1").tobytes()


def _pam(size: tuple[int, int], depth: int, most: int, kind: str) -> bytes:
    rows = samples(size, depth, most.bit_length(), depth) % (most + 1)
    head = (
        f"P7\nWIDTH {size[0]}\nHEIGHT {size[1]}\nDEPTH {depth}\nMAXVAL {most}\nTUPLTYPE {kind}\n"
        "ENDHDR\n"
    )
    return head.encode() + rows.astype(">u2" if most > 255 else "u1").tobytes()


_ENDINGS = {1: "pbm", 4: "pbm", 2: "pgm", 5: "pgm", 3: "ppm", 6: "ppm"}


def pnm_files() -> Iterator[tuple[str, bytes]]:
    number = 0
    for kind, most in product(range(1, 7), (1, 3, 15, 100, 254, 255, 256, 1023, 4095, 65535)):
        if kind in (1, 4) and most > 1:
            continue
        size = SIZES[number % len(SIZES)]
        number += 1
        yield f"p{kind}-max{most}.{_ENDINGS[kind]}", _pnm(kind, size, most)
        yield f"p{kind}-max{most}.pnm", _pnm(kind, SIZES[0], most, b"# a comment\n# and another\n")
    for kind in range(1, 7):
        whole = _pnm(kind, SIZES[0], 1 if kind in (1, 4) else 255)
        ending = _ENDINGS[kind]
        yield f"p{kind}-two.{ending}", whole * 2
        yield f"p{kind}-three-of-some.{ending}", whole + _pnm(5, SIZES[1], 255) + whole
        yield f"p{kind}-more.{ending}", whole + b"and more"
        yield f"p{kind}-cut.{ending}", whole[:-3]
        yield f"p{kind}-half.{ending}", whole[: len(whole) // 2]
        yield f"p{kind}-head.{ending}", whole[:5]
        yield f"p{kind}-spaces.{ending}", whole.replace(b"\n", b" \t\r\n", 2)
    for depth, most, kind in (
        *(
            (1, 1, "BLACKANDWHITE"),
            (1, 255, "GRAYSCALE"),
            (3, 255, "RGB"),
            (2, 255, "GRAYSCALE_ALPHA"),
        ),
        *((4, 255, "RGB_ALPHA"), (3, 65535, "RGB"), (1, 4095, "GRAYSCALE"), (5, 255, "HYPER")),
    ):
        for ending in ("pnm", "ppm"):
            yield f"p7-{kind}-{most}.{ending}", _pam(SIZES[0], depth, most, kind)
    floats = np.linspace(-1, 2, 21 * 14).astype("<f4").tobytes()
    yield "float.pnm", b"Pf\n21 14\n-1.0\n" + floats
    yield "float-swapped.pnm", b"Pf\n21 14\n1.0\n" + floats
    yield "beyond.pgm", b"P5 2 2 100\n\x01\x02\x03\xff"
    yield "beyond-as-text.pgm", b"P2 2 2 100\n1 2 3 255\n"
    yield "bits-together.pbm", b"P1 8 2\n0110100111110000\n"


def files() -> Iterator[File]:
    for name, data in chain(bmp_files(), pnm_files()):
        yield name, partial(bytes, data)
