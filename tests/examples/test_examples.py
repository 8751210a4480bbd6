"""The scripts in examples/ run as they stand, and say what they say they do."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))

if find_spec("torch") is None:
    SCRIPTS = []


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_runs(script: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / script],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "restored" in ran.stdout, ran.stdout
    assert not ran.stderr
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_the_page_names_each_of_them() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{script}`" in page for script in SCRIPTS)
