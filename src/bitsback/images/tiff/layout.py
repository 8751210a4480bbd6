"""How the pixels of a page stand in the segments, strips or tiles, of a TIFF file. Source: TIFF
revision 6.0, sections 3, 14 and 15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.images.png_samples import pack_bits
from bitsback.lazy import cached_property
from bitsback.wire import Cursor, varint

NONE, GROUP_4, LZW, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA, ZSTD = (
    1, 4, 5, 8, 32773, 32946, 34925, 50000,
)  # fmt: skip
"""Compressions, by their numbers in the tag 259."""

BIG, INVERTED, SCALED, REVERSED, PREDICTED, TILED = 1, 2, 4, 8, 16, 32
"""Flags: samples are big-endian; each bit of a sample is inverted, as the least value is white;
samples of 2 or 4 bits become 8 bits from black to white; the bits of each byte come in reverse;
samples are differences to those before them; segments are tiles.
"""

_BITS = (1, 2, 4, 8, 16)
REVERSE = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
"""Each byte with its bits in reverse."""
_MOST = 1 << 32


@dataclass(frozen=True)
class Layout:
    """A page, [height, width] or [height, width, channels or planes], in segments."""

    height: int
    width: int
    channels: int
    """Samples of a pixel that stand together."""
    planes: int
    """How often there are segments of all of the page, each of one channel; 1 if these stand
    together.
    """
    bits: int
    """Of a sample: 1, 2, 4, 8 or 16."""
    rows: int
    columns: int
    """Of a segment; the last strip may have fewer rows, and tiles are whole."""
    compression: int
    flags: int

    @property
    def sound(self) -> bool:
        """Whether there can be such a page, as it is held."""
        sides = (self.height, self.width, self.rows, self.columns)
        colours = self.channels * self.planes
        return (
            all(0 < side < _MOST for side in sides)
            and 1 in (self.channels, self.planes)
            and 1 <= colours <= 4
            and self.bits in _BITS
            and (colours == 1 or self.bits == 8)
            and (self.flags & TILED > 0 or self.columns == self.width)
            and self.flags < 64
            and not (self.flags & PREDICTED and self.bits < 8)
        )

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype({1: "|b1", 16: "<u2"}.get(self.bits, "|u1"))

    @property
    def shape(self) -> tuple[int, ...]:
        colours = self.channels * self.planes
        return (self.height, self.width) + (colours,) * (colours > 1)

    @property
    def across(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.columns)

    @property
    def down(self) -> int:
        """Segments one below the other."""
        return -(-self.height // self.rows)

    @property
    def segments(self) -> int:
        return self.planes * self.down * self.across

    @property
    def area(self) -> int:
        """Pixels of the segments of a plane, those beyond the edges of the page too."""
        rows = self.down * self.rows if self.flags & TILED else self.height
        return rows * self.across * self.columns

    @property
    def blank(self) -> Any:
        """The sample whose bits are zeros in the file."""
        zero = self.dtype.type(0)
        return ~zero if self.flags & INVERTED else zero

    @property
    def row_bytes(self) -> int:
        """Of a segment."""
        return -(-self.columns * self.channels * self.bits // 8)

    def rows_of(self, band: int) -> int:
        """Rows of the picture in the segments of a row of them."""
        return min(self.rows, self.height - band * self.rows)

    def rows_stored(self, band: int) -> int:
        """Rows of these segments."""
        return self.rows if self.flags & TILED else self.rows_of(band)

    def samples(self, raw: bytes) -> NDArray[Any]:
        """The samples of a segment from its bytes, decompressed: [rows, columns, channels]."""
        if self.reversed_alone:
            raw = raw.translate(REVERSE)
        data = np.frombuffer(raw, np.uint8).reshape(-1, self.row_bytes)
        values: NDArray[Any]
        if self.bits == 16:
            values = data.view(self._order)
        elif self.bits == 8:
            values = data
        else:
            values = unpack_bits(data, self.bits)[:, : self.columns]
            values = values.astype(bool) if self.bits == 1 else values * np.uint8(self._step)
        values = values.reshape(len(data), self.columns, self.channels)
        if self.flags & PREDICTED:
            values = np.cumsum(values, axis=1, dtype=self.dtype)
        values = values.astype(self.dtype)
        return ~values if self.flags & INVERTED else values

    def raw(self, samples: NDArray[Any]) -> bytes:
        """The bytes of a segment, before compression. Raises ArchiveError for samples that it
        cannot have.
        """
        values = ~samples if self.flags & INVERTED else samples
        if self.flags & PREDICTED:
            values = values.copy()
            values[:, 1:] -= values[:, :-1].copy()
        rows = np.ascontiguousarray(values).reshape(len(values), -1)
        if self.bits == 16:
            raw = rows.astype(self._order).tobytes()
        elif self.bits == 8:
            raw = rows.tobytes()
        elif self.bits == 1:
            raw = np.packbits(rows, axis=1).tobytes()
        else:
            fewer = rows // np.uint8(self._step)
            if (fewer * np.uint8(self._step) != rows).any() or (fewer >> self.bits).any():
                raise ArchiveError("its pixels have values that its file cannot have")
            raw = pack_bits(fewer, self.bits).tobytes()
        return raw.translate(REVERSE) if self.reversed_alone else raw

    @property
    def reversed_alone(self) -> bool:
        """Whether the bits of bytes that are not compressed come in reverse."""
        return bool(self.flags & REVERSED) and self.compression == NONE

    @property
    def _order(self) -> str:
        return ">u2" if self.flags & BIG else "<u2"

    @property
    def _step(self) -> int:
        return 255 // ((1 << self.bits) - 1) if self.flags & SCALED else 1

    def pack(self) -> bytes:
        numbers = (
            self.height, self.width, self.channels, self.planes, self.bits, self.rows,
            self.columns, self.compression, self.flags,
        )  # fmt: skip
        return b"".join(map(varint, numbers))

    @classmethod
    def unpack(cls, cursor: Cursor) -> Layout:
        """Raises ArchiveError."""
        layout = cls(*(cursor.varint() for _ in range(9)))
        if not layout.sound:
            raise ArchiveError("its note tells of a page that there cannot be")
        return layout


def unpack_bits(rows: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Samples of 1, 2 or 4 bits from bytes, the first one in the highest bits: [rows, samples]."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    spread = (rows[:, :, np.newaxis] >> shifts) & np.uint8((1 << bits) - 1)
    return spread.reshape(len(rows), -1)
