"""Deflate streams in any files come back byte for byte, and take what their plaintexts take."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from bitsback.coding.inflated import decode_inflated, encode_inflated, has_deflate_stream
from bitsback.errors import ArchiveError
from damaged_data import assert_damage_is_refused
from folders import assert_restored, write_files
from images.test_deflate_tokens import raw
from jpeg_files import jpeg
from reference.blocks import bytes_by_fallback
from reference.inflated import decode_inflated as specified


def text(size: int, seed: int = 1) -> bytes:
    """Words that recur."""
    draw = random.Random(seed)
    words = [bytes(draw.choices(b"abcdefghij", k=draw.randint(2, 9))) for _ in range(300)]
    return b" ".join(draw.choices(words, k=size // 6))[:size]


def zipped(*members: bytes, **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for number, member in enumerate(members):
            file.writestr(zipfile.ZipInfo(f"member {number}"), member, zipfile.ZIP_DEFLATED)
    return out.getvalue()


class Unseekable(io.BytesIO):
    """Behind members in it stand their sums."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise OSError

    def tell(self) -> int:
        raise OSError


def streamed() -> bytes:
    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("member", text(3000))
    return out.getvalue()


def with_all_fields() -> bytes:
    """A gzip file with an extra field, a name, a comment and the sum of its header."""
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x03\0abc" + b"name\0" + b"a comment\0"
    end = struct.pack("<II", zlib.crc32(text(3000)), 3000)
    return header + struct.pack("<H", zlib.crc32(header) & 0xFFFF) + raw(text(3000)) + end


def document() -> bytes:
    """Like a PDF file: pages, and a JPEG picture."""
    parts = [b"%PDF-1.4\n"]
    for number in range(4):
        data = zlib.compress(text(2000, number), 9)
        parts.append(b"<< /Filter /FlateDecode /Length %d >> stream\n" % len(data) + data)
    return b"\nendstream\n".join([*parts, jpeg(quality=80)])


FILES: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(text(5000), 6, mtime=1),
    "gzip, several members": lambda: b"".join(gzip.compress(text(900, n), 9) for n in range(3)),
    "gzip, bytes behind": lambda: gzip.compress(text(3000)) + bytes(range(256)),
    "gzip, all fields": with_all_fields,
    "libdeflate": lambda: imagecodecs.zlib_encode(text(5000), level=9),
    "zopfli": lambda: imagecodecs.zopfli_encode(text(2000)),
    "ZIP": lambda: zipped(text(3000), text(400, 2), b"short", text(900, 3)),
    "ZIP, sums behind": streamed,
    "document": document,
    "a stream in a stream": lambda: gzip.compress(
        b"before" + zlib.compress(text(3000)) + b"!" * 90
    ),
    "JPEG in a stream": lambda: gzip.compress(text(500) + jpeg(quality=80) + text(500, 2)),
    "other window": lambda: (
        b"\x28\x15" + raw(text(900)) + struct.pack(">I", zlib.adler32(text(900)))
    ),
}


def decode(data: memoryview, size: int) -> bytes:
    return decode_inflated(data, size, no_picture)


def no_picture(cursor: Any) -> bytes:
    raise ArchiveError("there is no picture")


def array(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back(name: str) -> None:
    content = FILES[name]()
    data = encode_inflated(array(content))
    assert data is not None and has_deflate_stream(content)
    assert decode(memoryview(data), len(content)) == content
    assert specified(data, len(content), bytes_by_fallback, no_picture) == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x78\x9c",
        text(5000),
        random.Random(1).randbytes(200_000),
        zlib.compress(text(3000))[:-1],
        zlib.compress(text(3000))[:-1] + b"\0",
        gzip.compress(text(3000), mtime=0)[:-5] + b"other",
        zlib.compress(b"short"),
    ],
)
def test_other_bytes_have_no_stream(content: bytes) -> None:
    assert not has_deflate_stream(content)
    assert encode_inflated(array(content)) is None


def test_what_would_take_too_much_memory_is_left() -> None:
    few, many = (gzip.compress(bytes(size), 9) for size in (1 << 22, 1 << 27))
    assert has_deflate_stream(few)
    assert not has_deflate_stream(many) and encode_inflated(array(many)) is None


def test_a_stream_that_recurs_is_left() -> None:
    """A compressor of bytes takes it once, as it is."""
    profile = zlib.compress(text(3000))
    assert encode_inflated(array(profile + b"between" + profile)) is None
    content = b"between".join([profile] * 50 + [zlib.compress(text(2000, 2))])
    data = encode_inflated(array(content))
    assert data is not None and len(data) < 1.9 * len(profile)
    assert decode(memoryview(data), len(content)) == content


@pytest.mark.parametrize(
    "piece", [b"\x78\x9c\x00", b"\x1f\x8b\x08\x08", b"PK\3\4", b"\x78\x01\x00\0\0\xff\xff"]
)
def test_the_search_takes_linear_time(piece: bytes) -> None:
    """Also where each place could be the beginning of a stream up to the end."""
    assert not has_deflate_stream(piece * 500_000)


def test_damaged_data_are_refused() -> None:
    content = FILES["a stream in a stream"]()
    data = encode_inflated(array(content))
    assert data is not None
    assert_damage_is_refused(decode, data, len(content))


def test_a_folder_comes_back(tmp_path: Path) -> None:
    """Files with streams, and pictures whose colour profiles and texts are streams."""
    folder = tmp_path / "in"
    write_files(folder, {f"{name}.bin": make() for name, make in FILES.items()})
    notes = PngImagePlugin.PngInfo()
    notes.add_text("notes", text(3000).decode(), zip=True)
    notes.add_itxt("more", text(3000, 2).decode(), zip=True)
    grey = np.add.outer(np.arange(60) * 2, np.arange(50)).astype(np.uint8)
    Image.fromarray(grey).save(folder / "x.png", icc_profile=text(2000, 3), pnginfo=notes)
    summary = assert_restored(tmp_path, files="exact")
    assert summary.methods["inflated"] == 2  # of files, and of metadata
