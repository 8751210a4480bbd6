"""Digits, a separate cache for each test, and fast measurements without a new process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback_lab.bench import comparison, peer_cache
from bitsback_lab.bench.process import PeerFailed
from bitsback_lab.digits import binarised_mnist_test_images
from bitsback_lab.peers.measure import Measurement, Peer, measure
from bitsback_lab.peers.units import Images

PROCESSOR = "a processor of the tests"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a test, which the cache is in too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def digits() -> NDArray[np.bool_]:
    """bool [40, 28, 28]."""
    return binarised_mnist_test_images()[:40]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes measurements run in this process, under a fixed processor name. Returns the measured
    titles.
    """
    titles: list[str] = []

    def here(peer: Peer, images: Images) -> Measurement:
        titles.append(peer.title)
        try:
            found = measure(peer, images)
        except Exception as error:
            raise PeerFailed(f"{peer.title}: {error}") from None
        return replace(found, processor=PROCESSOR, date="2026-01-02", memory_bytes=50_000_000)

    for module in (peer_cache, comparison):
        monkeypatch.setattr(module, "measure_apart", here)
    monkeypatch.setattr(comparison, "processor", lambda: PROCESSOR)
    return titles
