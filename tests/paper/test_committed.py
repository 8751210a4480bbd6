"""The numbers in docs/paper are those that the package computes, and suffice to make the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bitsback_lab.paper import page
from bitsback_lab.paper.exhibits import ENTRIES, NAMES, Conditions, Numbers, find
from bitsback_lab.paper.reproducing import differences

DOCS = Path(__file__).parents[2] / "docs"
QUICK = ("table1", "figure1", "figure4", "figure5")
"""Exhibits that take at most two seconds; `bitsback reproduce all --check docs/paper` checks all of
them.
"""


def committed(name: str) -> Numbers:
    numbers: Numbers = json.loads((DOCS / "paper" / f"{name}.json").read_text(encoding="utf-8"))
    return numbers


@pytest.mark.parametrize("name", QUICK)
def test_numbers_are_had_again(name: str) -> None:
    numbers = json.loads(json.dumps(find(name)[1].measure(Conditions())))
    assert list(differences(numbers, committed(name))) == []


def test_the_page_is_made_of_the_numbers() -> None:
    text = page.markdown({name: committed(name) for name in NAMES}, DOCS / "paper")
    for entry in ENTRIES:
        assert f"\n## {entry.title}\n\n    bitsback reproduce {entry.name}\n" in text
    assert "\n## Exactness matters\n" in text
