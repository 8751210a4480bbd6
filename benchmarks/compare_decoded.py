"""Pictures that once were JPEG: bytes by the coefficients behind their pixels, beside the JPEG
file, `universal` and JPEG XL of the pixels, and the seconds of the search.

    python benchmarks/compare_decoded.py FOLDER [--encoder NAME] [--names NAME ...] [--save FILE]

The folder holds PNG files of photographs that never were JPEG. An encoder writes the middle of all
of them, or of those named, with several qualities, samplings of chroma, crops and in grey, and its
own decoder makes the pixels: `pillow` (libjpeg-turbo), `mozjpeg` or `libjpeg9` (both need the
package jpeglib), or `chromium`, which has 4:2:0 alone.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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

QUALITIES = (50, 75, 85, 90, 92, 95)
CLASSES = ("grey", "4:4:4", "4:2:2", "4:2:0", "4:2:0, cropped")
PART = (384, 256)
CROP = (5, 3)

Pixels = NDArray[np.uint8]
Decoded = tuple[int, Pixels]
"""The bytes of a JPEG file, and its pixels."""
Encode = Callable[[Image.Image, str, int], Decoded]
"""A function of a picture, a sampling of chroma and a quality."""


def by_pillow(image: Image.Image, sampling: str, quality: int) -> Decoded:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=sampling)
    return out.tell(), np.asarray(Image.open(out))


def by_jpeglib(version: str) -> Encode:
    import jpeglib

    def decoded(image: Image.Image, sampling: str, quality: int) -> Decoded:
        jpeglib.version.set(version)
        pixels = np.asarray(image)
        jpeg = jpeglib.from_spatial(pixels.reshape(*pixels.shape[:2], -1))
        if pixels.ndim == 3:
            jpeg.samp_factor = sampling
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            jpeg.write_spatial(file.name, qt=quality)
            made = jpeglib.read_spatial(file.name).spatial
            return Path(file.name).stat().st_size, made.reshape(pixels.shape)

    return decoded


def by_chromium(stack: ExitStack) -> Encode:
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    sys.path.append(str(Path(__file__).parent.parent / "tests" / "viewer"))
    from browser import Browser

    profile = stack.enter_context(tempfile.TemporaryDirectory())
    browser: Any = stack.enter_context(Browser(Path(profile)))
    browser.run(
        """drawn = async url => {
            const image = new Image(), canvas = document.createElement("canvas");
            image.src = url;
            await image.decode();
            canvas.width = image.width;
            canvas.height = image.height;
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas;
        }"""
    )

    def decoded(image: Image.Image, sampling: str, quality: int) -> Decoded:
        out = io.BytesIO()
        image.save(out, "PNG")
        url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
        jpeg = browser.run(
            f"drawn({json.dumps(url)}).then(one => one.toDataURL('image/jpeg', {quality / 100}))"
        )
        png = browser.run(f"drawn({json.dumps(jpeg)}).then(one => one.toDataURL())")
        files = [base64.b64decode(one.split(",")[1]) for one in (jpeg, png)]
        pixels = np.asarray(Image.open(io.BytesIO(files[1])).convert(image.mode))
        return len(files[0]), pixels

    return decoded


def measure(encode: Encode, photograph: Path, kind: str, quality: int) -> dict[str, Any]:
    whole = Image.open(photograph).convert("L" if kind == "grey" else "RGB")
    left, top = ((whole.size[axis] - PART[axis]) // 2 for axis in (0, 1))
    part = whole.crop((left, top, left + PART[0], top + PART[1]))
    size, pixels = encode(part, "4:4:4" if kind == "grey" else kind.split(",")[0], quality)
    rows, columns = CROP if "cropped" in kind else (0, 0)
    pixels = np.ascontiguousarray(pixels[rows:, columns:])
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
            if not some:
                continue
            found = [one for one in some if one["decoded"] and one["decoded"] < one["universal"]]
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
    parser.add_argument(
        "--encoder", choices=("pillow", "mozjpeg", "libjpeg9", "chromium"), default="pillow"
    )
    parser.add_argument("--names", nargs="*", help="without .png")
    parser.add_argument("--classes", nargs="*", choices=CLASSES, default=CLASSES)
    parser.add_argument("--qualities", nargs="*", type=int, default=QUALITIES)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    results = []
    with ExitStack() as stack:
        encode: Encode = by_pillow
        if options.encoder == "chromium":
            encode = by_chromium(stack)
        elif options.encoder != "pillow":
            encode = by_jpeglib({"mozjpeg": "mozjpeg403", "libjpeg9": "9e"}[options.encoder])
        for photograph in sorted(options.folder.glob("*.png")):
            if options.names and photograph.stem not in options.names:
                continue
            for kind in options.classes:
                for quality in options.qualities:
                    results.append(measure(encode, photograph, kind, quality))
                    if options.save:
                        options.save.write_text(json.dumps(results))
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
