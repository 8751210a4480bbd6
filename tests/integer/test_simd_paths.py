"""The SIMD path is chosen once, by the machine or by BITSBACK_SIMD."""

import os
import subprocess
import sys

import pytest

from bitsback import _core
from networks import SIMD_PATHS

SHOW = "import bitsback._core as core; print(core.simd())"


def run(simd: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "BITSBACK_SIMD"}
    if simd is not None:
        environment["BITSBACK_SIMD"] = simd
    return subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_the_environment_chooses(path: str) -> None:
    assert run(path).stdout.strip() == path


def test_the_fastest_is_chosen_otherwise() -> None:
    assert run(None).stdout.strip() == SIMD_PATHS[-1]


def test_a_path_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    result = run("mmx")
    assert result.returncode != 0
    assert "mmx" in result.stderr
    assert all(path in result.stderr for path in SIMD_PATHS)
    with pytest.raises(ValueError, match="scalar"):
        _core.set_simd("mmx")
