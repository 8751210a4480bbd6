"""Whether two runs of an exhibit gave the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bitsback_lab.paper.exhibit import TIMED

VERSION = "version"
"""Numbers beside this key depend on it: those of another version are not compared."""


def differences(here: Any, there: Any, path: str = "") -> Iterator[str]:
    """A line for each number that differs, with its place. What was timed is left out, and so are
    other versions.
    """
    if isinstance(here, dict) and isinstance(there, dict):
        if here.get(VERSION) != there.get(VERSION):
            return
        for key in [*here, *(key for key in there if key not in here)]:
            if key == TIMED:
                continue
            if key in here and key in there:
                yield from differences(here[key], there[key], f"{path}.{key}" if path else key)
            else:
                yield f"{path}.{key}: only {'here' if key in here else 'there'}".lstrip(".")
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for position, (ours, theirs) in enumerate(zip(here, there, strict=True)):
            yield from differences(ours, theirs, f"{path}[{position}]")
    elif here != there:
        yield f"{path}: {_short(here)} here, {_short(there)} there"


def _short(value: Any) -> str:
    text = f"a list of {len(value)}" if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
