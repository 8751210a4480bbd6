"""Figure 1: images beside the bits that compressors make of them. The picture itself is the
demo's.
"""

from __future__ import annotations

import io
from pathlib import Path

import bitsback
from bitsback.peers.catalogue import standard_peers
from bitsback_lab.demo import figure
from bitsback_lab.paper.exhibit import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist

MODEL = "mnist-binary"


def measure(conditions: Conditions) -> Numbers:
    pixels = figure.SHOWN * mnist(2)[0].size
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
    return {"model": MODEL, "images": figure.SHOWN, "pixels": pixels, "streams": rows}


def _samples() -> list[figure.Sample]:
    images = mnist(2)
    buffer = io.BytesIO()
    bitsback.compress(images, buffer, model=MODEL)
    return figure.samples(images, buffer.getvalue())


def text(numbers: Numbers) -> str:
    rows = [
        [row["name"], fixed(row["bits"], 0), fixed(row["rate"], 4)] for row in numbers["streams"]
    ]
    return (
        f"The first {numbers['images']} of the binarised test images, {numbers['pixels']:,} pixels,"
        " and as many bits of each stream as they take on average, a square for each. Each"
        " compressor had all 10,000 images: PNG and bz2 as one picture and one stream of packed"
        f" bits, bitsback as an archive with `{numbers['model']}`.\n\n"
        + table(["", f"bits for {numbers['images']} images", "bits per pixel"], rows)
    )


def draw(numbers: Numbers, folder: Path) -> list[Path]:
    path = folder / "figure1.png"
    figure.draw(mnist(2), _samples()).save(path, optimize=True)
    return [path]


EXHIBIT = Exhibit(measure, text, draw)
