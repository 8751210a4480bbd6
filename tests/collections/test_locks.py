"""What changes, replaces or removes an archive holds its lock until it is done."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import bitsback
from bitsback.archive.comparing import readback
from bitsback.io import file_lock
from folders import save
from waiting import running

from .conftest import Run, files

pytestmark = pytest.mark.skipif(not file_lock.SUPPORTED, reason="Windows has no such locks")

HalfWay = Callable[..., None]
BY_ANOTHER = r"x\.bb(\.part)?: is being changed by another process; try again later"


class Place:
    """An archive, and what else the commands need."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder, self.run = folder, run
        self.path, self.other = folder / "in" / "x.bb", folder / "other.bb"
        for name in ("one", "two"):
            save(
                np.add.outer(np.arange(20), np.arange(30)).astype("u1"),
                folder / name / f"{name}.png",
            )
            (folder / name / f"{name}.txt").write_text(name)
        self.path.parent.mkdir()
        bitsback.compress(folder / "one", self.path, model="fast")
        bitsback.compress(folder / "two", self.other, model="fast")
        bitsback.compress(folder / "in", folder / "holds.bb", model="fast")

    def failing(self, *arguments: object) -> None:
        """Runs a command, and raises what it says."""
        result = self.run(*arguments)
        if result.exit_code:
            raise bitsback.InputError(result.stderr.splitlines()[-1])


COMMANDS: dict[str, Callable[[Place], object]] = {
    "add": lambda at: bitsback.add(at.path, at.folder / "two", model="fast"),
    "remove": lambda at: bitsback.remove(at.path, ["one.txt"]),
    "add_parity": lambda at: bitsback.add_parity(at.path, 10),
    "repair": lambda at: bitsback.repair(at.path),
    "repair -o": lambda at: bitsback.repair(at.other, at.path, force=True),
    "merge": lambda at: bitsback.merge([at.other], at.path, force=True),
    "compress": lambda at: bitsback.compress(at.folder / "two", at.path, force=True),
    "resume": lambda at: bitsback.compress(at.folder / "two", at.path, force=True, resume=True),
    "embed": lambda at: bitsback.embed(at.path),
    "decompress --rm": lambda at: at.failing(
        "decompress", at.path, "--rm", "-o", at.folder / "out", "--force"
    ),
    "compress --rm": lambda at: at.failing(
        "compress", at.folder / "one", "-o", at.path, "--rm", "--force"
    ),
    "decompress over it": lambda at: bitsback.decompress(
        at.folder / "holds.bb", at.path.parent, force=True
    ),
}


@pytest.fixture
def at(tmp_path: Path, run: Run) -> Place:
    return Place(tmp_path, run)


@pytest.fixture
def half_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[HalfWay]:
    """Lets something happen when a command waits for the disk, or compares, for the first time."""

    def let(happen: Callable[[], None], comparing: bool = False) -> None:
        left = [happen]

        def wrapped(real: Callable[..., object]) -> Callable[..., object]:
            def act(*given: object, **named: object) -> object:
                if left:
                    left.pop()()
                return real(*given, **named)

            return act

        module, name = (readback, "compare") if comparing else (os, "fsync")
        monkeypatch.setattr(module, name, wrapped(getattr(module, name)))

    yield let


@pytest.mark.parametrize("first", [*COMMANDS][:-1])
def test_no_two_commands_change_an_archive_at_once(
    at: Place, half_way: HalfWay, first: str
) -> None:
    before, refused = at.path.read_bytes(), list[str]()

    def other() -> None:
        for second, command in COMMANDS.items():
            reads = second == "decompress --rm"  # and so finds that an addition is not finished
            with pytest.raises(
                bitsback.InputError, match=f"{BY_ANOTHER}|an addition" if reads else BY_ANOTHER
            ):
                command(at)
            refused.append(second)
        assert at.path.read_bytes().startswith(before)
        with bitsback.open(at.path) as archive:
            assert archive.names == ["one.png", "one.txt"]

    half_way(other, first.endswith("--rm"))
    COMMANDS[first](at)
    assert len(refused) == len(COMMANDS)
    hidden = [name for name in files(at.folder) if ".tmp" in name or "tail" in name]
    assert hidden == []
    if first == "decompress --rm":
        assert not at.path.exists()
    elif first != "compress --rm":
        with bitsback.open(at.path) as archive:
            assert archive.verify() == []


def move(file: Path, to: Path) -> None:
    file.replace(to)


@pytest.mark.parametrize("change", ["replaced", "removed"])
@pytest.mark.parametrize("command", ["add", "remove", "add_parity"])
def test_a_change_of_a_file_that_is_gone_is_no_success(
    at: Place, half_way: HalfWay, command: str, change: str
) -> None:
    half_way(at.path.unlink if change == "removed" else lambda: move(at.other, at.path))
    with pytest.raises(bitsback.InputError, match="was replaced or removed meanwhile"):
        COMMANDS[command](at)


@pytest.mark.parametrize("command", ["repair", "merge", "compress", "embed"])
def test_another_file_than_was_there_is_not_replaced(
    at: Place, half_way: HalfWay, command: str
) -> None:
    data = at.other.read_bytes()
    if command == "merge":
        bitsback.compress(at.folder / "two", at.folder / "third.bb")
        at.other = at.folder / "third.bb"
    there = at.folder / "other.bb"
    half_way(lambda: move(there, at.path))
    with pytest.raises(bitsback.InputError, match="was replaced by another process meanwhile"):
        COMMANDS[command](at)
    assert at.path.read_bytes() == data


def test_a_file_that_appears_in_the_last_moment_stays(at: Place, half_way: HalfWay) -> None:
    new, data = at.folder / "new.bb", at.other.read_bytes()
    half_way(lambda: move(at.other, new))
    with pytest.raises(bitsback.InputError, match=r"new\.bb: exists since just now"):
        bitsback.compress(at.folder / "two", new)
    assert new.read_bytes() == data


def test_two_processes(at: Place) -> None:
    before = at.path.read_bytes()
    code = (
        "import sys\n"
        "from bitsback.archive.writing.continuing import continued\n"
        "with continued(sys.argv[1]):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with running(
        [sys.executable, "-c", code, str(at.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"locked\n"
        for command in COMMANDS.values():
            with pytest.raises(bitsback.InputError, match=BY_ANOTHER):
                command(at)
        assert at.path.read_bytes() == before
        assert at.run("verify", at.path).exit_code == 0
        assert at.run("decompress", at.path, "-o", at.folder / "read").exit_code == 0
    bitsback.remove(at.path, ["one.txt"])  # a process that is killed holds nothing
