"""Files appear in a folder all together or not at all, after any fault while they are moved."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import bitsback
from bitsback.io import hidden_files, moves
from bitsback.io.open_folder import OpenFolder
from folders import contents_of, save, write_files
from waiting import exit_code, forked

from .conftest import files, noise, pixels, warnings_of

NAMES = ["a.png", "deep/er/b.png", "deep/c.png", "z/d.png"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        save(noise("L", seed=number), tmp_path / "in" / name)
    warnings_of(tmp_path / "in", tmp_path / "x.bb")
    return tmp_path / "x.bb"


@pytest.fixture
def occupied(tmp_path: Path) -> Path:
    """A folder that has two of the files and some others."""
    names = ("a.png", "z/d.png", "mine.txt", "z/mine.txt")
    write_files(tmp_path / "out", {name: f"mine: {name}".encode() for name in names})
    return tmp_path / "out"


def folders(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir())


def clear(folder: Path) -> None:
    with OpenFolder(folder) as opened:
        hidden_files.clear(opened)


def whole(archive: Path, before: dict[str, bytes]) -> dict[str, bytes]:
    """The folder's files after a complete restoration."""
    fresh = archive.parent / "fresh"
    if not fresh.exists():
        bitsback.decompress(archive, fresh)
    return before | contents_of(fresh)


def test_other_files_stay(archive: Path, occupied: Path) -> None:
    before = contents_of(occupied)
    bitsback.decompress(archive, occupied, force=True)
    assert contents_of(occupied) == whole(archive, before)
    assert pixels(occupied / "z" / "d.png")[0] == "L"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["z", "deep/er"])
def test_a_file_where_a_folder_must_be(
    archive: Path, tmp_path: Path, name: str, force: bool
) -> None:
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    (out / "a.txt").write_text("mine")
    before = contents_of(out)
    with pytest.raises(bitsback.InputError, match=f"{name}: is a file, and the archive has"):
        bitsback.decompress(archive, out, force=force)
    assert contents_of(out) == before


def test_a_folder_where_a_file_must_be(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "z" / "d.png").mkdir(parents=True)
    with pytest.raises(bitsback.InputError, match=r"d\.png: is a folder"):
        bitsback.decompress(archive, tmp_path / "out", force=True)
    assert files(tmp_path / "out") == []


@pytest.mark.parametrize("force", [False, True])
def test_a_link_does_not_lead_out_of_the_folder(archive: Path, tmp_path: Path, force: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(bitsback.InputError, match="deep: is a link"):
        bitsback.decompress(archive, tmp_path / "out", force=force)
    assert files(tmp_path / "elsewhere") == [] and files(tmp_path / "out") == []


class Stop(Exception):
    pass


def stop_before_move(monkeypatch: pytest.MonkeyPatch, number: int, stop: Any) -> None:
    """Calls `stop` in place of the move with this number, of those of files and of the list."""
    real, count = os.replace, 0

    def replace(source: Any, target: Any, **options: Any) -> None:
        nonlocal count
        count += 1
        if count == number:
            stop()
        real(source, target, **options)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("number", range(1, 8))
def test_an_error_in_the_middle_undoes_what_was_moved(
    archive: Path, occupied: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before, inside = contents_of(occupied), folders(occupied)

    def fail() -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        stop_before_move(patched, number, fail)
        with pytest.raises(bitsback.InputError, match="No space left"):
            bitsback.decompress(archive, occupied, force=True)
    assert contents_of(occupied) == before
    assert folders(occupied) == inside


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send itself a signal")
@pytest.mark.parametrize("number", range(1, 8))
def test_an_interrupt_in_the_middle_comes_when_all_are_moved(
    archive: Path, occupied: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = contents_of(occupied)
    with monkeypatch.context() as patched:
        stop_before_move(patched, number, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            bitsback.decompress(archive, occupied, force=True)
    assert contents_of(occupied) == whole(archive, before)


def killed(monkeypatch: pytest.MonkeyPatch, number: int, archive: Path, folder: Path) -> None:
    """Restores in a process that exits immediately before the move with this number."""

    def restore() -> None:
        stop_before_move(monkeypatch, number, lambda: os._exit(9))
        bitsback.decompress(archive, folder, force=True, threads=1)

    assert exit_code(forked(restore)) == 9


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("number", range(1, 8))
def test_a_kill_in_the_middle_is_finished_or_undone_by_the_next_run(
    archive: Path, occupied: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = contents_of(occupied)
    killed(monkeypatch, number, archive, occupied)
    assert any(name.startswith(".bitsback-") for name in files(occupied))
    clear(occupied)
    decided = number > 1  # the first move is that of the list
    assert contents_of(occupied) == (whole(archive, before) if decided else before)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("number", range(2, 8))
def test_a_kill_in_the_middle_is_undone_where_it_cannot_be_finished(
    archive: Path, occupied: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = contents_of(occupied)
    killed(monkeypatch, number, archive, occupied)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(moves, "settle", fail)  # called last
        clear(occupied)
    assert contents_of(occupied) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_moves_that_came_from_elsewhere_are_not_made(
    archive: Path, occupied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unfinished restoration inside a packed folder has no effect on another folder."""
    killed(monkeypatch, 2, archive, occupied)
    (hidden,) = occupied.glob(".bitsback-*.tmp")
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.png").write_text("mine")
    hidden.rename(other / "moved")
    import shutil

    shutil.copytree(other / "moved", other / hidden.name)
    clear(other)
    assert (other / "a.png").read_text() == "mine"


def test_what_another_process_is_writing_stays(archive: Path, tmp_path: Path) -> None:
    with OpenFolder(tmp_path) as opened:
        _, file = hidden_files.make_file(opened)
        hidden = hidden_files.make_folder(opened)
        before = sorted(tmp_path.glob(".bitsback-*"))
        bitsback.decompress(archive, tmp_path / "out")
        assert sorted(tmp_path.glob(".bitsback-*")) == before and len(before) == 2
        file.close()
        hidden._opened.close()  # as if its process had ended
        bitsback.decompress(archive, tmp_path / "out2")
        assert not list(tmp_path.glob(".bitsback-*"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks of files")
@pytest.mark.parametrize("make", [hidden_files.make_file, hidden_files.make_folder])
def test_what_another_process_has_just_locked_to_remove_it_is_not_used(
    make: Callable[[OpenFolder], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process finds the new file before its maker has locked it."""
    import fcntl

    locked: list[BinaryIO] = []
    real = OpenFolder.open

    def open_first(folder: OpenFolder, name: str, mode: str, **options: Any) -> BinaryIO:
        file = real(folder, name, mode, **options)
        if not locked:
            locked.append(real(folder, name, "r+b"))
            fcntl.flock(locked[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file

    monkeypatch.setattr(OpenFolder, "open", open_first)
    with OpenFolder(tmp_path) as opened:
        made = make(opened)
        closing = made if isinstance(made, hidden_files.HiddenFolder) else made[1]
        assert len(list(tmp_path.iterdir())) == 2
        locked[0].close()
        hidden_files.clear(opened)
        assert len(list(tmp_path.iterdir())) == 1
        closing.close()
