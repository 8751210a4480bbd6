"""The tables of the specification that are computed are those of docs/."""

from __future__ import annotations

from docs.blocks import ROOT
from docs.specification import models, steps, valid_files


def test_files_after_each_step() -> None:
    assert steps() in (ROOT / "docs" / "format.md").read_text("utf-8")
    assert steps().endswith(f" {len(valid_files())} |")


def test_bundled_models() -> None:
    assert models() in (ROOT / "docs" / "model-format.md").read_text("utf-8")
