"""JPEG streams in files, coded by their coefficients, come back byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.archive.inputs import jpeg_streams
from bitsback.coding.streams import (
    JpegCoder,
    JpegStream,
    coder_of_block,
    decode_streams,
    encode_streams,
    find_streams,
    streams_of_block,
)
from bitsback.errors import ArchiveError
from bitsback.work import ordered_map
from damaged_data import assert_damage_is_refused
from folders import assert_restored, write_files
from jpeg_files import STREAMS as JPEG_STREAMS
from jpeg_files import cut, in_strips, jpeg, picture, stored, with_preview, without
from networks import SIMD_PATHS, engine


def large(mode: str = "RGB", **options: Any) -> bytes:
    return jpeg(picture(mode, 53, 75), **options)


STREAMS = JPEG_STREAMS | {
    "large, 4:2:0": lambda: large(quality=80),
    "large, 4:4:4": lambda: large(quality=95, subsampling=0),
    "large, CMYK": lambda: large("CMYK", quality=85),
    "coarse": lambda: large(quality=2),
    "fine": lambda: large(quality=100),
    "cut": lambda: cut(large(quality=90), 0.8),
    "progressive, cut": lambda: cut(large(quality=90, progressive=True), 0.8),
    "progressive, cut, and bytes behind": lambda: (
        cut(large(quality=90, progressive=True), 0.9) + bytes(range(255))
    ),
    "progressive, cut, and a stream behind": lambda: (
        cut(large(quality=90, progressive=True), 0.9) + large()
    ),
    "arithmetic, cut": lambda: cut(stored("arithmetic"), 0.6),
    "arithmetic, cut, and bytes behind": lambda: (
        cut(stored("arithmetic-progressive"), 0.6) + bytes(99)
    ),
    "a sequential scan of another band": lambda: large().replace(b"\0\x3f\0", b"\0\0\0"),
    "misnumbered restarts": lambda: large(restart_marker_blocks=4).replace(
        b"\xff\xd3", b"\xff\xd5"
    ),
    "a missing restart": lambda: large(restart_marker_blocks=4).replace(b"\xff\xd3", b""),
    "with a comment": lambda: large(quality=80, comment=b"a comment " * 20),
    "with a preview": with_preview,
    "with bytes behind it": lambda: large(quality=80) + bytes(range(256)),
    "two, and bytes between": lambda: b"before" + large(quality=80) + b"between" * 9 + jpeg(),
    "Exif and ICC": lambda: large(quality=80, icc_profile=bytes(range(256)) * 12),
}


def array(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)


@pytest.mark.parametrize("coder", get_args(JpegCoder))
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_comes_back(name: str, coder: JpegCoder) -> None:
    content = STREAMS[name]()
    data = encode_streams(array(content), coder=coder)
    assert data is not None
    assert decode_streams(memoryview(data), len(content)) == content
    if len(content) > 3000:
        assert len(data) < 0.9 * len(content)


def test_a_preview_is_coded_too() -> None:
    content = STREAMS["with a preview"]()
    data = encode_streams(array(content))
    assert data is not None and data[0] == 2 + 8
    outer, preview = find_streams(array(content))
    assert streams_of_block(memoryview(data), len(content)) == [outer, preview]
    assert outer == JpegStream(0, len(content), "baseline", None)
    assert content[6 : 6 + preview.length] == jpeg(picture("L", 16, 16)) and preview.offset == 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (large()[:150], "no scan"),
        (cut(large(), 0) + b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0", "no known encoder"),
        (large().replace(b"\xff\xc0", b"\xff\xcb"), "arithmetic"),
        (large().replace(b"\xff\xc0", b"\xff\xc3"), "header of a scan"),
        (large().replace(b"\xff\xc0", b"\xff\xc5"), "hierarchical"),
        (large().replace(b"\xff\xc0", b"\xff\xf7"), "JPEG-LS"),
        (
            large().replace(
                b"\xff\xc0\0\x11\x08\0\x35\0\x4b", b"\xff\xc0\0\x11\x08\xff\xff\xff\xff"
            ),
            "many scans",
        ),
    ],
)
def test_what_cannot_be_made_again_is_left(content: bytes, reason: str) -> None:
    assert encode_streams(array(content)) is None
    (stream,) = find_streams(array(content))
    assert (stream.offset, stream.length) == (0, len(content))
    assert stream.reason is not None and reason in stream.reason


def test_streams_are_told() -> None:
    """Of those in a block, too, without their coefficients."""
    left, taken = large().replace(b"\xff\xc0", b"\xff\xcb"), large(progressive=True)
    content = b"before \xff\xd8\xff" + left + taken + b"behind"
    data = encode_streams(array(content))
    assert data is not None
    found = find_streams(array(content))
    assert found == [
        JpegStream(10, len(left), "lossless arithmetic", "it is lossless and arithmetic"),
        JpegStream(10 + len(left), len(taken), "progressive", None),
    ]
    assert streams_of_block(memoryview(data), len(content)) == found
    assert find_streams(array(b"none")) == []
    with pytest.raises(ArchiveError):
        streams_of_block(memoryview(data), len(content) + 1)


def test_tables_that_stand_elsewhere() -> None:
    """As in a large file, of which a tile is a part."""
    stream, before = without(large(quality=80), 0xC4, 0xDB)
    assert encode_streams(array(stream)) is None
    data = encode_streams(array(stream), before)
    assert data is not None
    assert decode_streams(memoryview(data), len(stream)) == stream
    assert streams_of_block(memoryview(data), len(stream)) == [
        JpegStream(0, len(stream), "baseline", None)
    ]
    with pytest.raises(ArchiveError):
        decode_streams(memoryview(data), len(stream) + 1)


def test_threads_share_strips() -> None:
    content = in_strips(large(quality=90), 3)
    data = encode_streams(array(content))
    assert data is not None
    assert list(ordered_map(encode_streams, [array(content)], 3)) == [data]
    size = len(content)
    decoded = ordered_map(lambda one: decode_streams(one, size), [memoryview(data)], 3)
    assert list(decoded) == [content]


def test_streams_of_12_bits_are_decisions() -> None:
    of_8 = large()
    of_12 = of_8.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    for content, coder in ((of_8, "symbols"), (of_12, "decisions"), (of_8 + of_12, "decisions")):
        data = encode_streams(array(content))
        assert data is not None and coder_of_block(memoryview(data)) == coder


@pytest.mark.parametrize("coder", get_args(JpegCoder))
def test_all_processors_give_the_same_bytes(coder: JpegCoder) -> None:
    content = array(large(quality=90))
    coded = []
    for path in SIMD_PATHS:
        with engine(path):
            coded.append(encode_streams(content, coder=coder))
    assert all(data == coded[0] for data in coded)


@pytest.mark.parametrize("steps", [1, 200])
def test_noise_of_two_levels_comes_back(steps: int) -> None:
    levels = np.random.default_rng(1).choice([0, 255], (64, 80)).astype(np.uint8)
    content = jpeg(Image.fromarray(levels), qtables=[[steps] * 64])
    data = encode_streams(array(content))
    assert data is not None
    assert decode_streams(memoryview(data), len(content)) == content


def test_damaged_streams_come_back() -> None:
    """Bits that are wrong are what an encoder could have chosen, or bytes behind the last unit."""
    rng = np.random.default_rng(7)
    whole = [large(quality=85), large(quality=85, progressive=True, restart_marker_blocks=5)]
    for number in range(150):
        content = bytearray(whole[number % 2])
        for at in rng.integers(2, len(content), rng.integers(1, 4)):
            content[at] ^= 1 << int(rng.integers(8))
        data = encode_streams(array(bytes(content)))
        if data is not None:
            assert decode_streams(memoryview(data), len(content)) == content


@pytest.mark.parametrize("coder", get_args(JpegCoder))
@pytest.mark.parametrize("make", [with_preview, STREAMS["tiles"], in_strips])
def test_damaged_data_are_refused(make: Callable[[], bytes], coder: JpegCoder) -> None:
    """Neither a crash nor other bytes of another size."""
    content = make()
    data = encode_streams(array(content), coder=coder)
    assert data is not None
    assert_damage_is_refused(decode_streams, data, len(content))


def test_a_folder_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, (name, make) in enumerate(STREAMS.items()):
        ending = "bin" if "two" in name else "jpg"
        (folder / f"{number:02}.{ending}").write_bytes(make())
    (folder / "notes.txt").write_text("of no picture")
    summary = assert_restored(tmp_path, model="best")
    assert summary.methods["streams"] == 1
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert summary.bytes_out < 0.85 * size
    with bitsback.Archive(tmp_path / "x.bb") as archive:
        assert archive["00.jpg"].read() == STREAMS["4:2:0"]()


def test_the_effort_chooses_the_coder(tmp_path: Path) -> None:
    write_files(tmp_path / "in", {"a.jpg": large(quality=90)})
    for model, coder in (("fast", "symbols"), ("auto", "symbols"), ("best", "decisions")):
        bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model=model, force=True)
        with bitsback.open(tmp_path / "x.bb") as archive:
            (part,) = archive.info()["parts"]
        assert part["jpeg"] == [coder]


def test_many_files_are_several_parts(tmp_path: Path) -> None:
    content = jpeg(picture(rows=900, columns=700), quality=100)
    files = {f"{number}.jpg": content + bytes([number]) for number in range(5)}
    assert assert_restored(tmp_path, files).methods["streams"] > 1


def test_large_files_are_cut_into_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with JPEG streams is in memory whole, so there is a limit."""
    content = large(quality=80)
    monkeypatch.setattr(jpeg_streams, "MOST_BYTES", len(content) - 1)
    summary = assert_restored(tmp_path, {"a.jpg": content})
    assert sum(held.files for held in summary.stored.values()) == 1
