"""Work on blocks in several threads, with results in order, and reports of progress."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from bitsback.errors import InputError
from bitsback.format.array_part import BYTES, ArrayPart
from bitsback.format.parts import Content
from bitsback.io.locks import Lock

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Task = TypeVar("Task")
Result = TypeVar("Result")


def check_threads(threads: int | None) -> int:
    """The number of threads to use; None stands for the number of cores of this process."""
    if threads is None:
        available = getattr(os, "sched_getaffinity", None)
        return len(available(0)) if available is not None else os.cpu_count() or 1
    if threads < 1:
        raise InputError(f"threads={threads}: it must be at least 1")
    return threads


def ordered_map(
    work: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Generator[Result, None, None]:
    """`map` with threads, and results in order.

    It takes a task only when a thread will soon be free. An exception, or `close`, ends all work.
    The iterator `tasks` runs in the caller's thread.
    """
    idle = _Idle(threads)
    if threads == 1:
        yield from map(partial(idle.without_one, work), tasks)
        return
    # The import takes time, which a single item does not need.
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads, "bitsback")
    running: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            running.append(pool.submit(idle.without_one, work, task))
            if len(running) > threads + 1:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        _end(pool)


class _Idle:
    """The number of threads without a task."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._lock = Lock()

    def without_one(self, work: Callable[[Task], Result], task: Task) -> Result:
        """Runs a task. Its spare threads come from these."""
        before, _own.idle = getattr(_own, "idle", None), self
        self.take(1)
        try:
            return work(task)
        finally:
            self.take(-1)
            _own.idle = before

    def take(self, count: int) -> None:
        with self._lock:
            self.count -= count

    def take_all(self) -> int:
        with self._lock:
            count = max(self.count, 0)
            self.count -= count
            return count


_own = threading.local()


@contextmanager
def spare_threads() -> Iterator[int]:
    """The number of threads that the current task may use in the body.

    These are its own thread, and the idle threads of `ordered_map`. Outside of `ordered_map` they
    are all cores of this process.
    """
    idle: _Idle = getattr(_own, "idle", None) or _others()
    taken = idle.take_all()
    try:
        yield 1 + taken
    finally:
        idle.take(-taken)


@cache
def _others() -> _Idle:
    """The cores of this process except one."""
    return _Idle(check_threads(None) - 1)


def _end(pool: ThreadPoolExecutor) -> None:
    """Waits for the unfinished blocks, even after an interrupt.

    Python must not end before them.
    """
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            pool.shutdown(cancel_futures=True)
            break
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt


Progress = Callable[[int, int], object]
"""Called with the work done and the total."""

_BIT, _BYTE, _OTHER = 2, 3, 5
"""The relative cost of a bool, of a byte of a file, and of any other element.

A size-agnostic model takes about 0.4 us for a bilevel pixel, and 0.7 to 1.2 us for a grey or colour
sample. LZMA takes 0.4 to 0.6 us for a byte.
"""


class Work:
    """Reports finished blocks to a progress callback."""

    def __init__(self, content: Content, progress: Progress | None) -> None:
        self._content, self._progress = content, progress
        self._done = 0
        self._total = sum(_weight(part) * part.elements for part in content.parts)

    def add(self, first: int, tiles: int) -> None:
        """Reports that `tiles` tiles of one part, from `first` on, are done."""
        if self._progress is None or first >= self._content.tiles:
            return
        start, part = self._content.part_of(first)
        low, high = (min(place - start, part.tiles) for place in (first, first + tiles))
        self._done += _weight(part) * (part.elements_before(high) - part.elements_before(low))
        self._progress(self._done, self._total)


def _weight(part: ArrayPart) -> int:
    if part.axes == BYTES:
        return _BYTE
    return _BIT if part.dtype == np.bool_ else _OTHER


def begin(progress: Progress | None, stage: str) -> None:
    """Announces a stage of the work to a progress callback that has a method `stage`."""
    announce = getattr(progress, "stage", None)
    if announce is not None:
        announce(stage)
