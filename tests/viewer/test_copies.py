"""Copies in the viewer: each shows the content and the preview of its original."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitsback
from viewer.browser import Browser
from viewer.pages import canvas, open_entry, photo, show, shown_as

pytestmark = pytest.mark.chromium


def test_copies(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture = photo(150, 200)
    Image.fromarray(picture).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.txt").write_text("a text of a file, " * 5)
    for name, original in (("c.png", "a.png"), ("d.png", "a.png"), ("e.txt", "b.txt")):
        shutil.copy(tmp_path / "in" / original, tmp_path / "in" / name)
    path = tmp_path / "x.bb"
    summary = bitsback.compress(tmp_path / "in", path, model="universal-fast", previews=True)
    assert summary.copies.files == 3
    bitsback.remove(path, ["a.png"])
    show(browser, path)
    browser.run("at.others.click()")
    names = browser.run("grid.numbers.map((number) => archive.entry(number).name)")
    assert names == ["b.txt", "c.png", "d.png", "e.txt"]
    shown = "archive.previews.find(archive.entry({}).file).then((bytes) => bytes.length)"
    for number in (1, 2):
        assert open_entry(browser, number).startswith("checked: ")
        assert np.array_equal(canvas(browser)[..., :3], shown_as(picture))
        assert browser.run(shown.format(number)) > 0
    for number in (0, 3):
        open_entry(browser, number)
        assert browser.run("at.values.textContent") == "a text of a file, " * 5
