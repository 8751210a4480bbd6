"""Pictures that once were JPEG: bytes by the coefficients behind their pixels, beside the JPEG
file, `universal` and JPEG XL of the pixels, and the seconds of the search.

    python benchmarks/compare_decoded.py FOLDER [--names NAME ...] [--save FILE]

The folder holds PNG files of photographs that never were JPEG. Pillow encodes all of them, or those
named, with five qualities: with 4:4:4, with 4:2:0, with 4:2:0 and a crop by (3, 5), and in grey.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.decoded import encode_pixels, find_behind
from bitsback.format.tiles import Tiles
from bitsback.models import bundled

QUALITIES = (50, 75, 85, 92, 95)
CLASSES = ("grey", "4:4:4", "4:2:0", "4:2:0, cropped")
CROP = (5, 3)


def decoded(photograph: Image.Image, kind: str, quality: int) -> tuple[int, NDArray[np.uint8]]:
    """The bytes of a JPEG file, and its pixels."""
    image = photograph.convert("L") if kind == "grey" else photograph.convert("RGB")
    subsampling = 2 if kind.startswith("4:2:0") else 0
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=subsampling)
    pixels = np.asarray(Image.open(out))
    rows, columns = CROP if "cropped" in kind else (0, 0)
    return out.tell(), np.ascontiguousarray(pixels[rows:, columns:])


def measure(photograph: Path, kind: str, quality: int) -> dict[str, Any]:
    size, pixels = decoded(Image.open(photograph), kind, quality)
    start = time.process_time()
    behind = find_behind(pixels)
    search = time.process_time() - start
    tiles = Tiles.stacked(pixels[np.newaxis])
    data = None if behind is None else encode_pixels(tiles, [behind])
    plan = BlockPlan.for_model(bundled.load("universal"), tiles)
    assert plan is not None
    return {
        "photograph": photograph.name,
        "class": kind,
        "quality": quality,
        "pixels": pixels.size,
        "file": size,
        "decoded": None if data is None else len(data),
        "universal": plan.cost,
        "jpegxl": len(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=7)),
        "search": search,
        "seconds": time.process_time() - start,
    }


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    yield "| pixels | quality | found | coefficients | JPEG file | `universal` | JPEG XL | MB/s |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for kind in CLASSES:
        for quality in QUALITIES:
            some = [one for one in results if (one["class"], one["quality"]) == (kind, quality)]
            found = [one for one in some if one["decoded"] and one["decoded"] < one["universal"]]
            if not found:
                continue
            sums = [
                f"{sum(one[name] for one in found):,}"
                for name in ("decoded", "file", "universal", "jpegxl")
            ]
            speed = statistics.median(one["pixels"] / one["search"] / 1e6 for one in some)
            share = f"{len(found)} of {len(some)}"
            yield f"| {kind} | {quality} | {share} | {' | '.join(sums)} | {speed:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--names", nargs="*", help="without .png")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    results = []
    for photograph in sorted(options.folder.glob("*.png")):
        if options.names and photograph.stem not in options.names:
            continue
        for kind in CLASSES:
            for quality in QUALITIES:
                results.append(measure(photograph, kind, quality))
                if options.save:
                    options.save.write_text(json.dumps(results))
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
