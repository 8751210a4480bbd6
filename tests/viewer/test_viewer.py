"""The viewer in Chromium: what a canvas shows are the pixels that were compressed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.cli.commands import view
from bitsback.cli.commands.view import Server
from bitsback.io.names import printable
from docs.blocks import ROOT
from folders import save
from jpeg_files import in_strips
from viewer.browser import Browser
from viewer.pages import CHECK, canvas, open_entry, photo, settled, show, shown_as
from waiting import PATIENCE, running, until

pytestmark = pytest.mark.chromium


def save_pictures(path: Path) -> dict[str, NDArray[Any]]:
    """Pictures of several modes."""
    pictures: dict[str, NDArray[Any]] = {
        "a/bits.png": photo(40, 50) > 90,
        "a/colour.png": photo(48, 64, 3),
        "deep.png": photo(40, 60).astype(np.uint16) * 201,
        "grey.png": photo(50, 70),
    }
    for name, picture in pictures.items():
        save(picture, path / name)
    (path / "notes.txt").write_text("four pictures")
    return pictures


def test_the_page_is_made_of_what_is_here() -> None:
    run = subprocess.run([sys.executable, ROOT / "viewer" / "build.py", "--check"], text=True)
    assert run.returncode == 0


def test_pixels_are_those_that_went_in(browser: Browser, tmp_path: Path) -> None:
    pictures = save_pictures(tmp_path / "in")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="universal-fast")
    show(browser, tmp_path / "x.bb")
    names = "grid.numbers.map((number) => archive.entry(number).name)"
    assert browser.run(names) == [*pictures]
    assert "1 other file not shown" in browser.run("at.status.textContent")
    assert browser.run(f"at.others.click(), {names}") == [*pictures, "notes.txt"]
    settled(browser)
    assert browser.run("document.querySelectorAll('#grid canvas').length") == len(pictures)
    for number, (name, picture) in enumerate(pictures.items()):
        assert open_entry(browser, number).startswith("checked: "), name
        found = canvas(browser)
        assert np.array_equal(found[..., :3], shown_as(picture)), name
        assert (found[..., 3] == 255).all()
    assert "SHA-256" in open_entry(browser, 1) and "universal-fast" in browser.run(CHECK)
    open_entry(browser, 4)
    assert browser.run("at.values.textContent") == "four pictures"


def test_palettes(browser: Browser, tmp_path: Path) -> None:
    """Indexes show in the colours of the palette, in each format that has one."""
    (tmp_path / "in").mkdir()
    indexes = photo(40, 50) // 64
    image = Image.fromarray(indexes, "P")
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 150, 0, 40, 40, 250])
    for name in ("a.bmp", "a.gif", "a.png", "a.tif"):
        image.save(tmp_path / "in" / name)
    image.save(tmp_path / "in" / "two.png", bits=2)
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    show(browser, tmp_path / "x.bb")
    expected = np.asarray(image.convert("RGB"))
    for number in range(5):
        name = browser.run(f"archive.entry({number}).name")
        assert open_entry(browser, number).startswith("checked: "), name
        assert np.array_equal(canvas(browser)[..., :3], expected), name


def test_jpeg_files(browser: Browser, tmp_path: Path) -> None:
    """Their bytes are restored, and the browser decodes them, also for thumbnails."""
    for name, options in (("a.jpg", {}), ("b.jfif", {"progressive": True})):
        save(photo(48, 64, 3), tmp_path / "in" / name, format="JPEG", **options)
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    assert summary.methods["streams"] == 1
    show(browser, tmp_path / "x.bb")
    browser.wait("document.querySelectorAll('#grid canvas').length === 2")
    for number, name in enumerate(("a.jpg", "b.jfif")):
        assert open_entry(browser, number).startswith("checked: "), name
        browser.wait("!at.canvas.hidden")
        expected = np.asarray(Image.open(tmp_path / "in" / name)).astype(int)
        assert np.abs(canvas(browser)[..., :3] - expected).max() <= 4  # decoders round otherwise


def test_strips_of_a_jpeg_file(browser: Browser, tmp_path: Path) -> None:
    """Several workers decode them."""
    (tmp_path / "in").mkdir()
    content = in_strips()
    (tmp_path / "in" / "a.jpg").write_bytes(content)
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    assert summary.methods["streams"] == 1
    show(browser, tmp_path / "x.bb")
    assert open_entry(browser, 0).startswith("checked: ")
    browser.wait("!at.canvas.hidden")
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert np.abs(canvas(browser)[..., :3] - expected).max() <= 4
    workers, cores = browser.run(
        "[archive.scheduler.workers.length, navigator.hardwareConcurrency]"
    )
    assert workers == min(2, cores)


def test_slices_of_a_stack(browser: Browser, tmp_path: Path) -> None:
    stack = np.stack([np.roll(photo(40, 60), s, 1) for s in range(6)]).astype(np.uint16) * 3
    bitsback.compress(stack, tmp_path / "x.bb", stack=True, tile=16)
    show(browser, tmp_path / "x.bb")
    assert browser.run("view.places") == [3]  # one item is opened at once, in its middle
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=640, y=400, deltaX=0, deltaY=120)
    browser.wait(f"view.places[0] === 4 && {CHECK}.startsWith('checked')")
    values = browser.run("Array.from(view.values)")
    assert np.array_equal(np.array(values).reshape(40, 60), stack[4])


def test_a_damaged_block_shows_and_the_others_open(browser: Browser, tmp_path: Path) -> None:
    items = np.stack([np.roll(photo(32, 32), i, 0) for i in range(6)])
    bitsback.compress(items, tmp_path / "x.bb", block=2, model="universal-fast")
    show(browser, tmp_path / "x.bb")
    start, size, *_ = browser.run("archive.decoder.json('block', 1)")
    data = bytearray((tmp_path / "x.bb").read_bytes())
    data[start + size // 2] ^= 16
    (tmp_path / "x.bb").write_bytes(data)
    show(browser, tmp_path / "x.bb")
    labels = browser.run(
        "Array.from(document.querySelectorAll('.cell'), (cell) => cell.getAttribute('aria-label'))"
    )
    assert ["damaged" in label for label in labels] == [False, False, True, True, False, False]
    assert open_entry(browser, 2).startswith("damaged: ")
    assert open_entry(browser, 4).startswith("checked: ")
    assert np.array_equal(canvas(browser)[..., 0], items[4])


def test_an_archive_by_ranges(browser: Browser, tmp_path: Path) -> None:
    """The server of `bitsback view`; what is not looked at is not read."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 100, 100), np.uint8)
    bitsback.compress(noise, tmp_path / "x.bb", block=4)
    assert (tmp_path / "x.bb").stat().st_size > 390_000
    with Server(tmp_path / "x.bb") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(server.address())
        browser.wait("Boolean(archive)")
        settled(browser)
        browser.events.clear()
        assert browser.run("archive.traffic") <= 2 * 65536
        open_entry(browser, 39)
        assert np.array_equal(canvas(browser)[..., 0], noise[39])
        received = [
            event["params"]["encodedDataLength"]
            for event in browser.events
            if event["method"] == "Network.loadingFinished"
        ]
        assert sum(received) < 50_000
        server.shutdown()


@pytest.mark.slow
def test_an_archive_of_2_gb_opens_with_3_mb(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise, which is stored raw: 131,072 items in 8,192 blocks. What the server sends is counted:
    until the thumbnails in sight are there, and then for the last item.
    """
    noise = np.random.default_rng(0).integers(0, 256, (512, 128, 128), np.uint8)
    bitsback.compress(noise, tmp_path / "part.bb", block=16)
    bitsback.merge([tmp_path / "part.bb"] * 256, tmp_path / "x.bb")
    assert (tmp_path / "x.bb").stat().st_size > 2e9
    sent = 0

    def count(handler: BaseHTTPRequestHandler, name: str, value: str) -> None:
        nonlocal sent
        if name == "Content-Length" and handler.command == "GET" and "/archive/" in handler.path:
            sent += int(value)
        BaseHTTPRequestHandler.send_header(handler, name, value)

    monkeypatch.setattr(view._Handler, "send_header", count, raising=False)
    with Server(tmp_path / "x.bb") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(server.address())
        browser.wait("Boolean(archive)")
        browser.wait("document.querySelectorAll('#grid canvas').length > 10")
        settled(browser)
        assert 0 < sent < 3_000_000
        before = sent
        open_entry(browser, 131_071)
        browser.wait(f"{CHECK}.startsWith('checked')")
        assert np.array_equal(canvas(browser)[..., 0], noise[511])
        assert 0 < sent - before < 1_000_000
        server.shutdown()
    (tmp_path / "x.bb").unlink()


def test_search_and_keys(browser: Browser, tmp_path: Path) -> None:
    save_pictures(tmp_path / "in")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="universal-fast")
    browser.size(390, 780)
    show(browser, tmp_path / "x.bb")
    assert browser.run("document.documentElement.scrollWidth") <= 390
    browser.run("at.search.value = 'A/'; search()")
    assert browser.run("at.status.textContent").startswith("2 of 5 entries")
    browser.run("grid.moveTo(0)")
    browser.press("ArrowRight")
    browser.wait("document.activeElement.getAttribute('aria-label')?.startsWith('a/colour')")
    browser.run("document.activeElement.click()")
    browser.wait(f"at.picture.open && {CHECK}.startsWith('checked')")
    assert browser.run("at.picture.scrollWidth") <= 390
    browser.press("ArrowLeft")
    browser.wait("at.name.textContent === 'a/bits.png'")
    browser.press("Escape")
    browser.wait("!at.picture.open")
    browser.size(1280, 800)


ACT = "window.acted=true"
SCRIPTS = (
    f"<img src=x onerror={ACT}>.png",
    f'"><script>{ACT}</script>.txt',
    f"<svg onload={ACT}>.png",
    f"' onmouseover='{ACT}.png",
    f"javascript:{ACT}.png",
    f"</title><script>{ACT}</script>",
    f"<iframe srcdoc='<script>parent.{ACT}</script>'>.jpg",
    "${" + ACT + "}{{constructor.constructor('window.acted=true')()}}.png",
    "\u202egnp.\u2028\x1b[31m<b>.png",
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_scripts_in_names_do_not_run(browser: Browser, tmp_path: Path) -> None:
    for number, name in enumerate(SCRIPTS):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.fromarray(photo(20, 30 + number)).save(path, "PNG")
        else:
            path.write_text(name)
    axes = {"axes": "CYX", "Channel": {"Name": [f"<img src=x onerror={ACT}>", SCRIPTS[1]]}}
    tifffile.imwrite(
        tmp_path / "in/channels.ome.tif", np.stack([photo(20, 30)] * 2), metadata=axes, ome=True
    )
    archive = tmp_path / f"<img src=x onerror={ACT}>.bb"
    with pytest.warns(bitsback.InputWarning, match="on Windows"):
        bitsback.compress(tmp_path / "in", archive, model="universal-fast")
    show(browser, archive)
    browser.run("at.others.click()")
    names = browser.run("grid.numbers.map((number) => archive.entry(number).name)")
    assert sorted(names) == sorted([*SCRIPTS, "channels.ome.tif"])
    assert browser.run("document.title").startswith(archive.name)
    elements = "document.querySelectorAll('img, iframe, svg, script, b').length"
    before = browser.run(elements)
    for number, name in enumerate(names):
        open_entry(browser, number)
        assert browser.run("at.name.textContent") == name
    browser.press("Escape")
    for text in ("<img", "</script>", "nothing has this <img src=x onerror=window.acted=true>"):
        browser.run(f"at.search.value = {json.dumps(text)}; search()")
    assert browser.run(elements) == before and not browser.run("window.acted")
    with Server(archive) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(server.address())
        browser.wait("Boolean(archive)")
        settled(browser)
        assert browser.run(elements) == before and not browser.run("window.acted")
        server.shutdown()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("name", [b"\xff \n.bb", "ü%41#?&%.bb".encode(), b"%ff.bb"])
def test_an_archive_of_any_name_is_served(browser: Browser, tmp_path: Path, name: bytes) -> None:
    archive = tmp_path / os.fsdecode(name)
    bitsback.compress(photo(20, 20), archive)
    with Server(archive) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(server.address())
        browser.wait("Boolean(archive) || at.status.classList.contains('bad')")
        assert browser.run("document.title").startswith(f"{printable(archive.name)} ")
        settled(browser)
        server.shutdown()


def test_what_is_no_archive(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "x.bb").write_text("no archive at all, but long enough to be read as one")
    show(browser, tmp_path / "x.bb")
    assert "not a bitsback archive" in browser.run("at.status.textContent")


def test_saved_files(browser: Browser, tmp_path: Path) -> None:
    picture = photo(30, 40, 3)
    bitsback.compress(picture, tmp_path / "x.bb", model="universal-fast")
    show(browser, tmp_path / "x.bb")
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for name, button in (("x.png", "png"), ("x.npy", "npy")):
        browser.run(f"at.{button}.click()")
        browser.wait(f"{CHECK}.startsWith('saved')")
        # Chromium makes an empty file of this name before it moves the whole one there.
        until(lambda path=tmp_path / name: path.exists() and path.stat().st_size > 0)
    assert np.array_equal(np.load(tmp_path / "x.npy"), picture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x.png")), picture)


def test_view_prints_an_address(tmp_path: Path) -> None:
    bitsback.compress(photo(20, 20), tmp_path / "x.bb")
    command = [sys.executable, "-m", "bitsback", "view", "--no-browser", str(tmp_path / "x.bb")]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith("http://127.0.0.1:")
        run.send_signal(2)
        assert run.wait(PATIENCE) == 130


def test_previews_are_thumbnails(browser: Browser, tmp_path: Path) -> None:
    """Nothing is decoded for them; pictures without one, and others once opened, are."""
    for number in range(3):
        save(np.roll(photo(200, 210), 9 * number, 0), tmp_path / f"in/{number}.png")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="universal-fast", previews=True)
    show(browser, tmp_path / "x.bb")
    assert browser.run("archive.info.previews.length") == 1
    browser.wait("document.querySelectorAll('#grid canvas').length === 3")
    assert browser.run("archive.scheduler.models.size") == 0
    assert open_entry(browser, 1).startswith("checked: ")
    assert np.array_equal(canvas(browser)[..., 0], np.roll(photo(200, 210), 9, 0))
