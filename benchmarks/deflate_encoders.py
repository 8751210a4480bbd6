"""Measure the size of the tokens of deflate streams, and how fast they are coded and restored.

    python benchmarks/deflate_encoders.py photograph=KODAK/23.png plot=docs/photographs.png \
        text=docs/format.md

The rows of pictures are filtered as by Pillow, other files are taken as they are. Each is packed by
each encoder; the table has the bytes of coded tokens in percent of the stream, and in brackets the
MB of plaintext a second of user time to code and to make again.
"""

from __future__ import annotations

import argparse
import io
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
from PIL import Image

from bitsback.files.png.png_parts import places
from bitsback.files.tokens import TokenReader, TokenWriter

MOST = 1 << 20  # bytes of a plaintext

Encode = Callable[[bytes], Any]


def encoders() -> Iterator[tuple[str, Encode]]:
    """Names, and what makes raw streams."""
    for level in (1, 6, 9):
        yield f"zlib {level}", partial(by_zlib, level)
    for level in (1, 3, 6, 9):
        yield f"zlib-ng {level}", partial(imagecodecs.zlibng_encode, level=level)
    for level in (1, 3, 6, 9, 12):
        yield f"libdeflate {level}", partial(imagecodecs.deflate_encode, level=level)
    yield "Zopfli", imagecodecs.zopfli_encode


def by_zlib(level: int, data: bytes) -> bytes:
    return zlib.compress(data, level)


def plaintext(path: Path) -> bytes:
    """The rows of a picture with their filters, or the bytes of another file; the first of them."""
    data = path.read_bytes()
    if path.suffix == ".png":
        out = io.BytesIO()
        Image.open(io.BytesIO(data)).save(out, "PNG")
        png = out.getvalue()
        chunks = (png[at : at + size] for kind, at, size in places(png) if kind == b"IDAT")
        data = zlib.decompress(b"".join(chunks))
    return data[:MOST]


def cell(data: bytes, stream: bytes) -> str:
    raw, start = stream[2:-4], os.times().user
    writer = TokenWriter()
    assert writer.add(raw) == (data, len(raw))
    coded = writer.end()
    middle = os.times().user
    assert TokenReader(coded).stream(data, len(raw)) == raw
    seconds = middle - start, os.times().user - middle
    speeds = (len(data) / 1e6 / max(time, 0.01) for time in seconds)
    share = 100 * len(coded) / len(raw)
    return f"{share:.2f} ({', '.join(f'{speed:.1f}' for speed in speeds)})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="KIND=FILE")
    pairs = [argument.split("=", 1) for argument in parser.parse_args().files]
    texts = {kind: plaintext(Path(file)) for kind, file in pairs}
    print("| encoder |", *(f"{kind} |" for kind in texts))
    print("| --- |", *("--- |" for _ in texts))
    for name, encode in encoders():
        cells = (f"{cell(data, encode(data))} |" for data in texts.values())
        print(f"| {name} |", *cells, flush=True)


if __name__ == "__main__":
    main()
