"""JPEG streams for tests, which Pillow writes. Those in files are of libjpeg-turbo and
liblj92.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(mode: str = "RGB", rows: int = 29, columns: int = 38) -> Image.Image:
    """Waves, and noise."""
    y, x = np.mgrid[:rows, :columns]
    waves = np.stack([np.sin(x / 5 + y / 9), np.cos(x / 4 - y / 7), np.sin(y / 3)], -1)
    noise = np.random.default_rng(rows).normal(0, 9, waves.shape)
    pixels = (128 + 70 * waves + noise).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, "JPEG", **options)
    return out.getvalue()


def stored(name: str) -> bytes:
    return (Path(__file__).parent / "images" / "jpeg_streams" / f"{name}.jpg").read_bytes()


def cut(stream: bytes, part: float) -> bytes:
    """A part of its entropy-coded data."""
    head = stream.index(b"\xff\xda")
    return stream[: head + int(part * (len(stream) - head))]


def with_preview(image: Image.Image | None = None) -> bytes:
    """A stream in the header of another one."""
    preview, whole = jpeg(picture("L", 16, 16)), jpeg(image, quality=60)
    segment = b"\xff\xe1" + (2 + len(preview)).to_bytes(2, "big") + preview
    return whole[:2] + segment + whole[2:]


def without(stream: bytes, *markers: int) -> tuple[bytes, bytes]:
    """An abbreviated stream, which lacks the segments of these markers, and one of these alone."""
    own, tables, at = stream[:2], stream[:2], 2
    while stream[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] in markers:
            tables += stream[at:end]
        else:
            own += stream[at:end]
        at = end
    return own + stream[at:], tables + b"\xff\xd9"


def in_strips(stream: bytes | None = None, count: int = 2) -> bytes:
    """A stream with zeros behind its scan: so many MB of entropy-coded bytes."""
    stream = stream or jpeg(picture("L", 64, 64), quality=95)
    scan = stream.index(b"\xff\xda") + 2
    coded = len(stream) - 2 - scan - int.from_bytes(stream[scan : scan + 2], "big")
    return stream[:-2] + bytes((count << 20) - coded) + stream[-2:]


def tiles() -> bytes:
    """Abbreviated streams, with their tables behind them, and others whose tables stand in
    front.
    """
    one, tables = without(jpeg(), 0xC4, 0xDB)
    other, _ = without(jpeg(picture(rows=24), quality=75), 0xC4, 0xDB)
    grey, tables_of_grey = without(jpeg(picture("L"), optimize=True), 0xC4, 0xDB)
    steps, quantisation = without(jpeg(quality=40), 0xDB)
    return b"-".join([one, other, tables, tables_of_grey, grey, steps, quantisation, b"end"])


STREAMS: dict[str, Callable[[], bytes]] = {
    "4:2:0": lambda: jpeg(),
    "4:4:4": lambda: jpeg(picture(rows=16, columns=17), subsampling=0, quality=97),
    "4:2:2": lambda: jpeg(subsampling=1),
    "grey": lambda: jpeg(picture("L")),
    "CMYK": lambda: jpeg(picture("CMYK", 16, 20)),
    "progressive": lambda: jpeg(progressive=True, quality=90),
    "progressive, grey": lambda: jpeg(picture("L", 64, 64), progressive=True, quality=30),
    "progressive, restarts": lambda: jpeg(progressive=True, restart_marker_blocks=3),
    "restarts": lambda: jpeg(restart_marker_blocks=2),
    "optimised tables": lambda: jpeg(optimize=True, quality=40),
    "tiles": tiles,
    "one block": lambda: jpeg(picture("L", 1, 1)),
    "large values": lambda: jpeg(picture("L", 16, 16), qtables=[[1] * 64]),
    "arithmetic": lambda: stored("arithmetic"),
    "arithmetic, progressive": lambda: stored("arithmetic-progressive"),
    "arithmetic, restarts": lambda: stored("arithmetic-restarts"),
    "arithmetic, progressive, restarts": lambda: stored("arithmetic-progressive-restarts"),
}
LOSSLESS: dict[str, Callable[[], bytes]] = {
    "lossless": lambda: stored("lossless"),
    "lossless, colours": lambda: stored("lossless-colours"),
    "lossless, 16 bits": lambda: stored("lossless-16-bits"),
    "lossless, cut": lambda: cut(stored("lossless"), 0.6),
}
