"""The misreadings of the specification fit it, and the files that they spoil are there."""

import json
import runpy
from typing import Any

import pytest

from docs.blocks import ROOT

FOLDER = ROOT / "conformance"
MISREADINGS = runpy.run_path(str(FOLDER / "misreadings.py"))["MISREADINGS"]


@pytest.mark.parametrize("one", MISREADINGS, ids=lambda one: one.name)
def test_it_fits_the_specification(one: Any) -> None:
    text = (ROOT / f"tests/reference/{one.module}.py").read_text(encoding="utf-8")
    assert [text.count(right) for right, _ in one.changes] == [1] * len(one.changes)


def test_the_files_that_they_spoil_are_there() -> None:
    spoiled = json.loads((FOLDER / "misreadings.json").read_text(encoding="utf-8"))
    assert set(spoiled) == {f"{one.section}, {one.name}" for one in MISREADINGS}
    assert all((FOLDER / file).is_file() for file in spoiled.values())
