"""The method streams: JPEG streams in bytes (docs/jpeg-format.md, J1, J3, J4 and J9)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from .codecs import TABLES
from .fields import Reader, inflate, require, unpack_lzma2
from .jpeg_arithmetic import Stretch
from .jpeg_coefficients import ZIGZAG, Block, Coefficients
from .jpeg_markers import Component, Frame, Scan, Skeleton
from .jpeg_symbols import Coefficients as BySymbols

HEADER = (TABLES / "jpeg_header.bin").read_bytes()
SOI, EOI = b"\xff\xd8", b"\xff\xd9"
MOST_OF_TABLES, MOST_BEFORE = 4096, 65_536
Planes = list[list[Any]]
"""Blocks of coefficients, or samples."""
FREE_BLOCKS = 2**18
STRIPS, SYMBOLS, BYTES_OF_A_STRIP = 4, 8, 2**20
LONGEST_RUN, MOST_CORRECTIONS = 32_767, 937
ZEROS, LONG_RUNS, NO_RESTARTS = 1, 2, 4


def decode_streams(data: bytes, size: int) -> bytes:
    """The bytes of a block, so many."""
    reader = Reader(data)
    first, before, coder = reader.byte(), reader.varint(), reader.byte()
    rounds, coefficients = first % STRIPS, BySymbols if first & SYMBOLS else Coefficients
    require(first < 2 * SYMBOLS and 1 <= rounds <= 2, "rounds of the list")
    require(coder <= 1, "a coder of the list")
    require(before <= MOST_BEFORE, "the number of bytes in front of the tile")
    size += before
    rest = decompress(reader.take(reader.varint()), coder)
    strips = Reader(reader.take(reader.varint()) if first & STRIPS else b"")
    model, left = coefficients(data[reader.at :]), FREE_BLOCKS + size

    def planes_of(skeleton: Skeleton, own: int, coded: int) -> Planes:
        nonlocal left
        if not skeleton.frame:
            return []
        require(not skeleton.frame.lossless, "coefficients")
        left -= skeleton.frame.blocks
        require(left >= 0, "a byte for each block")
        visits = len(skeleton.scans) * skeleton.frame.blocks // 64
        require(visits <= FREE_BLOCKS + own, "few scans")
        return pop_planes(skeleton.frame, coded, model, strips)

    for number in reversed(range(rounds)):
        require(len(rest) <= 2 * size + 64, "the size of the rest")
        rest = undo_round(rest, planes_of)
        require(number > 0 or len(rest) == size, "the size of the tile")
    model.done()
    require(strips.at == len(strips.data), "strips of streams")
    return rest[before:]


def pop_planes(frame: Frame, coded: int, model: Coefficients | BySymbols, strips: Reader) -> Planes:
    """Those of a stream with so many entropy-coded bytes."""
    count = min(coded // BYTES_OF_A_STRIP, frame.rows)
    if count < 2:
        return model.pop(frame)
    planes: Planes = [[] for _ in frame.components]
    bounds = [i * frame.rows // count for i in range(count + 1)]
    for begin, end in pairwise(bounds):
        rows = end - begin
        parts = [replace(one, rows=rows * one.v) for one in frame.components]
        own = type(model)(strips.take(strips.varint()))
        strip = own.pop(replace(frame, rows=rows, components=parts))
        for plane, part in zip(planes, strip, strict=True):
            plane += part
        own.done()
    return planes


def undo_round(rest: bytes, planes_of: Callable[[Skeleton, int, int], Planes]) -> bytes:
    """The bytes before a round. planes_of: from a stream's skeleton, its size and the number of its
    entropy-coded bytes to what its scans have.
    """
    reader = Reader(rest)
    total = reader.varint()
    heads = [[reader.varint() for _ in range(5)] for _ in range(reader.varint())]
    require(sum(head[0] + head[1] for head in heads) <= total, "streams in the bytes")
    parts = [(reader.take(size), reader.take(rest)) for _, _, size, rest, _ in heads]
    streams = []
    for (_, own, _, _, other), (segments, packed) in zip(heads, parts, strict=True):
        require(other <= len(heads), "tables of a stream")
        tables = b""
        if other:
            tables = parts[other - 1][0]
            require(2 <= len(tables) <= MOST_OF_TABLES - 2, "the size of tables")
            require(tables.endswith(EOI), "the end of tables")
        tables = tables[:-2]
        skeleton = Skeleton(tables + segments)
        details = Details(packed, len(skeleton.scans))
        planes = planes_of(skeleton, own, own - 2 - len(segments))
        whole = write(skeleton, planes, details)
        streams.append(SOI + whole[2 + len(tables) :])
        require(len(streams[-1]) == own, "the size of a stream")
    pieces = []
    for (gap, *_), stream in zip(heads, streams, strict=True):
        pieces += [reader.take(gap), stream]
    whole = b"".join([*pieces, reader.data[reader.at :]])
    require(len(whole) == total, "the size of all bytes")
    return whole


def decompress(stream: bytes, coder: int) -> bytes:
    return unpack_lzma2(stream) if coder == 1 else inflate(stream, dictionary=HEADER)


class Details:
    """What the encoder of a stream chose."""

    def __init__(self, data: bytes, scans: int) -> None:
        reader = Reader(data or bytes(4))
        self.flags = reader.byte()
        require(self.flags < 8, "flags of the list")
        self.padding, self.zero_runs, self.breaks = (self.entries(reader) for _ in range(3))
        self.cuts: dict[int, tuple[int, bytes]] = {}
        while reader.at < len(reader.data):
            scan, units = reader.varint(), reader.varint()
            require(scan < scans, "a scan that is there")
            self.cuts[scan] = units, reader.take(reader.varint())

    @staticmethod
    def entries(reader: Reader) -> dict[int, int]:
        found: dict[int, int] = {}
        place = 0
        for _ in range(reader.varint()):
            place += reader.varint()
            found.setdefault(place, reader.varint())
        return found


class Writer:
    """The scans of a stream, one after the other."""

    def __init__(self, frame: Frame, planes: Planes, details: Details) -> None:
        self.frame, self.planes, self.details = frame, planes, details
        self.out, self.bits = b"", ""
        self.block = self.stretch = 0

    def put(self, value: int, count: int) -> None:
        self.bits += f"{value:0{count}b}" if count else ""

    def end_stretch(self) -> None:
        """Fills the byte that is begun."""
        missing = -len(self.bits) % 8
        usual = 0 if self.details.flags & ZEROS else 255
        self.put(self.details.padding.get(self.stretch, usual) % 2**missing, missing)
        self.stretch += 1

    def flush(self) -> None:
        """Takes whole bytes; bits that are left are dropped."""
        whole = bytes(int(self.bits[n : n + 8], 2) for n in range(0, len(self.bits) - 7, 8))
        self.out, self.bits = self.out + whole.replace(b"\xff", b"\xff\0"), ""

    def write(self, number: int, scan: Scan) -> bytes:
        self.scan, self.out = scan, b""
        self.run, self.waiting = 0, ""
        units = list(self.units())
        cut, rest = self.details.cuts.get(number, (0, b""))
        written = min(cut - 1, len(units)) if cut else len(units)
        interval = 0 if self.details.flags & NO_RESTARTS else scan.interval
        self.previous, by_intervals = [0] * 4, Stretch(scan)
        self.first = self.first_unit(0)
        for n, unit in enumerate(units[:written]):
            if interval and n and n % interval == 0:
                if self.frame.arithmetic:
                    self.out += by_intervals.interval.end()
                self.end_run()
                self.end_stretch()
                self.flush()
                self.out += bytes([0xFF, 0xD0 + (n // interval - 1) % 8])
                self.previous, by_intervals = [0] * 4, Stretch(scan)
                self.first = self.first_unit(n)
            for c, block in unit:
                if isinstance(block, int):
                    self.write_sample(c, block)
                elif self.frame.arithmetic:
                    by_intervals.write_block(c, block)
                else:
                    self.write_block(c, block)
                self.block += 1
        if self.frame.arithmetic:
            last, whole = by_intervals.interval, written == len(units)
            return self.out + (last.end() if whole else last.settled()) + rest
        self.end_run()
        if written == len(units):
            self.end_stretch()
        self.flush()
        return self.out + rest

    def first_unit(self, n: int) -> list[tuple[int, int]]:
        """The row and column of the first sample of a unit in each component."""
        if len(self.scan.components) == 1:
            return [divmod(n, self.scan.components[0][0].own_columns)]
        row, column = divmod(n, self.frame.columns)
        return [(row * one.v, column * one.h) for one, _, _, _ in self.scan.components]

    def units(self) -> Iterator[list[tuple[int, Block | int]]]:
        """The blocks of units, or the places of samples, each with the number of its component in
        the scan.
        """

        def block(c: int, component: Component, row: int, column: int) -> tuple[int, Block | int]:
            place = row * component.columns + column
            number = self.scan.components[c][1]
            return c, place if self.frame.lossless else self.planes[number][place]

        if len(self.scan.components) == 1:
            one = self.scan.components[0][0]
            for row in range(one.own_rows):
                for column in range(one.own_columns):
                    yield [block(0, one, row, column)]
            return
        for row in range(self.frame.rows):
            for column in range(self.frame.columns):
                yield [
                    block(c, one, row * one.v + v, column * one.h + h)
                    for c, (one, _, _, _) in enumerate(self.scan.components)
                    for v in range(one.v)
                    for h in range(one.h)
                ]

    def symbol(self, c: int, kind: int, symbol: int) -> None:
        """kind: 0 for DC, 1 for AC."""
        code = self.scan.components[c][2 + kind]
        require(code is not None and symbol in code, "a symbol of the table")
        assert code
        self.bits += code[symbol]

    def number(self, value: int) -> None:
        size = abs(value).bit_length()
        self.put(value if value >= 0 else value + 2**size - 1, size)

    def write_sample(self, c: int, place: int) -> None:
        component, number, _, _ = self.scan.components[c]
        difference = (self.planes[number][place] - self.prediction(c, component, place)) % 2**16
        if difference > 2**15:
            difference -= 2**16
        self.symbol(c, 0, abs(difference).bit_length())
        if difference < 2**15:
            self.number(difference)

    def prediction(self, c: int, component: Component, place: int) -> int:
        """T.81, H.1.2.1."""
        plane: list[int] = self.planes[self.scan.components[c][1]]
        row, column = divmod(place, component.columns)
        first_row, first_column = self.first[c]
        if row == first_row and column == first_column:
            return 2 ** (self.frame.precision - self.scan.low - 1)
        if row == first_row:
            return plane[place - 1]
        above = plane[place - component.columns]
        if column == 0:
            return above
        left, corner = plane[place - 1], plane[place - component.columns - 1]
        return [
            left,
            above,
            corner,
            left + above - corner,
            left + (above - corner >> 1),
            above + (left - corner >> 1),
            left + above >> 1,
        ][self.scan.first - 1]

    def write_block(self, c: int, block: Block) -> None:
        scan = self.scan
        if scan.first == 0 and scan.high > 0:
            self.put(block[0] >> scan.low & 1, 1)
        elif scan.first == 0:
            value = block[0] >> scan.low
            difference, self.previous[c] = value - self.previous[c], value
            self.symbol(c, 0, abs(difference).bit_length())
            self.number(difference)
        if scan.last == 0:
            return
        if self.details.breaks.get(self.block):
            self.end_run()
        band = [block[ZIGZAG[k]] for k in range(max(scan.first, 1), scan.last + 1)]
        shifted = [(abs(u) >> scan.low) * (1 if u > 0 else -1) for u in band]
        if scan.high == 0:
            self.write_band(c, shifted)
        else:
            self.refine(c, shifted)

    def write_band(self, c: int, band: list[int]) -> None:
        zeros = 0
        for u in band:
            if u == 0:
                zeros += 1
                continue
            self.end_run()
            for _ in range(zeros // 16):
                self.symbol(c, 1, 0xF0)
            self.symbol(c, 1, 16 * (zeros % 16) + abs(u).bit_length())
            self.number(u)
            zeros = 0
        runs = self.details.zero_runs.get(self.block, 0) if zeros else 0
        require(16 * runs <= zeros, "runs of zeros that are there")
        if runs:
            self.end_run()
        for _ in range(runs):
            self.symbol(c, 1, 0xF0)
        if zeros > 16 * runs:
            self.end_band(c, "")

    def refine(self, c: int, band: list[int]) -> None:
        fresh = max((k for k, u in enumerate(band) if abs(u) == 1), default=-1)
        zeros, corrections = 0, ""
        for k, u in enumerate(band):
            if u == 0:
                zeros += 1
                if zeros == 16 and k < fresh:
                    self.end_run()
                    self.symbol(c, 1, 0xF0)
                    self.bits, corrections = self.bits + corrections, ""
                    zeros = 0
            elif abs(u) > 1:
                corrections += f"{abs(u) & 1}"
            else:
                self.end_run()
                self.symbol(c, 1, 16 * zeros + 1)
                self.bits += f"{int(u > 0)}{corrections}"
                zeros, corrections = 0, ""
        if zeros or corrections:
            self.end_band(c, corrections)

    def end_band(self, c: int, corrections: str) -> None:
        if not self.frame.progressive:
            self.symbol(c, 1, 0)
            return
        self.run, self.waiting = self.run + 1, self.waiting + corrections
        many = len(self.waiting) > MOST_CORRECTIONS and not self.details.flags & LONG_RUNS
        if self.run == LONGEST_RUN or many:
            self.end_run()

    def end_run(self) -> None:
        if self.run:
            n = self.run.bit_length() - 1
            self.symbol(0, 1, 16 * n)
            self.put(self.run - 2**n, n)
        self.bits += self.waiting
        self.run, self.waiting = 0, ""


def write(skeleton: Skeleton, planes: Planes, details: Details) -> bytes:
    """The bytes of a stream."""
    out, behind = SOI, 0
    if skeleton.frame:
        writer = Writer(skeleton.frame, planes, details)
        for number, scan in enumerate(skeleton.scans):
            out += skeleton.data[behind : scan.end] + writer.write(number, scan)
            behind = scan.end
    return out + skeleton.data[behind:]
