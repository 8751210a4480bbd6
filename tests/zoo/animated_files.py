"""Animated PNG files by hand: every type of colour with every depth, frames of many sizes and
orders, and what breaks the rules of their sequence. Source: PNG (third edition), section 11.3.6.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from .pictures import File
from .png_files import KINDS, TOLD, Chunks, Drawn, drawn, joined

SEQUENCE = (b"fcTL", b"fdAT")


@dataclass(frozen=True)
class Frame:
    """A frame and where and how it is shown."""

    png: Drawn
    place: tuple[int, int] = (0, 0)
    """Column and row."""
    delay: tuple[int, int] = (1, 10)
    dispose: int = 0
    blend: int = 0
    cuts: tuple[int, ...] = ()
    """Where the stream is cut into chunks."""
    level: int = 6
    before: tuple[tuple[bytes, bytes], ...] = ()
    """Chunks before that of its control."""

    @property
    def control(self) -> bytes:
        told = *self.png.size, *self.place, *self.delay, self.dispose, self.blend
        return struct.pack(">IIIIHHBB", *told)

    @property
    def parts(self) -> list[bytes]:
        stream = zlib.compress(self.png.rows, self.level)
        return [stream[a:b] for a, b in pairwise([0, *self.cuts, len(stream)])]


def animated_chunks(
    frames: Sequence[Frame], apart: bool = False, plays: int = 0, behind: Chunks | None = None
) -> Chunks:
    """apart: whether the first of them is no part of the animation. behind: chunks at the end."""
    first = frames[0].png
    told = struct.pack(">II", len(frames) - apart, plays)
    chunks: Chunks = [(b"IHDR", first.header), (b"acTL", told), *first.before]
    for number, frame in enumerate(frames):
        chunks += frame.before
        if number or not apart:
            chunks.append((b"fcTL", frame.control))
        chunks += [(b"fdAT" if number else b"IDAT", part) for part in frame.parts]
    chunks += [*(behind or []), (b"IEND", b"")]
    numbered, number = Chunks(), 0
    for kind, held in chunks:
        if kind in SEQUENCE:
            held, number = struct.pack(">I", number) + held, number + 1
        numbered.append((kind, held))
    return numbered


def animated(
    frames: Sequence[Frame], apart: bool = False, plays: int = 0, behind: Chunks | None = None
) -> bytes:
    return joined(animated_chunks(frames, apart, plays, behind))


def alike(count: int, colour: int = 6, depth: int = 8, interlace: int = 0) -> list[Frame]:
    """Frames of one size, of which every second one differs in a pixel."""
    frames = []
    for number in range(count):
        png = drawn((21, 14), colour, depth, interlace, "01234"[number % 5 :])
        rows = bytearray(png.rows)
        rows[1] ^= number % 2 << 7
        frames.append(Frame(replace(png, rows=bytes(rows))))
    return frames


def with_rows(change: Callable[[bytes], bytes]) -> bytes:
    """Two frames, of which the second one has other rows."""
    first, second = alike(2)
    rows = change(second.png.rows)
    return animated([first, replace(second, png=replace(second.png, rows=rows))])


def with_second(frame: Frame) -> bytes:
    return animated([*alike(1), frame])


def smaller(colour: int = 6, depth: int = 8) -> list[Frame]:
    """Frames that are smaller than the picture, shown in all ways."""
    sizes = ((21, 14), (8, 5), (13, 5), (21, 2), (1, 14), (3, 9))
    return [
        Frame(
            drawn(size, colour, depth),
            (number, 14 - size[1]) if number and size[0] < 16 else (0, 0),
            (number, 100 * (number % 2)),
            number % 3,
            number % 2,
        )
        for number, size in enumerate(sizes)
    ]


def _changed(change: Callable[[Chunks], Chunks]) -> bytes:
    return joined(change(animated_chunks(alike(3))))


def _renumbered(numbers: Sequence[int]) -> bytes:
    def change(chunks: Chunks) -> Chunks:
        left = iter(numbers)
        return [
            (kind, struct.pack(">I", next(left)) + held[4:]) if kind in SEQUENCE else (kind, held)
            for kind, held in chunks
        ]

    return _changed(change)


def _with_first(kind: bytes, held: bytes) -> bytes:
    """The first chunk of a kind has other content."""

    def change(chunks: Chunks) -> Chunks:
        at = next(at for at, chunk in enumerate(chunks) if chunk[0] == kind)
        return [*chunks[:at], (kind, held), *chunks[at + 1 :]]

    return _changed(change)


def _control(*numbers: int) -> bytes:
    return struct.pack(">IIIIIHHBB", *numbers, 1, 10, 0, 0)


SOUND: dict[str, bytes] = {
    "one": animated(alike(1)),
    "alike": animated(alike(5), plays=7),
    "apart": animated(alike(4), apart=True),
    "smaller": animated(smaller()),
    "smaller, apart": animated(smaller(), apart=True),
    "cut": animated([replace(frame, cuts=(0, 2, 2, 9)) for frame in alike(3)]),
    "levels": animated([replace(frame, level=level) for level, frame in enumerate(alike(8), 1)]),
    "texts": animated(
        [replace(frame, before=(TOLD["text"], TOLD["time"])) for frame in alike(3)],
        behind=[TOLD["exif"], TOLD["text"]],
    ),
    "palette": animated(smaller(3, 4)),
    "stored": animated([replace(frame, level=0) for frame in alike(2)]),
}
"""Files that are restored byte for byte."""
OF_APPLE = animated(alike(2), behind=[TOLD["apple"]])
"""A file with a chunk that describes its very bytes, which can be made again."""
ODD: dict[str, bytes] = {
    "interlaced": animated(alike(3, 2, 8, 1)),
    "a gap": _renumbered([0, 1, 2, 4, 5]),
    "another start": _renumbered([1, 2, 3, 4, 5]),
    "another order": _renumbered([0, 1, 3, 2, 4]),
    "one number twice": _renumbered([0, 1, 1, 2, 3]),
    "too many frames told": _with_first(b"acTL", struct.pack(">II", 4, 0)),
    "too few frames told": _with_first(b"acTL", struct.pack(">II", 2, 0)),
    "a longer acTL": _with_first(b"acTL", struct.pack(">III", 3, 0, 0)),
    "two acTL": _changed(lambda chunks: [*chunks[:2], *chunks[1:]]),
    "acTL behind the pixels": _changed(lambda c: [c[0], *c[2:4], c[1], *c[4:]]),
    "no control": _changed(lambda c: [one for one in c if one[0] != b"fcTL"]),
    "a frame without pixels": _changed(lambda c: [*c[:4], c[4], *c[6:]]),
    "pixels without a control": _changed(lambda c: [*c[:4], *c[5:]]),
    "a short control": _with_first(b"fcTL", _control(0, 21, 14, 0, 0)[:-1]),
    "a first frame that is smaller": _with_first(b"fcTL", _control(0, 20, 14, 0, 0)),
    "a frame beyond the edge": with_second(Frame(drawn((8, 5), 6, 8), (14, 0))),
    "a frame of no columns": with_second(Frame(drawn((0, 5), 6, 8))),
    "a critical chunk": with_second(replace(alike(1)[0], before=((b"ABCD", b""),))),
    "a later palette": with_second(replace(alike(1)[0], before=((b"PLTE", bytes(9)),))),
    "a text in the pixels": _changed(lambda c: [*c[:4], TOLD["text"], c[3], *c[4:]]),
    "one frame in IDAT and fdAT": _changed(
        lambda c: [*c[:4], (b"fdAT", struct.pack(">I", 1) + b""), *c[4:]]
    ),
    "bytes behind the rows": with_rows(lambda rows: rows + b"?"),
    "bytes behind the end": animated(alike(2)) + b"?",
}
"""Files that are stored verbatim."""
DAMAGED: dict[str, bytes] = {
    "a frame with too few rows": with_rows(lambda rows: rows[:-1]),
    "a filter that is none": with_rows(lambda rows: b"\5" + rows[1:]),
}


def files() -> Iterator[File]:
    """All of them."""
    for colour, depth in KINDS:
        for name, frames in (("alike", partial(alike, 4)), ("smaller", smaller)):
            yield f"{name}-colour{colour}-depth{depth}.png", partial(_made, frames, colour, depth)
    for name, data in (SOUND | ODD | DAMAGED).items():
        yield f"{name}.png", partial(bytes, data)


def _made(frames: Callable[[int, int], list[Frame]], colour: int, depth: int) -> bytes:
    return animated(frames(colour, depth))
