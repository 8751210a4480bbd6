"""Picks without replacement from a multiset (docs/format.md, Multisets)."""

from bisect import bisect_left, bisect_right, insort
from typing import Any

from .message import Message

PRECISION = 24


class Picks:
    """The items of a multiset that have not been picked, in order."""

    def __init__(self, items: Any = ()) -> None:
        self.left = sorted(items)

    def pop(self, message: Message, count: int) -> list[Any]:
        """Pops `count` items in one step. Each is removed before the next one is picked."""
        picked = []
        for i in range(count):
            lane = i % len(message.heads)
            x = message.peek(lane, PRECISION)
            place = bisect_right(range(len(self.left)), x, key=self.edge) - 1
            item = self.left[place]
            start, freq = self.interval(item)
            if freq < 2**PRECISION:
                message.pop(lane, start, freq, PRECISION)
            picked.append(self.left.pop(place))
        return picked

    def push(self, message: Message, items: list[Any]) -> None:
        """Undoes `pop`."""
        for i in reversed(range(len(items))):
            insort(self.left, items[i])
            start, freq = self.interval(items[i])
            if freq < 2**PRECISION:
                message.push(i % len(message.heads), start, freq, PRECISION)

    def edge(self, place: int) -> int:
        """The start of this place's interval."""
        return place * 2**PRECISION // len(self.left)

    def interval(self, item: Any) -> tuple[int, int]:
        """The interval of all items that equal this one."""
        start = self.edge(bisect_left(self.left, item))
        return start, self.edge(bisect_right(self.left, item)) - start
