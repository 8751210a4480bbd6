"""A lock that forks with its process: a thread that was not forked cannot hold it for ever."""

import os
import threading


class Lock:
    """As threading's, and free in a process that was just forked."""

    def __init__(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()

    def __enter__(self) -> None:
        if self._process != os.getpid():
            self._lock, self._process = threading.Lock(), os.getpid()
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()
