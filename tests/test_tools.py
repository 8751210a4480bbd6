"""Tests whose tool is missing are skipped, and `pytest` says so. Lines of code are counted."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CPP = (".cpp", ".hpp")


def pytest_without_tools(**environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a test of tiffcp where no tool is found."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "tiffcp"]
    return subprocess.run(
        [*command, "tests/images/test_tiff.py"],
        cwd=ROOT,
        env={**os.environ, "PATH": "", "BITSBACK_ALL_TOOLS": "", **environment},
        capture_output=True,
        text=True,
    )


def test_a_missing_tool_skips_its_tests() -> None:
    ran = pytest_without_tools()
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.splitlines()[-2] == (
        "tiffcp is missing: install the package libtiff-tools;"
        " skipped tests of TIFF files that libtiff writes: 1"
    )
    assert "h5dump" not in ran.stdout, "no test of it was asked for"


def test_where_all_tools_are_needed_a_missing_one_is_an_error() -> None:
    ran = pytest_without_tools(BITSBACK_ALL_TOOLS="1")
    assert ran.returncode != 0 and "passed" not in ran.stdout
    for name in ("h5dump", "tiffcp", "chromium"):
        assert f"{name} is missing: install the package " in ran.stderr


def test_lines_of_the_package_and_the_core_are_counted() -> None:
    command = [sys.executable, str(ROOT / "tools/count_lines.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line, folder in zip(printed.splitlines(), ("src/bitsback", "src/core"), strict=True):
        paths = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", *CPP)]
        lines = sum(path.read_bytes().count(b"\n") for path in paths)
        counts = re.fullmatch(rf"{folder}: (\d+) files, (.+) lines, (.+) without docstrings", line)
        assert counts is not None and int(counts[1]) == len(paths)
        whole, code = (int(counts[group].replace(",", "")) for group in (2, 3))
        assert lines / 2 < code <= whole < lines


def test_neither_blank_lines_nor_comments_are_code() -> None:
    script = runpy.run_path(str(ROOT / "tools/count_lines.py"))
    python = '"""What\n\nit is."""\n\n# why\nx = 1  # so\n"""Of x."""\ny = """\n\n"""\n'
    assert script["of_python"](python) == (8, 4)
    cpp = '// what\n#include <x>\n\n/* why\n */\nauto url = "http://x";  // so\n'
    assert script["of_cpp"](cpp) == (2, 2)
