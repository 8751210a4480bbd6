"""What a process that was forked while other threads were at work must not wait for."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bitsback.lazy import cached_property
from bitsback.locks import Lock
from waiting import until

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


def ended_well(child: int) -> bool:
    ended = (0, 0)

    def has_ended() -> int:
        nonlocal ended
        ended = os.waitpid(child, os.WNOHANG)
        return ended[0]

    until(has_ended)
    return ended[1] == 0


def test_a_property_that_another_thread_computes() -> None:
    go, free = threading.Event(), threading.Event()
    free.set()
    slow, other = Slow(1, go), Slow(2, free)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: slow.computed)
        slow.begun.wait()
        child = os.fork()
        if child == 0:
            os._exit(0 if other.computed == 2 else 1)
        assert ended_well(child)
        go.set()
        assert found.result() == 1
    assert slow.computed == 1 and vars(slow)["computed"] == 1
    assert isinstance(Slow.computed, cached_property)


def test_a_lock_that_another_thread_holds() -> None:
    """In the new process it is one lock again, whoever comes first."""
    lock, held, go = Lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            go.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        held.wait()
        child = os.fork()
        if child == 0:
            with lock:
                os._exit(0 if not lock._lock.acquire(blocking=False) else 1)
        assert ended_well(child)
        go.set()
