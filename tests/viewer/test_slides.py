"""Whole slides in the viewer: their pages, tile by tile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import bitsback
from slide_files import LAYOUTS, page_of, with_damaged_tile
from viewer.browser import Browser
from viewer.pages import CHECK, canvas, open_entry, show

pytestmark = pytest.mark.chromium

DRAWN = "[...view.page.levels.at({}).tiles.values()].every(Boolean) && !view.frame"


@pytest.mark.parametrize("name", ["aperio.svs", "inside.ome.tif", "plain.tif", "colours.tif"])
def test_pages_and_levels(browser: Browser, name: str, tmp_path: Path) -> None:
    write, levels, pages, _ = LAYOUTS[name]
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / name)
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast")
    with tifffile.TiffFile(tmp_path / "in" / name) as tiff:
        level_pixels = [page_of(tiff, number).asarray().astype(int) for number in levels]
        page_pixels = {title: tiff.pages[n].asarray().astype(int) for title, n in pages.items()}
    show(browser, tmp_path / "x.bb")
    browser.wait("document.querySelectorAll('#grid canvas').length === 1")
    assert open_entry(browser, 0).startswith("checked: ")
    browser.wait(f"view.page && {DRAWN.format(0)}")
    assert "516 x 388" in browser.run("at.canvas.getAttribute('aria-label')")
    browser.run("view.zoomTo(1)")
    browser.wait(DRAWN.format(0))
    same_in_the_middle(browser, level_pixels[0])
    if len(levels) > 1:
        browser.run("view.zoomTo(0.25)")
        browser.wait(DRAWN.format(-1))
        same_in_the_middle(browser, level_pixels[1])
    for number, title in enumerate(browser.run("view.slide.map((page) => page.name)")[1:], 1):
        expected = page_pixels.pop(title)
        browser.run(f"view.moveAlong(0, {number})")
        if title in ("label", "page 3"):  # whose pixels the archive has coded
            browser.wait(f"!view.page && view.values && {CHECK}.startsWith('checked')")
            assert np.array_equal(canvas(browser)[..., :3], expected)
            assert not browser.run("at.png.hidden")
        else:
            browser.run("view.zoomTo(1)")
            browser.wait(DRAWN.format(0))
            same_in_the_middle(browser, expected.reshape(*expected.shape[:2], -1))
            assert browser.run("at.png.hidden")
    assert not page_pixels


def test_a_damaged_tile_is_named_and_the_others_show(browser: Browser, tmp_path: Path) -> None:
    with_damaged_tile(tmp_path / "slide.tif")
    bitsback.compress([tmp_path / "slide.tif"], tmp_path / "x.bb", model="fast")
    show(browser, tmp_path / "x.bb")
    open_entry(browser, 0)
    browser.wait(
        "view.fault && [...view.page.levels[0].tiles.values()].filter(Boolean).length > 60"
    )
    for _ in range(2):
        browser.run("view.drawPage()")
        assert browser.run(CHECK).startswith("damaged: the JPEG tile in row 1, column 1 cannot")


def same_in_the_middle(browser: Browser, expected: NDArray[Any]) -> None:
    """Compares the canvas with a page in its middle. Decoders of JPEG round differently."""
    found = canvas(browser)[..., :3].astype(int)
    top, left = (found.shape[axis] - expected.shape[axis] for axis in (0, 1))
    assert top >= 0 and left >= 0
    part = found[top // 2 :, left // 2 :][: expected.shape[0], : expected.shape[1]]
    assert np.abs(part - expected).max() <= 4
