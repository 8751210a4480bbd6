"""A process forked while other threads run does not wait for their locks."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bitsback.io.locks import Lock
from bitsback.lazy import cached_property
from waiting import PATIENCE, exit_code, forked

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


class Slow:
    def __init__(self, value: int, wait: threading.Event) -> None:
        self.value, self.wait, self.begun = value, wait, threading.Event()

    @cached_property
    def computed(self) -> int:
        self.begun.set()
        self.wait.wait()
        return self.value


def test_a_property_that_another_thread_computes() -> None:
    go, free = threading.Event(), threading.Event()
    free.set()
    slow, other = Slow(1, go), Slow(2, free)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: slow.computed)
        slow.begun.wait()
        try:
            assert exit_code(forked(lambda: other.computed == 2)) == 0
        finally:
            go.set()
        assert found.result() == 1
    assert slow.computed == 1 and vars(slow)["computed"] == 1
    assert isinstance(Slow.computed, cached_property)


def test_a_lock_that_another_thread_holds() -> None:
    """The lock is free in the new process, and still one lock for all of its threads."""
    lock, held, go = Lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            go.wait()

    def is_one_lock() -> bool:
        with lock:
            return not lock._lock.acquire(blocking=False)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        held.wait()
        try:
            assert exit_code(forked(is_one_lock)) == 0
        finally:
            go.set()


COLD = """
import io, os, signal, sys, threading
import numpy as np
import bitsback
from bitsback.archive.container import library

small, large = io.BytesIO(), io.BytesIO()
bitsback.compress(np.arange(100), small, model="fast", threads=1)
bitsback.decompress(small, threads=1)  # so that all modules are there
bitsback.compress(np.zeros((9, 28, 28), bool), large, model="mnist-binary", threads=1)
begun, load = threading.Event(), library.bundled.find

def find(prefix):
    begun.set()
    return load(prefix)

library.bundled.find = find
bitsback.models.bundled.load.cache_clear()
data = large.getvalue()
archive = bitsback.open(io.BytesIO(data))
thread = threading.Thread(target=lambda: archive[:])
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(50)
    os._exit(0 if not archive[:].any() else 1)
status = os.waitpid(child, 0)[1]
thread.join()
sys.exit(status != 0)
"""


def test_a_process_that_is_forked_while_another_thread_loads_a_model() -> None:
    command = [sys.executable, "-W", "ignore", "-c", COLD]
    assert subprocess.run(command, timeout=PATIENCE).returncode == 0
