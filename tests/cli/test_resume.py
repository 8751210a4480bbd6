"""An interrupted `compress --resume` keeps its coded blocks, says so, and continues from them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from waiting import PATIENCE, running, until

from .conftest import Run

PART = Path(".x.bb.part")


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent there")
def test_interrupted(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (40, 200, 200), np.uint8)
    np.save("x.npy", noise)
    assert run("compress", "x.npy", "-o", "whole.bb", "--block", "1").exit_code == 0
    command = [sys.executable, "-m", "bitsback", "compress", "x.npy", "--block", "1", "--resume"]
    with running(command, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: PART.exists() and PART.stat().st_size > 200_000)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"{PART.absolute()} keeps the coded blocks; the same command continues" in said
    assert not Path("x.bb").exists()
    result = run("compress", "x.npy", "--block", "1", "--resume", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["resumed"] >= 4
    assert Path("x.bb").read_bytes() == Path("whole.bb").read_bytes()
    assert not PART.exists()


def test_what_it_says_otherwise(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.zeros((40, 30, 30), np.uint8))
    result = run("compress", "x.npy", "--resume")
    assert result.exit_code == 0 and "earlier run" not in result.stderr
    failed = run("compress", "x.npy", "-o", "-", "--resume")
    assert failed.exit_code == 2
