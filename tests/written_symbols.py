"""Coded symbols of JPEG coefficients, of any symbols (docs/jpeg-format.md, J9.1)."""

from collections.abc import Callable
from contextlib import suppress

from bitsback import lzma2
from bitsback.coding.block import STREAMS
from bitsback.wire import varint
from packing import archive_of_bytes
from reference.fields import ArchiveError
from reference.jpeg_coefficients import Block
from reference.jpeg_markers import Frame, Skeleton
from reference.jpeg_streams import SYMBOLS, Details, write
from reference.jpeg_symbols import QUICK, Coefficients, Distribution, Symbols, mul

_GROUPS, _PLACES, _LAST, _VALUES, _EXPONENTS = map(range, (0, 0, 1, 0, 0), (16, 4, 15, 15, 14))
"""The symbols that a reader accepts."""

END = 2**16
"""What a state is behind the last symbol."""


Choose = Callable[[range, list[Distribution]], int]
"""From the symbols that a reader accepts to one of them, or to another one. The list has the
distributions of which these symbols have a blend.
"""


class _Chosen(Symbols):
    """Symbols that are chosen, and what each of them does to a state."""

    def __init__(self, choose: Choose) -> None:
        super().__init__(bytes(8))
        self.choose = choose
        self.accepted, self.blended = range(16), list[Distribution]()
        self.steps = list[tuple[int, int]]()

    def by(self, p: Distribution) -> int:
        starts = [0, *(mul(p[s], 32735) + 2 * s for s in range(1, 16)), 2**15]
        s = self.choose(self.accepted, self.blended)
        self.steps.append((starts[s], starts[s + 1] - starts[s]))
        return s

    def bits(self, n: int) -> int:
        s = self.choose(range(2**n), []) % 2**n  # a reader accepts all of them
        self.steps.append((s << 15 - n, 2 ** (15 - n)))
        return s

    def alone(self, p: Distribution) -> int:
        """A place behind a group, the last value behind a place, and an exponent behind others."""
        before, self.blended = self.accepted, []
        self.accepted = _PLACES if before == _GROUPS else _LAST if before == _PLACES else _EXPONENTS
        return super().alone(p)

    def blend(self, of: list[Distribution], weights: list[int], learns: bool, final: int) -> int:
        self.accepted, self.blended = _GROUPS if final == QUICK else _VALUES, of
        return super().blend(of, weights, learns, final)


def write_symbols(
    frame: Frame, choose: Choose, end: tuple[int, int] = (END, END)
) -> tuple[bytes, list[list[Block]] | None]:
    """The bytes of symbols, up to one that a reader refuses, and the blocks of all components if it
    refuses none. end: both states behind the last symbol.
    """
    all_, planes = Coefficients(bytes(8)), None
    all_.symbols = chosen = _Chosen(choose)
    with suppress(ArchiveError):
        planes = all_.pop(frame)
    return _packed(chosen.steps, end), planes


def archive_of_symbols(
    skeleton: Skeleton, coded: bytes, planes: list[list[Block]] | None, rounds: int = 1
) -> tuple[bytes, bytes]:
    """An archive of a JPEG stream, and this stream, which is zeros without blocks."""
    stream = write(skeleton, planes, Details(b"", len(skeleton.scans))) if planes else bytes(999)
    heads = len(stream), 1, 0, len(stream), len(skeleton.data), 0, 0
    rest = lzma2.compress(b"".join(map(varint, heads)) + skeleton.data)
    data = bytes([rounds + SYMBOLS, 0, 1]) + varint(len(rest)) + rest + coded
    return archive_of_bytes(len(stream), STREAMS, data), stream


def _packed(steps: list[tuple[int, int]], end: tuple[int, int]) -> bytes:
    """The bytes of symbols, each with its start and its size."""
    words, (a, b) = list[int](), end
    for start, size in reversed(steps):
        a, b = b, a
        if a >= size << 17:
            words.append(a % 2**16)
            a >>= 16
        a = (a // size << 15) + start + a % size
    words += [b % 2**16, b >> 16, a % 2**16, a >> 16]
    return b"".join(word.to_bytes(2, "little") for word in reversed(words))
