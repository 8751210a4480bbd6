"""The marker segments of a JPEG stream (docs/jpeg-format.md, J2)."""

from dataclasses import dataclass, field

from .fields import require

MARKER = 0xFF
SOF = [0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA]
DHT, DAC, EOI, SOS, DQT, DNL, DRI = 0xC4, 0xCC, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD
ALONE = [0x01, *range(0xD0, 0xD8)]
REFUSED = [*range(0xC5, 0xC8), 0xCB, *range(0xCD, 0xD0), 0xDE, 0xF7]


@dataclass
class Component:
    id: int
    h: int
    v: int
    table: int
    rows: int = 0
    columns: int = 0
    own_rows: int = 0
    own_columns: int = 0
    steps: list[int] = field(default_factory=lambda: [0] * 64)  # in zigzag order


@dataclass
class Frame:
    progressive: bool
    arithmetic: bool
    lossless: bool
    precision: int
    rows: int
    columns: int
    components: list[Component]

    @property
    def blocks(self) -> int:
        return sum(one.rows * one.columns for one in self.components)


Code = dict[int, str]
"""The bits of symbols."""


@dataclass
class Scan:
    components: list[tuple[Component, int, Code | None, Code | None]]
    """Each with its number in the frame, and its tables of DC and AC."""
    tables: list[tuple[int, int]]
    """The numbers of these."""
    conditions: list[int]
    """Of arithmetic coding: those of tables of DC, and behind 16 those of AC."""
    first: int
    last: int
    high: int
    low: int
    interval: int
    end: int
    """Where its data stand in the skeleton."""


def ceil(a: int, b: int) -> int:
    return -(-a // b)


class Skeleton:
    """The segments of a stream but for its first two bytes, and the frame and scans in them."""

    def __init__(self, data: bytes) -> None:
        require(len(data) >= 2, "a segment")
        self.data, self.at = data, 0
        self.frame: Frame | None = None
        self.scans: list[Scan] = []
        self.quantisation = [[0] * 64 for _ in range(4)]
        self.codes: dict[int, Code] = {}  # by class and number
        self.conditions = [0x10] * 16 + [5] * 4
        self.interval = 0
        while self.segment():
            pass

    def segment(self) -> bool:
        """Reads what is next; whether anything follows."""
        rest = self.data[self.at :]
        if len(rest) < 2:
            return False
        require(rest[0] == MARKER, "segments without bytes between them")
        marker = rest[1]
        if marker == MARKER or marker in ALONE:
            self.at += 1 if marker == MARKER else 2
            return True
        require(marker not in (0x00, 0xD8), "a marker")
        size = int.from_bytes(rest[2:4], "big")
        if marker == EOI or len(rest) < 4 or size < 2 or 2 + size > len(rest):
            return False
        self.at += 2 + size
        self.take(marker, rest[4 : 2 + size])
        return True

    def take(self, marker: int, segment: bytes) -> None:
        require(marker not in REFUSED, "a kind of frame that is coded")
        if marker == DHT:
            self.read_codes(segment)
        elif marker == DAC:
            require(len(segment) % 2 == 0, "pairs of bytes")
            for table, value in zip(segment[::2], segment[1::2], strict=True):
                require(table >> 4 <= 1 and table & 15 <= 3, "a table of the four")
                fits = 1 <= value <= 63 if table >> 4 else value & 15 <= value >> 4
                require(fits, "conditions of arithmetic coding")
                self.conditions[table] = value
        elif marker == DQT:
            self.read_quantisation(segment)
        elif marker == DRI:
            require(len(segment) == 2, "a restart interval of two bytes")
            self.interval = int.from_bytes(segment, "big")
        elif marker in SOF:
            self.read_frame(marker, segment)
        elif marker == SOS:
            self.read_scan(segment)

    def read_codes(self, segment: bytes) -> None:
        while segment:
            counts, symbols = segment[1:17], sum(segment[1:17])
            require(len(segment) >= 17 + symbols and symbols <= 256, "all symbols")
            require(segment[0] >> 4 <= 1 and segment[0] & 15 <= 3, "a table of the four")
            code: Code = {}
            word, left = 0, iter(segment[17 : 17 + symbols])
            for length, count in enumerate(counts, 1):
                for _ in range(count):
                    require(word < 2**length, "words of a code")
                    code.setdefault(next(left), f"{word:0{length}b}")
                    word += 1
                word *= 2
            self.codes[segment[0]] = code
            segment = segment[17 + symbols :]

    def read_quantisation(self, segment: bytes) -> None:
        while segment:
            size, number = 1 + (segment[0] >> 4), segment[0] & 15
            require(size <= 2 and number <= 3, "a table of the four")
            require(len(segment) > 64 * size, "all steps")
            steps, segment = segment[1 : 1 + 64 * size], segment[1 + 64 * size :]
            self.quantisation[number] = [
                int.from_bytes(steps[size * k : size * (k + 1)], "big") for k in range(64)
            ]

    def read_frame(self, marker: int, segment: bytes) -> None:
        require(self.frame is None, "one frame")
        require(len(segment) >= 6 and 1 <= segment[5] <= 4, "1 to 4 components")
        lossless = marker == 0xC3
        precisions = range(2, 17) if lossless else (8, 12)
        require(len(segment) == 6 + 3 * segment[5] and segment[0] in precisions, "a frame")
        height, width = (int.from_bytes(segment[n : n + 2], "big") for n in (1, 3))
        lines = self.data.find(b"\xff\xdc\0\4", self.at)
        if height == 0 and 0 <= lines <= len(self.data) - 6:
            height = int.from_bytes(self.data[lines + 4 : lines + 6], "big")
        require(height > 0 and width > 0, "pixels")
        components = [
            Component(segment[n], segment[n + 1] >> 4, segment[n + 1] & 15, segment[n + 2])
            for n in range(6, len(segment), 3)
        ]
        for one in components:
            require(1 <= one.h <= 4 and 1 <= one.v <= 4 and one.table <= 3, "a component")
        require(len({one.id for one in components}) == len(components), "different components")
        most_h, most_v = max(one.h for one in components), max(one.v for one in components)
        edge = 1 if lossless else 8
        rows, columns = ceil(height, edge * most_v), ceil(width, edge * most_h)
        for one in components:
            one.rows, one.columns = rows * one.v, columns * one.h
            one.own_rows = ceil(ceil(height * one.v, most_v), edge)
            one.own_columns = ceil(ceil(width * one.h, most_h), edge)
        progressive, arithmetic = marker in (0xC2, 0xCA), marker >= 0xC9
        kind = progressive, arithmetic, lossless
        self.frame = Frame(*kind, segment[0], rows, columns, components)

    def read_scan(self, segment: bytes) -> None:
        require(self.frame is not None and len(segment) > 0, "a frame before scans")
        assert self.frame
        count, known = segment[0], {one.id: one for one in self.frame.components}
        require(1 <= count <= len(known) and len(segment) == 4 + 2 * count, "components")
        first, last, high, low = *segment[-3:-1], segment[-1] >> 4, segment[-1] & 15
        conditions = list(self.conditions)
        scan = Scan([], [], conditions, first, last, high, low, self.interval, self.at)
        for n in range(1, 1 + 2 * count, 2):
            name, tables = segment[n : n + 2]
            require(name in known and tables >> 4 <= 3 and tables & 15 <= 3, "a component")
            one = known.pop(name)
            if one.steps[0] == 0:
                one.steps = self.quantisation[one.table]
            dc, ac = self.codes.get(tables >> 4), self.codes.get(16 + (tables & 15))
            scan.tables.append((tables >> 4, tables & 15))
            scan.components.append((one, self.frame.components.index(one), dc, ac))
        if self.frame.lossless:
            require(1 <= first <= 7 and low < self.frame.precision, "a predictor")
        elif self.frame.progressive:
            require(first <= last <= 63 and low <= 13 and high in (0, low + 1), "a band")
            require(last == 0 if first == 0 else count == 1, "DC, or a band of one component")
        else:
            scan.first, scan.last, scan.high, scan.low = 0, 63, 0, 0
        blocks = sum(one.h * one.v for one, _, _, _ in scan.components)
        require(count == 1 or blocks <= 10, "a unit of at most 10 blocks")
        if not self.frame.arithmetic:
            needs_dc = self.frame.lossless or (scan.first == 0 and scan.high == 0)
            needs_ac = not self.frame.lossless and scan.last > 0
            for _, _, dc, ac in scan.components:
                require(dc is not None or not needs_dc, "a Huffman table of DC")
                require(ac is not None or not needs_ac, "a Huffman table of AC")
        self.scans.append(scan)
