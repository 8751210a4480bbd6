"""The candidates of pixels: the symbols that a context remembers to have come after its keys."""

from dataclasses import dataclass
from typing import NamedTuple

from .message import HIGH

FACTOR = 0x9E3779B97F4A7C15
CONFIDENCE = 31  # at most
ONE = 2**22


@dataclass
class Remembered:
    check: int
    symbol: int
    confidence: int = 1

    def learn(self, symbol: int) -> None:
        if symbol == self.symbol:
            self.confidence = min(self.confidence + 1, CONFIDENCE)
        elif self.confidence > 3:
            self.confidence //= 4
        else:
            self.symbol, self.confidence = symbol, 1


class Recalled(NamedTuple):
    """What was remembered before a step."""

    slot: int  # its number
    check: int
    symbol: int
    confidence: int  # 0 for nothing


class Memory:
    def __init__(self, size: int) -> None:
        """size: the logarithm of the number of slots."""
        self.size = size
        self.slots: dict[int, Remembered] = {}
        self.rates = [ONE * (2 * n + 1) // (2 * n + 2) for n in range(CONFIDENCE + 1)]

    def recall(self, key: int) -> Recalled:
        mixed = key * FACTOR % HIGH
        slot, check = mixed * 2**self.size // HIGH, mixed // 2**20 % 2**16
        found = self.slots.get(slot)
        if found is None or found.check != check:
            return Recalled(slot, check, 0, 0)
        return Recalled(slot, check, found.symbol, found.confidence)

    def failures(self, of: Recalled) -> int:
        """The logarithm of how often what is remembered so is wrong."""
        return (ONE - 1 - self.rates[of.confidence] >> 7).bit_length()

    def learn(self, of: Recalled, symbol: int) -> None:
        if of.confidence:
            goal = ONE - 1 if of.symbol == symbol else 0
            self.rates[of.confidence] += goal - self.rates[of.confidence] >> 7
        found = self.slots.get(of.slot)
        if found and found.check == of.check:
            found.learn(symbol)
        else:
            self.slots[of.slot] = Remembered(of.check, symbol)
