"""What users see of files whose JPEG streams are coded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive.files.stacked import arrays_in
from bitsback.archive.inputs import jpeg_streams
from jpeg_files import jpeg, picture, without

from .conftest import Run

LARGE = jpeg(picture(rows=53, columns=75), quality=80)


def test_what_users_see(run: Run) -> None:
    Path("in").mkdir()
    Path("in/a.jpg").write_bytes(LARGE)
    Path("in/b.jpg").write_bytes(LARGE.replace(b"\xff\xc0", b"\xff\xc5"))
    Path("in/c.txt").write_bytes(b"no picture")
    result = run("-v", "compress", "in")
    size = Path("in/a.jpg").stat().st_size
    summary = json.loads(run("compress", "in", "--force", "--json").stdout)
    assert summary["jpeg"]["bytes_in"] == size
    share = round(100 * summary["jpeg"]["bytes_out"] / size)
    assert f"\nJPEG: {share} % of {size / 1000:.3g} kB\n" in result.stderr
    assert "(b.jpg), JPEG: it is hierarchical: they are compressed" in result.stderr
    assert "a.jpg: 1 JPEG stream, baseline, coded" in result.stderr
    assert "b.jpg: 1 JPEG stream, hierarchical, stored verbatim: it is hier" in result.stderr
    lines = [line.split() for line in run("list", "-l", "in.bb").stdout.splitlines()[1:]]
    assert [line[2:] for line in lines] == [
        ["JPEG", f"{share}", "%", "a.jpg"],
        ["file", "b.jpg"],
        ["file", "c.txt"],
    ]
    rows = json.loads(run("list", "in.bb", "--json").stdout)
    assert [row["jpeg"] for row in rows] == [True, False, False]
    told = f"1 file, JPEG, coefficients as symbols, {share} % of {size / 1000:.3g} kB"
    assert told in run("info", "in.bb").stdout


def test_a_tiff_file_on_its_own(run: Run) -> None:
    """Its tiles are abbreviated streams, whose tables stand once."""
    picture(rows=200, columns=300).save("a.tif", compression="jpeg", quality=80, strip_size=5000)
    content = Path("a.tif").read_bytes()
    assert content.count(b"\xff\xd8\xff\xc0") > 9
    summary = bitsback.compress("a.tif", "a.bb")
    assert not summary.stored and summary.bytes_out < 0.85 * len(content)
    bitsback.decompress("a.bb", "again.tif")
    assert Path("again.tif").read_bytes() == content
    assert "1 file, JPEG, " in run("info", "a.bb").stdout


def test_large_tiff_files(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are cut, and each tile has the tables of all streams."""
    monkeypatch.setattr(jpeg_streams, "MOST_BYTES", 10_000)
    Path("in").mkdir()
    image = picture(rows=200, columns=300)
    image.save("in/a.tif", compression="jpeg", quality=80, strip_size=5000)
    image.save("in/b.jpg", quality=80)
    content = Path("in/a.tif").read_bytes()
    for source in ("in", "in/a.tif"):
        summary = bitsback.compress(source, "x.bb", force=True)
        assert summary.jpeg.bytes_out < 0.85 * summary.jpeg.bytes_in
        assert list(summary.stored) == ["JPEG: it has more than 0 MB"] * (source == "in")
        bitsback.decompress("x.bb", "out", force=True)
        assert Path("out/a.tif").read_bytes() == content


def test_frames_without_huffman_tables(run: Run) -> None:
    """Those of Motion JPEG have the tables of the standard, by which Pillow codes."""
    frames = [without(jpeg(picture(rows=r, columns=75)), 0xC4)[0] for r in (48, 53)]
    Path("in").mkdir()
    Path("in/a.avi").write_bytes(b"RIFF" + b"frame".join(frames))
    Path("in/b.jpg").write_bytes(LARGE)
    summary = bitsback.compress("in", "in.bb")
    assert not summary.stored and summary.jpeg.bytes_out < 0.85 * summary.jpeg.bytes_in
    bitsback.decompress("in.bb", "out")
    assert Path("out/a.avi").read_bytes() == Path("in/a.avi").read_bytes()
    rows = json.loads(run("list", "in.bb", "--json").stdout)
    assert [row["jpeg"] for row in rows] == [True, True]


def test_a_file_is_its_picture(run: Run) -> None:
    """As Pillow decodes it, not turned; the bytes are there, too."""
    Path("in").mkdir()
    exif = Image.Exif()
    exif[0x112] = 6
    for number in range(3):
        image = picture(rows=20 + number // 2)
        image.save(f"in/{number}.jpg", quality=80, exif=exif)
    Path("in/odd.jpg").write_bytes(LARGE.replace(b"\xff\xc0", b"\xff\xc5"))
    bitsback.compress("in", "in.bb")
    with bitsback.open("in.bb") as archive:
        for number in range(3):
            decoded = np.asarray(Image.open(f"in/{number}.jpg"))
            assert np.array_equal(archive[f"{number}.jpg"], decoded)
            content = Path(f"in/{number}.jpg").read_bytes()
            assert archive.open(f"{number}.jpg").read() == content
        with pytest.raises(bitsback.InputError, match=r"odd\.jpg: .*; archive\.open gives its byt"):
            _ = archive["odd.jpg"].shape
        shapes = {name: array.shape for name, array in arrays_in(archive.reader).items()}
        assert shapes == {"pictures": (2, 20, 38, 3), "2.jpg": (21, 38, 3)}
