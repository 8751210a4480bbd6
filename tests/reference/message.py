"""The message of docs/format.md: heads, their common tail, and the implicit tail below it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

LOW = 2**32
HIGH = 2**64


class ExhaustedError(Exception):
    """A finite tail has no word left."""


class MessageError(Exception):
    """These bytes are not a message."""


def splitmix64(k: int, state: int = 0) -> int:
    """Output k of the generator SplitMix64 that starts from this state."""
    x = (state + (k + 1) * 0x9E3779B97F4A7C15) % HIGH
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % HIGH
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % HIGH
    return x ^ (x >> 31)


def implicit_word(k: int) -> int:
    """S[k], the word that an infinite tail gives once k words of it have been taken."""
    return splitmix64(k) >> 32


class Interval(NamedTuple):
    """[start, start + freq) out of 2^precision."""

    start: int
    freq: int
    precision: int

    def below(self, head: int) -> int:
        """A head whose symbol of this interval is popped, before words are taken."""
        x = head % (1 << self.precision)
        assert self.start <= x < self.start + self.freq
        return self.freq * (head >> self.precision) + x - self.start


@dataclass
class Message:
    heads: list[int]
    tail: list[int] = field(default_factory=list)  # lowest word first: the top is tail[-1]
    depth: int | None = None  # words of the implicit tail taken; None: the tail is finite

    @classmethod
    def random(cls, seed: int, lanes: int) -> "Message":
        y = [splitmix64(k, seed) for k in range(2 * lanes + 1)]
        heads = [(y[2 * i + 1] | 1 << 63) >> (y[2 * i + 2] >> 59) for i in range(lanes)]
        return cls(heads, [], y[0] >> 3)

    def push(self, lane: int, start: int, freq: int, precision: int) -> None:
        """Push the interval [start, start + freq) out of 2^precision to the head of this lane."""
        assert 1 <= freq <= 2**precision <= 2**24 and 0 <= start <= 2**precision - freq
        head = self.heads[lane]
        if head >> (64 - precision) >= freq:
            self.tail.append(head % LOW)
            head >>= 32
        self.heads[lane] = (head // freq << precision) + head % freq + start

    def peek(self, lane: int, precision: int) -> int:
        """The x that decides which symbol is popped next from this lane."""
        return self.heads[lane] % (1 << precision)

    def pop(self, lane: int, start: int, freq: int, precision: int) -> None:
        """Undo the push of the same interval; peek must lie within it."""
        assert start <= self.peek(lane, precision) < start + freq
        head = freq * (self.heads[lane] >> precision) + self.peek(lane, precision) - start
        if head < LOW:
            head = (head << 32) + self._next_word()
        self.heads[lane] = head

    def push_all(self, lane: int, intervals: Sequence[Interval]) -> None:
        """Push intervals, the last one first, with room made once for all of them."""
        head, precision = self.heads[lane], sum(of.precision for of in intervals)
        if head >> (64 - precision) >= prod(of.freq for of in intervals):
            self.tail.append(head % LOW)
            head >>= 32
        for start, freq, own in reversed(intervals):
            head = (head // freq << own) + head % freq + start
        self.heads[lane] = head

    def peek_behind(self, lane: int, first: Interval, precision: int) -> int:
        """The x that decides on an interval which is popped together with this one."""
        return first.below(self.heads[lane]) % (1 << precision)

    def pop_all(self, lane: int, intervals: Sequence[Interval]) -> None:
        """Undo a push of the same intervals."""
        head = self.heads[lane]
        for of in intervals:
            head = of.below(head)
        if head < LOW:
            head = (head << 32) + self._next_word()
        self.heads[lane] = head

    def _next_word(self) -> int:
        if self.tail:
            return self.tail.pop()
        if self.depth is None:
            raise ExhaustedError
        self.depth += 1
        return implicit_word(self.depth - 1)

    def canonical(self) -> "Message":
        """The same message, with the least possible depth."""
        drop = 0
        depth = self.depth
        while depth and drop < len(self.tail) and self.tail[drop] == implicit_word(depth - 1):
            drop, depth = drop + 1, depth - 1
        return Message(list(self.heads), self.tail[drop:], depth)

    def to_bytes(self) -> bytes:
        stored = self.canonical()
        out = bytes([len(stored.heads)]) + write_varint(
            0 if stored.depth is None else stored.depth + 1
        )
        out += b"".join(head.to_bytes(8, "little") for head in stored.heads)
        return out + b"".join(word.to_bytes(4, "little") for word in stored.tail)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Message":
        if not data or not 1 <= data[0] <= 64:
            raise MessageError("a message has 1 to 64 lanes")
        lanes = data[0]
        try:
            depth_plus_1, at = read_varint(data, 1)
        except ValueError as error:
            raise MessageError(str(error)) from error
        end = at + 8 * lanes
        if len(data) < end or (len(data) - end) % 4:
            raise MessageError("cut short")
        heads = [int.from_bytes(data[i : i + 8], "little") for i in range(at, end, 8)]
        tail = [int.from_bytes(data[i : i + 4], "little") for i in range(end, len(data), 4)]
        if min(heads) < LOW:
            raise MessageError("a head is below 2^32")
        if depth_plus_1 > 2**62 + 1:
            raise MessageError("the depth is above 2^62")
        message = cls(heads, tail, depth_plus_1 - 1 if depth_plus_1 else None)
        if message != message.canonical():
            raise MessageError("its depth is not the least possible")
        return message


def write_varint(value: int) -> bytes:
    assert 0 <= value < HIGH
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at data[at:], and the place after it. Raises ValueError."""
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("a varint is cut short")
        byte = data[at]
        at += 1
        value += (byte % 128) << shift
        shift += 7
        if byte < 128:
            break
    if value >= HIGH or (byte == 0 and shift > 7):
        raise ValueError("a varint is not in its shortest form or too large")
    return value, at
