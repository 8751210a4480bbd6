"""Golden archives, conformance files and bundled models stay as they are (tests/frozen.py)."""

from frozen import HASHES, PAGE, hashes, page


def test_no_file_has_changed() -> None:
    assert hashes().splitlines() == HASHES.read_text(encoding="utf-8").splitlines()


def test_the_specification_names_the_bundled_models() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text
