"""The traced tokens of docs/worked-example.md, computed by the executable specification. Run this
file to print them: `PYTHONPATH=tests python tests/docs/traced_tokens.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from chosen_decisions import ChosenDecisions
from reference.deflate_tokens import Decoder, Streams

PLAINTEXT = b"bit by bit, a bit"
SIZE = 15
"""Bytes of the stream."""
FIELDS = {"level": 0, "hash": 0, "depth - 1": 7, "nice": 32, "insert": 4, "ends": 0}


class Traced(Decoder):
    """Makes one block of type 1 in which each match that is found is used, and writes lines."""

    def __init__(self) -> None:
        super().__init__(bytes(4))
        self.chosen = deque[int]()
        self.coded = ChosenDecisions(iter(self.chosen.popleft, None))
        self.fields = iter(FIELDS.items())
        self.lines: list[str] = []

    def bit(self, one: int) -> int:
        self.one = one
        return self.coded.pop(one)

    def by(self, *name: object) -> int:
        self.chosen.append(int(name in (("Last",), ("Type", 2, 1))))
        bit = super().by(*name)
        index = "".join(f"[{each}]" for each in name[1:])
        self.lines.append(f"{name[0]}{index}: P = {self.one}, {bit}")
        return bit

    def plain(self, bits: int) -> int:
        name, value = next(self.fields)
        self.chosen += [value >> i & 1 for i in reversed(range(bits))]
        self.lines.append(f"{name}: {value} in {bits} plain bit{'s' * (bits > 1)}")
        return super().plain(bits)

    def mixed(self, kind: str, keys: Sequence[int], number: int) -> int:
        self.chosen.append(1)
        bit = super().mixed(kind, keys, number)
        text = ", ".join(map(str, keys))
        self.lines.append(f"{kind}: keys {text}; set {number}; P = {self.one}, {bit}")
        return bit


def trace() -> tuple[bytes, bytes, str]:
    """The stream, its coded tokens, and a line for each decision."""
    decoder = Traced()
    streams = Streams(bytes(4))
    streams.coder = decoder
    made = streams.next(PLAINTEXT, SIZE)
    return made, decoder.coded.coded(), "\n".join(decoder.lines)


def texts() -> list[str]:
    """The parts of the page that are computed."""
    made, coded, lines = trace()
    return [PLAINTEXT.decode(), f"`{made.hex(' ').upper()}`", f"`{coded.hex(' ').upper()}`", lines]


if __name__ == "__main__":
    print("\n\n".join(texts()))
