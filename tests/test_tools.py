"""Tests whose tool is missing are skipped, and `pytest` says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
