"""Help for guesses: help as help, and suggestions for mistyped names."""

from __future__ import annotations

import importlib.metadata
import re
import runpy
import subprocess
import sys
from importlib.metadata import EntryPoints
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.cli.added import PARTS
from bitsback.cli.main import COMMANDS
from bitsback.cli.main import bitsback as group

from . import help_texts
from .conftest import Run, assert_one_line_error

SOURCES = Path(bitsback.__file__).parent


def test_the_program_alone_shows_its_help(run: Run) -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == run("--help").stdout
    assert run("help").stdout == result.stdout


@pytest.mark.parametrize("name", [*COMMANDS, *PARTS])
def test_help_of_a_command(run: Run, name: str) -> None:
    result = run("help", name)
    assert result.exit_code == 0
    assert result.stdout == run(name, "--help").stdout


def test_help_texts_are_those_that_were_read(tmp_path: Path) -> None:
    """`python tests/cli/help_texts.py` renews the files after a change. It runs in a process of its
    own, since click keeps options of commands that other tests have run alone.
    """
    subprocess.run([sys.executable, help_texts.__file__, tmp_path], check=True)
    assert help_texts.read(tmp_path) == help_texts.read()


def test_help_texts_say_what_they_need(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The script names a missing package before it changes any file."""
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: EntryPoints())
    monkeypatch.setattr(sys, "argv", ["help_texts.py", str(tmp_path / "help")])
    with pytest.raises(SystemExit) as error:
        runpy.run_path(help_texts.__file__, run_name="__main__")
    assert error.value.code == 2 and not (tmp_path / "help").exists()
    assert re.fullmatch(r".*bitsback-train: install it with .*\n", capsys.readouterr().err)


def test_no_line_of_help_is_wider_than_a_terminal() -> None:
    """Examples, which click does not wrap, included."""
    for name, text in help_texts.current().items():
        assert max(map(len, text.splitlines())) <= 80, name


def options_in(help_text: str) -> set[str]:
    return set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", help_text, re.MULTILINE))


def test_help_of_compress_shows_the_dozen_options_that_most_people_need(run: Run) -> None:
    short, every = run("compress", "--help").stdout, run("compress", "--help-all").stdout
    context = click.Context(group)
    command = group.get_command(context, "compress")
    assert command is not None
    known = {
        next(name for name in option.opts if name.startswith("--"))
        for option in command.get_params(context)
        if isinstance(option, click.Option)
    }
    assert options_in(every) == known
    assert len(options_in(short) - {"--help", "--help-all", "--verbose"}) in range(10, 14)
    assert options_in(short) < known and "--help-all" in short.splitlines()[-1]
    headings = re.findall(r"^([A-Z][\w ]+):$", every, re.MULTILINE)
    assert len(headings) == len(set(headings)) > 4


def test_what_only_few_need_to_know_stands_in_the_help_of_all_options(run: Run) -> None:
    short, every = run("compress", "-h").stdout, run("compress", "--help-all").stdout
    assert "--previews" not in short and "Thumbs.db" not in short
    assert "Thumbs.db" in every and "\f" not in every


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["compres", "x"], "'compress'"),
        (["help", "lst"], "'list'"),
        (["ls", "x.bb"], "'list'"),
        (["digits.npy"], "'bitsback compress digits.npy'"),
        (["digits.bb"], "'bitsback decompress digits.bb'"),
        (["compress", "digits.npy", "--forse"], "--force"),
    ],
)
def test_near_misses(run: Run, folder: Path, arguments: list[str], part: str) -> None:
    assert_one_line_error(run(*arguments), part, "id you mean")


def test_another_distribution_adds_a_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.py").write_text(
        "import click\n\n@click.command()\ndef greet():\n"
        "    'Say hello.'\n    click.echo('hello')\n"
    )
    metadata = tmp_path / "other-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: other\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[bitsback.commands]\ngreet = other:greet\n")
    assert "greet" not in run("--help").stdout
    monkeypatch.syspath_prepend(tmp_path)
    assert re.search(r"^  greet +Say hello", run("--help").stdout, re.MULTILINE)
    assert run("greet").stdout == "hello\n"
    assert_one_line_error(run("gret"), "'greet'")


def test_commands_that_are_not_installed_name_their_distribution(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bitsback.cli.added.GROUP", "none")
    for command, (distribution, *_) in PARTS.items():
        assert not re.search(rf"^  {command} ", run("--help").stdout, re.MULTILINE)
        assert_one_line_error(run(command), distribution, "pip install")


def test_nothing_is_suggested_for_what_is_far(run: Run, folder: Path) -> None:
    assert "mean" not in run("zzzz").stderr


def test_errors_speak_of_options_and_not_of_arguments_in_python(run: Run, folder: Path) -> None:
    Path("in").mkdir()
    Path("in/x.png").write_bytes(b"broken")
    for arguments, option in (
        (["compress", "digits.npy"], "--force"),
        (["extract", "digits.bb", "0", "-o", "digits.npy"], "--force"),
        (["compress", "in", "--pictures-only"], "--skip-bad"),
    ):
        result = run(*arguments)
        assert_one_line_error(result, option)
        assert "=" not in result.stderr


def test_what_is_for_python_stands_in_brackets_behind_the_option() -> None:
    """The brackets mark the Python name, so that the command can leave it out."""
    arguments = (
        r"(?:force|skip_bad|model|threads|block|tile|stack|embed|pictures_only)=(?:True|False|FILE)"
    )
    for path in SOURCES.rglob("*.py"):
        for literal in re.findall(r'"[^"\n]*"', path.read_text(encoding="utf-8")):
            for found in re.finditer(arguments, literal):
                before = literal[: found.start()]
                assert before.endswith((" (", '"(')), f"{path.name}: {literal}"


def test_a_cut_archive_has_no_ratio(run: Run, folder: Path) -> None:
    Path("digits.bb").write_bytes(Path("digits.bb").read_bytes()[:200])
    result = run("info", "digits.bb")
    assert "200 bytes, damaged; its whole content has 47,040 bytes" in result.stdout
    assert not re.search(r"\dx", result.stdout.split("size")[1].splitlines()[0])
    assert '"bits_per_dimension": null' in run("info", "digits.bb", "--json").stdout


def test_a_picture_of_floats_is_called_so(run: Run, folder: Path) -> None:
    """A set keeps only the pixels."""
    Image.fromarray(np.zeros((4, 5), np.float32)).save("float.tif")
    result = run("compress", "float.tif", "--unordered")
    assert_one_line_error(result, "float.tif", "floats", ".npy")
    assert "channels" not in result.stderr
