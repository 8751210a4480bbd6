"""The paper's Figure 1: images beside their bitstreams, with a square for each pixel and each
bit.
"""

from __future__ import annotations

import bz2
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import bitsback
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist
from bitsback_lab.paper.table2 import BB_ANS_OF_PAPER, OF_PAPER
from bitsback_lab.peers.catalogue import standard_peers
from bitsback_lab.peers.image_codecs import encode_png
from bitsback_lab.peers.units import Images, mosaic, pack

MODEL = "mnist-binary"
SHOWN = 30  # images, as in the paper
COLUMNS = 6
SCALE = 4  # screen pixels for a pixel of an image, and for a bit
MARGIN = 40
GAP = 56
FONT_SIZE = 22
SMALL_SIZE = 18

PAPER = 255
INK = 0
BACKGROUND_BIT = 232  # a zero: gray enough to show the end of a stream


@dataclass(frozen=True)
class Sample:
    """A compressor's name, its whole output for all images, and the bits that `SHOWN` images take
    on average.
    """

    name: str
    data: bytes
    bits: int
    rate: float


def samples(images: Images, archive: bytes) -> list[Sample]:
    """PNG, bz2 and bitsback on `images` [n, height, width] of bool; `archive` is bitsback's archive
    of them.
    """
    files = (
        ("PNG", encode_png(mosaic(images))),
        ("bz2", bz2.compress(pack(images), 9)),
        ("bitsback", archive),
    )
    return [
        Sample(name, data, round(8 * len(data) * SHOWN / len(images)), 8 * len(data) / images.size)
        for name, data in files
    ]


def draw_bits(images: Images, streams: Sequence[Sample]) -> Image.Image:
    """The first 30 `images` [n, height, width] of bool, and the start of each stream at the same
    scale.
    """
    _, height, width = images.shape
    rows = -(-SHOWN // COLUMNS)
    tiles = images[:SHOWN].reshape(rows, COLUMNS, height, width).swapaxes(1, 2)
    left = np.where(tiles.reshape(rows * height, COLUMNS * width), INK, BACKGROUND_BIT)
    pictures = [(f"{SHOWN} images", f"{left.size:,} pixels", "", left)]
    for stream in streams:
        bits = _bits(stream.data, stream.bits, len(left))
        pictures.append((stream.name, f"{stream.bits:,} bits", f"{stream.rate:.3f} a pixel", bits))

    font, small = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(SMALL_SIZE)
    captions = (
        (
            f"Each square is one pixel or one bit. Each compressor put all {len(images):,} images"
            " into one file; shown is the start of it,"
        ),
        f"as much as {SHOWN} images take on average.",
    )
    top = MARGIN + FONT_SIZE + 14
    bottom = top + len(left) * SCALE
    columns = [max(picture.shape[1] * SCALE, 124) for *_, picture in pictures]
    total = sum(columns) + GAP * (len(pictures) - 1) + 2 * MARGIN
    canvas = Image.new(
        "L", (total, bottom + 2 * (SMALL_SIZE + 8) + 24 + 2 * (SMALL_SIZE + 6) + MARGIN), PAPER
    )
    pen = ImageDraw.Draw(canvas)
    x = MARGIN
    for (title, size, rate, picture), column in zip(pictures, columns, strict=True):
        canvas.paste(
            Image.fromarray(np.kron(picture, np.ones((SCALE, SCALE))).astype(np.uint8)), (x, top)
        )
        pen.text((x, MARGIN), title, INK, font)
        pen.text((x, bottom + 10), size, INK, small)
        pen.text((x, bottom + 10 + SMALL_SIZE + 8), rate, INK, small)
        x += column + GAP
    for line, text in enumerate(captions):
        pen.text(
            (MARGIN, bottom + 2 * (SMALL_SIZE + 8) + 24 + line * (SMALL_SIZE + 6)), text, INK, small
        )
    return canvas


def _bits(data: bytes, count: int, height: int) -> NDArray[np.int64]:
    """The first `count` bits of `data` as gray values [height, width], row by row; the rest is
    paper.
    """
    width = -(-count // height)
    picture = np.full(height * width, PAPER)
    picture[:count] = np.where(
        np.unpackbits(np.frombuffer(data, np.uint8), count=count), INK, BACKGROUND_BIT
    )
    return picture.reshape(height, width)


def measure(conditions: Conditions) -> Numbers:
    pixels = SHOWN * mnist(2)[0].size
    versions = {peer.name.split()[0]: peer.version for peer in standard_peers()}
    rows = [
        {
            "name": sample.name,
            "bits": sample.bits,
            "rate": sample.rate,
            "version": versions.get(sample.name),
        }
        for sample in _samples()
    ]
    return {"model": MODEL, "images": SHOWN, "pixels": pixels, "streams": rows}


def _samples() -> list[Sample]:
    images = mnist(2)
    buffer = io.BytesIO()
    bitsback.compress(images, buffer, model=MODEL)
    return samples(images, buffer.getvalue())


RATES_OF_PAPER = {
    "PNG": OF_PAPER["PNG", "each"][0],
    "bz2": OF_PAPER["bz2 -9", "stream"][0],
    "bitsback": BB_ANS_OF_PAPER[0],
}


def text(numbers: Numbers) -> str:
    rows = [
        [
            row["name"],
            fixed(row["bits"], 0),
            fixed(row["rate"], 4),
            fixed(RATES_OF_PAPER[row["name"]], 2),
        ]
        for row in numbers["streams"]
    ]
    return (
        f"The first {numbers['images']} of the binarised test images, {numbers['pixels']:,} pixels,"
        " and as many bits of each stream as they take on average, a square for each. Each"
        " compressor coded all 10,000 images: PNG as one picture, bz2 as one stream of packed bits,"
        f" bitsback as an archive with `{numbers['model']}`.\n\n"
        + table(
            ["", f"bits for {numbers['images']} images", "bits per pixel", "the paper, Table 2"],
            rows,
        )
        + "\n\nThe paper has a PNG file for each image, and a smaller network for BB-ANS."
    )


def draw(numbers: Numbers, folder: Path) -> list[Path]:
    path = folder / "figure1.png"
    draw_bits(mnist(2), _samples()).save(path, optimize=True)
    return [path]


EXHIBIT = Exhibit(measure, text, draw)
