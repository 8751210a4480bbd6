"""Files of few bytes that cost much time or memory, if a search or a list has no limit."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import count

from bitsback.files.png.png_parts import MAGIC, pack_chunk


def gif_of_frames(frames: int) -> bytes:
    """A GIF of frames of one pixel each."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    colours = bytes(6) + b"\xff" * 6
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x81, 0, 0) + colours + frames * frame + b";"


def zlib_starts(starts: int) -> bytes:
    """The first bytes of streams of zlib."""
    return b"\x78\x9c" * starts


def costly_starts(starts: int) -> bytes:
    """Streams that end after their Huffman codes, whose words have up to 15 bits."""
    bits = ""

    def put(number: int, width: int) -> None:
        nonlocal bits
        bits += f"{number:0{width}b}"[::-1]

    put(1, 1)
    put(2, 2)
    put(260 - 257, 5)
    put(16 - 1, 5)
    put(19 - 4, 4)
    order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    used = [18, *range(1, 16)]  # words of four bits
    for symbol in order:
        put(4 if symbol in used else 0, 3)
    words = {symbol: f"{number:04b}" for number, symbol in enumerate(sorted(used))}
    lengths = [*range(1, 16), 15]

    def put_lengths(of: list[int]) -> None:
        nonlocal bits
        for length in of:
            bits += words[length]

    put_lengths(lengths[:4])
    for zeros in (138, 106):
        bits += words[18]
        put(zeros - 11, 7)
    put_lengths(lengths[4:])
    put_lengths(lengths)
    bits += "0" * (-len(bits) % 8)
    stream = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return (b"\x78\x9c" + stream).ljust(42, b"\xff") * starts


def zip_of_zeros(members: int, size: int) -> bytes:
    """A ZIP file whose members have `size` zeros and their number."""
    packer = zlib.compressobj(9, wbits=-15)
    zeros = packer.compress(bytes(size)) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros_crc = zlib.crc32(bytes(size))
    local, central = list[bytes](), list[bytes]()
    at = 0
    for number in range(members):
        end = number.to_bytes(4, "big")
        stream = zeros + b"\1\4\0\xfb\xff" + end
        sizes = zlib.crc32(end, zeros_crc), len(stream), size + len(end)
        name = f"{number:05}".encode()
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, *sizes, len(name), 0)
        local.append(b"PK\3\4" + fields + name + stream)
        central.append(
            b"PK\1\2" + b"\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + name
        )
        at += len(local[-1])
    whole = b"".join(central)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, members, members, len(whole), at, 0)
    return b"".join(local) + whole + end


def _header(width: int, height: int, interlaced: int = 0) -> bytes:
    """The start of a PNG of 8 bits of grey."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    return MAGIC + pack_chunk((b"IHDR", ihdr))


_PIXEL = zlib.compress(b"\0\x80")
_END = pack_chunk((b"IEND", b""))


def animated_png(frames: int) -> bytes:
    """An animated PNG of frames of one pixel each."""

    def chunks() -> Iterator[bytes]:
        numbers = map(struct.Struct(">I").pack, count())
        for frame in range(frames):
            control = struct.pack(">IIIIHHBB", 1, 1, 0, 0, 1, 1, 0, 0)
            yield pack_chunk((b"fcTL", next(numbers) + control))
            yield pack_chunk((b"fdAT", next(numbers) + _PIXEL) if frame else (b"IDAT", _PIXEL))

    control = pack_chunk((b"acTL", struct.pack(">II", frames, 0)))
    return _header(1, 1) + control + b"".join(chunks()) + _END


def png_of_texts(texts: int) -> bytes:
    """A PNG with empty chunks of text."""
    return _header(1, 1) + pack_chunk((b"tEXt", b"")) * texts + pack_chunk((b"IDAT", _PIXEL)) + _END


def png_of_parts(parts: int) -> bytes:
    """A PNG with empty chunks of pixels, and one with a pixel."""
    return _header(1, 1) + pack_chunk((b"IDAT", b"")) * parts + pack_chunk((b"IDAT", _PIXEL)) + _END


def interlaced_png(side: int) -> bytes:
    """A white, interlaced PNG."""
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2))  # fmt: skip
    packer, parts = zlib.compressobj(9), list[bytes]()
    for left, top, across, down in starts:
        columns, rows = (
            max(-(-(side - first) // step), 0) for first, step in ((left, across), (top, down))
        )
        if columns:
            parts += [packer.compress(b"\0" + b"\xff" * columns) for _ in range(rows)]
    parts.append(packer.flush())
    return _header(side, side, 1) + pack_chunk((b"IDAT", b"".join(parts))) + _END
