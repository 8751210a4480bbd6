"""The file of a picture from its pixels and its container metadata (docs/format.md, Container
metadata).
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import deflate_tokens, inflated
from .fields import Reader, require
from .group4 import group4
from .jpeg_markers import Skeleton
from .jpeg_streams import Planes, undo_round

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
COMPRESSIONS = (1, 4, 5, 8, 32773, 32946, 34925, 50000)
"""The values of tag 259 that the container metadata may have."""
CHOSEN = (5, 32773)
"""Those whose encoders have choices."""
SAMPLES = (
    {(0, bits) for bits in (1, 2, 4, 8, 16)}
    | {(3, bits) for bits in (1, 2, 4, 8)}
    | {(colour, bits) for colour in (2, 4, 6) for bits in (8, 16)}
)
"""The types of colour of PNG, each with its bits of a sample."""


def promises_bytes(metadata: bytes) -> bool:
    """Whether they promise the bytes of the file, and every decoder makes them."""
    if metadata[0] != 4:
        return metadata[0] in (1, 3, 5, 6, 9, 10, 11, 12)
    reader = Reader(metadata[1:])
    runs = [[reader.varint() for _ in range(10)] for _ in range(reader.varint())]
    compressions = {run[8] for run in runs}
    if compressions == {1} or not compressions <= {1, 4, 5, 8, 32773, 32946}:
        return compressions == {1}
    for run in runs:
        for _ in range(4 * run[0] * (run[8] != 1)):
            reader.varint()
    for _ in range(3 * reader.varint()):
        reader.varint()
    return reader.byte() == 1


def restore(pixels: NDArray[Any], metadata: bytes) -> bytes | None:
    """The exact bytes of the file; None where the container metadata does not promise them."""
    reader = Reader(metadata)
    kind = reader.byte()
    if kind == 1:
        return frame(reader, pixels)
    if kind in (2, 3):
        return png(reader, pixels, kind == 3)
    if kind == 6:
        return gif(reader, pixels)
    if kind == 7:
        return webp(reader, pixels)
    if kind in (8, 9):
        return animated_png(reader, pixels, kind == 9)
    if kind == 10:
        return in_streams(reader, pixels)
    if kind == 11:
        return byte_runs(reader, pixels)
    if kind == 12:
        return lossless_jpeg(reader, pixels)
    if kind == 5:
        return shuffled(reader, pixels)
    require(kind == 4, "a kind of container metadata of the list")
    return tiff(reader, pixels)


def frame(reader: Reader, pixels: NDArray[Any]) -> bytes:
    layout = reader.byte()
    segments = [(reader.varint(), reader.varint()) for _ in range(reader.varint())]
    packable = pixels.dtype == np.uint8 and pixels.ndim == 2
    require(packable or not layout & 48, "a layout of a frame")
    require(pixels.dtype == bool or not layout & 128, "bits from the lowest on")
    require(pixels.ndim == 3 or not layout & 64, "channels that stand apart")
    require(pixels.dtype.itemsize <= 2 or not layout & 4, "inverted samples of a frame")
    parts = np.moveaxis(pixels, -1, 0) if layout & 64 else [pixels]
    rows = [frame_row(row, layout) for part in parts for row in part]
    require(sum(count for _, count in segments) == len(rows), "the rows are those of the picture")
    if layout & 1:
        rows.reverse()
    data = b""
    for gap, count in segments:
        data += reader.take(gap) + b"".join(rows[:count])
        rows = rows[count:]
    return data + reader.take(len(reader.data) - reader.at)


def in_streams(reader: Reader, pixels: NDArray[Any]) -> bytes:
    inner = Reader(reader.take(reader.varint()))
    require(inner.byte() == 1, "a frame in streams")
    tokens = deflate_tokens.Streams(reader.take(reader.varint()))
    total, heads = inflated.read_streams(reader)
    plaintexts = Reader(frame(inner, pixels))
    whole = inflated.put_in(total, heads, plaintexts, reader, tokens, Reader(b""))
    require(plaintexts.at == len(plaintexts.data), "the other file is the plaintexts")
    tokens.done()
    return whole


def shuffled(reader: Reader, pixels: NDArray[Any]) -> bytes:
    chunk, element = reader.varint(), reader.varint()
    require(chunk > 0 and element > 0 and chunk % element == 0, "chunks of elements")
    require(reader.byte() == 1, "a frame in chunks")
    whole = frame(reader, pixels)
    require(len(whole) % chunk == 0, "chunks that are whole")
    parts = (whole[at : at + chunk] for at in range(0, len(whole), chunk))
    return b"".join(part[first::element] for part in parts for first in range(element))


def frame_row(row: NDArray[Any], layout: int) -> bytes:
    if layout & 8 and row.dtype == np.uint8 and row.ndim == 2 and row.shape[1] in (3, 4):
        row = row[:, [2, 1, 0, *range(3, row.shape[1])]]
    bits = 1 if row.dtype == bool else 8 >> (layout >> 4 & 3)
    data = bytes(map(int, row)) if row.dtype == bool else row.tobytes()
    if row.itemsize > 1:
        size, step = row.itemsize, -1 if layout & 8 else 1
        data = b"".join(data[at : at + size][::step] for at in range(0, len(data), size))
    if row.itemsize > 1 and layout & 4:
        data = bytes(255 - byte for byte in data)
    if row.itemsize == 1:
        data = packed([byte ^ ((1 << bits) - 1 if layout & 4 else 0) for byte in data], bits)
    if layout & 128:
        data = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    return data + bytes(-len(data) % 4 if layout & 2 else 0)


def packed(samples: list[int], bits: int) -> bytes:
    require(max(samples, default=0) < 1 << bits, "samples of so many bits")
    text = "".join(format(sample, f"0{bits}b") for sample in samples)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


class Layout(NamedTuple):
    height: int
    width: int
    channels: int
    planes: int
    bits: int
    rows: int
    columns: int
    compression: int
    flags: int

    @property
    def step(self) -> int:
        """The difference of two pixels whose samples follow each other."""
        return {2: 85, 4: 17}.get(self.bits, 1) if self.flags & 4 else 1

    @property
    def most(self) -> int:
        """The greatest pixel, of samples without signs."""
        return ((1 << self.bits) - 1) * self.step

    @property
    def down(self) -> int:
        return -(-self.height // self.rows)

    @property
    def across(self) -> int:
        return -(-self.width // self.columns)

    def segment_rows(self, band: int) -> int:
        return self.rows if self.flags & 32 else min(self.rows, self.height - band * self.rows)


class Made(NamedTuple):
    """A TIFF file, the CRC that its segments are to have, if that is told, and where; and have."""

    data: bytes
    check: int | None
    at: int
    crc: int


def tiff(reader: Reader, sheet: NDArray[Any]) -> bytes | None:
    made = tiff_file(reader, sheet)
    if made is None:
        return None
    require(made.check in (None, made.crc), "the check of the segments")
    return made.data


def tiff_file(reader: Reader, sheet: NDArray[Any]) -> Made | None:
    """None where the container metadata does not promise its bytes. sheet: it has all pages."""
    layouts: list[Layout] = []
    segments = pixels = area = 0
    for _ in range(reader.varint()):
        count, layout = reader.varint(), Layout(*(reader.varint() for _ in range(9)))
        require(count > 0, "pages of a layout")
        check_samples(layout)
        tiles = count * layout.down * layout.across
        segments += tiles * layout.planes
        pixels += count * layout.height * layout.width
        in_tiles = tiles * layout.rows * layout.columns
        area += in_tiles if layout.flags & 32 else count * layout.height * layout.width
        require(segments <= 1 << 20 and count <= segments, "at most 2^20 segments")
        require(area <= 16 * pixels + (1 << 24), "the pixels of all tiles")
        layouts += [layout] * count
    require(len(layouts) > 0, "pages")
    fields: list[list[tuple[int, int]]] = []
    before = 0
    for layout in layouts:
        told = []
        for _ in range(2 * (layout.compression != 1)):
            before += change(reader)
            require(before >= 0, "a place in the file")
            told.append((before, reader.varint()))
            require(told[-1][1] in (2, 4, 8), "the bytes of a number")
        fields.append(told)
    spans: list[tuple[int, int]] = []
    end = 0
    for _ in range(reader.varint()):
        count, gap, length = reader.varint(), change(reader), reader.varint()
        require(0 < count <= segments - len(spans), "a place for each segment")
        require(count == 1 or gap >= 0, "segments that ascend")
        for _ in range(count):
            spans.append((end + gap, length))
            end += gap + length
    checked, at_check = reader.byte(), reader.at
    require(checked <= 1, "a check of the list")
    check = int.from_bytes(reader.take(4), "little") if checked else None
    deflater = Deflater(reader)
    chosen = any(layout.compression in CHOSEN for layout in layouts)
    choices = Reader(reader.take(reader.varint()) if chosen else b"")
    padding = reader.take(reader.varint())
    others = reader.take(len(reader.data) - reader.at)
    check_places(layouts, fields, spans, len(padding), len(others))
    shown = list(rows_of(layouts, pages_of_sheet(layouts, sheet)))
    deflated = any(layout.compression in (8, 32946) for layout in layouts)
    require(bool(deflater.coded) == (deflated and check is not None), "tokens of streams")
    if any(layout.compression != 1 for layout in layouts) and check is None:
        return None
    if any(layout.compression in (34925, 50000) for layout in layouts):
        return None  # LZMA and Zstandard are not promised
    choice = choices_of(choices)
    chunks: dict[int, bytes] = {}
    places, crc = iter(spans), 0
    for layout, told, page in zip(layouts, fields, shown, strict=True):
        found: dict[tuple[int, int, int], tuple[int, int]] = {}
        for band in range(layout.down):
            for plane in range(layout.planes):
                for column in range(layout.across):
                    top, left = band * layout.rows, column * layout.columns
                    tile = page[top : top + layout.rows, left : left + layout.columns]
                    if layout.planes > 1:
                        tile = tile[:, :, plane : plane + 1]
                    tile, padding = in_a_tile(layout, tile, layout.segment_rows(band), padding)
                    raw = b"".join(segment_row(row, layout) for row in tile)
                    start, length = next(places)
                    if layout.compression == 4:
                        raw = group4(raw, layout.columns, length)
                    elif layout.compression == 5:
                        raw = lzw_of_tiff(raw, *next(choice))
                    elif layout.compression == 32773:
                        raw = in_runs([*raw], len(raw) // len(tile), *next(choice))
                    elif layout.compression != 1:
                        raw = deflater.next(raw, length)
                    if layout.flags & 8:
                        raw = bytes(int(f"{value:08b}"[::-1], 2) for value in raw)
                    require(len(raw) == length, "the length of a segment")
                    chunks[start] = raw
                    crc = zlib.crc32(raw, crc)
                    found[plane, band, column] = start, length
        for which, (at, width) in enumerate(told):
            order: Literal["big", "little"] = "big" if layout.flags & 1 else "little"
            chunks[at] = b"".join(
                numbers[which].to_bytes(width, order) for _, numbers in sorted(found.items())
            )
    require(not padding, "the padding is that of the tiles")
    require(next(choice, None) is None, "a choice for each segment")
    deflater.done()
    data = b""
    for start, chunk in sorted(chunks.items()):
        require(start >= len(data), "no two of them overlap")
        gap = start - len(data)
        require(gap <= len(others), "the others are there")
        data, others = data + others[:gap] + chunk, others[gap:]
    return Made(data + others, check, at_check, crc)


def check_places(
    layouts: list[Layout],
    fields: list[list[tuple[int, int]]],
    spans: list[tuple[int, int]],
    padding: int,
    others: int,
) -> None:
    places, taken, beyond = iter(spans), list[tuple[int, int]](), 0
    for layout, told in zip(layouts, fields, strict=True):
        each = layout.planes * layout.across
        for band in range(layout.down):
            rows = layout.segment_rows(band)
            raw = rows * -(-layout.columns * layout.channels * layout.bits // 8)
            for _ in range(each):
                taken.append(next(places, (0, 0)))
                length = taken[-1][1]
                most = raw if layout.compression == 1 else 2 * raw + (1 << 16)
                require(
                    length == raw or (layout.compression != 1 and 0 < length <= most), "its length"
                )
        taken += [(at, width * each * layout.down) for at, width in told]
        if layout.flags & 32:
            area = layout.down * layout.rows * layout.across * layout.columns
            outside = area - layout.height * layout.width
            beyond += outside * layout.channels * layout.planes * -(-layout.bits // 8)
    require(next(places, None) is None, "a segment for each place")
    require(padding in (0, beyond), "the padding is that of the tiles")
    end = 0
    for at, length in sorted(taken):
        require(at >= end, "no two of them overlap")
        end = at + length
    require(end <= others + sum(length for _, length in taken), "they are in the file")


def check_samples(layout: Layout) -> None:
    colours, kind = layout.channels * layout.planes, layout.flags & (2 | 64 | 128)
    sides = (layout.height, layout.width, layout.rows, layout.columns)
    require(min(sides) > 0 and max(sides) < 2**32, "rows and columns")
    require(bool(layout.flags & 32) or layout.columns == layout.width, "columns of a strip")
    require(1 <= colours <= 256 and 1 in (layout.channels, layout.planes), "channels, or planes")
    require(layout.bits in (1, 2, 4, 8, 16, 32, 64), "bits of a sample")
    require(layout.bits >= 8 or colours == 1, "bits of samples of several channels")
    require(layout.flags < 512 and kind in (0, 2, 64, 128), "flags of the list, one of a kind")
    least = max({64: 8, 128: 16}.get(kind, 1), 8 if layout.flags & 16 else 1)
    require(layout.bits >= least, "bits of samples of a kind")
    require(layout.flags & (16 | 128) != 16 | 128, "floats are no differences")
    require(not layout.flags & 256 or kind == 128, "bytes of floats")
    require(layout.compression in COMPRESSIONS, "a compression of the list")
    require(layout.compression != 4 or layout.bits == 1, "bits of Group 4")


def dtype_of(layout: Layout) -> str:
    if layout.bits == 1:
        return "|b1"
    kind = "i" if layout.flags & 64 else "f" if layout.flags & 128 else "u"
    return f"|{kind}1" if layout.bits <= 8 else f"<{kind}{layout.bits // 8}"


def change(reader: Reader) -> int:
    number = reader.varint()
    return -(number // 2) - 1 if number % 2 else number // 2


def rows_of(layouts: list[Layout], pages: list[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """The pages, each in the layout that it is to have."""
    for layout, page in zip(layouts, pages, strict=True):
        colours = layout.channels * layout.planes
        require(page.shape == (layout.height, layout.width, colours)[: page.ndim], "its shape")
        require(page.ndim == 2 + (colours > 1), "its channels")
        require(page.dtype.str == dtype_of(layout), "its samples")
        yield page.reshape(layout.height, layout.width, colours)


def pages_of_sheet(layouts: list[Layout], sheet: NDArray[Any]) -> list[NDArray[Any]]:
    sizes = [(layout.height, layout.width) for layout in layouts]
    first, below = sizes[0][0], 0
    if len(sizes) >= 4 and len(set(sizes[:4])) == 1:
        rows = sheet_rows(sizes)
        below = -rows % first
    require(below < len(sheet), "a sheet of pages")
    pages, left, waiting = frames_of(sheet[: len(sheet) - below], sizes), 0, 0
    for page, (_, columns) in zip(pages, sizes, strict=True):
        if left + columns > sheet.shape[1]:
            left = waiting = 0
        waiting += page.nbytes * (left > 0)
        require(waiting <= 1 << 28, "pages beside each other")
        left += columns
    return pages


def in_a_tile(
    layout: Layout, samples: NDArray[Any], rows: int, padding: bytes
) -> tuple[NDArray[Any], bytes]:
    if not layout.flags & 32:
        return samples, padding
    blank = layout.most if layout.flags & 2 else 0
    tile = np.full((rows, layout.columns, samples.shape[2]), blank, samples.dtype)
    if padding:
        for part in (tile[: samples.shape[0], samples.shape[1] :], tile[samples.shape[0] :]):
            data, padding = padding[: part.nbytes], padding[part.nbytes :]
            part[...] = np.frombuffer(data, tile.dtype).reshape(part.shape)
    tile[: samples.shape[0], : samples.shape[1]] = samples
    return tile, padding


def segment_row(row: NDArray[Any], layout: Layout) -> bytes:
    """The bytes of a row of a segment, [columns, channels]."""
    if layout.bits > 1:  # the bits of numbers with signs, and of floats
        row = np.ascontiguousarray(row).view(f"<u{row.itemsize}")
    pixels = [[int(sample) for sample in pixel] for pixel in row]
    fit = all(p <= layout.most and p % layout.step == 0 for pixel in pixels for p in pixel)
    require(fit, "samples of so many bits")
    if layout.flags & 2:
        pixels = [[layout.most - sample for sample in pixel] for pixel in pixels]
    if layout.flags & 16:
        zeros = [0] * layout.channels
        pixels = [
            [(sample - left) & layout.most for sample, left in zip(pixel, before, strict=True)]
            for before, pixel in pairwise([zeros, *pixels])
        ]
    samples = [sample // layout.step for pixel in pixels for sample in pixel]
    if layout.flags & 256:
        size = layout.bits // 8
        whole = [sample.to_bytes(size, "big") for sample in samples]
        data = bytes(sample[at] for at in range(size) for sample in whole)
        before = bytes(layout.channels) + data
        return bytes((byte - left) % 256 for byte, left in zip(data, before, strict=False))
    if layout.bits > 8:
        code = {16: "H", 32: "I", 64: "Q"}[layout.bits]
        return struct.pack((">" if layout.flags & 1 else "<") + f"{len(samples)}{code}", *samples)
    return packed(samples, layout.bits)


class Deflater:
    """The streams of a file, one after the other."""

    def __init__(self, reader: Reader) -> None:
        size = reader.varint()
        self.header = reader.take(2 * (size > 0))
        self.coded = reader.take(size)
        self.streams = deflate_tokens.Streams(self.coded) if size else None

    def next(self, content: bytes, size: int) -> bytes:
        """The next stream, of so many bytes."""
        require(self.streams is not None, "tokens of streams")
        assert self.streams is not None
        raw = self.streams.next(content, size - 6)
        return self.header + raw + zlib.adler32(content).to_bytes(4, "big")

    def done(self) -> None:
        if self.streams is not None:
            self.streams.done()


def sealed(pixels: NDArray[Any], metadata: bytes) -> bytes:
    """The container metadata with the check of the file that it makes, where it has one."""
    if metadata[:1] == b"\4":
        made = tiff_file(Reader(metadata[1:]), pixels)
        if made is None or made.check is None:
            return metadata
        at = 1 + made.at
        return metadata[:at] + made.crc.to_bytes(4, "little") + metadata[at + 4 :]
    if metadata[:1] == b"\11":
        data, _, at = animated_file(Reader(metadata[1:]), pixels)
        return metadata[: 1 + at] + zlib.crc32(data).to_bytes(4, "little") + metadata[5 + at :]
    if metadata[:1] != b"\3":
        return metadata
    reader = Reader(metadata[1:])
    reader.take(2)
    chunks(reader)
    chunks(reader)
    Deflater(reader)
    at = 1 + reader.at
    data, _ = png_file(Reader(metadata[1:]), pixels)
    return metadata[:at] + zlib.crc32(data).to_bytes(4, "little") + metadata[at + 4 :]


def png(reader: Reader, pixels: NDArray[Any], exact: bool) -> bytes | None:
    if exact:
        data, check = png_file(reader, pixels)
        require(zlib.crc32(data) == check, "the check of the file")
        return data
    samples_of_png(reader.byte(), reader.byte(), pixels)
    chunks(reader)
    chunks(reader)
    reader.done()
    return None


def samples_of_png(depth: int, colour: int, pixels: NDArray[Any]) -> list[list[int]]:
    """The samples of each row."""
    require((colour, depth) in SAMPLES, "samples of a PNG")
    dtype = "|b1" if (depth, colour) == (1, 0) else "<u2" if depth == 16 else "|u1"
    shape = pixels.shape[2:] if pixels.ndim > 2 else (1,)
    require((pixels.dtype.str, shape) == (dtype, (CHANNELS[colour],)), "pixels of these samples")
    step = {2: 85, 4: 17}.get(depth, 1) if colour == 0 else 1
    rows = [[int(sample) for sample in row.reshape(-1)] for row in pixels]
    fit = all(sample % step == 0 and sample // step < 1 << depth for row in rows for sample in row)
    require(fit, "pixels of so many bits")
    return [[sample // step for sample in row] for row in rows]


def png_file(reader: Reader, pixels: NDArray[Any]) -> tuple[bytes, int]:
    """The file, and the CRC that it must have."""
    depth, colour = reader.byte(), reader.byte()
    before, after = chunks(reader), chunks(reader)
    deflater = Deflater(reader)
    check = int.from_bytes(reader.take(4), "little")
    parts = png_parts(reader, depth, colour, deflater, pixels)
    reader.done()
    size = struct.pack(">II", pixels.shape[1], pixels.shape[0])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + bytes([depth, colour, 0, 0, 0])) + before
    data += b"".join(chunk(b"IDAT", part) for part in parts) + after + chunk(b"IEND", b"")
    return data, check


def png_parts(
    reader: Reader,
    depth: int,
    colour: int,
    deflater: Deflater,
    pixels: NDArray[Any],
) -> list[bytes]:
    """What the chunks of pixels hold, by the cuts and filters that come next."""
    cuts = [reader.varint() for _ in range(reader.varint())]
    filters = reader.take(reader.varint())
    require(len(filters) == len(pixels), "a filter for each row")
    require(max(filters, default=0) <= 4, "a filter of PNG")
    content, above = b"", b""
    for samples, kind in zip(samples_of_png(depth, colour, pixels), filters, strict=True):
        data = struct.pack(f">{len(samples)}H", *samples) if depth == 16 else packed(samples, depth)
        above = above or bytes(len(data))
        content += bytes([kind]) + filtered(
            data, above, max(CHANNELS[colour] * depth // 8, 1), kind
        )
        above = data
    stream = deflater.next(content, sum(cuts))
    deflater.done()
    parts = []
    for cut in cuts:
        parts.append(stream[:cut])
        stream = stream[cut:]
    return parts


def filtered(row: bytes, above: bytes, distance: int, kind: int) -> bytes:
    out = []
    for at, value in enumerate(row):
        a, b = row[at - distance] if at >= distance else 0, above[at]
        c = above[at - distance] if at >= distance else 0
        nearest = min((a, b, c), key=lambda one: abs(a + b - c - one))  # the first of equals
        out.append((value - (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
    return bytes(out)


def chunks(reader: Reader) -> bytes:
    return b"".join(chunk(kind, held) for kind, held in chunk_list(reader))


def chunk_list(reader: Reader) -> list[tuple[bytes, bytes]]:
    return [(reader.take(4), content(reader)) for _ in range(reader.varint())]


def content(reader: Reader) -> bytes:
    size = reader.varint()
    require(size < 1 << 31, "the length of a chunk")
    return reader.take(size)


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


class GifFrame(NamedTuple):
    """A frame on the sheet of a GIF file."""

    gap: int
    width: int
    height: int
    bits: int
    flags: int
    block: int
    clears: list[tuple[int, int]]


def gif(reader: Reader, sheet: NDArray[Any]) -> bytes:
    require(sheet.dtype == np.uint8 and sheet.ndim == 2, "indexes of a sheet")
    require(sheet.size <= 1 << 26, "a sheet that is not too large")
    frames = list[GifFrame]()
    for _ in range(reader.varint()):
        gap, width, height, bits, flags, block = (reader.varint() for _ in range(6))
        runs = [(reader.varint(), reader.varint()) for _ in range(reader.varint())]
        frame = GifFrame(gap, width, height, bits, flags, block, runs)
        require(0 < frame.width < 65536 and 0 < frame.height < 65536, "sides of a frame")
        require(0 < frame.bits <= 11 and frame.flags < 16, "bits and flags of a frame")
        require(0 < frame.block < 256, "bytes of a block")
        most = frame.width * frame.height
        require(all(codes <= most for _, codes in runs), "codes between clear codes")
        require(sum(count for count, _ in runs) <= most + 1, "clear codes")
        frames.append(frame)
    require(len(frames) > 0, "frames")
    data = b""
    parts = frames_of(sheet, [(frame.height, frame.width) for frame in frames])
    for frame, pixels in zip(frames, parts, strict=True):
        if frame.flags & 1:
            starts = ((0, 8), (4, 8), (2, 4), (1, 2))
            pixels = np.concatenate([pixels[first::step] for first, step in starts])
        clears = [codes for count, codes in frame.clears for _ in range(count)]
        stream = lzw(pixels.ravel().tolist(), frame.bits, clears, frame.flags)
        data += reader.take(frame.gap) + bytes([frame.bits])
        for at in range(0, len(stream), frame.block):
            block = stream[at : at + frame.block]
            data += bytes([len(block)]) + block
        data += b"\0"
    return data + reader.take(len(reader.data) - reader.at)


def sheet_rows(sizes: list[tuple[int, int]]) -> int:
    """The rows of a sheet of frames of these rows and columns."""
    width = max(columns for _, columns in sizes)
    total = left = tallest = 0
    for rows, columns in sizes:
        if left + columns > width:
            total, left, tallest = total + tallest, 0, 0
        left, tallest = left + columns, max(tallest, rows)
    return total + tallest


def frames_of(sheet: NDArray[Any], sizes: list[tuple[int, int]]) -> list[NDArray[Any]]:
    """The frames of these rows and columns on a sheet."""
    width = max(columns for _, columns in sizes)
    top = left = tallest = 0
    found = []
    for rows, columns in sizes:
        if left + columns > width:
            top, left, tallest = top + tallest, 0, 0
        tallest = max(tallest, rows)
        require(sheet.shape[1] == width and top + tallest <= sheet.shape[0], "frames of the sheet")
        found.append(sheet[top : top + rows, left : left + columns])
        left += columns
    require(top + tallest == sheet.shape[0], "a sheet of frames alone")
    return found


def lzw(pixels: list[int], bits: int, clears: list[int], flags: int) -> bytes:
    clear = 1 << bits
    require(max(pixels) < clear, "a code for each pixel")
    written, held = 0, 0
    numbers: dict[tuple[int, ...], int] = {}
    width, following, since = bits + 1, clear + 2, 0
    waiting = list(clears)
    at = 0
    while True:
        while waiting and waiting[0] == since:
            waiting.pop(0)
            written, held = written | clear << held, held + width
            numbers, width, following, since = {}, bits + 1, clear + 2, 0
        if at == len(pixels):
            break
        code, string = pixels[at], (pixels[at], -1)
        at += 1
        while at < len(pixels) and not flags & 8:
            string = (code, pixels[at])
            if string not in numbers:
                break
            code = numbers[string]
            at += 1
        written, held = written | code << held, held + width
        following = min(following + (since > 0), 4096)
        if following == 1 << width and width < 12:
            width += 1
        since += 1
        if at < len(pixels) and following < 4096:
            numbers[string] = following
    require(not waiting, "clear codes before the end")
    if flags & 2:
        written, held = written | clear + 1 << held, held + width
    return written.to_bytes(-(-held // 8), "little") + bytes(flags >> 2 & 1)


def choices_of(reader: Reader) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """For each segment of LZW and of runs what is regular, and the exceptions."""
    while reader.at < len(reader.data):
        count, regular = reader.varint(), reader.varint()
        require(count > 0 and regular < 2**32, "choices of a segment")
        told = [(reader.varint(), reader.varint()) for _ in range(reader.varint())]
        require(all(max(pair) < 2**32 for pair in told), "exceptions below 2^32")
        for _ in range(count):
            yield regular, told


def lzw_of_tiff(data: bytes, regular: int, exceptions: list[tuple[int, int]]) -> bytes:
    """The codes from the highest bits on, each as long as all of them are in binary digits."""
    waiting, as_usual = list(exceptions), 0
    text, numbers, since, between, at = "", dict[bytes, int](), 0, 0, 0
    while True:
        if since == between and (between > 0 or not text):
            text += format(256, f"0{lzw_width(since)}b")
            numbers, since, between, as_usual = {}, 0, regular // 2, as_usual + 1
            if waiting and as_usual > waiting[0][0]:
                between, as_usual = waiting.pop(0)[1], 0
        if at == len(data):
            break
        end = at + 1
        while end < len(data) and data[at : end + 1] in numbers:
            end += 1
        string = data[at:end]
        text += format(numbers.get(string, string[0]), f"0{lzw_width(since)}b")
        since += 1
        if end < len(data) and 257 + since < 4096:
            numbers[data[at : end + 1]] = 257 + since
        at = end
    require(not waiting, "exceptions before the last clear code")
    text += format(257, f"0{lzw_width(since)}b")
    text += "0" * (8 if regular % 2 and len(text) % 8 == 0 else -len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def lzw_width(since: int) -> int:
    """The bits of a code behind so many since a clear code."""
    known = min(258 + max(since - 1, 0), 4096)
    return min(max((known + 1).bit_length(), 9), 12)


def webp(reader: Reader, pixels: NDArray[Any]) -> None:
    require(pixels.dtype == np.uint8 and pixels.ndim == 3, "colours of 8 bits")
    require(pixels.shape[2] in (3, 4), "colours, with or without alpha")
    require(max(pixels.shape[:2]) <= 1 << 14, "sides of a WebP")
    require(pixels.shape[0] * pixels.shape[1] <= 1 << 25, "pixels of a WebP")
    for _ in range(2):
        for _ in range(reader.varint()):
            name = reader.take(4)
            reader.take(reader.varint())
            pixels_too = (b"VP8L", b"VP8 ", b"ALPH", b"ANIM", b"ANMF")
            require(name not in pixels_too, "chunks without pixels")
    reader.done()


def byte_runs(reader: Reader, pixels: NDArray[Any]) -> bytes:
    frames, flags = reader.varint(), reader.byte()
    require(pixels.dtype.kind in "ui", "integers")
    require(frames > 0 and len(pixels) % frames == 0, "frames of the picture")
    rows, size, data = len(pixels) // frames, pixels.dtype.itemsize, b""
    planes = [
        [value.tobytes()[::-1][place] for value in channel.ravel()]
        for frame in pixels.reshape(frames, rows, pixels.shape[1], -1)
        for channel in np.moveaxis(frame, -1, 0)
        for place in range(size)
    ]
    count = reader.varint()
    require(count == len(planes), "a segment for each plane")
    told = []
    for _ in range(count):
        gap, length = reader.varint(), reader.varint()
        told.append(
            (gap, length, [(reader.varint(), reader.byte()) for _ in range(reader.varint())])
        )
    for plane, (gap, length, exceptions) in zip(planes, told, strict=True):
        require(length <= 2 * len(plane) + len(exceptions), "the length of a segment")
        segment = in_runs(plane, pixels.shape[1], flags, exceptions)
        require(len(segment) == length, "the length of a segment")
        data += reader.take(gap) + segment
    return data + reader.take(len(reader.data) - reader.at)


def in_runs(plane: list[int], columns: int, flags: int, exceptions: list[tuple[int, int]]) -> bytes:
    """The compressed bytes of a plane."""
    require(flags < 8, "flags of runs")
    out, at, since, waiting = b"", 0, 0, list(exceptions)
    while at < len(plane) or (waiting and waiting[0][0] == since):
        if waiting and waiting[0][0] == since:
            control, since = waiting.pop(0)[1], 0
        else:
            control, since = plain_control(plane, at, columns, flags), since + 1
        require(control < 256, "a control byte")
        count = control + 1 if control < 128 else 257 - control if control > 128 else 0
        part = plane[at : at + count]
        require(len(part) == count, "bytes of the plane")
        require(control < 129 or len(set(part)) == 1, "a run of equal bytes")
        out += bytes([control]) + bytes(part if control < 128 else part[:1])
        at += count
    require(not waiting, "exceptions before the end")
    return out


def plain_control(plane: list[int], at: int, columns: int, flags: int) -> int:
    """What the plain encoder does at a place: a run, if there is one, or else a literal."""

    def run(at: int) -> int:
        end = at
        while end < last and end < at + 128 and plane[end] == plane[at]:
            end += 1
        return end - at

    last = (at // columns + 1) * columns if flags & 1 else len(plane)
    least = 2 if flags & 2 else 3
    if run(at) >= least:
        return 257 - run(at)
    end = at + 1
    while end < last and end < at + 128:
        pair = run(end) == 2 and end + 2 < last and run(end + 2) == 1
        if flags & 4 and pair and end <= at + 126:
            end += 2
        elif run(end) < least:
            end += 1
        else:
            break
    return end - at - 1


def animated_png(reader: Reader, sheet: NDArray[Any], exact: bool) -> bytes | None:
    if not exact:
        animated_frames(reader, sheet)
        reader.done()
        return None
    data, check, _ = animated_file(reader, sheet)
    require(zlib.crc32(data) == check, "the check of the file")
    return data


class Frames(NamedTuple):
    """The frames of an animated PNG, the first bytes of the file, and its chunks around them."""

    depth: int
    colour: int
    pixels: list[NDArray[Any]]
    start: bytes
    lists: list[list[tuple[bytes, bytes]]]


def animated_frames(reader: Reader, sheet: NDArray[Any]) -> Frames:
    require(sheet.nbytes <= 1 << 28, "a sheet that is not too large")
    depth, colour = reader.byte(), reader.byte()
    width, height, count = reader.varint(), reader.varint(), reader.varint()
    require(count > 0, "frames")
    lists = [chunk_list(reader) for _ in range(count + 1)]
    of_pixels = (b"IDAT", b"fdAT")
    require(all(kind not in of_pixels for each in lists for kind, _ in each), "no pixels in lists")
    sizes = [(height, width)]
    for each in lists[1:-1]:
        controls = [held for kind, held in each if kind == b"fcTL"]
        require(len(controls) == 1 and len(controls[0]) >= 8, "a size of each frame")
        columns, rows = struct.unpack_from(">II", controls[0])
        sizes.append((rows, columns))
    require(all(0 < side < 1 << 31 for size in sizes for side in size), "sides of a frame")
    pixels = frames_of(sheet, sizes)
    for frame in pixels:
        samples_of_png(depth, colour, frame)
    header = struct.pack(">II", width, height) + bytes([depth, colour, 0, 0, 0])
    return Frames(depth, colour, pixels, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header), lists)


def animated_file(reader: Reader, sheet: NDArray[Any]) -> tuple[bytes, int, int]:
    """The file, the CRC that it must have, and where that stands."""
    frames, at = animated_frames(reader, sheet), reader.at
    check = int.from_bytes(reader.take(4), "little")
    made: list[tuple[bytes, bytes]] = []
    for number, pixels in enumerate(frames.pixels):
        deflater = Deflater(reader)
        parts = png_parts(reader, frames.depth, frames.colour, deflater, pixels)
        made += frames.lists[number]
        made += [(b"fdAT" if number else b"IDAT", part) for part in parts]
    reader.done()
    data, numbers = frames.start, 0
    for kind, held in [*made, *frames.lists[-1], (b"IEND", b"")]:
        if kind in (b"fcTL", b"fdAT"):
            held = numbers.to_bytes(4, "big") + held
            numbers += 1
        data += chunk(kind, held)
    return data, check, at


def lossless_jpeg(reader: Reader, pixels: NDArray[Any]) -> bytes:
    require(pixels.dtype.kind in "ui" and pixels.dtype.itemsize <= 2, "integers of 8 or 16 bits")
    headers = [(reader.varint(), reader.take(8)) for _ in range(reader.varint())]
    left = pixels.reshape(*pixels.shape[:2], -1).astype(int)

    def planes_of(skeleton: Skeleton, _: int, __: int) -> Planes:
        nonlocal left
        frame = skeleton.frame
        if frame is None:
            return []
        require(frame.lossless, "samples")
        require(len(skeleton.scans) <= len(frame.components), "few scans")
        unit = [
            (c, one, v, h)
            for c, one in enumerate(frame.components)
            for v in range(one.v)
            for h in range(one.h)
        ]
        require((frame.columns, len(unit)) == left.shape[1:], "the columns and channels")
        require(frame.rows <= len(left), "the rows")
        own, left = left[: frame.rows], left[frame.rows :]
        if pixels.dtype.kind == "i":
            own = own % 2**frame.precision
        planes: Planes = [[0] * (one.rows * one.columns) for one in frame.components]
        for row, column in np.ndindex(frame.rows, frame.columns):
            for sample, (c, one, v, h) in zip(own[row, column].tolist(), unit, strict=True):
                planes[c][(row * one.v + v) * one.columns + column * one.h + h] = sample
        return planes

    whole = undo_round(reader.take(len(reader.data) - reader.at), planes_of)
    require(len(left) == 0, "all rows of the picture")
    data, at = b"", 0
    for gap, header in headers:
        data += whole[at : at + gap] + header
        at += gap
    require(at <= len(whole), "headers in the file")
    return data + whole[at:]
