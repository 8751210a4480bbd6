"""Files with the bytes of other files are stored once, and are files like all others."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive.inputs import copies as finding
from bitsback.archive.inputs import folders
from bitsback.format.file_stats import FileStats
from bitsback.format.layout import STATS, open_section
from folders import contents_of, save
from in_memory import pack
from packing import replaced

from .conftest import Run, files, noise
from .test_keep_going import blocks, damaged

COPIES = {
    "again/large.pgm": "large.pgm",
    "again/slope.jpg": "slope.jpg",
    "again/text": "text.bin",
    "colour copy": "colour.bmp",
    "slice 3b.png": "slice 3.png",
    "text 2": "text.bin",
}
"""The copies, and their originals. All of them follow these in the order of their names."""
packed = partial(pack, model="fast", tile=16, block=3)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Pictures of several parts, one of which is cut into tiles, other files, and copies."""
    root = tmp_path / "in"
    for number in range(6):
        save(noise("L", (28, 28), seed=number // 2) // 64, root / f"slice {number}.png")
    save(noise("RGB"), root / "colour.bmp")
    slope = np.add.outer(np.arange(70), np.arange(90)).astype(np.uint8)
    save(slope, root / "large.pgm")
    save(np.stack([slope] * 3, -1), root / "slope.jpg")
    (root / "text.bin").write_bytes(np.random.default_rng(0).bytes(5000))
    (root / "empty").touch()
    (root / "empty 2").touch()
    return root


def with_copies(root: Path) -> Path:
    for copy, original in COPIES.items():
        (root / copy).parent.mkdir(exist_ok=True)
        (root / copy).write_bytes((root / original).read_bytes())
        os.utime(root / copy, ns=(0, 10**18 + len(copy)))
        (root / copy).chmod(0o640)
    return root


def check_files(data: bytes | Path, root: Path, out: Path) -> None:
    """Checks that an archive has exactly the files of a folder."""
    with bitsback.open(data) as archive:
        assert archive.verify() == []
        assert sorted(archive.names) == files(root)
        for number, name in enumerate(archive.names):
            content = (root / name).read_bytes()
            assert archive.open(name).getvalue() == archive.open(number).getvalue() == content, name
    bitsback.decompress(data, out)
    assert files(out) == files(root)
    for name in files(root):
        assert (out / name).read_bytes() == (root / name).read_bytes(), name
        ours, theirs = (out / name).stat(), (root / name).stat()
        assert (ours.st_mtime_ns, ours.st_mode) == (theirs.st_mtime_ns, theirs.st_mode), name
    shutil.rmtree(out)


def originals(data: bytes | Path) -> dict[str, str]:
    with bitsback.open(data) as archive:
        copies = archive.reader.files.originals
        return {archive.names[copy]: archive.names[original] for copy, original in copies.items()}


def test_a_copy_takes_a_few_bytes(bare: Path, tmp_path: Path) -> None:
    before = len(packed(bare))
    summary = bitsback.compress(with_copies(bare), tmp_path / "x.bb", model="fast", tile=16)
    assert summary.copies.files == len(COPIES) + 3  # slices 1, 3 and 5 are those before them
    assert (tmp_path / "x.bb").stat().st_size < before + 40 * len(COPIES)
    check_files(tmp_path / "x.bb", bare, tmp_path / "out")


@pytest.mark.parametrize("options", [{}, {"hashes": "sha256"}, {"block": 1}, {"stack": True}])
def test_round_trip(bare: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    data = packed(with_copies(bare), **options)
    check_files(data, bare, tmp_path / "out")
    found = originals(data)
    content = {name: (bare / name).read_bytes() for name in files(bare)}
    assert all(content[copy] == content[original] for copy, original in found.items())
    distinct = {each for each in content.values() if len(each) >= 64}
    assert len(found) == len([each for each in content.values() if len(each) >= 64]) - len(distinct)


def test_pixels_of_a_copy(bare: Path, tmp_path: Path) -> None:
    """With files="pixels" a copy has the pixels of its original, too."""
    data = packed(with_copies(bare), files="pixels")
    bitsback.decompress(data, tmp_path / "out", files="pixels")
    for name in files(bare):
        if name.endswith((".png", ".pgm", ".bmp")):
            with Image.open(bare / name) as one, Image.open(tmp_path / "out" / name) as other:
                assert np.array_equal(one, other)


def test_small_files_are_no_copies(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(bytes(finding.FEWEST_BYTES - 1))
    assert originals(packed(tmp_path / "in")) == {}


def test_hard_links_are_copies(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(bytes(range(200)))
    os.link(tmp_path / "in" / "a", tmp_path / "in" / "b")
    assert originals(packed(tmp_path / "in")) == {"b": "a"}


def test_equal_digests_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / name).write_bytes(name.encode() * 100)
    monkeypatch.setattr(finding, "_read", lambda *_: b"the same")
    data = packed(tmp_path / "in")
    assert originals(data) == {}
    check_files(data, tmp_path / "in", tmp_path / "out")


def test_files_of_other_sizes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for size in (100, 101):
        (tmp_path / "in" / f"{size}").write_bytes(bytes(size))
    monkeypatch.setattr(finding, "_read", lambda *_: pytest.fail("it was read"))
    packed(tmp_path / "in")


@pytest.mark.parametrize("changed", ["a.bin", "b.bin"])
def test_a_file_that_changes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """A copy whose original, or itself, changes after the comparison is an error."""
    root = tmp_path / "in"
    root.mkdir()
    for name in ("a.bin", "b.bin"):
        (root / name).write_bytes(bytes(1000))
    find = folders.find_copies

    def then_change(*arguments: Any) -> finding.Copies:
        found = find(*arguments)
        (root / changed).write_bytes(bytes(999) + b"!")
        os.utime(root / changed, ns=(0, 10**18))
        return found

    monkeypatch.setattr(folders, "find_copies", then_change)
    with pytest.raises(bitsback.InputError, match=rf"{changed}: was changed while it was read"):
        bitsback.compress(root, tmp_path / "x.bb")
    assert not (tmp_path / "x.bb").exists()


def test_copies_of_a_bad_file(tmp_path: Path) -> None:
    """Each is left out with its own reason."""
    root = tmp_path / "in"
    save(noise("L"), root / "0.png")
    for name in ("a.png", "b.png"):
        (root / name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    summary = bitsback.compress(root, tmp_path / "x.bb", skip_bad=True, pictures_only=True)
    assert [*summary.bad] == ["a.png", "b.png"]
    assert all(name in reason for name, reason in summary.bad.items())


def test_remove_the_original(bare: Path, tmp_path: Path) -> None:
    """The first copy has its content, and others are copies of that one, also after a merge."""
    path = tmp_path / "x.bb"
    path.write_bytes(packed(with_copies(bare)))
    gone = ["text.bin", "large.pgm", "slope.jpg", "slice 3.png", "colour.bmp"]
    bitsback.remove(path, gone)
    for name in gone:
        (bare / name).unlink()
    check_files(path, bare, tmp_path / "out")
    assert originals(path) == {
        "slice 1.png": "slice 0.png",
        "slice 3b.png": "slice 2.png",
        "slice 5.png": "slice 4.png",
        "text 2": "again/text",
    }
    size = path.stat().st_size
    bitsback.remove(path, ["again/large.pgm", "again/text"])
    (bare / "again/large.pgm").unlink()
    (bare / "again/text").unlink()
    check_files(path, bare, tmp_path / "out")
    bitsback.merge([path], tmp_path / "y.bb")
    check_files(tmp_path / "y.bb", bare, tmp_path / "out")
    assert (tmp_path / "y.bb").stat().st_size < size
    bitsback.remove(tmp_path / "y.bb", ["text 2", "slice 2.png"])
    (bare / "text 2").unlink()
    (bare / "slice 2.png").unlink()
    bitsback.merge([tmp_path / "y.bb"], tmp_path / "z.bb")
    check_files(tmp_path / "z.bb", bare, tmp_path / "out")
    text = np.random.default_rng(0).bytes(5000)
    assert text in path.read_bytes()
    assert text not in (tmp_path / "z.bb").read_bytes()


def test_replace_the_original(bare: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    path.write_bytes(packed(with_copies(bare)))
    (tmp_path / "new").mkdir()
    for name in ("text.bin", "slope.jpg"):
        (tmp_path / "new" / name).write_bytes(b"another" * 20)
        shutil.copy2(tmp_path / "new" / name, bare / name)
    bitsback.add(path, tmp_path / "new", replace=True)
    check_files(path, bare, tmp_path / "out")
    assert originals(path)["text 2"] == "again/text"


@pytest.mark.parametrize("hashes", [None, "sha256"])
def test_add_copies(bare: Path, tmp_path: Path, hashes: str | None) -> None:
    """Files that are in the archive already are copies of those, with names of their own."""
    path = tmp_path / "x.bb"
    path.write_bytes(packed(with_copies(bare), hashes=hashes))
    before = path.stat().st_size
    root = tmp_path / "more" / "more"
    shutil.copytree(bare, root)
    (root / "new").write_bytes(bytes(range(100)))
    summary = bitsback.add(path, tmp_path / "more")
    assert summary.copies.files == len(files(bare)) - 2
    assert path.stat().st_size < before + 1500 + 60 * len(files(root)) * (hashes is not None)
    shutil.copytree(root, bare / "more")
    check_files(path, bare, tmp_path / "out")
    bitsback.remove(path, [name for name in files(bare) if not name.startswith("more/")])
    check_files(path, tmp_path / "more", tmp_path / "out")
    bitsback.merge([path], tmp_path / "y.bb")
    check_files(tmp_path / "y.bb", tmp_path / "more", tmp_path / "out")


def test_add_again(bare: Path, tmp_path: Path) -> None:
    """Files that replace themselves cost no more than their entries, and keep their previews."""
    path = tmp_path / "x.bb"
    steps = np.add.outer(np.arange(200), np.arange(300)).astype(np.uint8)
    save(noise("L", (300, 200)) // 32 + steps, bare / "preview.pgm")
    bitsback.compress(with_copies(bare), path, previews=True)
    before = path.stat().st_size
    for _ in range(2):
        bitsback.add(path, bare, replace=True, previews=True)
        check_files(path, bare, tmp_path / "out")
    assert path.stat().st_size < before + 3000
    with bitsback.open(path) as archive:
        assert archive.preview("preview.pgm")


def test_add_beside_a_damaged_file(bare: Path, tmp_path: Path) -> None:
    """A file that cannot be a copy of a damaged file is stored."""
    path = tmp_path / "x.bb"
    data = packed(bare, block=1)
    with bitsback.open(data) as archive:
        number = archive.reader.files.number("text.bin")
        assert number is not None
        (block,) = archive.reader.blocks_of([number])
    path.write_bytes(damaged(data, block))
    (tmp_path / "new").mkdir()
    shutil.copy(bare / "text.bin", tmp_path / "new" / "text")
    assert bitsback.add(path, tmp_path / "new").copies.files == 0
    with bitsback.open(path) as archive:
        assert archive.open("text").getvalue() == (bare / "text.bin").read_bytes()


def test_merge_with_another(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "x.bb").write_bytes(packed(with_copies(bare)))
    shutil.copytree(bare, tmp_path / "other" / "other")
    (tmp_path / "y.bb").write_bytes(packed(tmp_path / "other"))
    for order in (("x.bb", "y.bb"), ("y.bb", "x.bb")):
        bitsback.merge([tmp_path / name for name in order], tmp_path / "z.bb", force=True)
    shutil.copytree(tmp_path / "other" / "other", bare / "other")
    check_files(tmp_path / "z.bb", bare, tmp_path / "out")


def test_damage(bare: Path, tmp_path: Path) -> None:
    """A damaged block loses the copies of its files, and these alone."""
    data = packed(with_copies(bare), block=1)
    for block in blocks(data):
        summary = bitsback.decompress(damaged(data, block), tmp_path / "out", keep_going=True)
        lost = {*summary.lost}
        assert lost
        assert {*files(tmp_path / "out")} == {*files(bare)} - lost
        for copy, original in originals(data).items():
            assert (copy in lost) == (original in lost)
        shutil.rmtree(tmp_path / "out")


def test_parity(bare: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(with_copies(bare), path, parity=20)
    data = path.read_bytes()
    path.write_bytes(damaged(data, blocks(data)[0]))
    assert bitsback.repair(path)
    check_files(path, bare, tmp_path / "out")


def test_resume(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted compression goes on, and gives the same archive."""
    whole = packed(with_copies(bare), threads=1)
    given = {"model": "fast", "tile": 16, "block": 3, "threads": 1, "resume": True}
    with monkeypatch.context() as patched:
        patched.setattr(
            "bitsback.archive.writing.writer._Writer.finish", lambda _: pytest.fail("stopped")
        )
        with pytest.raises(pytest.fail.Exception):
            bitsback.compress(bare, tmp_path / "x.bb", **given)
    summary = bitsback.compress(bare, tmp_path / "x.bb", **given)
    assert summary.resumed
    assert (tmp_path / "x.bb").read_bytes() == whole


def test_command(bare: Path, tmp_path: Path, run: Run) -> None:
    with_copies(bare)
    assert "stored once: 9 files" in run("compress", "in", "-o", "x.bb").output
    listed = run("list", "-l", "x.bb").output
    assert "again/text  (copy of" not in listed  # it is the first one
    assert "text 2  (copy of again/text)" in listed
    rows = {row["name"]: row for row in json.loads(run("list", "x.bb", "--json").output)}
    assert rows["text 2"]["original"] == "again/text"
    assert rows["text 2"]["bytes"] == 5000
    assert rows["text 2"]["stored_bytes"] == 0
    assert "original" not in rows["again/text"]
    assert "9 files," in run("info", "x.bb").output
    info = json.loads(run("info", "x.bb", "--json").output)
    if isinstance(info, list):
        (info,) = info
    assert info["copies"]["files"] == 9
    assert info["original_bytes"] == sum((bare / name).stat().st_size for name in files(bare))
    assert run("verify", "x.bb").exit_code == 0
    assert run("diff", "x.bb", "in").exit_code == 0
    names = ["text 2", "again", "slice 3b.png"]
    assert run("extract", "x.bb", *names, "-o", "some").exit_code == 0
    for name in files(tmp_path / "some"):
        assert (tmp_path / "some" / name).read_bytes() == (bare / name).read_bytes()
    assert len(files(tmp_path / "some")) == 5
    (bare / "text 2").write_bytes(bytes(5000))
    changed = run("diff", "x.bb", "in")
    assert changed.exit_code == 1
    assert "text 2" in changed.output
    assert "again/text" not in changed.output


def test_diff_of_archives(bare: Path, tmp_path: Path, run: Run) -> None:
    """A copy equals a file that is stored on its own."""
    with_copies(bare)
    assert run("compress", "in", "-o", "x.bb").exit_code == 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(finding, "FEWEST_BYTES", 1 << 40)
        bitsback.compress(bare, tmp_path / "y.bb")
    assert originals(tmp_path / "y.bb") == {}
    assert run("diff", "x.bb", "y.bb").exit_code == 0
    assert run("diff", "y.bb", "x.bb").exit_code == 0


def test_index_and_stack(bare: Path) -> None:
    """Copies count in lengths, numbers, slices and stacks."""
    with bitsback.open(packed(with_copies(bare))) as archive:
        assert len(archive) == len(files(bare))
        assert archive.info()["items"] == len(archive)
        number = archive.names.index("slice 3b.png")
        with Image.open(bare / "slice 3b.png") as image:
            assert np.array_equal(archive[number], image)
        slices = archive[number - 4 : number + 3]
        assert len(slices) == 7
        for name, array in zip(archive.names[number - 4 : number + 3], slices, strict=True):
            with Image.open(bare / name) as image:
                assert np.array_equal(array, image)


def test_arrays_of_pictures(tmp_path: Path) -> None:
    """xarray and others get all pictures of one shape as one array, copies among them."""
    xarray = pytest.importorskip("xarray")
    for number in range(6):
        save(noise("L", (28, 28), seed=number // 2), tmp_path / "in" / f"{number}.pgm")
    data = packed(tmp_path / "in")
    assert len(originals(data)) == 3
    path = tmp_path / "x.bb"
    path.write_bytes(data)
    with xarray.open_dataset(path, engine="bitsback") as opened:
        (array,) = opened.data_vars.values()
        assert array.shape == (6, 28, 28)
        for number in range(6):
            assert np.array_equal(array[number], noise("L", (28, 28), seed=number // 2))


def test_filesystem(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "x.bb").write_bytes(packed(with_copies(bare)))
    there = fsspec.filesystem("bitsback", fo=str(tmp_path / "x.bb"))
    for copy in COPIES:
        assert there.cat_file(copy) == (bare / copy).read_bytes()
        assert there.info(copy)["size"] == (bare / copy).stat().st_size


def test_labels(tmp_path: Path) -> None:
    """A copy has the label of its own folder."""
    for name in ("a/1.pgm", "b/2.pgm"):
        save(noise("L", (28, 28)), tmp_path / "in" / name)
    data = packed(tmp_path / "in", labels="folders")
    assert originals(data) == {"b/2.pgm": "a/1.pgm"}
    with bitsback.open(data) as archive:
        assert archive.labels.tolist() == [0, 1]


def test_sets_have_no_copies(tmp_path: Path) -> None:
    for name in ("a.pgm", "b.pgm"):
        save(noise("L", (28, 28)), tmp_path / "in" / name)
    with bitsback.open(packed(tmp_path / "in", unordered=True)) as archive:
        assert len(archive) == 2
        assert archive.info()["copies"] == {"files": 0, "bytes": 0}


@pytest.mark.parametrize("distance", [0, 2, 9])
def test_copy_without_an_original(tmp_path: Path, distance: int) -> None:
    """A copy of itself, of a copy, and of a file before the first are refused."""
    (tmp_path / "in").mkdir()
    for name in "abcd":
        (tmp_path / "in" / name).write_bytes(bytes(100))
    data = packed(tmp_path / "in")
    with bitsback.open(data) as archive:
        stats = archive.reader.files.listed.stats
    assert stats is not None
    stats.sizes[3] = distance
    forged = replaced(data, STATS, bytes(open_section(stats.pack(), STATS)))
    with (
        bitsback.open(forged) as archive,
        pytest.raises(bitsback.ArchiveError, match="d: is a copy of no earlier file"),
    ):
        _ = archive.names


def test_stats_of_copies_are_those_of_their_originals(bare: Path) -> None:
    with bitsback.open(packed(with_copies(bare))) as archive:
        listed = archive.reader.files
        for copy, original in listed.originals.items():
            assert listed.span(copy) == listed.span(original)
            assert listed.restored_bytes(copy) == listed.restored_bytes(original)
        assert isinstance(listed.stats, FileStats)


def test_unfinished_addition(bare: Path, tmp_path: Path) -> None:
    """An addition of copies is cut off. Its complete files return, and no old file is lost."""
    path = tmp_path / "x.bb"
    path.write_bytes(packed(bare))
    before = path.read_bytes()
    old = {name: (bare / name).read_bytes() for name in files(bare)}
    (tmp_path / "new").mkdir()
    new = {
        name: old[original]
        for name, original in {"text": "text.bin", "z.bmp": "colour.bmp"}.items()
    }
    new |= {"colour.bmp": old["text.bin"], "more": bytes(range(256))}
    for name, data in new.items():
        (tmp_path / "new" / name).write_bytes(data)
    assert bitsback.add(path, tmp_path / "new", replace=True).copies.files == 3
    whole = path.read_bytes()
    for end in range(len(before) + 1, len(whole), 61):
        out = tmp_path / f"{end}"
        bitsback.decompress(whole[:end], out, keep_going=True)
        found = contents_of(out)
        assert found.keys() >= old.keys()
        for name, data in found.items():
            assert data in (old.get(name), new.get(name)), (name, end)
