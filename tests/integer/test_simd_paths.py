"""The SIMD path is chosen once, by the machine or by BITSBACK_SIMD."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitsback import InputError, _core
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
    assert SIMD_PATHS[0] == "scalar"
    assert run(path).stdout.strip() == path


def test_the_fastest_is_chosen_otherwise() -> None:
    assert run(None).stdout.strip() == SIMD_PATHS[-1]


def test_a_path_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    result = run("mmx")
    assert result.returncode != 0
    assert all(word in result.stderr for word in ("BITSBACK_SIMD", "mmx", *SIMD_PATHS))
    with pytest.raises(InputError, match=r"'mmx'.* scalar"):
        _core.set_simd("mmx")


def test_a_command_calls_a_wrong_path_by_its_name_and_no_model_damaged(tmp_path: Path) -> None:
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((2, 28, 28), bool))
    result = subprocess.run(
        [sys.executable, "-m", "bitsback", "compress", "--model", "mnist-binary", images],
        env={**os.environ, "BITSBACK_SIMD": "mmx"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "BITSBACK_SIMD" in result.stderr
    assert "model" not in result.stderr
    assert result.stderr.count("\n") == 1
