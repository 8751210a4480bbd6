"""Trace a push or a pop for `check_codec`: the codecs that take part in it, and the arguments of
functions that return codecs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from bitsback.codecs.codec import is_codec, one_form
from bitsback.message import Message


@dataclass(frozen=True)
class Call:
    """A call of a function outside of this library. Arguments other than arrays, numbers, and
    lists, tuples or dicts of these are left out.
    """

    name: str
    code: CodeType
    values: tuple[Any, ...]
    """The values of its arguments, whatever their form."""
    forms: tuple[str, ...]


def calls(step: Callable[[], Any]) -> tuple[Any, list[Call]]:
    """The return value of `step`, and the calls in it that returned a codec, in order."""
    open_ones: dict[FrameType, Call] = {}
    found: list[Call] = []

    def note(frame: FrameType, event: str, value: Any) -> None:
        if event == "call" and not _is_ours(frame):
            open_ones.setdefault(frame, _call(frame))
        elif event == "return" and frame in open_ones:
            call = open_ones.pop(frame)
            if is_codec(value) and not isinstance(value, type):
                found.append(call)

    return _profiled(step, note), found


def _profiled(step: Callable[[], Any], note: Callable[[FrameType, str, Any], None]) -> Any:
    """The return value of `step`; `note` is called for every call and return in it."""
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        return step()
    finally:
        sys.setprofile(before)


def difference(pushed: list[Call], popped: list[Call]) -> str | None:
    """The argument, if there is one, that a function gets in different forms in a push and in a
    pop.
    """
    pushes = {(call.code, call.values): call for call in pushed}
    for pop in popped:
        push = pushes.get((pop.code, pop.values))
        if push is not None and push.forms != pop.forms:
            return (
                f"{push.name} is called with {', '.join(push.forms)} by a push and with"
                f" {', '.join(pop.forms)} by a pop"
            )
    return None


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("bitsback.")


def _call(frame: FrameType) -> Call:
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    arguments = [frame.f_locals.get(name) for name in code.co_varnames[:count]]
    known = [value for value in arguments if _form(value)]
    values = tuple(_contents(one_form(value)) for value in known)
    name = f"{code.co_qualname} (line {code.co_firstlineno} of {code.co_filename})"
    return Call(name, code, values, tuple(map(_form, known)))


def _contents(value: Any) -> Any:
    """Symbols in a canonical form, whatever their shape."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    parts = value.values() if isinstance(value, Mapping) else value
    return tuple(map(_contents, parts))


def _form(value: Any) -> str:
    """The properties, besides the value, on which arithmetic may depend; empty for anything but
    symbols.
    """
    if isinstance(value, np.ndarray):
        order = "" if value.flags.c_contiguous else " that is not contiguous"
        return f"{value.dtype} of shape {value.shape}{order}"
    if isinstance(value, np.generic):
        return f"a number of {value.dtype}"
    if isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return f"a {type(value).__name__}"
    if isinstance(value, tuple | list):
        parts = list(map(_form, value))
        return f"a {type(value).__name__} of {' and '.join(parts)}" if all(parts) else ""
    if isinstance(value, Mapping):
        return _form(tuple(value.values()))
    return ""


@dataclass
class Entry:
    """A push or a pop of a codec, with the pushes and pops inside."""

    codec: Any
    symbols: Any
    pushed: bool
    growth: float
    """The growth of the message, in bits, including words of the implicit tail."""
    parts: list[Entry] = field(default_factory=list)


@dataclass
class _Open:
    frame: FrameType
    message: Message
    before: float
    entry: Entry


def ledger(step: Callable[[], object]) -> list[Entry]:
    """Runs `step`, and records each push or pop of a codec that it calls, with the calls inside; a
    method that calls that of its superclass is one entry. Errors of `step` are raised.
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

    _profiled(step, note)
    return whole.parts


def _opened(frame: FrameType) -> _Open | None:
    """The entry of a call of push(self, message, symbols) or pop(self, message); None for other
    calls.
    """
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
