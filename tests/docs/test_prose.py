"""The checker of prose finds long sentences and bad phrases, and nothing in code."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from docs.blocks import ROOT

CHECK = runpy.run_path(str(ROOT / "tools" / "check_prose.py"))["check"]
LONG = "word " * 31 + "end."
SHORT = "word " * 29 + "end."


@pytest.fixture
def faults(tmp_path: Path):
    def faults(text: str, name: str = "page.md") -> list[tuple[int, str]]:
        (tmp_path / name).write_text(text)
        return list(CHECK(tmp_path / name))

    return faults


def test_a_long_sentence_has_the_line_where_it_begins(faults) -> None:
    assert faults(f"# Title\n\nIt is short.\nThe {LONG}\n") == [
        (4, "33 words: The word word word word word word word ...")
    ]


@pytest.mark.parametrize(
    "text",
    [
        SHORT,
        f"{SHORT[:-1]}\n\n{SHORT}",
        f"- {SHORT[:-1]}\n- {SHORT}",
        f"{SHORT[:-5]} `{LONG}`.",
        f"[one]({LONG.replace(' ', '-')}) {SHORT[10:]}",
        f"```\n{LONG}\n```",
        f"    {LONG}",
        f"| {LONG} |",
        "Each of which is good.",
    ],
)
def test_these_are_good(faults, text: str) -> None:
    assert not faults(text)


@pytest.mark.parametrize(
    "text", ["An archive of which\nlittle is left.", "It was asked for.", "Models that count"]
)
def test_bad_phrases(faults, text: str) -> None:
    assert len(faults(text)) == 1


def test_docstrings_and_no_other_strings_of_python(faults) -> None:
    source = f'''"""{SHORT}\n\n    {LONG}\n"""\nNAME = 1\n"""{LONG}"""\nTEXT = "{LONG}"\n'''
    assert faults(source, "module.py") == [
        (6, "32 words: word word word word word word word word ...")
    ]


def test_what_is_left_out(tmp_path: Path) -> None:
    files = runpy.run_path(str(ROOT / "tools" / "check_prose.py"))["files"]
    for name in ("a.md", "b.py", "c.txt"):
        (tmp_path / name).touch()
    assert files([str(tmp_path), f"!{tmp_path}/b.py"]) == [tmp_path / "a.md"]
