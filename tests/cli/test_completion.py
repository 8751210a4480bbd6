"""A shell completes commands, options, models, archives, and the names in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

import bitsback
from bitsback.cli.main import bitsback as command
from waiting import PATIENCE

from .conftest import Run, assert_one_line_error


def completed(*words: str) -> list[str]:
    """The completions of the last word."""
    shell = ShellComplete(command, {}, "bitsback", "_BITSBACK_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.fixture
def packed(pictures: Path) -> None:
    """An archive of the folder, with a space in a name."""
    (pictures / "a/2.png").rename("in/a/2 x.png")
    bitsback.compress("in", "in.bb")


def test_commands_and_options(folder: Path) -> None:
    assert completed("co") == ["compress", "completion"]
    assert completed("help", "de") == ["decompress", "demo"]
    assert "--threads" in completed("verify", "--t")
    assert completed("completion", "") == ["bash", "zsh", "fish"]


def test_archives_and_folders(packed: None) -> None:
    assert completed("info", "") == ["digits.bb", "in.bb", "in/"]
    assert completed("verify", "digits.bb", "in.") == ["in.bb"]
    assert completed("decompress", "./d") == ["./digits.bb"]


def test_names_in_an_archive_level_by_level(packed: None) -> None:
    assert completed("extract", "in.bb", "") == ["3.png", "a/"]
    assert completed("extract", "in.bb", "3.png", "a/") == ["a/1.png", "a/2 x.png"]
    assert completed("list", "in.bb", "3") == ["3.png"]
    assert completed("extract", "nothing.bb", "") == []
    assert completed("extract", "digits.bb", "") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs names with control characters")
@pytest.mark.filterwarnings("ignore:.*cannot be restored on Windows")
def test_names_are_completed_as_list_shows_them(folder: Path) -> None:
    Path("in").mkdir()
    Path("in/new\nline").touch()
    bitsback.compress("in", "in.bb")
    assert completed("extract", "in.bb", "new\\") == ["new\\nline"]


def test_models(folder: Path) -> None:
    Path("own.safetensors").touch()
    assert completed("compress", "digits.npy", "-m", "universal") == [
        "universal", "universal-16", "universal-mixed", "universal-deep", "universal-fast",
    ]  # fmt: skip
    assert completed("decompress", "digits.bb", "--model", "o") == ["own.safetensors"]


@pytest.mark.parametrize(
    ("shell", "folders", "once"),
    [
        ("bash", "[[ $value == */ ]] && compopt -o nospace", "COMPREPLY+="),
        ("zsh", "compadd -U -V unsorted -S '' -a folders", "unsorted -a completions"),
        ("fish", 'string split --max 1 "," $completion', "string split"),
    ],
)
def test_scripts(run: Run, shell: str, folders: str, once: str) -> None:
    """A completed folder does not end the word; fish handles that itself, and names may have
    commas.
    """
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_BITSBACK_COMPLETE={shell}_complete" in result.stdout
    assert folders in result.stdout and result.stdout.count(once) == 1
    assert_one_line_error(run("completion", "csh"), "csh", "bash")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_bash(run: Run, packed: None) -> None:
    """Tab completes a line in bash."""
    Path("script").write_text(run("completion", "bash").stdout)
    binaries = Path("bin")
    binaries.mkdir()
    program = binaries / "bitsback"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bitsback "$@"\n')
    program.chmod(0o755)
    test = """
        source ./script
        compopt() { options+=("$2"); }
        complete_line() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); options=()
            _bitsback_completion bitsback
            (IFS='|'; echo "${COMPREPLY[*]} ${options[*]}")
        }
        complete_line bitsback extract in.bb ''
        complete_line bitsback extract in.bb a/
        complete_line bitsback compress digits.npy -m mnist-binary-
    """
    result = subprocess.run(
        ["bash", "--norc", "-c", test],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{binaries.resolve()}:{os.environ['PATH']}"},
        timeout=PATIENCE,
    )
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "3.png|a/ nospace",
        "a/1.png|a/2\\ x.png ",
        "mnist-binary-paper|mnist-binary-context ",
    ]
