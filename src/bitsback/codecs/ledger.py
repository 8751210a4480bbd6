"""What each codec that takes part in a push pushes and pops."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from bitsback.message import Message


@dataclass
class Entry:
    """A push or a pop of a codec, and those that it is made of."""

    codec: Any
    symbols: Any
    pushed: bool
    growth: float
    """Of the message, in bits; what is taken from the supply is counted too."""
    parts: list["Entry"] = field(default_factory=list)


@dataclass
class _Open:
    frame: FrameType
    message: Message
    before: float
    entry: Entry


def ledger(step: Callable[[], object]) -> list[Entry]:
    """Runs `step`, and notes each method push or pop of a codec that it calls, with what these call
    in turn; a method that calls that of its superclass is one. Whatever `step` raises is raised.
    """
    whole = Entry(None, None, True, 0)
    running: list[_Open] = []

    def note(frame: FrameType, event: str, value: Any) -> None:
        if event == "call":
            opened = _opened(frame)
            if opened and all(opened.entry.codec is not other.entry.codec for other in running):
                running.append(opened)
        elif event == "return" and running and running[-1].frame is frame:
            done = running.pop()
            entry = done.entry
            entry.symbols = entry.symbols if entry.pushed else value
            entry.growth = done.message.net_bits - done.before
            (running[-1].entry if running else whole).parts.append(entry)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(before)
    return whole.parts


def _opened(frame: FrameType) -> _Open | None:
    """If this is the call of push(self, message, symbols), or of pop(self, message)."""
    code = frame.f_code
    arguments = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]]
    pushed = code.co_name == "push"
    if code.co_name not in ("push", "pop") or len(arguments) != 2 + pushed:
        return None
    codec, message = arguments[:2]
    if not (isinstance(message, Message) and callable(getattr(codec, "bits", None))):
        return None
    symbols = arguments[2] if pushed else None
    return _Open(frame, message, message.net_bits, Entry(codec, symbols, pushed, 0))
