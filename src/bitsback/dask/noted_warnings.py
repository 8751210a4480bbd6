"""Warnings of one thread, kept for whoever is to be told of them."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bitsback.errors import InputWarning
from bitsback.locks import Lock

_lock = Lock()
_thread = threading.local()
_users = 0
_catching: Any = None


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collects the InputWarnings of this thread, while other threads may do the same: the module
    `warnings` is one for all of them.
    """
    notes: list[str] = []
    _thread.notes = notes
    _enter()
    try:
        yield notes
    finally:
        _thread.notes = None
        _leave()


def _enter() -> None:
    global _users, _catching
    with _lock:
        _users += 1
        if _users > 1:
            return
        _catching = warnings.catch_warnings()
        _catching.__enter__()
        warnings.simplefilter("always", InputWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            notes = getattr(_thread, "notes", None)
            if notes is None or not issubclass(category, InputWarning):
                usual(message, category, *place)
            else:
                notes.append(str(message))

        warnings.showwarning = show  # type: ignore[assignment]


def _leave() -> None:
    global _users, _catching
    with _lock:
        _users -= 1
        if _users == 0:
            _catching.__exit__(None, None, None)
            _catching = None
