"""Work in several threads."""

from threading import Barrier

from bitsback.work import ordered_map, spare_threads


def test_spare_threads_are_those_without_a_task() -> None:
    assert spare_threads() == 1
    assert list(ordered_map(lambda _: spare_threads(), [0], 1)) == [1]
    assert list(ordered_map(lambda _: spare_threads(), [0], 3)) == [3]
    together = Barrier(3, timeout=60)

    def counted(_: int) -> int:
        together.wait()
        spare = spare_threads()
        together.wait()
        return spare

    assert list(ordered_map(counted, range(3), 3)) == [1, 1, 1]
