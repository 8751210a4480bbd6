"""Measures exhibits and writes them into a folder: numbers, pictures and, of all of them, the
page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bitsback.errors import InputError
from bitsback_lab.paper import page, sets, style
from bitsback_lab.paper.compare import differences
from bitsback_lab.paper.contents import NAMES
from bitsback_lab.paper.exhibit import Conditions, Exhibit, Numbers, find
from bitsback_lab.paper.page import FOLDER as FOLDER


def prepare(names: tuple[str, ...], output: Path) -> None:
    """Finds out what could stop the work in its middle. Raises MissingExtra, InputError or
    OSError.
    """
    if any(find(name)[1].draw is not None for name in names):
        style.check()
    if names == NAMES:
        page.check()
    if "table3" in names:
        sets.fashion()
    (output / FOLDER).mkdir(parents=True, exist_ok=True)


def reproduce(name: str, output: Path, conditions: Conditions) -> tuple[Numbers, list[Path]]:
    """Measures an exhibit and writes what there is of it; its numbers, and the files."""
    _, exhibit = find(name)
    numbers = exhibit.measure(conditions)
    return numbers, write(name, exhibit, numbers, output / FOLDER)


def write(name: str, exhibit: Exhibit, numbers: Numbers, folder: Path) -> list[Path]:
    """The numbers as NAME.json and the pictures of an exhibit; the files."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return [path, *(exhibit.draw(numbers, folder) if exhibit.draw is not None else [])]


def write_page(results: dict[str, Numbers], output: Path) -> list[Path]:
    """The page in Markdown and in HTML; the files."""
    folder = output / FOLDER
    text = page.markdown(results, folder)
    paths = [output / "paper.md", output / "paper.html"]
    paths[0].write_text(text, encoding="utf-8")
    paths[1].write_text(page.to_html(text, folder), encoding="utf-8")
    return paths


def read(names: tuple[str, ...], folder: Path) -> dict[str, Numbers]:
    """The numbers of exhibits that lie in a folder. Raises InputError if any are not there, or
    damaged.
    """
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
    """Says each difference between the numbers of some exhibits. Raises InputError if there is
    any.
    """
    count = 0
    for name, numbers in here.items():
        for line in differences(json.loads(json.dumps(numbers)), there[name]):
            count += 1
            say(f"{name}: {line}")
    if count:
        raise InputError(f"{count} numbers differ from those that they were compared with")
