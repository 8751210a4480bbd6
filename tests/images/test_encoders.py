"""Files of many encoders of deflate, crossed with pictures and containers, come back byte for byte.

`python -m pytest -q -s -m slow tests/images/test_encoders.py` prints a table of what tokens take.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from typing import Any
from unittest.mock import patch

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from bitsback.coding.inflated import encode_inflated
from bitsback.files import picture_files
from bitsback.wire import Cursor
from images.test_deflate_streams import decode
from images.test_deflate_tokens import odd_streams
from images.test_tiff_tokens import flushed
from reference.container_metadata import chunk

Array = NDArray[Any]
Encode = Callable[[bytes], bytes]
"""From a plaintext to a stream of RFC 1950."""


def by_zlib(level: int, strategy: int, memory: int, data: bytes, window: int = 15) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    return packer.compress(data) + packer.flush()


def in_pieces(mode: int, data: bytes) -> bytes:
    """As programs write that flush what they have."""
    packer = zlib.compressobj(6)
    pieces = [data[at : at + 2999] for at in range(0, len(data), 2999)]
    return b"".join(packer.compress(each) + packer.flush(mode) for each in pieces) + packer.flush()


def encoders() -> Iterator[tuple[str, str, Encode]]:
    """The family, the name, and the encoder."""
    for level, strategy, memory in product(range(1, 10), range(5), (1, 8, 9)):
        name = f"zlib {level} {strategy} {memory}"
        yield "zlib", name, partial(by_zlib, level, strategy, memory)
    yield "zlib", "zlib 0", partial(by_zlib, 0, 0, 8)
    for window in range(9, 15):
        yield "zlib", f"zlib 6, window {window}", partial(by_zlib, 6, 0, 8, window=window)
    for level in range(10):
        yield "zlib-ng", f"zlib-ng {level}", partial(imagecodecs.zlibng_encode, level=level)
    for level in range(13):
        family = "libdeflate" if level < 10 else "libdeflate 10 to 12"
        yield family, f"libdeflate {level}", partial(imagecodecs.deflate_encode, level=level)
    yield "zopfli", "zopfli", imagecodecs.zopfli_encode
    for mode in (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH):
        yield "zlib", f"flushed {mode}", partial(in_pieces, mode)
    yield "zlib", "flushed once", flushed


def drawn_pictures() -> dict[str, Array]:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:96, :128]
    slopes = 90 + 50 * np.sin(x / 19) + 30 * np.cos(y / 13 + x / 41)
    photo = (slopes + rng.normal(0, 4, x.shape)).clip(0, 255).astype(np.uint8)
    plot = np.full((96, 128), 255, np.uint8)
    plot[::16] = 200
    plot[(96 - 80 * np.sin(np.arange(128) / 40) ** 2).astype(int) - 1, np.arange(128)] = 0
    letters = rng.integers(0, 2, (7, 8, 8)).astype(np.uint8) * 255
    page = np.block([[letters[k] for k in row] for row in rng.integers(0, 7, (12, 16))])
    return {
        "photograph": photo,
        "colours": np.stack([photo, np.roll(photo, 2, 0), 255 - photo // 2], -1),
        "16 bits": (photo.astype(np.uint16) * 37 + rng.integers(0, 30, x.shape)).astype(np.uint16),
        "plot": plot,
        "colour plot": np.stack([plot, plot, np.where(plot > 90, plot, 180)], -1),
        "page": page,
        "palette": photo // 32 * 9,
        "two values": (photo > 100).astype(np.uint8) * 255,
        "noise": rng.integers(0, 256, x.shape).astype(np.uint8),
        "zeros": np.zeros((96, 128), np.uint8),
        "period": np.resize(np.array([1, 2, 3], np.uint8), (96, 128)),
        "small": photo[:9, :11],
    }


def png(picture: Array, encode: Encode, filters: int) -> bytes:
    """filters: that of all rows; 5 draws one for each."""
    channels = picture.shape[2] if picture.ndim == 3 else 1
    rows = picture.astype(f">u{picture.itemsize}").reshape(len(picture), -1).view(np.uint8)
    step, content = channels * picture.itemsize, b""
    above, draw = np.zeros_like(rows[0]), random.Random(1)
    for row in rows:
        chosen = filters if filters < 5 else draw.randrange(3)
        left = np.concatenate([np.zeros(step, np.uint8), row[:-step]])
        content += bytes([chosen]) + (row - (0, left, above)[chosen]).tobytes()
        above = row
    stream = encode(content)
    size = picture.shape[1], picture.shape[0], 8 * picture.itemsize, 2 if channels == 3 else 0
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *size, 0, 0, 0))]
    chunks += [(b"IDAT", stream[at : at + 8192]) for at in range(0, len(stream), 8192)]
    made = (chunk(kind, data) for kind, data in [*chunks, (b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def tiff(picture: Array, encode: Encode, **options: Any) -> bytes:
    out = io.BytesIO()
    codecs = {8: lambda data, **_: encode(bytes(data))}
    with patch.dict(tifffile.TIFF.COMPRESSORS._codecs, codecs):
        colours = "rgb" if picture.ndim == 3 else "minisblack"
        tifffile.imwrite(out, picture, compression="zlib", photometric=colours, **options)
    return out.getvalue()


def gzipped(picture: Array, encode: Encode) -> bytes:
    data = picture.tobytes()
    end = struct.pack("<II", zlib.crc32(data), len(data))
    return gzip.compress(b"", mtime=1)[:10] + encode(data)[2:-4] + end


def zipped(picture: Array, encode: Encode) -> bytes:
    data = picture.tobytes()
    packed = encode(data)[2:-4]
    head = struct.pack("<HHHHH", 20, 0, 8, 0, 0)
    return (
        b"PK\3\4" + head + struct.pack("<III", zlib.crc32(data), len(packed), len(data))
        + struct.pack("<HH", 4, 0) + b"name" + packed + b"PK\1\2 and more"
    )  # fmt: skip


def alone(picture: Array, encode: Encode) -> bytes:
    return b"before" + encode(picture.tobytes()) + b"behind"


CONTAINERS: dict[str, Callable[[Array, Encode], bytes]] = {
    "PNG": partial(png, filters=0),
    "PNG, filtered": partial(png, filters=5),
    "TIFF, strips": partial(tiff, rowsperstrip=16),
    "TIFF, predicted": partial(tiff, predictor=True),
    "TIFF, tiles": partial(tiff, tile=(32, 48)),
    "gzip": gzipped,
    "ZIP": zipped,
    "zlib": alone,
}


def tokens_in(container: str, data: bytes) -> int | None:
    """The bytes of its tokens, where it comes back; None if it has no streams to take out."""
    if container[:3] in ("PNG", "TIF"):
        taken = picture_files.split(io.BytesIO(data), True)
        assert taken is not None
        assert picture_files.file_of(taken.pixels.whole(), taken.metadata) == data
        metadata: Any = picture_files.unpack(taken.metadata)
        made = metadata.deflated if container[0] == "T" else metadata.stream.deflated
        return len(made.coded)
    packed = encode_inflated(np.frombuffer(data, np.uint8))
    if packed is None:
        return None
    assert decode(memoryview(packed), len(data)) == data
    cursor = Cursor(memoryview(packed))
    cursor.byte()
    cursor.varint()
    return cursor.varint()


def token_counts(step: int, only: str | None = None) -> dict[str, list[int]]:
    """For each family of encoders the files, their bytes and those of their tokens. Each picture by
    each encoder is in one container. only: files in this container.
    """
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    containers = list(CONTAINERS.items())
    crossed = enumerate(product(encoders(), drawn_pictures().items()))
    for number, ((family, name, encode), (kind, picture)) in islice(crossed, 0, None, step):
        container, make = containers[(number + number // 12) % len(containers)]
        if only in (None, container):
            data = make(picture, encode)
            tokens = tokens_in(container, data)
            assert tokens is not None or kind in ("noise", "small", "zeros"), (name, kind)
            of = found[family]
            of[0], of[1], of[2] = of[0] + 1, of[1] + len(data), of[2] + (tokens or 0)
    return found


def test_some_files_come_back() -> None:
    token_counts(37)


@pytest.mark.slow
@pytest.mark.parametrize("container", CONTAINERS)
def test_files_of_all_encoders_come_back(container: str) -> None:
    found = token_counts(1, container)
    assert sum(files for files, _, _ in found.values()) > 2000 // len(CONTAINERS)
    for family, (files, size, tokens) in sorted(found.items()):
        print(f"{container:16} {family:20} {files:5} files {100 * tokens / size:6.2f} %")
        share = 0.15 if family in ("zopfli", "libdeflate 10 to 12") else 0.01
        assert tokens < share * size + 500


@pytest.mark.parametrize("name", odd_streams())
def test_odd_streams_in_bytes(name: str) -> None:
    """What zlib accepts is taken out, or left where its plaintext is short."""
    stream = odd_streams()[name]
    plaintext = zlib.decompress(stream, -15)
    content = b"\x78\x9c" + stream + struct.pack(">I", zlib.adler32(plaintext)) + b"behind"
    packed = encode_inflated(np.frombuffer(content, np.uint8))
    assert packed is None or decode(memoryview(packed), len(content)) == content
