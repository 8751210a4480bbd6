"""The header of a JPEG XL codestream, and whether its frame gives integers without rounding.
Source: ISO/IEC 18181-1, and the fields of libjxl (lib/jxl/image_metadata.cc, frame_header.cc).
"""

from __future__ import annotations

from dataclasses import dataclass

SIGNATURE = b"\xff\x0a"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width by height."""
_SIDES = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_BITS = ((0, 8), (0, 10), (0, 12), (6, 1))
_NAME = ((0, 0), (4, 0), (5, 16), (10, 48))
_PLACE = ((19, 0), (19, 524288), (20, 1048576), (21, 2097152))
"""Numbers of bits, and what is added to them, by the two bits before."""
_RGB, _GREY = 0, 1
_CUSTOM = 2
_NO_SMOOTHING = 128
"""The one flag of a frame that does not matter to integers."""

Choices = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]


class _Unknown(Exception):
    """A codestream of another kind, or a damaged one."""


class _Reader:
    """Bits, the low ones of a byte first."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, 8 * at

    def bits(self, count: int) -> int:
        at, self._at = self._at, self._at + count
        taken = self._data[at // 8 : (self._at + 7) // 8]
        if 8 * len(taken) < count + at % 8:
            raise _Unknown
        return int.from_bytes(taken, "little") >> at % 8 & ((1 << count) - 1)

    def number(self, choices: Choices) -> int:
        count, offset = choices[self.bits(2)]
        return self.bits(count) + offset

    def want(self, value: int, count: int = 1) -> None:
        """Takes some bits, which must have this value."""
        if self.bits(count) != value:
            raise _Unknown

    def nothing(self) -> None:
        """A number of 64 bits that must be 0, as that of extensions."""
        self.want(0, 2)

    def skip_name(self) -> None:
        for _ in range(self.number(_NAME)):
            self.bits(8)

    def to_byte(self) -> int:
        """The place of the next whole byte; the bits before it must be 0."""
        self.want(0, -self._at % 8)
        return self._at // 8


@dataclass(frozen=True)
class Header:
    """What is known of a picture whose samples are integers."""

    width: int
    height: int
    channels: int
    alpha: bool
    bits: int
    narrow: bool
    """Whether 16 bits are enough to decode it."""
    end: int
    """The place of the first frame."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the picture: [height, width] or [height, width, channels]."""
        return (self.height, self.width, self.channels)[: 2 + (self.channels > 1)]

    @classmethod
    def of(cls, data: bytes) -> Header | None:
        """None for pictures whose samples are no integers of 8 or 16 bits, or that have an ICC
        profile, whose end is not known without decoding it, a preview, frames, or more than alpha
        beside their colours.
        """
        try:
            return cls._read(data)
        except _Unknown:
            return None

    @classmethod
    def _read(cls, data: bytes) -> Header:
        if data[:2] != SIGNATURE:
            raise _Unknown
        reader = _Reader(data, len(SIGNATURE))
        width, height = _size(reader)
        reader.want(0)  # all as usual, which is XYB
        more = reader.bits(1)
        if more:
            reader.bits(3)  # orientation
            if reader.bits(1):
                _size(reader)  # of the intended display
            reader.want(0, 2)  # preview, animation
        bits = _depth(reader)
        narrow = bool(reader.bits(1))
        if narrow and bits > 8:
            raise _Unknown
        alpha = _alpha(reader, bits)
        reader.want(0)  # XYB
        colours = 3 if reader.bits(1) else _colours(reader)
        if more and not reader.bits(1):
            reader.bits(16 + 16 + 1 + 16)  # tone mapping
        reader.nothing()
        reader.want(1)  # usual weights of upsampling
        return cls(width, height, colours + alpha, alpha, bits, narrow, reader.to_byte())

    def is_exact(self, data: bytes) -> bool:
        """Whether a codestream with this header has one frame of integers, coded without transforms
        of colours, filters, noise, patches and splines.
        """
        try:
            self._read_frame(_Reader(data, self.end))
        except _Unknown:
            return False
        return True

    def _read_frame(self, reader: _Reader) -> None:
        reader.want(0)  # all as usual, which is lossy
        reader.want(0, 2)  # a frame that is shown
        reader.want(1)  # modular
        if _flags(reader) not in (0, _NO_SMOOTHING):
            raise _Unknown
        reader.want(0)  # YCbCr
        for _ in range(1 + self.alpha):
            reader.want(0, 2)  # upsampling
        reader.bits(2)  # the size of groups
        passes = reader.number(((0, 1), (0, 2), (0, 3), (3, 4)))
        if passes > 1:
            lower = reader.number(((0, 0), (0, 1), (0, 2), (1, 3)))
            reader.bits(2 * (passes - 1) + 2 * lower)
            for _ in range(lower):
                reader.number(((0, 0), (0, 1), (0, 2), (3, 0)))
        reader.want(0)  # a part of the picture
        for _ in range(1 + self.alpha):
            reader.want(0, 2)  # blending
        reader.want(1)  # the last frame
        reader.skip_name()
        reader.want(0)  # usual filters
        reader.want(0, 1 + 2)  # each of them
        reader.nothing()
        reader.nothing()


def _size(reader: _Reader) -> tuple[int, int]:
    """Width and height."""
    small = reader.bits(1)
    height = 8 * (reader.bits(5) + 1) if small else reader.number(_SIDES)
    ratio = reader.bits(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (8 * (reader.bits(5) + 1) if small else reader.number(_SIDES)), height


def _depth(reader: _Reader) -> int:
    reader.want(0)  # floats
    bits = reader.number(_BITS)
    if bits not in (8, 16):
        raise _Unknown
    return bits


def _alpha(reader: _Reader, bits: int) -> bool:
    """Whether there is an alpha channel, of so many bits, and no other one."""
    count = reader.number(((0, 0), (0, 1), (4, 2), (12, 1)))
    if count == 1 and reader.bits(1):
        if bits != 8:
            raise _Unknown
    elif count == 1:
        if reader.number(_ENUM) != 0 or _depth(reader) != bits:
            raise _Unknown
        reader.want(0, 2)  # fewer of its samples
        reader.skip_name()
        reader.bits(1)  # whether colours are multiplied by it
    elif count:
        raise _Unknown
    return bool(count)


def _colours(reader: _Reader) -> int:
    """The number of colour channels."""
    reader.want(0)  # ICC
    space = reader.number(_ENUM)
    if space not in (_RGB, _GREY):
        raise _Unknown
    if reader.number(_ENUM) == _CUSTOM:  # white
        _point(reader)
    if space == _RGB and reader.number(_ENUM) == _CUSTOM:
        for _ in range(3):
            _point(reader)
    if reader.bits(1):
        reader.bits(24)  # gamma
    else:
        reader.number(_ENUM)
    reader.number(_ENUM)  # intent
    return 3 if space == _RGB else 1


def _point(reader: _Reader) -> None:
    for _ in range(2):
        reader.number(_PLACE)


def _flags(reader: _Reader) -> int:
    """A number of 64 bits that is below 273."""
    selector = reader.bits(2)
    if selector == 3:
        raise _Unknown
    if selector == 0:
        return 0
    return 1 + reader.bits(4) if selector == 1 else 17 + reader.bits(8)
