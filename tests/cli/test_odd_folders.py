"""Folders from practice: broken links, unreadable files and folders, names that look like options,
and empty ones.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bitsback

from .conftest import Process, Run, assert_error_line, assert_one_line_error


@pytest.fixture
def odd(folder: Path) -> Path:
    """A folder with a picture and a file that is not a picture."""
    Path("in").mkdir()
    Image.fromarray(np.zeros((30, 40), np.uint8)).save("in/a.png")
    Path("in/b.png").write_text("no picture")
    return folder


def test_the_advice_helps(run: Run, odd: Path) -> None:
    """Other files are stored unless only pictures are wanted; unreadable files never are."""
    result = run("compress", "in", "--pictures-only")
    assert_one_line_error(result, "in/b.png", "--skip-bad leaves", "without --pictures-only")
    assert run("compress", "in", "--pictures-only", "--skip-bad").exit_code == 0
    assert run("compress", "in", "-f").exit_code == 0
    Path("in/b.png").unlink()
    Path(os.fsdecode(b"in/c\xff.png")).touch()
    for arguments in ([], ["--pictures-only"]):
        assert_one_line_error(run("compress", "in", "-f", *arguments), "its name is not in UTF-8")


def test_a_link_that_leads_nowhere_stays_one(run: Run, odd: Path) -> None:
    Path("in/c.png").symlink_to("c.png")
    for _ in range(2):
        assert run("compress", "in", "-f").exit_code == 0
        assert run("list", "in.bb").stdout == "a.png\nb.png\nc.png\n"
    result = run("compress", "in", "-f", "--pictures-only", "--skip-bad")
    assert "left out: links that lead nowhere: c.png\n" in result.stderr


def test_a_folder_that_cannot_be_read(run: Run, odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in/closed").mkdir()
    scandir = os.scandir

    def scan(path: Any) -> Any:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    assert_one_line_error(run("compress", "in"), "in/closed", "Permission denied")
    result = run("compress", "in", "--skip-bad")
    assert result.exit_code == 0 and "left out: in/closed: cannot be read" in result.stderr
    assert run("list", "in.bb").stdout == "a.png\nb.png\n"


def test_nothing_at_all(run: Run, folder: Path) -> None:
    Path("in").mkdir()
    assert_one_line_error(run("compress", "in", "--pictures-only"), "in: has no pictures")
    assert_one_line_error(run("compress", "in"), "in: has no files")
    Path("in/.DS_Store").touch()
    assert_one_line_error(run("compress", "in"), "in: has no files", "Thumbs.db and .DS_Store: 1")


def test_a_name_like_an_option(run: Run, odd: Path) -> None:
    Path("in/b.png").rename("in/-rf.png")
    bitsback.compress("in", "in.bb")
    assert_one_line_error(run("extract", "in.bb", "-rf.png"), "did you mean '-rf.png' (after --)?")
    assert run("extract", "in.bb", "--", "-rf.png").exit_code == 0
    assert Path("-rf.png").read_text() == "no picture"


def test_a_name_like_a_long_option(run: Run, odd: Path) -> None:
    for name in ("in/--help.png", "in/--force"):
        Path(name).write_text(name)
    bitsback.compress("in", "in.bb")
    assert_one_line_error(run("extract", "in.bb", "--help.png"), "--help.png")
    refused = run("extract", "in.bb", "a.png", "--forge", "--", "--force")
    assert_one_line_error(refused, "--forge")
    result = run("extract", "in.bb", "-o", "out", "--", "--help.png", "--force")
    assert result.exit_code == 0, result.output
    assert Path("out/--help.png").read_text() == "in/--help.png"
    assert run("extract", "--", "in.bb", "--help.png").exit_code == 0
    assert Path("--help.png").exists()
    assert run("list", "in.bb", "--", "--force").stdout == "--force\n"
    assert run("remove", "in.bb", "--", "--force", "--help.png").exit_code == 0
    assert run("list", "in.bb").stdout == "a.png\nb.png\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs names with control characters")
@pytest.mark.filterwarnings("ignore:.*cannot be restored on Windows")
def test_names_as_list_shows_them(run: Run, odd: Path) -> None:
    names = [
        "new\nline.png", "both", "both\\n", "tab\t/1", "tab\t/2", "x\\n\n", "x\n\\n", "y\\n", "y\n",
    ]  # fmt: skip
    for name in names:
        (Path("in") / name).parent.mkdir(exist_ok=True)
        (Path("in") / name).write_text(name)
    bitsback.compress("in", "in.bb")
    shown = run("list", "in.bb").stdout.splitlines()
    assert "new\\nline.png" in shown and "tab\\t/1" in shown
    for text, expected in (
        ("new\\nline.png", ["new\nline.png"]),
        ("new\nline.png", ["new\nline.png"]),
        ("both\\n", ["both\\n"]),
        ("y\\n", ["y\\n"]),  # the exact name comes first
        ("y\n", ["y\n"]),
        ("tab\\t/", ["tab\t/1", "tab\t/2"]),
        ("tab\\t/?", ["tab\t/1", "tab\t/2"]),
    ):
        assert run("extract", "in.bb", text, "-o", "out", "-f").exit_code == 0
        for name in expected:
            assert (Path("out") / name).read_text() == name
        result = run("list", "in.bb", text, "--json")
        assert [row["name"] for row in json.loads(result.stdout)] == expected
    assert_one_line_error(run("extract", "in.bb", "x\\n\\n"), "2 files are shown as", "number")
    assert run("remove", "in.bb", "new\\nline.png", "tab\\t/2").exit_code == 0
    left = [name for name in shown if name not in ("new\\nline.png", "tab\\t/2")]
    assert run("list", "in.bb").stdout.splitlines() == left


def test_a_folder_of_a_superscript(run: Run, odd: Path) -> None:
    Path("in/²").mkdir()
    Path("in/²/a").touch()
    bitsback.compress("in", "in.bb")
    assert run("list", "in.bb", "²").stdout == "²/a\n"


def test_a_picture_from_a_pipe(run: Run, odd: Path) -> None:
    result = run("compress", "-", "-o", "x.bb", stdin=Path("in/a.png").read_bytes())
    assert_one_line_error(result, "no .npy file, the only kind that is read from a pipe")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_names_the_file_that_is_held(process: Process, odd: Path) -> None:
    import resource

    Path("in/large.bin").write_bytes(np.random.default_rng(0).bytes(3_000_000))
    bitsback.compress("in", "in.bb")
    result = process(
        *("decompress", "in.bb", "-o", "out"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert result.returncode == 2
    assert_error_line(result.stderr.decode(), "out/large.bin: cannot be written: File too large")
    assert not Path("out").exists()
