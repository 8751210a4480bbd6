"""Waiting for a condition instead of a fixed time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120.0
"""Seconds after which a test fails: far more than a busy machine needs."""


def until(happened: Callable[[], object], running: subprocess.Popen[bytes] | None = None) -> None:
    """Returns as soon as something has happened; fails if it does not happen, or if `running`,
    which should cause it, has ended.
    """
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert running is None or running.poll() is None, "the process has ended before"
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.01)


def begun(folder: Path) -> bool:
    """Whether the single output in `folder` has some bytes yet, under its hidden name."""
    return any(file.stat().st_size for file in folder.glob(".bitsback-*.tmp"))
