"""The lab runs with what `pip install . ./lab` installs, without packages of extras."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def extras(project: Path) -> set[str]:
    """The modules of packages that only the extras of a project install."""
    listed = tomllib.loads(project.read_text("utf-8"))["project"]
    names = {
        re.match(r"[\w-]+", each)[0].replace("-", "_")  # type: ignore[index]
        for extra in listed["optional-dependencies"].values()
        for each in extra
    }
    return names - {"bitsback", "bitsback_train"}


ABSENT = set.union(*(extras(ROOT / part / "pyproject.toml") for part in (".", "train", "lab")))

# As if these were not installed: import statements and find_spec find nothing.
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({sorted(ABSENT)!r}))"

EVERY_COMMAND = """
from bitsback.cli.added import load, names
for name in names():
    load(name)
"""

EVERY_MODULE_OF_BENCH = """
from importlib import import_module
from pkgutil import iter_modules
import bitsback_lab.bench, bitsback_lab.digits
for package in (bitsback_lab.bench, bitsback_lab.digits):
    for module in iter_modules(package.__path__, package.__name__ + "."):
        if module.name != "bitsback_lab.bench.plot":  # which draws, by an extra
            import_module(module.name)
"""

THE_DEMO = """
from bitsback_lab import demo
digits = demo.binarised_mnist_test_images()[:60]
demo.binarised_mnist_test_images = lambda: digits
from bitsback.cli.main import bitsback
sys.argv = ["bitsback", "demo", "-o", "made"]
bitsback()
"""

A_COMPARISON = """
import numpy as np
np.save("some.npy", np.arange(2 * 9 * 9, dtype=np.uint8).reshape(2, 9, 9))
from bitsback.cli.main import bitsback
sys.argv = ["bitsback", "bench", "some.npy", "--codecs", "gzip"]
bitsback()
"""


@pytest.mark.parametrize(
    "code",
    [EVERY_COMMAND, EVERY_MODULE_OF_BENCH, THE_DEMO, A_COMPARISON],
    ids=["commands", "modules", "demo", "bench"],
)
def test_the_lab_needs_no_extra(code: str, tmp_path: Path) -> None:
    assert "torch" in ABSENT
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT + code], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
