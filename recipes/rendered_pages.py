"""Pages like those of fax machines and scanners, rendered from fonts on this machine, for the
recipe `universal-bilevel`.

    python recipes/rendered_pages.py --texts TEXTS --out IMAGES --pages 96 --seed 5

TEXTS holds files of plain text, whose lines are written; fonts of Chinese and Japanese get random
characters of level 1 of JIS X 0208. Every ninth page goes to IMAGES/val/pages,
the others to IMAGES/train/pages, as NAME.npy, bool, True for paper.

A page is drawn at three times its resolution: columns of text, tables, handwriting (unsteady
handwriting fonts), drawings of lines and curves, and halftones of clouds, by dots of three screens.
Then the paper is a little askew, the optics blur,
the sensor is noisy, and a threshold makes black and white of it. The fonts used are printed.
Half a minute for ten pages.
"""

import argparse
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FINE = 3
FAX, SCAN = (1728, 2376, 204), (1240, 1754, 150)  # width, height, dots per inch
SCRIPTS: tuple[str, ...] = ("Dancing", "Ecolier")
EAST_ASIAN: tuple[str, ...] = ("CJK", "IPA", "UKai", "UMing")
LATIN: tuple[str, ...] = (
    "DejaVu", "Liberation", "Nimbus", "Lato", "Linux Libertine", "Courier", "FreeSerif", "FreeSans",
    "FreeMono", "Open Sans", "Caladea", "Inconsolata", "C059", "P052", "URW", "NotoSerif-",
    "NotoSans-",
)  # fmt: skip
VAL_EVERY = 9


class Page:
    """A white page to draw on in black, at three times the final resolution."""

    def __init__(self, size: tuple[int, int, int], random: np.random.Generator) -> None:
        self.width, self.height, dpi = (FINE * value for value in size)
        self.random, self.point = random, dpi / 72
        self.image = Image.new("L", (self.width, self.height), 255)
        self.draw = ImageDraw.Draw(self.image)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def scanned(self) -> NDArray[np.bool_]:
        """The page in black and white. True for paper."""
        turned = self.image.rotate(
            self.between(-0.6, 0.6), Image.Resampling.BILINEAR, fillcolor=255
        ).filter(ImageFilter.GaussianBlur(self.between(0.4, 1.0) * FINE))
        width, height = self.width // FINE, self.height // FINE
        seen = np.asarray(turned.resize((width, height), Image.Resampling.BOX), np.float32)
        coarse = self.random.normal(0, self.between(0, 10), (height // 40 + 1, width // 40 + 1))
        cloud = Image.fromarray(coarse.astype(np.float32)).resize((width, height))
        noise = self.random.normal(0, self.between(2, 14), seen.shape)
        return np.asarray(seen + np.asarray(cloud) + noise > self.between(90, 185))


def columns(page: Page, font_path: str, words: list[str]) -> None:
    """Text in one to three columns, of one size of type, with headings in another."""
    size, count = page.between(7, 13) * page.point, int(page.random.integers(1, 4))
    font = ImageFont.truetype(font_path, round(size))
    margin, gap = page.between(0.05, 0.12) * page.width, 2 * size
    wide = (page.width - 2 * margin - (count - 1) * gap) / count
    end = page.height * page.between(0.5, 0.95)
    at = int(page.random.integers(len(words)))
    for column in range(count):
        x, y = margin + column * (wide + gap), page.height * 0.06
        while y < end:
            if page.random.random() < 0.05:
                y += size
                continue
            line, taken = "", 0
            while font.getlength(line) < wide - 4 * size and taken < 40:
                line, taken = line + words[(at + taken) % len(words)] + " ", taken + 1
            at += taken
            page.draw.text((x, y), line, 0, font)
            y += size * 1.3


def by_hand(page: Page, font_path: str, words: list[str]) -> None:
    """A letter by hand: lines that climb and fall, words of changing size."""
    y = page.height * 0.1
    while y < page.height * page.between(0.4, 0.9):
        x, slope = page.width * 0.08, page.between(-0.03, 0.03)
        while x < page.width * 0.8:
            font = ImageFont.truetype(font_path, round(page.between(20, 34) * page.point))
            word = words[int(page.random.integers(len(words)))]
            page.draw.text(
                (x, y + slope * x), word, 0, font, stroke_width=int(page.random.integers(0, 7))
            )
            x += font.getlength(word) + page.between(4, 14) * page.point
        y += page.between(28, 48) * page.point


def table(page: Page, font_path: str, words: list[str]) -> None:
    rows, across = int(page.random.integers(8, 40)), int(page.random.integers(3, 9))
    high, wide = page.height * 0.85 / rows, page.width * 0.86 / across
    left, top = page.width * 0.07, page.height * 0.07
    font = ImageFont.truetype(font_path, round(min(high * 0.6, page.between(7, 11) * page.point)))
    thick = max(1, round(page.between(0.4, 1.5) * page.point))
    for row in range(rows + 1):
        y = top + row * high
        page.draw.line([(left, y), (left + across * wide, y)], 0, thick)
        for column in range(across):
            if row < rows and page.random.random() < 0.8:
                said = words[int(page.random.integers(len(words)))][:12]
                if column and page.random.random() < 0.8:
                    said = f"{page.between(0, 9_999):,.2f}"
                page.draw.text((left + column * wide + thick * 3, y + high * 0.15), said, 0, font)
    for column in range(across + 1):
        x = left + column * wide
        page.draw.line([(x, top), (x, top + rows * high)], 0, thick)


def drawing(page: Page, font_path: str, words: list[str]) -> None:
    """Frames, circles, curves, hatching and captions, as in plans, circuits and graphs."""
    font = ImageFont.truetype(font_path, round(page.between(7, 14) * page.point))
    for _ in range(int(page.random.integers(10, 50))):
        x, y = page.between(0.05, 0.85) * page.width, page.between(0.05, 0.9) * page.height
        side = page.between(0.02, 0.25) * page.width
        thick = max(1, round(page.between(0.3, 2.5) * page.point))
        kind = int(page.random.integers(6))
        if kind == 0:
            page.draw.rectangle([x, y, x + side, y + side * 0.6], outline=0, width=thick)
        elif kind == 1:
            page.draw.ellipse([x, y, x + side, y + side], outline=0, width=thick)
        elif kind == 2:
            bends = np.cumsum(page.random.normal(0, side / 60, (120, 2)), 0).cumsum(0) / 12
            page.draw.line([(x + float(a), y + float(b)) for a, b in bends], 0, thick, "curve")
        elif kind == 3:
            step = page.between(3, 9) * page.point
            for line in range(int(side // step)):
                page.draw.line([(x + line * step, y), (x + line * step + side / 3, y + side)], 0,
                               thick)  # fmt: skip
        elif kind == 4:
            steps = [(x + side * t / 30, y - side / 3 * math.sin(t / page.between(2, 5)))
                     for t in range(60)]  # fmt: skip
            page.draw.line(steps, 0, thick)
        page.draw.text((x, y + side), " ".join(words[: int(page.random.integers(1, 4))]), 0, font)


def halftone(page: Page, font_path: str, words: list[str]) -> None:
    """Text with clouds in it, which are grey by dots: of a screen at an angle, as in print."""
    columns(page, font_path, words)
    left, top, right, bottom = box = _box(page)
    pitch, turn = FINE * page.between(3, 9), page.between(0, math.pi / 2)
    x, y = np.meshgrid(np.arange(right - left), np.arange(bottom - top))
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    screen = np.cos(2 * math.pi * along / pitch) + np.cos(2 * math.pi * across / pitch)
    dots = _clouds(page, (right - left, bottom - top)) / 255 * 4 - 2 > screen
    page.image.paste(Image.fromarray(dots.astype(np.uint8) * np.uint8(255)), box)


def dithered(page: Page, paper: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The page with clouds, dithered by error diffusion or an ordered matrix."""
    left, top, right, bottom = (value // FINE for value in _box(page))
    clouds = _clouds(page, (right - left, bottom - top))
    grey = Image.fromarray(clouds.astype(np.uint8))
    if page.random.random() < 0.5:
        found = np.asarray(grey.convert("1"))
    else:
        order = np.zeros((1, 1))
        for _ in range(int(page.random.integers(1, 4))):
            order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
        high, wide = (-(-side // len(order)) for side in clouds.shape)
        levels = (np.tile(order, (high, wide)) + 0.5) / order.size * 255
        found = clouds > levels[: clouds.shape[0], : clouds.shape[1]]
    paper = paper.copy()
    paper[top:bottom, left:right] = found
    return paper


def _box(page: Page) -> tuple[int, int, int, int]:
    wide, high = (round(page.between(0.25, 0.6) * side) for side in (page.width, page.height))
    left, top = (round(page.between(0.05, 0.35) * side) for side in (page.width, page.height))
    return left, top, left + wide, top + high


def _clouds(page: Page, size: tuple[int, int]) -> NDArray[np.float32]:
    """Smooth grey and some edges, 0 ... 255, of a width and a height."""
    total = np.zeros((size[1], size[0]), np.float32)
    for octave in range(1, 7):
        coarse = page.random.normal(0, 0.6**octave, (2**octave + 1, 2**octave + 1))
        total += np.asarray(
            Image.fromarray(coarse.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
        )
    total[total > page.between(0, 1)] -= page.between(0, 1)
    return np.asarray(np.clip(128 + 150 * total, 0, 255), np.float32)


KINDS: tuple[Callable[[Page, str, list[str]], None], ...] = (columns, columns, table, drawing)


def fonts(names: tuple[str, ...]) -> list[str]:
    """Files of fonts whose paths or families have one of the names in them."""
    listed = subprocess.run(
        ["fc-list", ":", "file", "family"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found = [line.split(": ")[0] for line in listed if any(name in line for name in names)]
    return sorted(path for path in found if path.endswith((".ttf", ".otf", ".ttc", ".t1")))


def main() -> None:
    parser = argparse.ArgumentParser(description="Render pages to train on.")
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=96)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    texts = [path.read_text("utf-8", "replace") for path in sorted(arguments.texts.iterdir())]
    words = [text.split() for text in texts]
    kanji = [
        "".join(bytes([row, cell]).decode("euc_jp") for row, cell in pair)
        for pair in random.integers((0xB0, 0xA1), (0xCF, 0xFF), (4_000, 3, 2))
    ]
    for split in ("train", "val"):
        (arguments.out / split / "pages").mkdir(parents=True, exist_ok=True)
    for number in range(arguments.pages):
        page = Page(SCAN if number % 5 == 4 else FAX, random)
        kind, names = KINDS[number % len(KINDS)], LATIN
        if number % 8 == 1:
            names = EAST_ASIAN
        elif number % 8 == 4:
            kind, names = by_hand, SCRIPTS
        elif number % 16 == 8:
            kind = halftone
        chosen = fonts(names)
        font = chosen[int(random.integers(len(chosen)))]
        kind(page, font, kanji if names is EAST_ASIAN else words[number % len(words)])
        split = "val" if number % VAL_EVERY == VAL_EVERY - 1 else "train"
        paper = page.scanned()
        if number % 16 == 15:
            paper = dithered(page, paper)
        np.save(arguments.out / split / "pages" / f"rendered-{number:03}.npy", paper)
        print(f"{number}: {kind.__name__}, {Path(font).name}, {split}", flush=True)


if __name__ == "__main__":
    main()
