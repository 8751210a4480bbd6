"""A compressed folder may be deleted: its files come back, and the archive is not larger than the
files.
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import bitsback
from bitsback.archive.inputs import folders
from bitsback.archive.inputs.request import FolderFiles
from bitsback.files.bands import Bands
from bitsback.format.array_part import BYTES, ArrayPart
from bitsback.format.file_stats import FileStats
from bitsback.format.layout import FILES, HEAD, NAMES, section
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.planner.pictures import pixel_cost
from bitsback.planner.planner import Planner
from bitsback.planner.policy import BEST
from bitsback.summary import NOT_REPRODUCIBLE, SMALLER
from bitsback.wire import varint
from bundled_models import spec_models
from folders import contents_of, save
from fuzz.seeds import own_png
from packing import index_of
from reference import archive as spec
from reference import container_metadata as spec_metadata
from reference.container_metadata import chunk
from zoo.png_files import drawn

from .conftest import Run, files, noise, warnings_of
from .test_hostile import block, name, one_run, refuse

AN_ENTRY, AN_ARCHIVE = 20, 200
"""The bytes that an archive may add for each file, folder and link, beside its path, and at all."""

FORMATS = {
    "png": {}, "bmp": {}, "tif": {}, "lzw.tif": {"compression": "tiff_lzw"}, "pnm": {},
    "jpg": {"quality": 90}, "gif": {}, "webp": {"quality": 60},
}  # fmt: skip
UNWRITTEN = {
    (mode, ending)
    for mode, endings in {
        "1": "webp jpg", "I;16": "bmp jpg gif webp", "LA": "bmp pnm jpg", "RGBA": "jpg pnm",
        "P": "pnm jpg",
    }.items()
    for ending in endings.split()
}  # fmt: skip


def draw_picture(data: st.DataObject, path: Path) -> None:
    """A picture of any mode and format that Pillow writes, smooth or not."""
    modes = ("1", "L", "P", "I;16", "LA", "RGB", "RGBA")
    written = [
        (mode, ending)
        for mode in modes
        for ending in FORMATS
        if (mode, ending.split(".")[-1]) not in UNWRITTEN
    ]
    mode, ending = data.draw(st.sampled_from(written))
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    pixels = noise("L" if mode == "P" else mode, size, data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        pixels = np.sort(pixels, 0) if mode != "P" else pixels % 3
    image = Image.fromarray(pixels)
    if mode == "P":
        image.putpalette(bytes(range(256)) * 3)
    options: dict[str, Any] = dict(FORMATS[ending])
    if ending in ("png", "tif", "jpg") and data.draw(st.booleans()):
        options |= {"dpi": (200, 200), "icc_profile": b"profile" * 20}
    image.save(f"{path}.{ending}", **options)
    os.utime(f"{path}.{ending}", ns=(0, data.draw(st.integers(-(10**18), 2 * 10**18))))


def size_of(folder: Path) -> int:
    return sum((folder / name).lstat().st_size for name in files(folder))


def most_bytes(folder: Path) -> int:
    """The greatest size of an archive of a folder."""
    paths = [path.relative_to(folder).as_posix().encode() for path in folder.rglob("*")]
    return size_of(folder) + sum(len(path) + AN_ENTRY for path in paths) + AN_ARCHIVE


@settings(max_examples=12, deadline=None)
@given(data=st.data(), exact=st.booleans())
def test_any_folder_comes_back_and_never_grows(data: st.DataObject, exact: bool) -> None:
    """With `exact`, byte for byte; otherwise with its pixels and all other data that Pillow
    reads.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, out, archive = Path(name, "in"), Path(name, "out"), Path(name, "a.bb")
        folder.mkdir()
        for number in range(data.draw(st.integers(1, 4))):
            draw_picture(data, folder / f"{number}")
        if data.draw(st.booleans()):
            (folder / "own.png").write_bytes(own_png(noise("L", (30, 20)) % 5))
        summary, _ = warnings_of(folder, archive, files="exact" if exact else "pixels")
        bitsback.decompress(archive, out)
        assert files(out) == files(folder)
        assert summary.disk_in == size_of(folder)
        assert archive.stat().st_size <= most_bytes(folder)
        for file in files(folder):
            before, after = folder / file, out / file
            assert after.stat().st_mtime_ns == before.stat().st_mtime_ns
            if exact:
                assert after.read_bytes() == before.read_bytes()
            with Image.open(before) as one, Image.open(after) as other:
                assert other.mode == one.mode and other.getpalette() == one.getpalette()
                assert np.array_equal(np.asarray(other), np.asarray(one))
                told = [
                    {key: value for key, value in image.info.items() if key != "compression"}
                    for image in (one, other)
                ]
                assert told[0] == told[1]


def test_the_specification_restores_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "own.png").write_bytes(own_png(np.sort(noise("L", (60, 50)), 0)))
    save(np.sort(noise("RGB", (60, 50)), 0), folder / "b.bmp")
    save(noise("RGB"), folder / "c.jpg")
    (folder / "empty.txt").touch()
    (folder / "labels.csv").write_text("a,b\n" * 1000)
    summary, _ = warnings_of(folder, tmp_path / "a.bb", model="fast")
    assert summary.stored["no pictures"].files == 2
    archive = (tmp_path / "a.bb").read_bytes()
    found = spec.decode_files(archive, spec_models(archive))
    assert [file.name for file in found] == files(folder)
    assert [file.held for file in found] == [False, True, True, True, False]
    for file in found:
        data = (
            file.array.tobytes() if file.held else spec_metadata.restore(file.array, file.metadata)
        )
        assert data == (folder / str(file.name)).read_bytes()
        assert file.time == (folder / str(file.name)).stat().st_mtime_ns


def test_jpegs_take_what_they_took(tmp_path: Path) -> None:
    for number in range(20):
        pixels = np.cumsum(noise("RGB", (200, 150), number) % 3, 1).astype(np.uint8)
        save(pixels, tmp_path / "in" / f"{number}.jpg", quality=95)
    summary, warned = warnings_of(tmp_path / "in", tmp_path / "a.bb")
    assert warned == []
    assert summary.bytes_out <= 1.001 * summary.disk_in
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert contents_of(tmp_path / "out") == contents_of(tmp_path / "in")


def test_small_files_that_are_held_are_compressed_together(tmp_path: Path) -> None:
    for number in range(40):
        save(noise("RGB", (8, 8), number), tmp_path / "in" / f"{number:02}.jpg")
    summary, _ = warnings_of(tmp_path / "in", tmp_path / "a.bb")
    assert summary.bytes_out < 0.6 * summary.disk_in  # their tables are the same


@pytest.mark.parametrize("size", [0, 1, 100, 3000])
@pytest.mark.parametrize("hashes", [None, "sha256"])
def test_what_an_archive_adds_to_files_that_do_not_compress(
    size: int, hashes: Literal["sha256"] | None, tmp_path: Path
) -> None:
    random = np.random.default_rng(size)
    one, many = tmp_path / "one", tmp_path / "many"
    for folder, count in ((one, 1), (many, 90)):
        for number in range(count):
            path = folder / random.bytes(3 + number % 5).hex() / random.bytes(number).hex()[:200]
            path = path / "file"
            path.parent.mkdir(parents=True)
            path.write_bytes(random.bytes(size))
            path.chmod(0o600 + number % 64)
            os.utime(path, ns=(0, random.integers(1 << 60)))
            (path.parent / "link").symlink_to("file")
        bitsback.compress(folder, tmp_path / "x.bb", hashes=hashes, force=True)
        most = most_bytes(folder) + 33 * (hashes is not None) * len(files(folder))
        assert (tmp_path / "x.bb").stat().st_size <= most


def test_others_are_taken_along(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    save(noise("L"), folder / "a.png")
    (folder / "deep").mkdir()
    (folder / "deep" / "labels.csv").write_text("a,1\n" * 500)
    (folder / "deep" / "empty").touch()
    (folder / "last").touch()
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / ".hidden").write_text("x")
    os.utime(folder / "last", ns=(1, 1_234_567_890_123_456_789))
    with pytest.raises(bitsback.InputError, match=r"broken\.png: .*without --pictures-only"):
        bitsback.compress(folder, tmp_path / "a.bb", pictures_only=True)
    summary, _ = warnings_of(folder, tmp_path / "a.bb")
    assert summary.skipped == {} and summary.files == 6
    assert summary.noted == {"hidden files": [".hidden"]}
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert files(tmp_path / "out") == files(folder)
    for file in files(tmp_path / "out"):
        before, after = folder / file, tmp_path / "out" / file
        assert after.stat().st_mtime_ns == before.stat().st_mtime_ns
        assert file == "a.png" or after.read_bytes() == before.read_bytes()
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert archive.verify() == []
        assert archive["deep/labels.csv"].read() == b"a,1\n" * 500
        assert archive["last"].read() == b""
        with pytest.raises(bitsback.InputError, match=r"labels\.csv: is no picture"):
            _ = archive["deep/labels.csv"].shape


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "empty").touch()
    warnings_of(tmp_path / "in", tmp_path / "a.bb")
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out" / "empty").read_bytes() == b""


def test_files_longer_than_a_block(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, size in enumerate((3_000_000, 0, 5, 2_500_000)):
        data = np.random.default_rng(number).bytes(size)
        (tmp_path / "in" / f"{number}.bin").write_bytes(data)
    summary, _ = warnings_of(tmp_path / "in", tmp_path / "a.bb")
    assert summary.blocks > 2
    for threads in (1, 3):
        bitsback.decompress(tmp_path / "a.bb", tmp_path / f"out{threads}", threads=threads)
        for file in files(tmp_path / "in"):
            before = (tmp_path / "in" / file).read_bytes()
            assert (tmp_path / f"out{threads}" / file).read_bytes() == before
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert archive["2.bin"].read() == (tmp_path / "in" / "2.bin").read_bytes()


@pytest.mark.parametrize("stream", [True, False])
def test_a_wrong_estimate_makes_no_archive_larger(
    tmp_path: Path, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that turn out larger by their pixels than as files are stored verbatim after all."""
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))
    pattern = np.tile(noise("RGB", (50, 40)), (3, 3, 1))
    for number in range(3):
        image = Image.fromarray(pattern).quantize(200)
        image.save((tmp_path / f"{number}.png"), optimize=True)
    sources = [tmp_path / f"{number}.png" for number in range(3)]
    forms = [
        split.metadata
        for split in (folders.split(io.BytesIO(path.read_bytes()), False) for path in sources)
        if split
    ]
    assert len(forms) == 3
    most, out = most_bytes(tmp_path), io.BytesIO()
    summary, _ = warnings_of(sources, out if stream else tmp_path / "a.bb", model="fast", block=1)
    data = out.getvalue() if stream else (tmp_path / "a.bb").read_bytes()
    assert len(data) == summary.bytes_out <= most


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("options", [{}, {"block": 1}, {"hashes": "sha256"}])
def test_pictures_that_outgrow_their_files_are_held_in_an_archive_that_is_made_anew(
    tmp_path: Path, stream: bool, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    before = {}
    for number in range(3):
        path = tmp_path / "in" / f"{number}.png"
        Image.fromarray(noise("RGB", (50, 40), number)).save(path)
        before[path.name] = path.read_bytes()
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))

    def tiny(coded: dict[str, int], *others: Any) -> FolderFiles:
        return FolderFiles(dict.fromkeys(coded, 1), *others)

    monkeypatch.setattr(folders, "FolderFiles", tiny)
    out = io.BytesIO()
    summary, _ = warnings_of(tmp_path / "in", out if stream else tmp_path / "a.bb", **options)
    if stream:
        (tmp_path / "a.bb").write_bytes(out.getvalue())
    assert summary.stored[SMALLER].files == 3
    assert summary.bytes_out == (tmp_path / "a.bb").stat().st_size
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    for file, data in before.items():
        assert (tmp_path / "out" / file).read_bytes() == data


@pytest.mark.parametrize(
    ("mode", "rows", "columns"),
    [("1", 2000, 1500), ("L", 1200, 1000), pytest.param("L", 2000, 1500, marks=pytest.mark.slow)],
)
def test_a_page_is_not_judged_by_its_middle_alone(
    tmp_path: Path, mode: str, rows: int, columns: int
) -> None:
    x, y = np.mgrid[:240, :240] / 9
    waves = 120 + 60 * np.sin(x + y / 3) * np.cos(y - x * x / 40) + noise("L", (240, 240)) / 64
    drawn = waves > 128 if mode == "1" else waves.astype(np.uint8)
    page = np.full((rows, columns), drawn.max(), drawn.dtype)
    page[rows // 2 - 120 : rows // 2 + 120, columns // 2 - 120 : columns // 2 + 120] = drawn
    cost, _ = pixel_cost(Bands.from_array(page), None, Planner(BEST))
    bitsback.compress(page[np.newaxis], tmp_path / "page.bb")
    assert cost < 1.5 * (tmp_path / "page.bb").stat().st_size


def test_a_picture_is_judged_by_the_tiles_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, x = np.mgrid[:100, :120]
    waves = 127 + 60 * np.sin(x / 9) + 50 * np.cos(y / 13) + noise("L", (120, 100)) / 64
    picture = waves.astype(np.uint8)
    bands = Bands.from_array(picture)
    costs = {tile: pixel_cost(bands, tile, Planner(BEST))[0] for tile in (None, 16)}
    for tile, cost in costs.items():
        file = tmp_path / f"{tile}.bb"
        summary = bitsback.compress(picture[np.newaxis], file, model="best", tile=tile)
        assert cost == pytest.approx(summary.bytes_out, rel=0.05)
    assert costs[16] > 1.1 * costs[None]
    save(picture, tmp_path / "in" / "a.png")
    seen: list[int | None] = []
    monkeypatch.setattr(folders, "pixel_cost", lambda _, tile, *__: (seen.append(tile), (0, 0))[1])
    bitsback.compress(tmp_path / "in", tmp_path / "in.bb", tile=16)
    assert seen == [16]


def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(noise("RGB"), tmp_path / "in" / "a.jpg")

    def grow(done: int, total: int) -> None:
        with (tmp_path / "in" / "a.jpg").open("ab") as file:
            file.write(b"more")

    with pytest.raises(bitsback.InputError, match=r"a\.jpg: was changed while it was read"):
        bitsback.compress(tmp_path / "in", tmp_path / "a.bb", progress=grow)
    assert not (tmp_path / "a.bb").exists()


def test_the_command(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    save(np.sort(noise("L", (90, 80)), 0), folder / "a.bmp")
    (folder / "b.png").write_bytes(drawn((90, 80), 0, 8, interlace=1).file())
    (folder / "c.txt").write_text("x" * 99)
    result = run("compress", "in")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("in: 3 files, ") and " on disk -> in.bb " in result.stderr
    assert "\neverything is restored byte for byte\n" in result.stderr
    assert "stored verbatim: 1 file" in result.stderr
    assert NOT_REPRODUCIBLE in result.stderr
    assert re.search(r"\n--files pixels would save some .* %\): 1 file\n", result.stderr)
    assert "shrank" not in result.stderr
    assert run("info", "in.bb").stdout.count("1 file, stored verbatim") == 2
    assert run("verify", "in.bb").exit_code == 0
    assert run("extract", "in.bb", "c.txt", "a.bmp", "-o", "some").exit_code == 0
    assert run("decompress", "in.bb", "-o", "out", "--files", "pixels").exit_code == 0
    for file in files(folder):
        for found in (tmp_path / "out" / file, tmp_path / "some" / file):
            if found.exists():
                assert found.read_bytes() == (folder / file).read_bytes()
                assert found.stat().st_mtime_ns == (folder / file).stat().st_mtime_ns
    assert files(tmp_path / "some") == ["a.bmp", "c.txt"]
    result = run("compress", "in", "-o", "pixels.bb", "--files", "pixels")
    assert (
        "\n1 of 3 files are restored with the same pixels and metadata, but other bytes: b.png\n"
        in result.stderr
    )
    assert "would save" not in result.stderr


HELD = FileCollection(FOLDER, (ArrayPart(np.dtype("u1"), (2, 4), BYTES),))


def held(stats: bytes, collection: FileCollection = HELD, names: bytes | None = None) -> bytes:
    """An archive of a folder of two files that are stored verbatim, with these stats."""
    sections = section(NAMES, one_run(2) + name(b"a") + name(b"b") if names is None else names)
    start = HEAD + replace(collection, features=FILES).pack()
    blocks = section(b"B", block(0, 1, (collection.parts[0].elements,)))
    data = start + blocks + sections + stats
    return data + index_of(data, [1])


def stats(*pairs: tuple[int, int]) -> bytes:
    return section(b"F", b"".join(varint(size) + varint(0) + varint(time) for size, time in pairs))


def test_the_helpers_make_an_archive_that_is_read(tmp_path: Path) -> None:
    data = held(stats((1, 0), (3, 7)))
    bitsback.decompress(io.BytesIO(data), tmp_path / "out")
    assert [(tmp_path / "out" / file).stat().st_size for file in "ab"] == [1, 3]
    assert (tmp_path / "out" / "b").stat().st_mtime_ns == -4
    assert [file.time for file in spec.decode_files(data)] == [0, -4]


@pytest.mark.parametrize(
    ("told", "match"),
    [
        (b"", "stats of its files are missing"),
        (stats((1, 0), (3, 0)) * 2, "two sections with the stats"),
        (stats((1, 0)), "too short|cut short"),
        (stats((1, 0), (3, 0), (0, 0)), "follows"),
        (stats((1, 0), (2, 0)), "do not add up"),
        (stats((1, 0), (1 << 62, 0)), "do not add up"),
        (stats((1, 0), (1 << 63, 0)), "impossible size"),
        (section(b"F", b"\1"), "too short"),
    ],
)
def test_stats_that_are_refused(tmp_path: Path, told: bytes, match: str) -> None:
    refuse(held(told), tmp_path, match)


@pytest.mark.parametrize(
    "part",
    [
        ArrayPart(np.dtype("u1"), (0, 0), BYTES),
        ArrayPart(np.dtype("i1"), (2, 4), BYTES),
        ArrayPart(np.dtype("u1"), (2, 2, 1), BYTES),
    ],
)
def test_parts_of_bytes_that_are_refused(tmp_path: Path, part: ArrayPart) -> None:
    refuse(held(stats((1, 0), (3, 0)), FileCollection(FOLDER, (part,))), tmp_path)


def test_stats_of_times_and_sizes_round_trip() -> None:
    told = FileStats()
    for size, time in (
        (0, 0),
        (5, 10**18),
        (1 << 40, -(10**18)),
        (7, (1 << 63) - 1),
        (7, -(1 << 63)),
    ):
        told.add(size, 2 * size + 1, time)
    payload = told.pack()
    found = FileStats.unpack(memoryview(payload)[2:-4], 5)
    assert found == told
    assert struct.calcsize("q") == told.times.itemsize


def test_merged_archives_have_the_files_of_all(tmp_path: Path) -> None:
    for part in "ab":
        folder = tmp_path / part / part
        save(np.sort(noise("L", (60, 50)), 0), folder / "1.bmp")
        save(noise("RGB"), folder / "2.jpg")
        save(np.sort(noise("RGB", (60, 50)), 0), folder / "3.bmp")
        warnings_of(tmp_path / part, tmp_path / f"{part}.bb")
    bitsback.merge([tmp_path / "a.bb", tmp_path / "b.bb"], tmp_path / "all.bb")
    bitsback.decompress(tmp_path / "all.bb", tmp_path / "out")
    with bitsback.open(tmp_path / "all.bb") as archive:
        assert archive.verify() == []
    merged = (tmp_path / "all.bb").read_bytes()
    found = spec.decode_files(merged, spec_models(merged))
    for file in found:
        before = tmp_path / str(file.name)[0] / str(file.name)
        after = tmp_path / "out" / str(file.name)
        assert after.read_bytes() == before.read_bytes()
        assert after.stat().st_mtime_ns == before.stat().st_mtime_ns == file.time
        data = (
            file.array.tobytes() if file.held else spec_metadata.restore(file.array, file.metadata)
        )
        assert data == before.read_bytes()
    old = Path(__file__).parent / "golden" / "pictures-without-stats.bb"
    with pytest.raises(bitsback.InputError, match="made by an older bitsback"):
        bitsback.merge([tmp_path / "a.bb", old], tmp_path / "none.bb")


def test_a_png_of_another_encoder_comes_back(run: Run, tmp_path: Path) -> None:
    """The file is zlib's output except for a byte boundary in the middle, which zlib never
    writes.
    """
    rows = np.add.outer(np.arange(90), np.arange(80)).astype(np.uint8)
    content = b"".join(b"\0" + row.tobytes() for row in rows)
    packer = zlib.compressobj()
    stream = packer.compress(content[:3000]) + packer.flush(zlib.Z_SYNC_FLUSH)
    stream += packer.compress(content[3000:]) + packer.flush()
    (tmp_path / "in").mkdir()
    other = own_png(rows).replace(chunk(b"IDAT", zlib.compress(content)), chunk(b"IDAT", stream))
    (tmp_path / "in" / "other.png").write_bytes(other)
    result = run("compress", "in", "--files", "exact", "--json")
    assert json.loads(result.stdout)["stored"] == {}
    bitsback.decompress(tmp_path / "in.bb", tmp_path / "out")
    assert (tmp_path / "out" / "other.png").read_bytes() == other
