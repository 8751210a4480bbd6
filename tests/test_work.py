"""Work in several threads."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

from bitsback.work import check_threads, ordered_map, spare_threads


def spare(_: Any = None, meanwhile: Callable[[], Any] = int) -> int:
    with spare_threads() as threads:
        meanwhile()
        return threads


def test_spare_threads_are_those_without_a_task() -> None:
    assert list(ordered_map(spare, [0], 1)) == [1]
    assert list(ordered_map(spare, [0], 3)) == [3]
    together = Barrier(3, timeout=60)

    def counted(_: int) -> int:
        together.wait()
        return spare(meanwhile=together.wait)

    assert list(ordered_map(counted, range(3), 3)) == [1, 1, 1]


def test_spare_threads_are_taken_once() -> None:
    """Without a task of `ordered_map` they are the cores."""
    cores, inner = check_threads(None), list[int]()
    assert spare(meanwhile=lambda: inner.append(spare())) == cores
    assert inner == [1]
    assert list(ordered_map(lambda _: spare(meanwhile=spare), [0], 3)) == [3]
    assert spare() == cores
