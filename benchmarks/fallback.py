"""Rates of models that are not autoregressive (`--fast`) beside PNG and WebP: plots, screenshots,
palettes, deep pictures, pages, and, from a folder of photographs, patches of 32 x 32 and 64 x 64
pixels.

    python benchmarks/fallback.py [FOLDER]

Bytes, and seconds of CPU time to compress. FOLDER: pictures whose sides are multiples of 64 pixels.
PNG is written by Pillow with `optimize`, a file for each picture, and WebP without loss.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import bitsback

_WORDS = ["bits", "back", "takes", "latents", "from", "a", "stack", "and", "pushes", "pixels"]
_PATCHES = 20_000


def text(draw: ImageDraw.ImageDraw, left: int, top: int, lines: int, words: int) -> None:
    random = np.random.default_rng(0)
    for line in range(lines):
        said = " ".join(random.choice(_WORDS) for _ in range(words))
        draw.text((left, top + 18 * line), said, fill=0, font=ImageFont.load_default(14))


def plot() -> Image.Image:
    """Curves, points and axes, drawn large and made smaller, so that edges are smooth."""
    image = Image.new("RGB", (2400, 1600), "white")
    draw = ImageDraw.Draw(image)
    random = np.random.default_rng(1)
    for n in range(6):
        fill = tuple(int(c) for c in random.integers(0, 220, 3))
        curve = [(x, 800 + 600 * np.sin(x / 200 + n) * np.exp(-x / 1900)) for x in range(2400)]
        draw.line(curve, fill, 4)
        for x, y in random.normal((1200, 800), 250, (150, 2)):
            draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill)
    draw.rectangle((60, 60, 2340, 1540), None, "black", 3)
    image = image.resize((1200, 800), Image.Resampling.LANCZOS)
    text(ImageDraw.Draw(image), 60, 60, 4, 4)
    return image


def screenshot() -> Image.Image:
    image = Image.new("RGB", (1600, 900), (240, 240, 243))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1600, 40), (52, 73, 94))
    for n in range(8):
        draw.rounded_rectangle((20 + n * 180, 6, 180 + n * 180, 36), 8, (70 + n * 9, 100, 140))
    for n in range(300):
        draw.line((1200, 100 + n, 1550, 100 + n), (30 + n // 2, 90 + n // 3, 200 - n // 4))
    draw.rectangle((20, 60, 1180, 880), "white")
    text(draw, 40, 80, 43, 18)
    image.paste(plot().resize((330, 220)), (1210, 500))
    return image


def page() -> Image.Image:
    image = Image.new("1", (1240, 1754), 1)
    text(ImageDraw.Draw(image), 100, 100, 85, 20)
    return image


def icon() -> Image.Image:
    image = Image.new("RGBA", (800, 800))
    draw = ImageDraw.Draw(image)
    for n in range(90):
        box = (20 + 4 * n, 20 + 4 * n, 780 - 4 * n, 780 - 4 * n)
        draw.arc(box, 3 * n, 3 * n + 200, (255 - n, 2 * n, 40, 255 - n), 4)
    return image.resize((200, 200), Image.Resampling.LANCZOS)


def gradient() -> NDArray[np.uint16]:
    y, x = np.mgrid[:600, :800].astype(np.uint16)
    noise = np.random.default_rng(2).integers(0, 12, x.shape, np.uint16)
    found: NDArray[np.uint16] = x * np.uint16(70) + y * np.uint16(13) + noise
    return found


def radiograph() -> NDArray[np.uint16]:
    y, x = np.mgrid[:500, :700]
    noise = np.random.default_rng(3).normal(0, 25, x.shape)
    return np.asarray(2000 + 900 * np.sin(x / 50) * np.cos(y / 70) + noise, np.uint16)


def patches(folder: Path, side: int) -> NDArray[np.uint8]:
    """[patches, side, side, 3], of all pictures, a part of each."""
    found = []
    for file in sorted(folder.glob("*.webp")):
        pixels = np.asarray(Image.open(file).convert("RGB"))
        rows, columns = (size // side for size in pixels.shape[:2])
        cut = pixels.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
        found.append(cut.reshape(-1, side, side, 3))
    most = _PATCHES // len(found) // (side // 32) ** 2
    return np.concatenate([some[:: max(len(some) // most, 1)][:most] for some in found])


def pictures(folder: Path | None) -> Iterator[tuple[str, list[Image.Image], NDArray[Any]]]:
    """For each set its name, its pictures, and the array that holds them."""
    drawn: dict[str, Image.Image] = {
        "plot": plot(),
        "screenshot": screenshot(),
        "screenshot of 64 colours": screenshot().quantize(64),
        "icon with alpha": icon(),
        "page": page(),
        "16-bit gradient": Image.fromarray(gradient()),
        "16-bit radiograph": Image.fromarray(radiograph()),
    }
    for name, image in drawn.items():
        yield name, [image], np.asarray(image)
    if folder is not None:
        for side in (32, 64):
            array = patches(folder, side)
            yield f"{len(array)} patches of {side} x {side}", [*map(Image.fromarray, array)], array
        for file in sorted(folder.glob("*.webp"))[:1]:
            colour = Image.open(file).convert("RGB")
            yield "photographs", [colour], np.asarray(colour)
            yield "photographs, grey", [colour.convert("L")], np.asarray(colour.convert("L"))


def png(images: Sequence[Image.Image], array: NDArray[Any]) -> int:
    return sum(saved(image, "PNG", optimize=True) for image in images)


def webp(images: Sequence[Image.Image], array: NDArray[Any]) -> int | None:
    if array.dtype == np.uint16:
        return None
    return sum(saved(image, "WEBP", lossless=True) for image in images)


def archive(images: Sequence[Image.Image], array: NDArray[Any]) -> int:
    file = io.BytesIO()
    bitsback.compress(array, file, model="fast")
    return len(file.getvalue())


def saved(image: Image.Image, kind: str, **options: Any) -> int:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return len(file.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="of photographs, .webp files")
    print(f"{'':30} {'PNG':>12} {'s':>7} {'WebP':>12} {'s':>7} {'--fast':>12} {'s':>7}")
    for name, images, array in pictures(parser.parse_args().folder):
        columns = [f"{name:30}"]
        for size in (png, webp, archive):
            start = time.process_time()
            found = size(images, array)
            seconds = time.process_time() - start
            columns.append(f"{found:12,} {seconds:7.2f}" if found is not None else f"{'-':>20}")
        print(*columns, flush=True)


if __name__ == "__main__":
    main()
