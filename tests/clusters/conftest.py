"""A cluster of two processes, and arrays to compress on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.typing import NDArray

from bitsback_lab.digits import binarised_mnist_test_images
from waiting import PATIENCE


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of two workers, started when a test uses it. Each worker is a process with one
    thread and little memory. The client ends with the tests of a file. It takes 7 % of a core
    while nothing runs on it, and its threads draw random numbers when they reconnect, for which
    hypothesis would blame later tests.
    """
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="1GiB",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def cluster(client: Client) -> Iterator[Client]:
    """The Dask client of the cluster."""
    client.wait_for_workers(2, timeout=PATIENCE)
    with client.as_current():
        yield client


@pytest.fixture(scope="session")
def digits() -> NDArray[np.bool_]:
    """bool [400, 28, 28]."""
    return binarised_mnist_test_images()[:400]


@pytest.fixture
def lazy(digits: NDArray[np.bool_]) -> Any:
    """The digits as a dask.array in eight chunks."""
    return da.from_array(digits, chunks=(50, 28, 28))
