"""The cluster that a command works on."""

import logging
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bitsback.archive.pool import check_threads
from bitsback.errors import InputError, MissingExtra
from bitsback.images.file_io import one_line

_LOCAL = re.compile(r"local(?::([1-9][0-9]{0,3}))?")
_PATIENCE = 10  # seconds for a scheduler to answer


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address, `tcp://host:8786`, or in the file that it has
    written, `scheduler.json`; or of processes of this machine, `local:N`, by default as many as it
    has cores.

    Raises InputError if no scheduler answers, MissingExtra.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise MissingExtra("distributed", "bitsback[dask]", ".[dask]") from None
    # What goes wrong is told in one line.
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
        # One that finds no scheduler would stay the default of this process.
        client = Client(**where, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers there: {one_line(error)}"
        ) from error
    with client, client.as_current():
        yield client


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started in the body ignore Ctrl-C, which a terminal sends to them too: it
    is this one that ends them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
