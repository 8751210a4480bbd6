"""A folder comes back with its modes, links, empty folders and the times of folders."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitsback
from bitsback.coding.block import RAW
from bitsback.files.file_lists import MASKED
from bitsback.format.array_part import BYTES, ArrayPart
from bitsback.format.entries import Entries, Folder, Link
from bitsback.format.file_stats import FileStats
from bitsback.format.layout import BLOCK, DESCRIBED, ENTRIES, FILES, HEAD, NAMES, section
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.runs import Run as RunOfTiles
from bitsback.format.runs import pack_runs
from bitsback.wire import varint
from folders import save
from packing import index_of
from reference import archive as spec
from reference.fields import ArchiveError as SpecError
from second_decoder import PROGRAM
from waiting import PATIENCE, exit_code, forked

from .conftest import Run, files, noise

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs modes and links")

Tree = dict[str, tuple[Any, ...]]


def tree(root: Path, times: bool = True) -> Tree:
    """What `tar` would keep of a folder: by name the mode, the target or the content, the time."""
    found: Tree = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        what: Any = None
        if path.is_symlink():
            what = os.readlink(path)  # noqa: PTH115 - as it is
        elif path.is_file():
            what = path.read_bytes()
        mode = None if path.is_symlink() else stat.S_IMODE(status.st_mode)
        time = status.st_mtime_ns if times else 0
        kind = stat.S_IFMT(status.st_mode)
        found[path.relative_to(root).as_posix()] = kind, mode, what, time
    return found


@pytest.fixture(params=[0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def make(root: Path) -> Path:
    """A folder of private and public files, links of all kinds, and empty folders."""
    save(noise("L", (40, 30)), root / "pictures" / "a.png")
    for name, mode in (
        ("private.txt", 0o600),
        ("run.sh", 0o755),
        ("readable.txt", 0o644),
        ("secret/key", 0o400),
        ("secret/all", 0o666),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name)
        (root / name).chmod(mode)
    (root / "empty" / "deep").mkdir(parents=True)
    (root / "empty").chmod(0o500)
    (root / "to-file").symlink_to("run.sh")
    (root / "to-folder").symlink_to("pictures")
    (root / "broken").symlink_to("no/where")
    (root / "secret" / "up").symlink_to("../private.txt")
    (root / "secret" / "root").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "secret").chmod(0o700)
    root.chmod(0o711)
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, ns=(1, 10**18 + number), follow_symlinks=False)
    os.utime(root, ns=(1, 10**18 - 1))
    return root


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return make(tmp_path / "in")


def test_everything_comes_back(linked: Path, tmp_path: Path, umask: int) -> None:
    bitsback.compress(linked, tmp_path / "x.bb")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert tree(tmp_path / "out") == tree(linked)
    assert bitsback.diff(tmp_path / "x.bb", linked, full=True) == bitsback.summary.Differences()
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.verify() == []
        assert (archive.info()["links"], archive.info()["empty_folders"]) == (6, 1)


def test_a_folder_that_is_there_keeps_its_mode(linked: Path, tmp_path: Path, umask: int) -> None:
    out = tmp_path / "out"
    (out / "secret").mkdir(parents=True, mode=0o755)
    before = [(out / name).stat().st_mode for name in ("", "secret")]
    bitsback.compress(linked, tmp_path / "x.bb")
    bitsback.decompress(tmp_path / "x.bb", out)
    assert [(out / name).stat().st_mode for name in ("", "secret")] == before
    there, expected = tree(out), tree(linked)
    for name in (".", "secret"):
        del there[name], expected[name]
    assert there == expected
    with pytest.raises(bitsback.InputError, match="exists already"):
        bitsback.decompress(tmp_path / "x.bb", out)
    before = tree(out, times=False)
    bitsback.decompress(tmp_path / "x.bb", out, force=True)
    assert tree(out, times=False) == before


MEMORY = "/dev/shm"
"""A file system of another kind than that of temporary files, mostly."""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs two users")
@pytest.mark.parametrize("where", [None, *[MEMORY] * Path(MEMORY).is_dir()])
def test_a_user_gets_the_same_as_root(umask: int, where: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=where) as place:
        root = Path(place)
        (root / "in").mkdir()
        make(root / "in")
        assert umask in (0o022, 0o077)
        bitsback.compress(root / "in", root / "x.bb")
        (root / "x.bb").chmod(0o644)
        root.chmod(0o777)
        (root / "there").mkdir()
        (root / "there").chmod(0o777)
        bitsback.decompress(root / "x.bb", root / "of root")  # which imports all that is needed
        assert tree(root / "of root") == tree(root / "in")
        for out in ("out", "there"):

            def restore(out: Path = root / out) -> bool:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                bitsback.decompress(root / "x.bb", out)
                return out.exists()

            assert exit_code(forked(restore)) == 0
            there, expected = tree(root / out), tree(root / "in")
            if out == "there":
                del there["."], expected["."]
            assert there == expected


def test_special_bits_are_not_restored(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a").write_text("a")
    (tmp_path / "in" / "a").chmod(0o6755)
    (tmp_path / "in" / "sub").chmod(0o1777)
    (tmp_path / "in").chmod(0o2755)  # which new folders inherit
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    assert summary.noted == {MASKED: ["sub", "a"]}
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    modes = [stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) for name in ("a", "sub")]
    assert modes == [0o755, 0o777]


@pytest.mark.parametrize(
    ("name", "target"),
    [("a", "/etc"), ("a", ".."), ("a", "./../b"), ("s/a", "../../b"), ("s/a", "t/../../s")],
)
def test_links_that_lead_out_are_refused(tmp_path: Path, name: str, target: str) -> None:
    (tmp_path / "in" / "s").mkdir(parents=True)
    (tmp_path / "in" / "file").write_text("x")
    (tmp_path / "in" / name).symlink_to(target)
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    assert list(summary.noted.values()) == [[name]]
    with pytest.raises(bitsback.InputError, match=f"{name} is a link that leads out.*--links"):
        bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    with pytest.raises(SpecError, match="leads out"):
        spec.decode_entries((tmp_path / "x.bb").read_bytes())
    with bitsback.open(tmp_path / "x.bb") as archive:
        with pytest.raises(bitsback.InputError, match="leads out"):
            archive.extract([name], tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert archive.extract(["file"], tmp_path / "out") == 1
        archive.extract([name], tmp_path / "links", links=True)
        assert os.readlink(tmp_path / "links" / name) == target  # noqa: PTH115 - as it is
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "all", links=True)
    assert tree(tmp_path / "all") == tree(tmp_path / "in")


@pytest.mark.parametrize("target", ["b", "./b", "b//c/", "../x", "../.", "x/./y"])
def test_links_that_stay_inside(target: str) -> None:
    assert not Link("s/a", target, 0).outside


def test_the_specification_reads_the_same(linked: Path, tmp_path: Path) -> None:
    for number in range(200):
        (linked / f"more {number}").symlink_to("run.sh")  # compressed
    for source in (linked, tmp_path / "one"):
        source.mkdir(exist_ok=True)
        (source / "one").touch()
        bitsback.compress(source, tmp_path / "x.bb", force=True)
        data = (tmp_path / "x.bb").read_bytes()
        files, (folders, links) = spec.decode_files(data), spec.decode_entries(data)
        with bitsback.open(data) as archive:
            entries = archive.reader.files.entries
            assert entries is not None
            assert [file.mode for file in files] == entries.modes
            assert [(each.name, each.mode, each.time) for each in folders] == entries.folders
            assert [(each.name, each.target, each.time) for each in links] == entries.links


def test_list_extract_and_remove(run: Run, linked: Path) -> None:
    assert run("compress", "in").exit_code == 0
    lines = run("list", "in.bb").stdout.splitlines()
    assert lines[-7:] == [
        "broken", "loop", "secret/root", "secret/up", "to-file", "to-folder", "empty/deep/",
    ]  # fmt: skip
    assert "link                  secret/up -> ../private.txt" in run("list", "-l", "in.bb").stdout
    rows = json.loads(run("list", "in.bb", "--json").stdout)
    assert {row["name"]: row["target"] for row in rows if "target" in row}["broken"] == "no/where"
    result = run("extract", "in.bb", "secret", "to-*", "empty/", "-o", "some")
    assert result.exit_code == 0 and "7 files" in result.stderr
    expected = tree(linked)
    kept = ("secret", "to-", "empty")
    some = {name: found for name, found in tree(Path("some")).items() if name != "."}
    assert some == {name: each for name, each in expected.items() if name.startswith(kept)}
    assert run("remove", "in.bb", "secret/*", "to-file", "empty/deep/").exit_code == 0
    left = run("list", "in.bb").stdout.splitlines()
    assert left == [line for line in lines if line not in ("to-file", "empty/deep/")
                    and not line.startswith("secret")]  # fmt: skip
    assert run("decompress", "in.bb", "-o", "left").exit_code == 0
    gone = ("secret", "empty", "to-file")
    assert tree(Path("left")) == {n: e for n, e in expected.items() if not n.startswith(gone)}


def test_add_and_merge(linked: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / name).mkdir(parents=True)
        (tmp_path / name / name / "x").write_text(name)
        (tmp_path / name / name / "x").chmod(0o640)
        (tmp_path / name / f"to-{name}").symlink_to(name)
        (tmp_path / name / name).chmod(0o750)
        (tmp_path / name).chmod(0o700 if name == "one" else 0o755)
        bitsback.compress(tmp_path / name, tmp_path / f"{name}.bb")
    bitsback.merge([tmp_path / "one.bb", tmp_path / "two.bb"], tmp_path / "merged.bb")
    bitsback.add(tmp_path / "one.bb", tmp_path / "two")
    for archive in ("one", "merged"):
        bitsback.decompress(tmp_path / f"{archive}.bb", tmp_path / archive / "out")
        found = tree(tmp_path / archive / "out")
        assert found["."][1] == 0o700, "that of the first"
        for name in ("one", "two"):
            expected = tree(tmp_path / name)
            assert {n: found[n] for n in (name, f"{name}/x", f"to-{name}")} == {
                n: expected[n] for n in (name, f"{name}/x", f"to-{name}")
            }
    assert not bitsback.diff(tmp_path / "one.bb", tmp_path / "merged.bb")
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "x").touch()
    (tmp_path / "three" / "to-two").symlink_to("x")
    with pytest.raises(bitsback.InputError, match="has a file to-two already"):
        bitsback.add(tmp_path / "one.bb", tmp_path / "three")
    (tmp_path / "two" / "to-two").unlink()
    (tmp_path / "two" / "to-two").write_text("a file now")
    bitsback.add(tmp_path / "one.bb", tmp_path / "two", replace=True)
    bitsback.decompress(tmp_path / "one.bb", tmp_path / "replaced")
    assert (tmp_path / "replaced" / "to-two").read_text() == "a file now"
    assert (tmp_path / "replaced" / "to-two").is_symlink() is False


def test_differences(linked: Path, tmp_path: Path) -> None:
    bitsback.compress(linked, tmp_path / "x.bb")
    (linked / "empty").chmod(0o700)
    (linked / "private.txt").chmod(0o644)
    (linked / "to-file").unlink()
    (linked / "broken").unlink()
    (linked / "broken").symlink_to("elsewhere")
    (linked / "empty" / "deep").rmdir()
    (linked / "new").mkdir()
    (linked / "link").symlink_to("new")
    found = bitsback.diff(tmp_path / "x.bb", linked)
    assert found.added == ["link", "new/"]
    assert found.removed == ["empty/deep/", "to-file"]
    assert found.changed == {"private.txt": "mode", "empty/": "mode", "broken": "target"}
    bitsback.compress(linked, tmp_path / "y.bb")
    other = bitsback.diff(tmp_path / "x.bb", tmp_path / "y.bb")
    assert set(other.added) >= {"link", "new/"} and other.changed == found.changed


def test_keep_going_without_modes_and_links(linked: Path, tmp_path: Path) -> None:
    bitsback.compress(linked, tmp_path / "x.bb")
    data = bytearray((tmp_path / "x.bb").read_bytes())
    with bitsback.open(bytes(data)) as archive:
        (place,) = archive.reader.directory.places(ENTRIES)
        names = list(archive.names)
    data[place.offset + 5] ^= 1
    (tmp_path / "x.bb").write_bytes(data)
    with pytest.raises(bitsback.ArchiveError, match="checksum"):
        bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    summary = bitsback.decompress(tmp_path / "x.bb", tmp_path / "out", keep_going=True)
    assert summary.lost == () and summary.problems and summary.files == len(names)
    assert files(tmp_path / "out") == sorted(names)


def test_a_cut_archive_keeps_modes(linked: Path, tmp_path: Path) -> None:
    (linked / "z").write_bytes(np.random.default_rng(0).bytes(100_000))
    bitsback.compress(linked, tmp_path / "x.bb")
    data = (tmp_path / "x.bb").read_bytes()
    (tmp_path / "x.bb").write_bytes(data[: len(data) - 60_000])
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out", keep_going=True)
    found, expected = tree(tmp_path / "out"), tree(linked)
    assert {"secret", "to-file", "empty/deep"} < set(found)
    assert found == {name: expected[name] for name in found}


def test_an_addition_that_is_cut_off_keeps_modes(tmp_path: Path) -> None:
    for name, mode, size in (("in", 0o600, 10), ("new", 0o604, 100_000)):
        (tmp_path / name).mkdir()
        for file in ("a", "b"):
            (tmp_path / name / file).write_bytes(np.random.default_rng(size).bytes(size))
            (tmp_path / name / file).chmod(mode)
    (tmp_path / "new" / "b").unlink()
    (tmp_path / "new" / "link").symlink_to("b")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    bitsback.add(tmp_path / "x.bb", tmp_path / "new", replace=True)
    data = (tmp_path / "x.bb").read_bytes()
    for kept, expected in ((len(data) - 50_000, 0o600), (len(data) - 14, 0o604)):
        (tmp_path / "x.bb").write_bytes(data[:kept])
        bitsback.decompress(tmp_path / "x.bb", tmp_path / f"{kept}", keep_going=True)
        found = tree(tmp_path / f"{kept}")
        assert (found["a"][1], found["b"][1], found["link"][2]) == (expected, 0o600, "b")
    bitsback.repair(tmp_path / "x.bb")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "repaired")
    assert tree(tmp_path / "repaired") == found


def test_a_set_has_no_links(tmp_path: Path) -> None:
    save(noise("L"), tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").symlink_to("a.png")
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb", unordered=True)
    assert summary.files == 2
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.reader.directory.places(ENTRIES) == []


def test_a_list_of_files_follows_links(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o700)
    (tmp_path / "s" / "a").write_text("a")
    (tmp_path / "s" / "a").chmod(0o600)
    (tmp_path / "b").symlink_to("s/a")
    bitsback.compress([tmp_path / "s" / "a", tmp_path / "b"], tmp_path / "x.bb")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    found = {name: each[:3] for name, each in tree(tmp_path / "out").items() if name != "."}
    file = stat.S_IFREG, 0o600, b"a"
    assert found == {"s": (stat.S_IFDIR, 0o700, None), "s/a": file, "b": file}


# Hostile archives


def crafted(entries: bytes, names: tuple[str, ...] = ("a/x", "f")) -> bytes:
    """An archive of empty files of these names. entries: the payload of `E`."""
    part = ArrayPart(np.dtype("|u1"), (len(names), 0), BYTES)
    collection = FileCollection(FOLDER, (part,), FILES | DESCRIBED)
    stats = FileStats()
    packed = varint(1) + varint(0) + varint(len(names))
    for name in names:
        stats.add(0, 0, 0)
        packed += varint(0) + varint(0) + varint(len(name)) + name.encode()
    data = HEAD + collection.pack() + section(NAMES, packed) + stats.pack()
    data += section(ENTRIES, entries)
    block = varint(0) + pack_runs([RunOfTiles(1, np.dtype("|u1"), (0,), None)]) + bytes([RAW])
    data += section(BLOCK, block)
    return data + index_of(data, [1])


def packed(*, modes: tuple[int | None, ...] = (None, None), **entries: Any) -> bytes:
    """The payload of an `E` that need not be one that a writer makes."""
    made = Entries(modes, **entries).pack()
    return made[2 if len(made) < 134 else 3 : -4]


def text(data: bytes) -> bytes:
    return varint(len(data)) + data


MODELESS = b"\0\2\0"  # as it is: two files without a mode
FINE = {
    "nothing": packed(),
    "modes": packed(modes=(0o7777, 0)),
    "a link": packed(links=[Link("l", "a", 0)]),
    "folders": packed(folders=[Folder("", 0o700, 0), Folder("a", 0o700, 0), Folder("b/c", 1, 1)]),
    "a long target": packed(links=[Link("l", "a" * 4095, 0)]),
    "almost unfinished folders": packed(
        folders=[Folder(f".bitsback-{end}", 1, 0) for end in ("0123456789ab", "0123456789AB.tmp")]
    ),
}
BROKEN = {
    "a file below a link": packed(links=[Link("a", "/etc", 0)]),
    "a file below a link inside": packed(links=[Link("a", "b", 0)]),
    "a link below a link": packed(links=[Link("l", "b", 0), Link("l/m", "b", 0)]),
    "a folder below a link": packed(links=[Link("l", "b", 0)], folders=[Folder("l/m", 1, 0)]),
    "a link below a file": packed(links=[Link("f/m", "b", 0)]),
    "a folder below a file": packed(folders=[Folder("f/m", 1, 0)]),
    "a folder and a file": packed(folders=[Folder("f", 1, 0)]),
    "a folder and a link": packed(links=[Link("l", "b", 0)], folders=[Folder("l", 1, 0)]),
    "a link and a file": packed(links=[Link("f", "b", 0)]),
    "two links": packed(links=[Link("l", "b", 0), Link("l", "c", 0)]),
    "two folders": packed(folders=[Folder("l", 1, 0), Folder("l", 2, 0)]),
    "two roots": packed(folders=[Folder("", 1, 0), Folder("", 2, 0)]),
    "a mode that is too high": packed(modes=(0o10000, 0)),
    "a mode of a device": packed(modes=(0o120777, 0)),
    "a mode of a folder": packed(folders=[Folder("b", 0o40755, 0)]),
    "a target with a zero byte": packed(links=[Link("l", "b\0c", 0)]),
    "a target that is too long": packed(links=[Link("l", "b" * 4096, 0)]),
    "no target": packed(links=[Link("l", "", 0)]),
    "a link without a name": packed(links=[Link("", "b", 0)]),
    "a link that is above": packed(links=[Link("../l", "b", 0)]),
    "a link at the root": packed(links=[Link("/l", "b", 0)]),
    "a folder that is above": packed(folders=[Folder("a/..", 1, 0)]),
    "a long name": packed(links=[Link("x" * 256, "b", 0)]),
    "an unfinished folder": packed(folders=[Folder("a/.bitsback-0123456789ab.tmp", 1, 0)]),
    "a link in an unfinished folder": packed(links=[Link(".bitsback-0123456789ab.tmp/l", "b", 0)]),
    "a name that is not UTF-8": MODELESS + b"\0\1" + text(b"\xff") + text(b"b") + b"\0",
    "a target that is not UTF-8": MODELESS + b"\0\1" + text(b"l") + text(b"\xff") + b"\0",
    "too few modes": b"\0\1\0\0\0",
    "too many modes": b"\0\3\0\0\0",
    "an empty run": b"\0\0\0\2\0\0\0",
    "something behind": MODELESS + b"\0\0x",
    "many folders": MODELESS + varint(1 << 60),
    "many links": MODELESS + b"\0" + varint(1 << 60),
    "no payload": b"",
    "another coder": b"\2\2\0\0\0",
    "no deflate": b"\1\7",
    "a bomb": b"\1" + zlib.compress(b"\2\0\0" + varint(1 << 30) + bytes(1 << 24), 9)[2:-4],
}  # fmt: skip


@pytest.mark.parametrize("which", FINE)
def test_fine_entries(tmp_path: Path, which: str) -> None:
    data = crafted(FINE[which])
    bitsback.decompress(data, tmp_path / "out")
    assert (tmp_path / "out" / "a" / "x").is_file() and (tmp_path / "out" / "f").is_file()
    spec.decode_entries(data)


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("which", BROKEN)
def test_broken_entries_are_refused(tmp_path: Path, which: str, allowed: bool) -> None:
    data = crafted(BROKEN[which])
    for keep_going in (False, True) if "below" in which else (False,):
        with pytest.raises(bitsback.BitsbackError) as error:
            bitsback.decompress(data, tmp_path / "out", links=allowed, keep_going=keep_going)
        assert "\n" not in str(error.value)
    assert files(tmp_path) == []
    with pytest.raises(SpecError):
        spec.decode_entries(data, allowed)


@pytest.mark.rust
@pytest.mark.parametrize("which", [*FINE, *BROKEN])
def test_the_second_decoder_refuses_the_same(tmp_path: Path, which: str) -> None:
    (tmp_path / "x.bb").write_bytes(crafted({**FINE, **BROKEN}[which]))
    result = second_decoder("--links", tmp_path / "x.bb", tmp_path / "out")
    assert (result.returncode, result.stderr.count("\n")) == ((0, 0) if which in FINE else (1, 1))
    assert (tmp_path / "out").exists() == (which in FINE)


@pytest.mark.rust
def test_the_second_decoder_restores_the_same(linked: Path, tmp_path: Path, umask: int) -> None:
    bitsback.compress(linked, tmp_path / "x.bb")
    result = second_decoder(tmp_path / "x.bb", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    found, expected = tree(tmp_path / "out", times=False), tree(linked, times=False)
    for name in ("pictures/a.png",):
        assert found.pop(name)[:2] == expected.pop(name)[:2]
    assert found == expected
    (linked / "out").symlink_to("/etc")
    bitsback.compress(linked, tmp_path / "y.bb")
    result = second_decoder(tmp_path / "y.bb", tmp_path / "refused")
    assert "leads out" in result.stderr and not (tmp_path / "refused").exists()
    assert second_decoder("--links", tmp_path / "y.bb", tmp_path / "links").returncode == 0
    assert os.readlink(tmp_path / "links" / "out") == "/etc"  # noqa: PTH115 - as it is


def second_decoder(*arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def test_extracting_writes_through_no_link(tmp_path: Path) -> None:
    data = crafted(packed(links=[Link("a", str(tmp_path / "elsewhere"), 0)]))
    (tmp_path / "elsewhere").mkdir()
    with bitsback.open(data) as archive:
        for items in (["a/x"], ["a", "a/x"]):
            with pytest.raises(bitsback.BitsbackError):
                archive.extract(items, tmp_path / "out", links=True)
    assert files(tmp_path) == []


def test_a_feature_is_needed_to_understand_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").touch()
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.reader.collection.features & DESCRIBED
    assert replace(Entries([1]), modes=[None]).is_empty


def test_links_that_cannot_be_made_are_listed(
    run: Run, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("compress", "in").exit_code == 0

    def symlink(*arguments: Any, **options: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", symlink)
    result = run("decompress", "in.bb", "-o", "out", "--rm")
    assert result.exit_code == 2, "what is not the same stays"
    warning, error = (line for line in result.stderr.splitlines() if "bitsback: " in line)
    assert "in.bb: 6 links or empty folders cannot be made there: broken, loop, " in warning
    assert "has another target than the archive restores" in error
    assert Path("in.bb").exists() and "out/run.sh" in map(str, Path("out").rglob("*"))


def test_files_of_urls_have_no_modes(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").touch()
    out = io.BytesIO()
    (tmp_path / "in" / "sub").mkdir()
    (tmp_path / "in" / "link").symlink_to("a")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    with pytest.warns(bitsback.InputWarning, match="2 links or empty folders .*: sub/, link"):
        bitsback.decompress(tmp_path / "x.bb", "memory://entries")
    bitsback.compress("memory://entries", out)
    with bitsback.open(out) as archive:
        assert archive.names == ["a"] and archive.reader.directory.places(ENTRIES) == []
