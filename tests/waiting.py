"""Waiting for a condition instead of a fixed time, and processes that end with their tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 120.0
"""Seconds after which a test fails: far more than a busy machine needs."""


def until(happened: Callable[[], object], process: subprocess.Popen[bytes] | None = None) -> None:
    """Returns as soon as something has happened; fails if it does not happen, or if `process`,
    which should cause it, has ended.
    """
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert process is None or process.poll() is None, "the process has ended before"
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.01)


@contextmanager
def running(command: Sequence[str], **settings: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process that does not outlive the body."""
    with subprocess.Popen(command, **settings) as process:
        try:
            yield process
        finally:
            process.kill()


def forked(act: Callable[[], object]) -> int:
    """Forks a process that ends with 0 if `act` gives something true, 1 if not, and 2 if it raises.
    It never returns to the tests, which it would run, and report, a second time.
    """
    child = os.fork()
    if child:
        return child
    code = 2
    try:
        code = 0 if act() else 1
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def exit_code(child: int) -> int:
    """The exit code of a forked process, which is killed if it does not end."""
    found = (0, 0)

    def has_ended() -> int:
        nonlocal found
        found = os.waitpid(child, os.WNOHANG)
        return found[0]

    try:
        until(has_ended)
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return os.waitstatus_to_exitcode(found[1])


def begun(folder: Path) -> bool:
    """Whether the single output in `folder` has some bytes yet, under its hidden name."""
    return any(file.stat().st_size for file in folder.glob(".bitsback-*.tmp"))
