"""Faulty compressors for processes that the tests start: picklable functions of a module."""

import os
import subprocess
import sys
import time
from pathlib import Path


def fail(data: bytes) -> bytes:
    raise RuntimeError("no\nroom")


def crash(data: bytes) -> bytes:
    os.abort()


def lose(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def fill(data: bytes) -> bytes:
    """Allocates 64 MB for a moment."""
    return data if bytearray(b"\1") * 64_000_000 else b""


def wait(data: bytes) -> bytes:
    """Starts a program, writes its process id to the file $STARTED, and never ends."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(os.environ["STARTED"]).write_text(f"{os.getpid()} {program.pid}")
    time.sleep(60)
    return data
