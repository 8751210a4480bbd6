"""The blocks of code of a page, and how they are run: Python in one namespace, the lines of shell
blocks that call `bitsback` as well, all in one folder and in the order of the page.

A block that cannot run here is marked by an HTML comment in the line before it:

    <!-- not run: the reason -->

Its code is still compiled, and its commands must have the given options.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from bitsback.cli.main import bitsback

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

RUN = ("python", "pycon", "sh")
READ = ("json", "text", "")  # not code, or not code for this machine

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^(?:bitsback |.*\| *bitsback )")


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int
    """The line of the page where the code begins."""
    reason: str | None
    """The reason not to run it."""
    indent: str


def blocks(text: str) -> list[Block]:
    return [
        Block(
            found["language"],
            found["code"],
            text.count("\n", 0, found.start("code")) + 1,
            found["reason"],
            found["indent"],
        )
        for found in _BLOCK.finditer(text)
    ]


def commands(code: str) -> list[str]:
    """The commands of a shell block that call bitsback; others install it or use a clone."""
    return [line for line in re.split(r"(?<!\\)\n", code) if _COMMAND.match(line)]


def run(block: Block, page: Path, names: dict[str, Any]) -> None:
    """Runs the block in the current folder. Raises AssertionError, or the code's own error, if it
    fails.
    """
    if block.language == "python":
        # It gets as many lines before it as in the page, so that a traceback names the line there.
        code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        if block.reason is None:
            exec(code, names)
    elif block.language == "pycon":
        test = doctest.DocTestParser().get_doctest(block.code, names, page.name, str(page), 0)
        said: list[str] = []
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
        assert not said, "".join(said)
    else:
        for command in commands(block.code):
            if block.reason is not None:
                parse(command)
                continue
            code, said = call(command)
            assert not code, f"{page.name}, line {block.line}: {command}\n{said}"


def parse(command: str) -> None:
    """Parses a command. Raises UsageError for an unknown command or option."""
    _, name, *words = shlex.split(command, comments=True)
    found = bitsback.get_command(click.Context(bitsback), name)
    assert found, command
    found.make_context(name, words)


def call(command: str) -> tuple[int, str]:
    """The exit code and the output. A pipe runs in a shell, other commands run in this process,
    which takes a tenth of the time.
    """
    words = shlex.split(command, comments=True)
    if not {"|", ">", "<"} & {*words}:
        result = CliRunner().invoke(bitsback, words[1:])
        return result.exit_code, result.output
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stderr
