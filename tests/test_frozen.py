"""Golden archives, conformance files and bundled models stay as they are (tests/frozen.py)."""

import pytest

from docs.specification import steps, valid_files
from frozen import HASHES, ROOT, TABLES, hashes, page


def test_no_file_has_changed() -> None:
    assert hashes().splitlines() == HASHES.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_specification(name: str) -> None:
    assert page(name) == (ROOT / name).read_text(encoding="utf-8")


def test_the_last_step_restores_every_file() -> None:
    assert steps().endswith(f" {len(valid_files())} |")
