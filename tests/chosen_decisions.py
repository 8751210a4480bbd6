"""Decisions that are chosen, and coded as the arithmetic coder of docs/jpeg-format.md, J5, does."""

from collections.abc import Iterator


class ChosenDecisions:
    """Takes the place of a decoder's decisions: `pop` gives the next bit, and codes it.

    bits: the decisions; it may be replaced between two of them.
    """

    def __init__(self, bits: Iterator[int]) -> None:
        self.bits = bits
        self.low, self.high, self.out = 0, 2**32 - 1, b""

    def pop(self, p: int) -> int:
        bit = next(self.bits)
        middle = self.low + ((self.high - self.low) * p >> 16)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            self.out += bytes([self.high >> 24])
            self.low = self.low * 2**8 % 2**32
            self.high = (self.high * 2**8 + 255) % 2**32
        return bit

    def coded(self) -> bytes:
        """The bytes of the decisions so far."""
        return self.out + bytes([self.high >> 24])
