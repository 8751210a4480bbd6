"""The files and folders that some pages name exist."""

from __future__ import annotations

import re

import pytest

from docs.blocks import ROOT

PAGES = ("docs/architecture.md", "docs/how-it-works.md", "tests/README.md")
PAGE = "".join((ROOT / page).read_text() for page in PAGES)
FILES = r"[\w./-]+\.(?:py|pyi|hpp|cpp|md|sh)"
NAMED = sorted({*re.findall(rf"`({FILES})`", PAGE), *re.findall(r"`([\w./-]+/)`", PAGE)})
FOLDERS = ("src", "lab", "train", "tests", "docs", "benchmarks", "examples", "recipes", "tools")


@pytest.fixture(scope="module")
def paths() -> list[str]:
    """The paths of all files and folders from the root. Each begins with `/`, and those of folders
    end with it.
    """
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    inside = [f"/{path.relative_to(ROOT).as_posix()}{'/' * path.is_dir()}" for path in found]
    return [*inside, *(f"/{folder}/" for folder in FOLDERS)]


@pytest.mark.parametrize("name", [name for name in NAMED if "NAME" not in name])
def test_it_is_there(name: str, paths: list[str]) -> None:
    """The name may be relative to any folder that the sentence is about."""
    assert any(path.endswith(f"/{name}") for path in paths)


def test_many_are_named() -> None:
    assert len(NAMED) > 60
