"""Numbers and fields in bytes: varints and a cursor (docs/format.md)."""

from bitsback.errors import ArchiveError


def varint(value: int) -> bytes:
    """LEB128: 7 bits per byte, low bits first, with the high bit set on all but the last."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class Cursor:
    """Reads fields in order.

    Raises ArchiveError for a field that is missing, or not in its canonical form.
    """

    def __init__(self, data: bytes | memoryview, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise ArchiveError("a field is cut short")
        self.at += size
        return bytes(self.data[self.at - size : self.at])

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                if (byte == 0 and shift > 0) or value >= 1 << 64:
                    break
                return value
        raise ArchiveError("a number is not in its shortest form, or above 2^64 - 1")

    def varints(self, count: int) -> tuple[int, ...]:
        return tuple(self.varint() for _ in range(count))

    def done(self) -> None:
        if self.at != len(self.data):
            raise ArchiveError("something follows the last field")
