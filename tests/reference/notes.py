"""The file of a picture, of its pixels and its note (docs/format.md, Notes)."""

import struct
import zlib
from typing import Any

from numpy.typing import NDArray

from .fields import Reader, require

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def restore(pixels: NDArray[Any], note: bytes) -> bytes | None:
    """The very bytes of the file; None where the note does not promise them."""
    reader = Reader(note)
    kind = reader.byte()
    if kind == 1:
        return frame(reader, pixels)
    if kind in (2, 3):
        return png(reader, pixels, kind == 3)
    require(kind == 4, "a kind of note of the list")
    for _ in range(reader.varint()):
        reader.varint()
        reader.byte()
        reader.take(reader.varint())
    reader.done()
    return None


def frame(reader: Reader, pixels: NDArray[Any]) -> bytes:
    layout = reader.byte()
    segments = [(reader.varint(), reader.varint()) for _ in range(reader.varint())]
    rows = [frame_row(row, layout) for row in pixels]
    require(sum(count for _, count in segments) == len(rows), "the rows are those of the picture")
    if layout & 1:
        rows.reverse()
    data = b""
    for gap, count in segments:
        data += reader.take(gap) + b"".join(rows[:count])
        rows = rows[count:]
    return data + reader.take(len(reader.data) - reader.at)


def frame_row(row: NDArray[Any], layout: int) -> bytes:
    if layout & 8 and row.ndim == 2 and row.shape[1] > 2:
        row = row[:, [2, 1, 0, *range(3, row.shape[1])]]
    bits = 1 if row.dtype == bool else 16 if row.itemsize == 2 else 8 >> (layout >> 4)
    samples = [int(sample) ^ ((1 << bits) - 1 if layout & 4 else 0) for sample in row.reshape(-1)]
    if bits == 16:
        data = struct.pack((">" if layout & 8 else "<") + f"{len(samples)}H", *samples)
    else:
        data = packed(samples, bits)
    return data + bytes(-len(data) % 4 if layout & 2 else 0)


def packed(samples: list[int], bits: int) -> bytes:
    text = "".join(format(sample, f"0{bits}b") for sample in samples)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def sealed(pixels: NDArray[Any], note: bytes) -> bytes:
    """The note with the check of the file that it makes, where it has one."""
    if note[:1] != b"\3":
        return note
    reader = Reader(note[1:])
    reader.take(2)
    chunks(reader)
    chunks(reader)
    at = 1 + reader.at + 2 + 4
    data, _ = png_file(Reader(note[1:]), pixels)
    return note[:at] + zlib.crc32(data).to_bytes(4, "little") + note[at + 4 :]


def png(reader: Reader, pixels: NDArray[Any], exact: bool) -> bytes | None:
    if exact:
        data, check = png_file(reader, pixels)
        require(zlib.crc32(data) == check, "the check of the file")
        return data
    reader.take(2)
    chunks(reader)
    chunks(reader)
    reader.done()
    return None


def png_file(reader: Reader, pixels: NDArray[Any]) -> tuple[bytes, int]:
    """A file that zlib makes, and what its CRC is to be."""
    depth, colour = reader.byte(), reader.byte()
    before, after = chunks(reader), chunks(reader)
    header = reader.take(2)
    level, window, memory, strategy = reader.take(4)
    check = int.from_bytes(reader.take(4), "little")
    cuts = [reader.varint() for _ in range(reader.varint())]
    filters = reader.take(reader.varint())
    reader.done()
    require(len(filters) == len(pixels), "a filter for each row")
    step = {2: 85, 4: 17}.get(depth, 1) if colour == 0 else 1
    content, above = b"", b""
    for row, kind in zip(pixels, filters, strict=True):
        samples = [int(sample) // step for sample in row.reshape(-1)]
        data = struct.pack(f">{len(samples)}H", *samples) if depth == 16 else packed(samples, depth)
        above = above or bytes(len(data))
        content += bytes([kind]) + filtered(
            data, above, max(CHANNELS[colour] * depth // 8, 1), kind
        )
        above = data
    packer = zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
    stream = header + packer.compress(content) + packer.flush()
    stream += zlib.adler32(content).to_bytes(4, "big")
    require(sum(cuts) == len(stream), "the chunks hold the stream")
    size = struct.pack(">II", pixels.shape[1], pixels.shape[0])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + bytes([depth, colour, 0, 0, 0])) + before
    for cut in cuts:
        data += chunk(b"IDAT", stream[:cut])
        stream = stream[cut:]
    data += after + chunk(b"IEND", b"")
    return data, check


def filtered(row: bytes, above: bytes, distance: int, kind: int) -> bytes:
    out = []
    for at, value in enumerate(row):
        a, b = row[at - distance] if at >= distance else 0, above[at]
        c = above[at - distance] if at >= distance else 0
        nearest = min((a, b, c), key=lambda one: abs(a + b - c - one))  # the first of equals
        out.append((value - (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
    return bytes(out)


def chunks(reader: Reader) -> bytes:
    return b"".join(
        chunk(reader.take(4), reader.take(reader.varint())) for _ in range(reader.varint())
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
