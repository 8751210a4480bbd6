"""Runs tasks on the cluster that this process is connected to, or else on its own threads."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from bitsback.archive.summary import Progress
from bitsback.errors import InputError
from bitsback.images.file_io import one_line


def results(tasks: Sequence[Any], progress: Progress | None) -> list[Any]:
    """What Dask's delayed objects come to, in their order. progress: called with the number of
    those that are done, and of all.

    Raises what the first of them raises that fails, and InputError if workers die of one.
    """
    client = _client()
    if client is None:
        return _on_threads(tasks, progress)
    found: list[Any] = [None] * len(tasks)
    for done, (number, result) in enumerate(_on_cluster(client, tasks), 1):
        found[number] = result
        if progress is not None:
            progress(done, len(tasks))
    return found


def _client() -> Any:
    """The client of the cluster, if there is one."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_client

    try:
        client = get_client()
    except ValueError:
        return None
    return client if client.status == "running" else None


def _on_cluster(client: Any, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """The number and the result of each, as they are done."""
    from distributed import CancelledError, KilledWorker, as_completed

    futures = client.compute(list(tasks))
    numbers = {future.key: number for number, future in enumerate(futures)}
    try:
        for future in as_completed(futures):
            yield numbers[future.key], future.result()
    except KilledWorker as error:
        raise InputError(
            f"a shard has killed the {error.allowed_failures + 1} workers that tried to make it,"
            " probably for want of memory: make smaller shards (shard=, --shard), or give workers"
            " more memory"
        ) from error
    except CancelledError as error:
        raise InputError(
            "the Dask scheduler is lost, or has given the work up: start again, what is done stays"
        ) from error
    except (ImportError, RuntimeError) as error:
        if isinstance(error, ImportError) or "deserializ" in str(error):
            raise InputError(
                "the scheduler and its workers need the packages that this process has, bitsback of"
                f" the same version among them: {one_line(error)}"
            ) from error
        raise
    finally:
        client.cancel(futures)


def _on_threads(tasks: Sequence[Any], progress: Progress | None) -> list[Any]:
    import dask
    from dask.callbacks import Callback

    wanted = {task.key for task in tasks}
    done = 0

    def count(key: Any, *rest: Any) -> None:
        nonlocal done
        if key in wanted and progress is not None:
            done += 1
            progress(done, len(tasks))

    with Callback(posttask=count):
        return list(dask.compute(*tasks))
