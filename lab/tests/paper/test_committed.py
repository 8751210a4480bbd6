"""The numbers in docs/paper are those that the package computes, and its page is made of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitsback_lab.paper.exhibits import NAMES, Conditions, Numbers, find
from bitsback_lab.paper.reproducing import differences, draw, read, write_page

PAPER = Path(__file__).parents[3] / "docs" / "paper"
QUICK = ("table1", "figure1", "figure4", "figure5")
"""Exhibits that take at most two seconds; `bitsback reproduce all --check docs/paper` checks all of
them.
"""


def committed(name: str) -> Numbers:
    numbers: Numbers = json.loads((PAPER / f"{name}.json").read_text(encoding="utf-8"))
    return numbers


@pytest.mark.parametrize("name", QUICK)
def test_numbers_are_had_again(name: str) -> None:
    numbers = json.loads(json.dumps(find(name)[1].measure(Conditions())))
    assert list(differences(numbers, committed(name))) == []


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page and its pictures, made from the committed numbers."""
    folder = tmp_path_factory.mktemp("renewed")
    shutil.copytree(PAPER, folder / "paper", ignore=shutil.ignore_patterns("*.png", "*.md"))
    results = read(NAMES, folder / "paper")
    draw(results, folder)
    write_page(results, folder)
    return folder / "paper"


def test_the_committed_page_is_made_of_the_committed_numbers(renewed: Path) -> None:
    """`bitsback reproduce page -o docs` renews it."""
    assert (PAPER / "README.md").read_text("utf-8") == (renewed / "README.md").read_text("utf-8")


def test_the_committed_pictures_are_made_of_the_committed_numbers(renewed: Path) -> None:
    """Versions of Matplotlib set letters differently by a little."""
    names = sorted(path.name for path in renewed.glob("*.png"))
    assert names == sorted(path.name for path in PAPER.glob("*.png"))
    for name in names:
        assert (PAPER / name).stat().st_size < 150_000, name
        with Image.open(PAPER / name) as kept, Image.open(renewed / name) as made:
            assert kept.size == made.size, name
            difference = np.subtract(kept.convert("L"), made.convert("L"), dtype=float)
        assert np.abs(difference).mean() < 8, name
