"""README.md, the docs and `bitsback models` state the same speeds."""

from pathlib import Path

import pytest
from model_speeds import PAGES, with_speeds

from bitsback.models import bundled


def test_each_model_has_its_speeds() -> None:
    assert list(bundled.speeds()) == list(bundled.names())
    assert all(speed > 0 for both in bundled.speeds().values() for speed in both)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_have_the_speeds_of_the_table(page: Path) -> None:
    text = page.read_text()
    assert with_speeds(text) == text, "run benchmarks/model_speeds.py --write"
    assert with_speeds(text.replace("| 1.6 | 2.1 |", "| 1.7 | 2.1 |")) == text
