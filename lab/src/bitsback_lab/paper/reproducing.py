"""Measure exhibits and write them into a folder: numbers, pictures and the page of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bitsback.errors import InputError
from bitsback_lab.paper import page, sets
from bitsback_lab.paper.exhibits import TIMED, Conditions, Exhibit, Numbers, find
from bitsback_lab.paper.page import FOLDER as FOLDER


def prepare(names: tuple[str, ...], output: Path) -> None:
    """Checks everything that could stop the work half-way. Raises InputError or OSError."""
    if "table3" in names:
        sets.fashion()
    (output / FOLDER).mkdir(parents=True, exist_ok=True)


def reproduce(name: str, output: Path, conditions: Conditions) -> tuple[Numbers, list[Path]]:
    """Measures and writes an exhibit. Returns its numbers and the files."""
    _, exhibit = find(name)
    numbers = exhibit.measure(conditions)
    return numbers, write(name, exhibit, numbers, output / FOLDER)


def write(name: str, exhibit: Exhibit, numbers: Numbers, folder: Path) -> list[Path]:
    """Writes an exhibit's numbers as NAME.json and its pictures. Returns the files."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return [path, *(exhibit.draw(numbers, folder) if exhibit.draw is not None else [])]


def draw(results: dict[str, Numbers], output: Path) -> list[Path]:
    """Draws the exhibits. Returns the files."""
    folder = output / FOLDER
    exhibits = [(find(name)[1], numbers) for name, numbers in results.items()]
    return [path for each, numbers in exhibits if each.draw for path in each.draw(numbers, folder)]


def write_page(results: dict[str, Numbers], output: Path) -> list[Path]:
    """Writes the page into the folder of its pictures. Returns the file."""
    folder = output / FOLDER
    path = folder / page.PAGE
    path.write_text(page.markdown(results, folder), encoding="utf-8", newline="\n")
    return [path]


def read(names: tuple[str, ...], folder: Path) -> dict[str, Numbers]:
    """The numbers of exhibits in a folder. Raises InputError if any are missing or damaged."""
    results = {}
    for name in names:
        path = folder / f"{name}.json"
        try:
            results[name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: cannot be read ({error}); 'bitsback reproduce {name}' makes it"
            ) from None
    return results


def compare(
    here: dict[str, Numbers], there: dict[str, Numbers], say: Callable[[str], None]
) -> None:
    """Reports each difference between the numbers of some exhibits. Raises InputError if there is
    any.
    """
    count = 0
    for name, numbers in here.items():
        for line in differences(json.loads(json.dumps(numbers)), there[name]):
            count += 1
            say(f"{name}: {line}")
    if count:
        raise InputError(f"{count} numbers differ from those that they were compared with")


VERSION = "version"
"""Numbers beside this key depend on this version; those of other versions are not compared."""


def differences(here: Any, there: Any, path: str = "") -> Iterator[str]:
    """A line for each number that differs, with its place. Timings and other versions are
    ignored.
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
