"""The candidate of a pixel: what contexts remember of the symbols that came after their keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .message import HIGH

FACTOR = 0x9E3779B97F4A7C15
CONFIDENCE = 31  # at most
ONE = 2**22


@dataclass
class Memory:
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
    """What a context remembered before a step."""

    slot: int  # its number
    check: int
    symbol: int
    confidence: int  # 0 for nothing


class Found(NamedTuple):
    symbol: int | None
    failures: int  # the logarithm of how often such a symbol is wrong


class Memories:
    def __init__(self, contexts: int, size: int) -> None:
        self.size = size  # its logarithm
        self.slots: list[dict[int, Memory]] = [{} for _ in range(contexts)]
        first = [ONE * (2 * n + 1) // (2 * n + 2) for n in range(CONFIDENCE + 1)]
        self.rates = [list(first) for _ in range(contexts)]

    def recall(self, keys: Sequence[int]) -> list[Recalled]:
        """keys: of each context that remembers."""
        found = []
        for key, slots in zip(keys, self.slots, strict=True):
            mixed = key * FACTOR % HIGH
            slot, check = mixed * 2**self.size // HIGH, mixed // 2**20 % 2**16
            memory = slots.get(slot)
            known = memory is not None and memory.check == check
            symbol, confidence = (memory.symbol, memory.confidence) if memory and known else (0, 0)
            found.append(Recalled(slot, check, symbol, confidence))
        return found

    def guess(self, recalled: Sequence[Recalled]) -> Found:
        best, symbol = 0, None
        for of, rates in zip(recalled, self.rates, strict=True):
            if of.confidence and rates[of.confidence] > best:
                best, symbol = rates[of.confidence], of.symbol
        return Found(symbol, (ONE - 1 - best >> 7).bit_length())

    def learn(self, recalled: Sequence[Recalled], symbol: int) -> None:
        for of, slots, rates in zip(recalled, self.slots, self.rates, strict=True):
            if of.confidence:
                goal = ONE - 1 if of.symbol == symbol else 0
                rates[of.confidence] += goal - rates[of.confidence] >> 7
            memory = slots.get(of.slot)
            if memory and memory.check == of.check:
                memory.learn(symbol)
            else:
                slots[of.slot] = Memory(of.check, symbol)
