"""Delay Ctrl-C and other requests to stop while something must be completed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""The signals that stop a process, as far as the system has them."""


@contextmanager
def put_off() -> Iterator[None]:
    """Delays the action on a signal that arrives in the body until the body has ended.

    It works in the main thread, to which Python delivers signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    put = {
        number: handler
        for number, handler in before.items()
        if handler is not None and handler is not signal.SIG_IGN
    }
    for number in put:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in put.items():
            signal.signal(number, handler)
        for number in arrived[:1]:
            signal.raise_signal(number)
