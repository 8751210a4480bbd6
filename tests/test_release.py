"""A release has one version and the licence of each part, and workflows are safe to run."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import bitsback
from bitsback.format.layout import MAGIC, VERSION
from bitsback.models import bundled, load_model

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
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


def test_the_registrations_have_the_magic_number() -> None:
    page = (ROOT / "docs/registrations.md").read_text("utf-8")
    assert f"`{MAGIC.hex(' ').upper()}` at the start" in page
    assert page.count(ascii(MAGIC)[2:-1]) == 2
    assert f"version {VERSION}" in page


def test_the_licences_of_what_is_compiled_in_are_there() -> None:
    assert "Wenzel Jakob" in (ROOT / "LICENSES" / "nanobind.txt").read_text("utf-8")
    assert "Goetghebuer-Planchon" in (ROOT / "LICENSES" / "robin-map.txt").read_text("utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_the_hash_of_a_commit(path: Path) -> None:
    """A tag can move; the comment tells people and Dependabot the version."""
    lines = [line for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(r" +- uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_limits(path: Path) -> None:
    """A workflow bounds the time and the rights of its jobs, and its runs at the same time."""
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert {"group", "cancel-in-progress"} == workflow["concurrency"].keys()
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90, name


def test_a_pull_request_runs_once() -> None:
    # YAML reads the key `on` as true.
    events = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))[True]
    assert events == {"push": {"branches": ["main"]}, "pull_request": None}


def test_what_the_tests_install_has_upper_limits() -> None:
    lines = (ROOT / "tests/constraints.txt").read_text("utf-8").splitlines()
    limits = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all([each.operator for each in limit.specifier] == ["<"] for limit in limits)
    extras = project("")["optional-dependencies"]
    names = ("torch", "remote", "dask", "zarr", "hdf5", "mount", "docs", "test")
    needed = [*project("")["dependencies"], *project("lab")["dependencies"]]
    needed += [each for name in names for each in extras[name]]
    installed = {Requirement(each).name for each in needed} - {"bitsback"}
    assert installed <= {limit.name for limit in limits}
