"""Process blocks in several threads: results come in order, and few are in memory at once."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, TypeVar

from bitsback.errors import InputError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Task = TypeVar("Task")
Result = TypeVar("Result")


def check_threads(threads: int | None) -> int:
    """The number of threads to use: by default as many as there are cores for this process."""
    if threads is None:
        available = getattr(os, "sched_getaffinity", None)
        return len(available(0)) if available is not None else os.cpu_count() or 1
    if threads < 1:
        raise InputError(f"threads={threads}: there must be one at least")
    return threads


def ordered_map(
    work: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Generator[Result, None, None]:
    """`map` with threads. A task is taken only when a thread will soon be free; an exception, or
    `close`, ends all work.

    `tasks` itself runs in the caller's thread.
    """
    if threads == 1:
        yield from map(work, tasks)
        return
    from concurrent.futures import (
        ThreadPoolExecutor,
    )  # only here: a single item should not wait for the import

    pool = ThreadPoolExecutor(threads, "bitsback")
    running: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            running.append(pool.submit(work, task))
            if len(running) > threads + 1:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        _end(pool)


def _end(pool: "ThreadPoolExecutor") -> None:
    """Waits for the blocks in work, even if it is interrupted: Python must not end before them."""
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            pool.shutdown(cancel_futures=True)
            break
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt
