"""What every exhibit is: numbers that are measured, words about them, and perhaps a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bitsback_lab.paper.contents import ENTRIES, Entry

Numbers = dict[str, Any]
"""What JSON can hold."""

TIMED = "timed"
"""The key under which an exhibit keeps what another run on another machine would measure
differently.
"""


def _no_progress(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Conditions:
    """How an exhibit is to be measured."""

    remeasure: bool = False
    """Measure other compressors again, even where a stored figure is at hand."""
    progress: Callable[[int, int], None] = _no_progress
    """Called with the parts done and all parts."""


@dataclass(frozen=True)
class Exhibit:
    """measure: the numbers, which depend on nothing but the package and its data, but for those
    under `TIMED`. text: a Markdown section for them, without its heading. draw: writes pictures
    NAME.png and NAME.svg into a folder, and says which.
    """

    measure: Callable[[Conditions], Numbers]
    text: Callable[[Numbers], str]
    draw: Callable[[Numbers, Path], list[Path]] | None = None


def find(name: str) -> tuple[Entry, Exhibit]:
    """The exhibit of that name, which must be one of `names.NAMES`."""
    entry = next(entry for entry in ENTRIES if entry.name == name)
    exhibit = import_module(entry.module).EXHIBIT
    assert isinstance(exhibit, Exhibit)
    return entry, exhibit


def table(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A Markdown table; the first `left` columns are aligned to the left, the others to the
    right.
    """
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    lines = ([cell.replace("|", "\\|") for cell in cells] for cells in (head, rule, *rows))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def fixed(value: float | None, digits: int) -> str:
    """A number with so many digits behind the point and commas between thousands, or a dash for
    none.
    """
    if value is None:
        return "-"
    text = f"{value:,.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text
