"""An error about a folder or its pictures names the file, and leaves nothing half-written."""

from __future__ import annotations

import io
import json
import re
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive.restoring.staging import _Hidden
from bitsback.summary import DAMAGED
from folders import save
from waiting import PATIENCE, until
from zoo.animated_files import ODD
from zoo.gif_files import Drawn, gif_file, ramps

from .conftest import Run, files, noise, pixels, warnings_of


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """Thirty grey pictures in three folders."""
    for number in range(30):
        save(noise("L", seed=number), tmp_path / "in" / f"{number % 3}" / f"{number}.png")
    return tmp_path / "in"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int = 8, colour: int = 0, data: bytes = zlib.compress(b"")
) -> bytes:
    """A PNG file that claims a size and has almost no data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def animation(kind: str) -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(noise("L", seed=seed)) for seed in range(2)]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.fromarray(noise("RGB", (90, 80))).save(out, "JPEG")
    return out.getvalue()


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def bad_pictures() -> dict[str, tuple[str, bytes, str]]:
    stream = io.BytesIO()
    Image.fromarray(noise("RGB", (90, 80))).save(stream, "PNG")
    broken = bytearray(stream.getvalue())
    broken[len(broken) // 2] ^= 1
    return {
        "empty": ("x.png", b"", "no picture"),
        "text": ("x.jpg", b"hello", "no picture"),
        "cut": ("x.png", cut(stream.getvalue()), "truncated|cannot be read"),
        "changed": ("x.png", bytes(broken), "cannot be read"),
        "bomb": ("x.png", png(60_000, 60_000), "pixels in few bytes, which may be an attack"),
        "no size": ("x.png", png(0, 5), "cannot be read|no picture"),
    }


def uncoded_pictures() -> dict[str, tuple[str, bytes]]:
    """Intact pictures that are not coded by their pixels."""
    ycbcr = io.BytesIO()
    Image.new("YCbCr", (4, 4)).save(ycbcr, "TIFF")
    return {
        "gif of another encoder": ("x.gif", gif_file([Drawn(ramps(30, 30), filled=False)])),
        "apng with a gap": ("x.png", ODD["a gap"]),
        "tiff": ("x.tif", animation("TIFF")),
        "ycbcr": ("x.tif", ycbcr.getvalue()),
        "pgm": ("x.pgm", b"P5 2 2 100\n\1\2\3\4"),
    }


@pytest.mark.parametrize("case", uncoded_pictures())
def test_a_picture_that_is_not_coded_is_held(greys: Path, tmp_path: Path, case: str) -> None:
    name, data = uncoded_pictures()[case]
    (greys / "1" / name).write_bytes(data)
    summary, warned = warnings_of(greys, tmp_path / "a.bb")
    assert warned == [] and summary.files == 31
    assert sum(held.bytes for held in summary.stored.values()) == len(data)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out" / "1" / name).read_bytes() == data


@pytest.mark.parametrize("case", bad_pictures())
def test_one_bad_picture_among_many(greys: Path, tmp_path: Path, case: str) -> None:
    """The picture is stored verbatim. If only pictures are wanted, it is an error or left out."""
    name, data, match = bad_pictures()[case]
    (greys / "1" / name).write_bytes(data)
    summary, warned = warnings_of(greys, tmp_path / "a.bb")
    assert warned == [] and summary.files == 31 and summary.bad == {}
    (held,) = (held for reason, held in summary.stored.items() if reason.startswith(DAMAGED))
    assert (held.files, held.bytes, held.largest) == (1, len(data), f"1/{name}")
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out" / "1" / name).read_bytes() == data
    with pytest.raises(bitsback.InputError, match=rf"(?s)1.{name}: .*({match}).*") as error:
        warnings_of(greys, tmp_path / "b.bb", pictures_only=True)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "b.bb").exists()
    summary, _ = warnings_of(greys, tmp_path / "b.bb", pictures_only=True, skip_bad=True)
    assert summary.files == 30
    assert list(summary.bad) == [f"1/{name}"]
    bitsback.decompress(tmp_path / "b.bb", tmp_path / "rest")
    assert len(files(tmp_path / "rest")) == 30


def test_no_picture_is_left(tmp_path: Path) -> None:
    def compress(**options: bool) -> None:
        bitsback.compress(tmp_path / "in", tmp_path / "a.bb", pictures_only=True, **options)

    (tmp_path / "in").mkdir()
    with pytest.raises(bitsback.InputError, match=r"in: has no pictures; they end in \.3fr"):
        compress()
    (tmp_path / "in" / "a.txt").write_text("x")
    with pytest.raises(bitsback.InputError, match=r"no pictures \(left out: \*\.txt: 1\)"):
        compress()
    (tmp_path / "in" / "a.png").write_text("x")
    with pytest.raises(bitsback.InputError, match=r"no file that can be used; the first: .*a\.png"):
        compress(skip_bad=True)


@pytest.mark.skipif(
    sys.platform != "linux", reason="needs files that not even root may read or write"
)
def test_what_cannot_be_read_or_written(greys: Path, tmp_path: Path) -> None:
    warnings_of(greys, tmp_path / "a.bb")
    (greys / "0" / "0.png").unlink()
    (greys / "0" / "0.png").symlink_to("/proc/self/mem")
    with pytest.raises(bitsback.InputError, match=r"0\.png: cannot be read"):
        bitsback.compress([greys / "0" / "0.png"], tmp_path / "b.bb")
    with pytest.raises(bitsback.InputError, match=r"/proc/out.*cannot be written"):
        bitsback.decompress(tmp_path / "a.bb", "/proc/out")


def test_the_output_is_not_one_of_the_files(greys: Path, tmp_path: Path) -> None:
    before = (greys / "0" / "0.png").read_bytes()
    with pytest.raises(bitsback.InputError, match="is one of the files too"):
        bitsback.compress(greys, greys / "0" / "0.png", force=True)
    assert (greys / "0" / "0.png").read_bytes() == before
    bitsback.compress(greys, greys / "a.bb")
    with pytest.raises(bitsback.InputError, match=r"a\.bb: is one of the files too"):
        bitsback.compress(greys, greys / "a.bb", force=True)
    summary = bitsback.compress(greys, greys / "a.bb", force=True, pictures_only=True)
    assert summary.files == 30 and summary.skipped == {"*.bb": ["a.bb"]}


def test_existing_files_are_kept_unless_forced(greys: Path, tmp_path: Path) -> None:
    warnings_of(greys, tmp_path / "a.bb")
    out = tmp_path / "out"
    (out / "1").mkdir(parents=True)
    (out / "1" / "4.png").write_text("mine")
    (out / "other").write_text("mine too")
    with pytest.raises(
        bitsback.InputError, match=r"4\.png: exists already; name another folder, or use --force"
    ):
        bitsback.decompress(tmp_path / "a.bb", out)
    assert files(out) == ["1/4.png", "other"]
    bitsback.decompress(tmp_path / "a.bb", out, force=True)
    assert files(out) == sorted([*files(greys), "other"])
    assert np.array_equal(pixels(out / "1" / "4.png")[1], noise("L", seed=4))
    with pytest.raises(bitsback.InputError, match="is a file; name a folder"):
        bitsback.decompress(tmp_path / "a.bb", out / "other")
    with pytest.raises(bitsback.InputError, match="give a folder"):
        bitsback.decompress(tmp_path / "a.bb", io.BytesIO())
    with pytest.raises(bitsback.InputError, match="contains files; name an output"):
        bitsback.decompress(tmp_path / "a.bb")


@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_left_after_an_error(
    greys: Path, tmp_path: Path, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings_of(greys, tmp_path / "a.bb", block=4)
    if there:
        (tmp_path / "out").mkdir()

    def interrupt(done: int, total: int) -> None:
        if done > 10:
            raise KeyboardInterrupt

    for threads in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            bitsback.decompress(
                tmp_path / "a.bb", tmp_path / "out", progress=interrupt, threads=threads
            )
    data = bytearray((tmp_path / "a.bb").read_bytes())
    with bitsback.open(tmp_path / "a.bb") as archive:
        data[archive.reader.blocks[5].offset + 20] ^= 1
    (tmp_path / "b.bb").write_bytes(data)
    with pytest.raises(bitsback.ArchiveError, match="block 5"):
        bitsback.decompress(tmp_path / "b.bb", tmp_path / "out")
    assert (tmp_path / "out").exists() == there
    assert files(tmp_path) == sorted(["a.bb", "b.bb", *("in/" + name for name in files(greys))])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_in_the_middle(greys: Path, tmp_path: Path) -> None:
    """The leftovers have a hidden name and are not taken for pictures."""
    warnings_of(greys, tmp_path / "a.bb", block=4)
    code = (
        "import bitsback, time; bitsback.decompress('a.bb', 'out', progress=lambda done, total:"
        " time.sleep(600))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    until(lambda: any(tmp_path.glob(".bitsback-*/new/**/*.png")), process)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)
    assert sorted(path.name for path in tmp_path.iterdir())[1:] == ["a.bb", "in"]


def test_names_that_the_file_system_takes_for_the_same(
    greys: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """File systems such as those of macOS and Windows do not distinguish A.png from a.png."""
    warnings_of(greys, tmp_path / "a.bb")
    opened = _Hidden.open
    monkeypatch.setattr(
        _Hidden, "open", lambda self, name, *others: opened(self, "same.png", *others)
    )
    with pytest.raises(bitsback.InputError, match="takes for the same"):
        bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_reasons_are_ordered_by_bytes(run: Run, tmp_path: Path) -> None:
    """The largest file is named. A block of a few bytes has no share of more than all."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(b"broken")
    assert "\nverbatim: 22 bytes for 6 bytes\n" in run("compress", "in").stderr
    for name, size in (("b.txt", 5), ("c.h5", 2_000), ("d.txt", 9)):
        (tmp_path / "in" / name).write_bytes(bytes(size))
    lines = run("compress", "in", "-f").stderr.splitlines()
    assert [line.split(", ")[:2] for line in lines if line.startswith("stored verbatim")] == [
        ["stored verbatim: 3 files", "2.01 kB (the largest c.h5"],
        ["stored verbatim: 1 file", "6 bytes (a.png)"],
    ]
    rows = json.loads(run("compress", "in", "-f", "--json").stdout)["stored"]
    assert [row["largest"] for row in rows.values()] == ["c.h5", "a.png"]


def test_the_command(run: Run, greys: Path, tmp_path: Path) -> None:
    (greys / "0" / "x.png").write_bytes(b"broken")
    (greys / "notes.txt").write_text("x")
    result = run("compress", "in")
    assert result.exit_code == 0 and result.stderr.startswith("in: 32 files, ")
    assert (
        "stored verbatim: 1 file, 6 bytes (0/x.png), damaged, or not what their endings say: is no"
        " picture that can be read, or a damaged one: they come back as they are; --pictures-only"
        " refuses them by name\n"
    ) in result.stderr
    assert "1 file, 1 bytes (notes.txt), no pictures: --pictures-only" in result.stderr
    result = run("compress", "in", "--pictures-only", "-f")
    assert result.exit_code == 2 and "x.png" in result.stderr and "--skip-bad" in result.stderr
    result = run("compress", "in", "--pictures-only", "--skip-bad", "-f")
    assert result.exit_code == 0, result.output
    head = r"in: 30 files, .* on disk -> in\.bb .* \(\d+ %\), no model \(default choice\)\n"
    assert re.match(head, result.stderr)
    assert "left out: in/0/x.png: is no picture" in result.stderr.replace("\\", "/")
    assert "left out: *.txt: notes.txt\n" in result.stderr
    assert run("compress", "in/0/0.png", "in/1/1.png").exit_code == 2
    assert run("compress", "in/0/0.png", "in/1/1.png", "-o", "two.bb").exit_code == 0
    assert run("verify", "two.bb").exit_code == 0


def test_warnings_of_the_command(run: Run, tmp_path: Path) -> None:
    save(noise("RGB", (90, 80)), tmp_path / "in" / "a.webp")
    result = run("compress", "in")
    assert "stored verbatim: 1 file" in result.stderr and "WebP" in result.stderr
    assert result.stderr.splitlines()[-1].startswith(
        "bitsback: warning: in did not shrink: 100 % of its bytes are stored"
    )
    assert run("compress", "in", "-f", "-q").stderr == ""
    result = run("compress", "in", "-f", "--json")
    told = json.loads(result.stdout)
    assert result.stderr == "" and "did not shrink" in told["warnings"][0]
    size = (tmp_path / "in" / "a.webp").stat().st_size
    assert told["disk_in"] == size
    assert told["stored"] == {
        "lossy or animated WebP": {
            "files": 1,
            "bytes": size,
            "largest": "a.webp",
            "largest_bytes": size,
        }
    }
    assert run("decompress", "in.bb", "-o", "out").exit_code == 0
    assert files(tmp_path / "out") == ["a.webp"]
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "bytes.bin").write_bytes(np.random.default_rng(0).bytes(300))
    assert "few did not shrink: 100 %" in run("compress", "few").stderr
