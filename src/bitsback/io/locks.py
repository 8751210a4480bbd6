"""A lock that survives a fork: a thread that was not forked cannot hold it for ever."""

import os
import threading
from weakref import WeakSet


class Lock:
    """The lock of threading, released in a process that was just forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()


_locks: WeakSet[Lock] = WeakSet()


def _free_all() -> None:
    """Releases all locks in a process that was just forked, which has one thread."""
    for lock in _locks:
        lock._lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_free_all)
