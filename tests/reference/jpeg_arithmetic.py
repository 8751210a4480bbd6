"""Scans by arithmetic coding (docs/jpeg-format.md, J4; T.81, annex D, F.1.4 and G.1.3)."""

from .fields import require
from .jpeg_coefficients import ZIGZAG, Block
from .jpeg_markers import Scan

TABLE = bytes.fromhex(
    """
    5A1D0181 25860E02 11141003 080B1204 03D81405 01DA1706 00E51907 006F1C08 00361E09
    001A210A 000D230B 0006090C 00030A0D 00010C0D 5A7F0F8F 3F252410 2CF22611 207C2712
    17B92813 11822A14 0CEF2B15 09A12D16 072F2E17 055C3018 04063119 0303331A 0240341B
    01B1361C 0144381D 00F5391E 00B73B1F 008A3C20 00683E21 004E3F22 003B2023 002C2109
    5AE125A5 484C4026 3A0D4127 2EF14328 261F4429 1F33452A 19A8462B 1518482C 1177492D
    0E744A2E 0BFB4B2F 09F84D30 08614E31 07064F32 05CD3033 04DE3234 040F3235 03633336
    02D43437 025C3538 01F83639 01A4373A 0160383B 0125393C 00F63A3D 00CB3B3E 00AB3D3F
    008F3D20 5B1241C1 4D045042 412C5143 37D85244 2FE85345 293C5446 23795647 1EDF5748
    1AA95749 174E484A 1424484B 119C4A4C 0F6B4A4D 0D514B4E 0BB64D4F 0A404D30 583250D1
    4D1C5852 438E5953 3BDD5A54 34EE5B55 2EAE5C56 299A5D57 25165647 557058D9 4CA95F5A
    44D9605B 3E22615C 3824635D 32B4635E 2E175D56 56A85FE0 4F466561 47E56662 41CF6763
    3C3D6864 375E635D 52316966 4C0F6A67 46396B68 415E6763 562769EA 50E76C6B 4B856D67
    55976E6D 504F6F6B 5A106EEF 5522706D 59EB70EF
    """
)
ESTIMATES = [int.from_bytes(TABLE[n : n + 4], "big") for n in range(0, len(TABLE), 4)]
"""Table D.3: the size of the less probable symbol, 16 bits, the next state behind it, 8 bits,
whether it becomes the more probable one, and the next state behind the other one, 7 bits.
"""
States = list[int]
"""Each has the more probable symbol in bit 7."""


class Interval:
    """Binary decisions as a number."""

    def __init__(self) -> None:
        self.low, self.size, self.shifts = 0, 2**16, 0

    def code(self, states: States, place: int, symbol: bool) -> None:
        entry, more = ESTIMATES[states[place] & 127], states[place] >> 7
        less, likely = entry >> 16, symbol == more
        self.size -= less
        if likely and self.size >= 2**15:
            return
        if likely == (self.size < less):
            self.low, self.size = self.low + self.size, less
        if likely:
            states[place] = more << 7 | entry & 127
        else:
            states[place] = (more ^ entry >> 7 & 1) << 7 | entry >> 8 & 127
        while self.size < 2**15:
            self.low, self.size, self.shifts = 2 * self.low, 2 * self.size, self.shifts + 1

    def settled(self) -> bytes:
        """The bytes so far that stay as they are."""
        count = max((self.shifts - 3) // 8, 0)
        found = (self.low >> (self.shifts - 8 * count + 16)).to_bytes(count, "big")
        return stuffed(found.rstrip(b"\xff")[:-1])

    def end(self) -> bytes:
        """All bytes: of the numbers in the interval one with the most zeros in the end."""
        low = (self.low + self.size - 1) >> 16 << 16
        if low < self.low:
            low += 2**15
        missing = 11 - self.shifts if self.shifts < 11 else 8 - (self.shifts - 11) % 8
        count = (self.shifts + missing - 3) // 8 + 1
        return stuffed((low << missing >> 11).to_bytes(count, "big"))


def stuffed(found: bytes) -> bytes:
    return found.rstrip(b"\0").replace(b"\xff", b"\xff\0")


class Stretch:
    """The blocks of a scan between two restarts."""

    def __init__(self, scan: Scan) -> None:
        self.scan, self.interval = scan, Interval()
        self.previous, self.contexts = [0] * 4, [0] * 4
        self.dc_states = [[0] * 64 for _ in range(4)]
        self.ac_states = [[0] * 256 for _ in range(4)]

    def even(self, symbol: bool) -> None:
        self.interval.code([0], 0, symbol)

    def write_block(self, c: int, block: Block) -> None:
        scan = self.scan
        if scan.first == 0 and scan.high > 0:
            self.even(bool(block[0] >> scan.low & 1))
        elif scan.first == 0:
            self.write_dc(c, block[0] >> scan.low)
        if scan.last > 0:
            self.write_band(c, block)

    def write_dc(self, c: int, value: int) -> None:
        table = self.scan.tables[c][0]
        states, place = self.dc_states[table], self.contexts[c]
        difference, self.previous[c], self.contexts[c] = value - self.previous[c], value, 0
        self.interval.code(states, place, difference != 0)
        if difference == 0:
            return
        negative = difference < 0
        self.interval.code(states, place + 1, negative)
        highest = self.magnitude(abs(difference), states, place + 2 + negative, 20, False)
        small, large = self.scan.conditions[table] & 15, self.scan.conditions[table] >> 4
        if highest >= 2**small // 2:
            self.contexts[c] = 4 + 4 * negative + 8 * (highest > 2**large // 2)

    def write_band(self, c: int, block: Block) -> None:
        scan, table = self.scan, self.scan.tables[c][1]
        states, split = self.ac_states[table], scan.conditions[16 + table]
        first = max(scan.first, 1)
        band = [block[ZIGZAG[k]] for k in range(first, scan.last + 1)]
        sizes = [abs(u) >> scan.low for u in band]
        end = max((n for n, size in enumerate(sizes) if size), default=-1)
        known = -1  # the last one that an earlier scan has found to be other than 0
        if scan.high > 0:
            known = max((n for n, u in enumerate(band) if abs(u) >> scan.high), default=-1)
        begins = True
        for n, (u, size) in enumerate(zip(band, sizes, strict=True)):
            k = first + n
            place = 3 * (k - 1)
            if begins and n > known:
                self.interval.code(states, place, n > end)
                if n > end:
                    return
            begins = size > 0
            if scan.high > 0 and size > 1:
                self.interval.code(states, place + 2, bool(size & 1))
                continue
            self.interval.code(states, place + 1, size > 0)
            if size > 0:
                self.even(u < 0)
                if scan.high == 0:
                    self.magnitude(size, states, place + 2, 189 if k <= split else 217, True)

    def magnitude(self, size: int, states: States, place: int, others: int, twice: bool) -> int:
        """Returns the highest bit of size - 1."""
        rest = size - 1
        require(rest < 2**15, "a number that arithmetic coding has")
        self.interval.code(states, place, rest > 0)
        if twice and rest > 0:
            self.interval.code(states, place, rest > 1)
        if rest > twice:
            place = others
            for _ in range(1 + twice, rest.bit_length()):
                self.interval.code(states, place, True)
                place += 1
            self.interval.code(states, place, False)
        for n in reversed(range(rest.bit_length() - 1)):
            self.interval.code(states, place + 14, bool(rest >> n & 1))
        return 2 ** rest.bit_length() // 2
