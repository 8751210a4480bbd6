"""With what a push or a pop calls functions that return codecs."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import numpy as np

from bitsback.codecs.base import is_codec
from bitsback.codecs.forms import one_form


@dataclass(frozen=True)
class Call:
    """Of a function outside of this library. What is no array, number, or list, tuple or dict of
    such, is left out.
    """

    name: str
    code: CodeType
    values: tuple[Any, ...]
    """Of its arguments, whatever their form."""
    forms: tuple[str, ...]


def calls(step: Callable[[], Any]) -> tuple[Any, list[Call]]:
    """What `step` returns, and the calls in it that have returned a codec, in their order."""
    open_ones: dict[FrameType, Call] = {}
    found: list[Call] = []

    def note(frame: FrameType, event: str, value: Any) -> None:
        if event == "call" and not _is_ours(frame):
            open_ones.setdefault(frame, _call(frame))
        elif event == "return" and frame in open_ones:
            call = open_ones.pop(frame)
            if is_codec(value) and not isinstance(value, type):
                found.append(call)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        result = step()
    finally:
        sys.setprofile(before)
    return result, found


def difference(pushed: list[Call], popped: list[Call]) -> str | None:
    """What a function is given in another form by a push than by a pop, if it is."""
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
    """Symbols in their one form, whatever their shape."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    parts = value.values() if isinstance(value, Mapping) else value
    return tuple(map(_contents, parts))


def _form(value: Any) -> str:
    """What arithmetic on it may depend on beside its value; empty for what is none of symbols."""
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
