"""What tests of the viewer share: opening archives in the page, and reading its canvas."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docs.blocks import ROOT
from viewer.browser import Browser

PAGE = ROOT / "src" / "bitsback" / "viewer.html"
CHECK = "document.querySelector('#check').textContent"


def photo(*shape: int) -> NDArray[np.uint8]:
    """Smooth, with noise."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    plane = 90 + 60 * np.sin(x / 9) * np.cos(y / 7)
    noise = np.random.default_rng(0).integers(0, 8, shape)
    return (plane.reshape(*plane.shape, *(1 for _ in shape[2:])) + noise).astype(np.uint8)


def show(browser: Browser, archive: Path) -> None:
    """Opens an archive by the page as a file, and waits until what is in sight is decoded."""
    browser.open(PAGE.as_uri())
    browser.drop(archive)
    browser.wait("Boolean(archive) || at.status.classList.contains('bad')")
    settled(browser)


def settled(browser: Browser) -> None:
    browser.wait("!archive || archive.scheduler.total === 0")


def open_entry(browser: Browser, number: int) -> str:
    """Opens a picture at full size; gives what the page says of it."""
    browser.run(f"view.open(archive, grid.numbers, {number})")
    text: str = browser.run(CHECK)
    return text


def canvas(browser: Browser) -> NDArray[np.uint8]:
    """The pixels of the canvas at full size, with four channels."""
    found: dict[str, Any] = browser.run(
        "(() => { const { width, height } = at.canvas;"
        " const { data } = at.canvas.getContext('2d').getImageData(0, 0, width, height);"
        " let text = ''; for (const byte of data) text += String.fromCharCode(byte);"
        " return { width, height, text: btoa(text) }; })()"
    )
    pixels = np.frombuffer(base64.b64decode(found["text"]), np.uint8)
    return pixels.reshape(found["height"], found["width"], 4)


def percentiles(picture: NDArray[Any]) -> tuple[int, int]:
    """The window of a picture with at most 65,536 pixels whose file states none."""
    values = np.sort(picture, axis=None)
    last = len(values) - 1
    return int(values[int(last * 0.001)]), int(values[int(np.ceil(last * 0.999))])


def in_window(picture: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """The pixels between black at the lowest value of a window and white at the greatest."""
    scaled = (picture.astype(float) - low) * (255 / (high - low))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def shown_as(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Red, green and blue of a picture on a canvas; of 16 bits with a window of percentiles."""
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    elif picture.dtype == np.uint16:
        picture = in_window(picture, *percentiles(picture))
    return np.broadcast_to(picture.reshape(*picture.shape[:2], -1), (*picture.shape[:2], 3))
