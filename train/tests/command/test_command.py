"""An interrupted run of `bitsback train` says how to go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import PATIENCE, running, until


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interruption_says_how_to_go_on(folder: Path) -> None:
    arguments = [
        sys.executable,
        "-m",
        "bitsback",
        "train",
        "grey.npy",
        "-o",
        "m.safetensors",
        "--steps",
        "100000",
    ]
    with running(
        arguments, stderr=subprocess.PIPE, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as run:
        until((folder / "m.safetensors.ckpt" / "plan.json").exists, run)
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE) == 130
        assert run.stderr is not None
        said = run.stderr.read().decode()
    assert "train grey.npy -o m.safetensors --steps 100000 --resume" in said
    assert said.endswith("bitsback: interrupted\n")
    assert not (folder / "m.safetensors").exists()
