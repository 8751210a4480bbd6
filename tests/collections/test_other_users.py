"""Another user plants or exchanges files in a folder; no command does harm or stops."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import bitsback
from bitsback.archive.writing.unfinished import part_of
from bitsback.cli.main import bitsback as command
from bitsback.io import hidden_files, moves
from bitsback.io.open_folder import OpenFolder
from waiting import exit_code, forked

from .conftest import files

if sys.platform == "win32":
    pytest.skip("Windows does not tell whose a file is", allow_module_level=True)

NOBODY, USER = 65534, 12345
HIDDEN = ".bitsback-0123456789ab.tmp"
two_users = pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")


def as_user(user: int, act: Callable[[], object]) -> None:
    """Acts as another user, in another process."""

    def change_user() -> bool:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        act()
        return True

    assert exit_code(forked(change_user)) == 0


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that all users reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def shared(place: Path) -> Path:
    """A folder like /tmp in it, beside a folder to compress, and an archive."""
    (place / "in" / "deep").mkdir(parents=True)
    for name in ("note.txt", "deep/.bashrc"):
        (place / "in" / name).write_text("packed\n")
    (place / "in" / "deep").chmod(0o777)
    bitsback.compress(place / "in", place / "in.bb")
    bitsback.decompress(place / "in.bb", place / "unused")  # which imports all that is needed
    (place / "in.bb").chmod(0o644)
    (place / "shared").mkdir()
    (place / "shared").chmod(0o1777)
    return place / "shared"


def run(*arguments: object) -> None:
    """Runs a command, which is to succeed."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def commands(shared: Path) -> None:
    """Makes an archive and a folder in the shared folder, and files in the shared folder."""
    place = shared.parent
    run("compress", "-q", place / "in", "-o", shared / "x.bb")
    run("decompress", "-q", place / "in.bb", "-o", shared / "out")
    run("decompress", "-q", place / "in.bb", "-o", shared)
    assert (shared / "out" / "note.txt").read_text() == "packed\n"
    assert (shared / "note.txt").read_text() == "packed\n" and (shared / "x.bb").exists()


def plant(hidden: Path) -> None:
    """A hidden folder with a file, which everybody may change."""
    (hidden / "new").mkdir(parents=True)
    (hidden / "lock").touch()
    (hidden / "new" / ".bashrc").write_text("planted\n")
    for path in (hidden, hidden / "new", hidden / "lock"):
        path.chmod(0o777)


def here(hidden: Path) -> bytes:
    status = hidden.stat()
    return f"{status.st_dev} {status.st_ino}\n".encode()


def tree(folder: Path) -> list[tuple[str, int, int]]:
    return sorted(
        (str(path.relative_to(folder)), path.lstat().st_mode, path.lstat().st_ino)
        for path in folder.rglob("*")
    )


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


MOVES: dict[str, Callable[[Path], object]] = {
    "none": lambda moves: None,
    "of its own": lambda moves: moves.write_bytes(here(moves.parent) + b'[[".bashrc"], {}]'),
    "above": lambda moves: moves.write_bytes(here(moves.parent) + b'[["../.bashrc"], {}]'),
    "through a link": lambda moves: moves.write_bytes(
        here(moves.parent) + b'[["att/link/.bashrc"], {}]'
    ),
    "as JSON": lambda moves: moves.write_text(
        json.dumps(
            {
                "here": [moves.parent.stat().st_dev, moves.parent.stat().st_ino],
                "folder": "att/link",
                "names": [".bashrc"],
                "made": {},
            }
        )
    ),
    "no JSON": lambda moves: moves.write_bytes(here(moves.parent) + b"\xff{"),
    "a number": lambda moves: moves.write_bytes(here(moves.parent) + b"1"),
    "a list": lambda moves: moves.write_bytes(here(moves.parent) + b"[]"),
    "no names": lambda moves: moves.write_bytes(here(moves.parent) + b'[[".bashrc", 1], {}]'),
    "no settings": lambda moves: moves.write_bytes(here(moves.parent) + b'[[], {"a": [1, [2]]}]'),
    "great numbers": lambda moves: moves.write_bytes(
        here(moves.parent) + b'[["x/y"], {"x": [' + b"9" * 4000 + b", -" + b"9" * 4000 + b"]}]"
    ),
    "brackets": lambda moves: moves.write_bytes(here(moves.parent) + b"[" * 100_000),
    "brackets alone": lambda moves: moves.write_bytes(b"[" * 100_000),
    "a gigabyte of zeros": lambda moves: (moves.touch(), os.truncate(moves, 1 << 30)),
    "a pipe": lambda moves: os.mkfifo(moves),
    "a folder": lambda moves: moves.mkdir(),
    "a link": lambda moves: moves.symlink_to("/dev/zero"),
}
LOCKS: dict[str, Callable[[Path], object]] = {
    "none": lambda lock: None,
    "a pipe": lambda lock: os.mkfifo(lock),
    "a folder": lambda lock: lock.mkdir(),
    "a socket": lambda lock: bind(lock),
    "a link": lambda lock: lock.symlink_to("/dev/zero"),
    "a link to nowhere": lambda lock: lock.symlink_to("../made"),
}
PLANTED = [*((moves, "a file") for moves in MOVES), *(("of its own", lock) for lock in LOCKS)]


def plant_all(shared: Path, moves: str, lock: str, home: Path) -> None:
    """A hidden folder, and beside it a link to the home."""
    hidden = shared / HIDDEN
    plant(hidden)
    (shared / "att").mkdir()
    (shared / "att" / "link").symlink_to(home)
    MOVES[moves](hidden / "moves")
    if lock in LOCKS:
        (hidden / "lock").unlink()
        LOCKS[lock](hidden / "lock")


@two_users
@pytest.mark.parametrize("victim", [0, USER])
@pytest.mark.parametrize(("moves", "lock"), PLANTED)
def test_a_hidden_folder_of_another_user_is_left_alone(
    shared: Path, victim: int, moves: str, lock: str
) -> None:
    home = shared.parent / "home"
    home.mkdir(0o700)
    (home / ".bashrc").write_text("mine\n")
    os.chown(home, victim, victim)
    as_user(NOBODY, lambda: plant_all(shared, moves, lock, home))
    before = tree(shared / HIDDEN)
    as_user(victim, lambda: commands(shared))
    assert (home / ".bashrc").read_text() == "mine\n" and files(home) == [".bashrc"]
    assert tree(shared / HIDDEN) == before and not (shared / ".bashrc").exists()


@pytest.mark.parametrize(("moves", "lock"), PLANTED)
def test_a_hidden_folder_from_elsewhere_does_no_harm(
    shared: Path, tmp_path: Path, moves: str, lock: str
) -> None:
    """It belongs to the user, who may have unpacked an archive of files there."""
    (tmp_path / ".bashrc").write_text("mine\n")
    plant_all(shared, moves, lock, tmp_path)
    (shared / HIDDEN).chmod(0o700)
    commands(shared)
    assert (tmp_path / ".bashrc").read_text() == "mine\n" and files(tmp_path) == [".bashrc"]
    assert (shared / ".bashrc").exists() == (moves == "of its own" and lock == "a file")


def test_a_deep_hidden_folder_from_elsewhere_does_no_harm(shared: Path) -> None:
    plant(shared / HIDDEN)
    (shared / HIDDEN).chmod(0o700)
    folder = os.open(shared / HIDDEN / "new", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    commands(shared)
    subprocess.run(["rm", "-rf", shared / HIDDEN], check=True)  # Python would not remove the rest


@pytest.mark.parametrize("kind", LOCKS)
def test_what_has_the_name_of_a_hidden_file_does_no_harm(shared: Path, kind: str) -> None:
    LOCKS[kind](shared / HIDDEN)
    commands(shared)
    assert not (shared.parent / "made").exists()


@two_users
def test_what_a_dead_process_left_is_removed_by_its_user(shared: Path) -> None:
    shared.chmod(0o777)
    (shared / ".bitsback-000000000000.tmp").touch()
    plant(shared / HIDDEN)
    (shared / HIDDEN).chmod(0o700)
    as_user(NOBODY, lambda: commands(shared))
    assert len(list(shared.glob(".bitsback-*"))) == 2
    run("compress", "-q", shared.parent / "in", "-o", shared / "again.bb")
    assert list(shared.glob(".bitsback-*")) == []


@pytest.mark.parametrize("umask", [0o002, 0o022])
def test_moves_in_a_folder_that_others_may_write_to_are_finished(
    shared: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    shared.chmod(0o777)

    def die(*_: object) -> None:
        os._exit(9)

    def restore() -> None:
        os.umask(umask)
        monkeypatch.setattr(moves, "settle", die)
        bitsback.decompress(shared.parent / "in.bb", shared, threads=1)

    assert exit_code(forked(restore)) == 9
    (hidden,) = shared.glob(".bitsback-*")
    assert (hidden / moves.LIST).exists()
    with OpenFolder(shared) as folder:
        hidden_files.clear(folder)
    assert files(shared) == ["deep/.bashrc", "note.txt"]


def exchange(name: Path, link: Path) -> None:
    """Puts a link at the place of a folder, if it is there."""
    if name.is_dir() and not name.is_symlink():
        name.rename(name.with_name("exchanged"))
        name.symlink_to(link)


def at_each_step(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], exchange: Callable[[], object]
) -> Iterator[int]:
    """Acts again and again, and exchanges something before the first step, the second one, ..."""
    real = OpenFolder.place
    step = last = 0
    while step >= last:
        step, last = 0, last + 1

        def place(*arguments: Any, last: int = last, **options: Any) -> Any:
            nonlocal step
            step += 1
            if step == last:
                exchange()
            return real(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(OpenFolder, "place", place)
            with suppress(bitsback.InputError):
                act()
        yield last
    assert last > 20, "it has several steps"


@pytest.fixture
def home(place: Path) -> Path:
    """A folder that no command should change."""
    for name in ("new", "old", "deep/er", "folder"):
        (place / "home" / name).mkdir(parents=True)
        (place / "home" / name).chmod(0o700)
    for name in ("note.txt", "new/note.txt", "deep/.bashrc", ".bashrc"):
        (place / "home" / name).write_text("mine\n")
    return place / "home"


@pytest.mark.parametrize("which", ["deep", ".", "hidden"])
@pytest.mark.parametrize("new", [False, True])
def test_a_folder_that_becomes_a_link_while_files_are_restored(
    shared: Path, home: Path, which: str, new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each step of a restoration another user puts a link to the home at its place."""
    before = tree(home), (home / "new").stat().st_mtime_ns
    out, archive = shared / "a" / "out", shared.parent / "in.bb"

    def restore() -> None:
        shutil.rmtree(shared / "a", ignore_errors=True)
        (shared / "a" / ("" if new else "out/deep")).mkdir(parents=True)
        bitsback.decompress(archive, out, threads=1, force=True)

    def put_link() -> None:
        where = out if out.is_dir() and not out.is_symlink() else out.parent
        places = {"deep": [out / "deep"], ".": [out], "hidden": where.glob(".bitsback-*")}
        for place in places[which]:
            exchange(place, home)

    for _ in at_each_step(monkeypatch, restore, put_link):
        assert (tree(home), (home / "new").stat().st_mtime_ns) == before
    assert (out / "note.txt").read_text() == "packed\n", "the last restoration is undisturbed"


def test_a_folder_that_becomes_a_link_before_moves_are_finished(
    shared: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(home)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def finish() -> None:
        shutil.rmtree(shared / "a", ignore_errors=True)
        (shared / "a" / "deep").mkdir(parents=True)
        with OpenFolder(shared / "a") as folder:
            hidden = hidden_files.make_folder(folder)
            for name in ("note.txt", "deep/.bashrc"):
                with hidden.folder.open(f"new/{name}", "xb", make=True) as file:
                    file.write(b"packed\n")
            moves._write_list(hidden.folder, ["note.txt", "deep/.bashrc"], {})
            hidden._opened.close()  # as if the process had ended
            hidden_files.clear(folder)

    for _ in at_each_step(monkeypatch, finish, lambda: exchange(shared / "a" / "deep", home)):
        assert tree(home) == before
    assert files(shared / "a") == ["deep/.bashrc", "note.txt"]


def test_a_folder_that_takes_the_place_of_a_file_is_not_removed(
    shared: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user may rename folders of this user, but must not get them removed."""
    before = files(home)

    def restore() -> None:
        shutil.rmtree(shared / "a", ignore_errors=True)
        (shared / "a" / "deep").mkdir(parents=True)
        shutil.copytree(home, shared / "a" / "victim")
        for name in ("note.txt", "deep/.bashrc"):
            (shared / "a" / name).write_text("old\n")
        bitsback.decompress(shared.parent / "in.bb", shared / "a", threads=1, force=True)

    def put_folder() -> None:
        (shared / "a" / "note.txt").unlink()
        (shared / "a" / "victim").rename(shared / "a" / "note.txt")

    for _ in at_each_step(monkeypatch, restore, put_folder):
        (victim,) = [
            path.parent for path in (shared / "a").glob("*/.bashrc") if path.parent.name != "deep"
        ]
        assert files(victim) == before


def test_a_folder_that_takes_the_place_of_a_new_one_is_not_opened_to_others(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new folder gets the mode of the packed one."""

    def restore() -> None:
        shutil.rmtree(shared / "a", ignore_errors=True)
        (shared / "a").mkdir()
        (shared / "private").mkdir(0o700, exist_ok=True)
        bitsback.decompress(shared.parent / "in.bb", shared / "a", threads=1)

    def put_folder() -> None:
        if (shared / "a" / "deep").is_dir():
            (shared / "a" / "deep").rename(shared / "a" / "exchanged")
            (shared / "private").rename(shared / "a" / "deep")
            (shared / "a" / "deep" / "mine").touch()

    for _ in at_each_step(monkeypatch, restore, put_folder):
        private = [file.parent for file in shared.rglob("mine")] or [shared / "private"]
        assert stat.S_IMODE(private[0].stat().st_mode) == 0o700
    assert stat.S_IMODE((shared / "a" / "deep").stat().st_mode) == 0o777


def test_the_mode_of_an_output_goes_to_no_other_file(
    shared: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is that of the file that it replaces."""
    (home / ".bashrc").chmod(0o600)
    (shared / "x.bb").touch()
    (shared / "x.bb").chmod(0o666)
    real = os.fsync

    def sync(descriptor: int) -> None:
        for hidden in shared.glob(".bitsback-*"):
            hidden.unlink()
            hidden.symlink_to(home / ".bashrc")
        real(descriptor)

    with monkeypatch.context() as patched, suppress(bitsback.InputError):
        patched.setattr(os, "fsync", sync)
        bitsback.compress(shared.parent / "in", shared / "x.bb", force=True)
    assert stat.S_IMODE((home / ".bashrc").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["a link", "a link to nothing", "a pipe", "of all"])
def test_blocks_to_resume_from_are_those_of_the_user(shared: Path, home: Path, kind: str) -> None:
    part = part_of(shared / "x.bb")
    if kind == "a pipe":
        os.mkfifo(part)
    elif kind == "of all":
        part.touch()
        part.chmod(0o666)
    else:
        part.symlink_to(home / (".bashrc" if kind == "a link" else "made"))
    before = tree(home)
    with pytest.raises(bitsback.InputError, match=r"x\.bb\.part: ") as error:
        bitsback.compress(shared.parent / "in", shared / "x.bb", resume=True)
    assert "\n" not in str(error.value)
    assert tree(home) == before and (home / ".bashrc").read_text() == "mine\n"


@two_users
def test_blocks_of_another_user_are_not_used(shared: Path) -> None:
    part = part_of(shared / "x.bb")
    as_user(NOBODY, lambda: part.touch(0o600))
    with pytest.raises(bitsback.InputError, match="is not of this user alone"):
        bitsback.compress(shared.parent / "in", shared / "x.bb", resume=True)
