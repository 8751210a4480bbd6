"""Connect to a Dask cluster, and run tasks on it."""

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bitsback.errors import InputError, MissingExtra
from bitsback.images.file_io import one_line
from bitsback.work import Progress, check_threads

_LOCAL = re.compile(r"local(?::([1-9][0-9]{0,3}))?")
_PATIENCE = 10  # seconds for a scheduler to answer


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address, `tcp://host:8786`, or in the file that it has
    written, `scheduler.json`; or of N processes on this machine, `local:N`, by default one for each
    core.

    Raises InputError if no scheduler answers, MissingExtra.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise MissingExtra("distributed", "bitsback[dask]", ".[dask]") from None
    # An error is one line.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    local = _LOCAL.fullmatch(address)
    if local is not None:
        workers = int(local[1]) if local[1] else check_threads(None)
        with _deaf():
            started = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        with (
            started as cluster,
            Client(cluster, set_as_default=False) as client,
            client.as_current(),
        ):
            yield client
        return
    if address.startswith("local"):
        raise InputError(f"--scheduler {address}: give local, or local:N for N processes")
    try:
        if address.endswith(".json"):
            if not Path(address).exists():
                raise InputError(f"{address}: there is no such file of a scheduler")
            where = {"scheduler_file": os.fspath(address)}
        else:
            where = {"address": address}
        # A client that finds no scheduler would remain the default of this process.
        client = Client(**where, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers there: {one_line(error)}"
        ) from error
    with client, client.as_current():
        yield client


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started in the body ignore Ctrl-C, which a terminal sends to them too:
    this process ends them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def results(tasks: Sequence[Any], progress: Progress | None) -> list[Any]:
    """The results of Dask's delayed objects, in order. progress: called with the number of finished
    ones and of all.

    Raises the error of the first that fails, and InputError if one kills its workers.
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
    """The number and the result of each, in the order of completion."""
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
