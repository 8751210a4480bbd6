"""Coded symbols of JPEG coefficients, of any symbols (docs/jpeg-format.md, J9.1)."""

from collections.abc import Callable
from contextlib import suppress

from reference.fields import ArchiveError
from reference.jpeg_coefficients import Block
from reference.jpeg_markers import Frame
from reference.jpeg_symbols import Coefficients, Distribution, Symbols, mul

END = 2**16
"""What a state is behind the last symbol."""


class _Chosen(Symbols):
    """Symbols that are chosen, and what each of them does to a state."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        super().__init__(bytes(8))
        self.choose = choose
        self.steps = list[tuple[int, int]]()

    def by(self, p: Distribution) -> int:
        starts = [0, *(mul(p[s], 32735) + 2 * s for s in range(1, 16)), 2**15]
        s = self.choose(16)
        self.steps.append((starts[s], starts[s + 1] - starts[s]))
        return s

    def bits(self, n: int) -> int:
        s = self.choose(2**n)
        self.steps.append((s << 15 - n, 2 ** (15 - n)))
        return s


def write_symbols(
    frame: Frame, choose: Callable[[int], int], end: tuple[int, int] = (END, END)
) -> tuple[bytes, list[list[Block]] | None]:
    """The bytes of symbols, up to one that a reader refuses, and the blocks of all components if it
    refuses none.

    choose: from a number of symbols to one of them. end: both states behind the last symbol.
    """
    all_, planes = Coefficients(bytes(8)), None
    all_.symbols = chosen = _Chosen(choose)
    with suppress(ArchiveError):
        planes = all_.pop(frame)
    return _packed(chosen.steps, end), planes


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
