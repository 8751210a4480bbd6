"""What goes into a release: one version, and the licence of each part."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

import bitsback
from bitsback.models import bundled, load_model

ROOT = Path(__file__).parent.parent
SHORT = {"CC BY-SA 3.0": "CC-BY-SA-3.0", "CC BY-SA 4.0": "CC-BY-SA-4.0", "CC0 1.0": "CC0-1.0"}


def project(folder: str) -> dict[str, Any]:
    fields: dict[str, Any] = tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))
    return fields["project"]


def test_there_is_one_version() -> None:
    version = bitsback.__version__
    train, lab = project("train"), project("lab")
    assert train["version"] == lab["version"] == version
    assert train["dependencies"] == [f"bitsback=={version}"]
    assert lab["dependencies"] == [f"bitsback=={version}", "matplotlib>=3.8"]
    assert project("")["optional-dependencies"]["train"] == [f"bitsback-train[torch]=={version}"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("name", bundled.names())
def test_the_licence_of_each_model_is_said(name: str) -> None:
    table = (ROOT / "src/bitsback/models/bundled/LICENCE.md").read_text("utf-8")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    (row,) = [
        row
        for row in rows
        if any(
            fnmatch(f"{name}.safetensors", pattern) for pattern in re.findall(r"`([^`]+)`", row[1])
        )
    ]
    said = re.sub(r"\[(.+)\]\(.+\)", r"\1", row[3].strip())
    licence = SHORT.get(said, said)
    assert load_model(name).licence == licence
    assert licence in project("")["license"].split(" AND ")


def test_the_licences_of_what_is_compiled_in_are_there() -> None:
    assert "Wenzel Jakob" in (ROOT / "LICENSES" / "nanobind.txt").read_text("utf-8")
    assert "Goetghebuer-Planchon" in (ROOT / "LICENSES" / "robin-map.txt").read_text("utf-8")
