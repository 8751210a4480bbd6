"""Compressors in their own process: memory, failures and termination."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback_lab.bench.process import PeerFailed, measure_apart
from bitsback_lab.peers.measure import Peer, peak_memory

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets this process and those it starts import `odd_codecs`."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


def peer(name: str, decode: str | None = None) -> Peer:
    import odd_codecs

    return Peer(
        name, "stream", getattr(odd_codecs, name), getattr(odd_codecs, decode) if decode else bytes
    )


def test_a_peer_is_measured(digits: NDArray[np.bool_]) -> None:
    found = measure_apart(Peer("copy", "stream", bytes, bytes, version="1"), digits)
    assert (found.bytes, found.images, found.pixels, found.version) == (
        digits.size // 8,
        40,
        digits.size,
        "1",
    )
    assert found.processor and found.date
    assert found.encode_seconds > 0 < found.decode_seconds


def test_its_memory_is_that_of_its_own_process(digits: NDArray[np.bool_]) -> None:
    large = np.ones(300_000_000, np.uint8)  # must not count as memory of a child
    found = measure_apart(peer("fill"), digits)
    if peak_memory() is None:  # this system does not say
        assert found.memory_bytes is None
        return
    assert found.memory_bytes is not None and found.memory_before_bytes is not None
    assert 60e6 < found.memory_bytes - found.memory_before_bytes < 90e6
    assert found.memory_bytes < large.size


@pytest.mark.parametrize(
    ("name", "decode", "said"),
    [
        ("fail", None, "fail, stream: RuntimeError: no room"),
        ("lose", None, "lose, stream: ValueError: lose (stream) did not restore the images"),
        (
            "crash",
            None,
            "crash, stream: was ended by signal 6"
            if os.name == "posix"
            else "crash, stream: exited with",
        ),
    ],
)
def test_who_fails_is_named_in_a_line(
    digits: NDArray[np.bool_], name: str, decode: str | None, said: str
) -> None:
    with pytest.raises(PeerFailed) as raised:
        measure_apart(peer(name, decode), digits)
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_an_interrupt_ends_it_and_what_it_started(
    digits: NDArray[np.bool_], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, main = folder / "started", threading.get_ident()
    monkeypatch.setenv("STARTED", str(started))

    def interrupt() -> None:
        while not started.exists() or not started.read_text():
            time.sleep(0.01)
        if hasattr(signal, "pthread_kill"):  # it ends the main thread's wait
            signal.pthread_kill(main, signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        measure_apart(peer("wait"), digits)
    thread.join()
    for pid in map(int, started.read_text().split()):
        assert _ended(pid)


def _ended(pid: int) -> bool:
    """Whether a process has ended or is about to."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        if sys.platform == "linux" and status.exists() and ") Z" in status.read_text():
            return True
        time.sleep(0.01)
    return False
