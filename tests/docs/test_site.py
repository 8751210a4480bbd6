"""The site builds without warnings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import bitsback.errors
from bitsback_lab.paper.exhibits import ENTRIES, find
from docs.blocks import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    ran = subprocess.run(
        [*command, "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(folder)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert not ran.returncode, ran.stderr
    return folder


def test_nothing_is_fetched_by_who_reads_it(site: Path) -> None:
    class Fetched(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            known = dict(attributes)
            what = known.get("href" if tag == "link" else "src") or ""
            assert "://" not in what or known.get("rel") == "canonical", f"{page}: {what}"

    for page in site.rglob("*.html"):
        Fetched().feed(page.read_text("utf-8"))


def test_the_paper_is_there_with_its_pictures(site: Path) -> None:
    text = (site / "paper" / "index.html").read_text("utf-8")
    names = [entry.name for entry in ENTRIES if find(entry.name)[1].draw is not None]
    for name in names:
        assert f'src="{name}.png"' in text
        assert (site / "paper" / f"{name}.png").exists()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("api/codecs", "likelihood"),
        ("commands", "--unordered"),
        ("figures", "Kodak"),
        ("examples", "vae.py"),
    ],
)
def test_what_is_gathered_is_there(site: Path, page: str, text: str) -> None:
    assert text in (site / page / "index.html").read_text("utf-8")


MODULES = (
    "bitsback", "bitsback.torch", "bitsback.dask", "bitsback_train", "bitsback_train.portable",
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_all_that_is_public_is_told_of(module: str) -> None:
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    told = {*re.findall(r"^::: (bitsback[\w.]*)$", pages, re.MULTILINE)}
    told |= {name.replace(".codecs.", ".") for name in told}
    told |= {f"bitsback.{name}" for name in vars(bitsback.errors)}  # all on one page
    found = import_module(module)
    public = [name for name in found.__all__ if not isinstance(getattr(found, name), ModuleType)]
    assert {f"{module}.{name}" for name in public} <= told
