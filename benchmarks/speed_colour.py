"""Rate and speed on colour photographs, one core: the universal models by default and with AVX2
only, beside JPEG XL, WebP and tomoz.

    python benchmarks/speed_colour.py FOLDER
    python benchmarks/speed_colour.py FOLDER --first 4 --repeats 3 --plot frontier.png
    python benchmarks/speed_colour.py FOLDER --model universal-fast

The folder holds pictures, or .npy files of them. --plot draws rate against speed, with a line
through what nothing else beats in both. Needs bitsback[peers] and a processor with AVX2; tomoz is
measured if it is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from harness import median_seconds, pin, report
from pictures import Key, arguments, npy_files, peers, picture_files

from bitsback.files.picture_files import read_pixels
from bitsback_lab.bench.itself import compress, decompress
from bitsback_lab.peers.image_codecs import encode_jpegxl
from bitsback_lab.peers.measure import measure
from bitsback_lab.peers.units import Picture, elements, same

PEERS: tuple[Key, ...] = (
    ("JPEG XL e9", "each"), ("JPEG XL e7", "each"), ("WebP m6", "each"), ("tomoz", "each"),
)  # fmt: skip
FAMILY = ("universal-fast", "universal", "universal-mixed")
ENGINES = ("", "avx2")
"""Values of BITSBACK_SIMD; the first stands for the best that the processor supports."""


def main() -> None:
    parser = arguments(__doc__, "a folder of pictures or .npy files")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median is taken")
    parser.add_argument(
        "--model", action="append", help="a bundled model, or several (default: the universal ones)"
    )
    parser.add_argument("--plot", type=Path, help="a picture to draw of the measurements")
    parser.add_argument("--alone", action="store_true", help="bitsback only, its numbers as JSON")
    options = parser.parse_args()
    images = _images(options.data[0], options.first)
    pinned = pin()
    models = options.model or FAMILY
    if options.alone:
        print(json.dumps(_ours(images, options.repeats, models[-1])))
        return
    rows = []
    for model in models:
        for engine in ENGINES:
            environment = {**os.environ, "BITSBACK_SIMD": engine} if engine else dict(os.environ)
            done = subprocess.run(
                [sys.executable, *sys.argv, "--model", model, "--alone"], env=environment,
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            name = f"{model}, {engine or 'default'}"
            rows.append({"compressor": name, **json.loads(done.stdout)})
    found, missing = peers(PEERS, images)
    faster = partial(encode_jpegxl, effort=3)
    found += [
        replace(peer, name="JPEG XL e3", encode=faster)
        for peer in found
        if peer.name == "JPEG XL e7"
    ]
    for peer in found:
        made = measure(peer, images)
        numbers = _numbers(made.bytes, images, made.encode_seconds, made.decode_seconds)
        rows.append({"compressor": peer.title, **numbers})
    for row in rows:
        row["ours_is_x_faster_in"] = rows[0]["compress_MB/s"] / row["compress_MB/s"]
        row["and_out"] = rows[0]["decompress_MB/s"] / row["decompress_MB/s"]
        row["size_of_ours_over_it"] = rows[0]["bits_per_sub-pixel"] / row["bits_per_sub-pixel"]
    notes = [f"{pinned}; MB/s counts a sub-pixel as a byte; others: one run each", *missing]
    title = f"{len(images)} pictures of {options.data[0].name}"
    report(title, rows, notes, options.json)
    if options.plot is not None:
        draw(rows, title, options.plot)


def draw(rows: list[dict[str, Any]], title: str, file: Path) -> None:
    """Rate against speed: a panel for compressing and one for decompressing."""
    pyplot: Any = import_module("matplotlib.pyplot")
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    for panel, what in zip(panels, ("compress", "decompress"), strict=True):
        points = [(row[f"{what}_MB/s"], row["bits_per_sub-pixel"], row) for row in rows]
        for speed, rate, row in points:
            name, _, engine = row["compressor"].partition(", ")
            ours, narrow = name in FAMILY, engine == "avx2"
            panel.plot(
                speed, rate, "o" if ours else "^", color="black" if ours else "0.5",
                fillstyle="none" if narrow else "full",
            )  # fmt: skip
            if narrow:
                continue
            # Labels of ours stand below on the left, of others above on the right, where JPEG XL at
            # effort 7 would be in the way of effort 9.
            place, side = ((-5, -12), "right") if ours else ((5, 4), "left")
            if name == "JPEG XL e7":
                place, side = (0, 8), "center"
            panel.annotate(
                name, (speed, rate), place, fontsize=8, textcoords="offset points",
                horizontalalignment=side,
            )  # fmt: skip
        panel.margins(0.2, 0.08)
        best = [
            (speed, rate)
            for speed, rate, _ in sorted(points, key=lambda point: point[0])
            if not any(s >= speed and r < rate for s, r, _ in points)
        ]
        panel.plot(*zip(*best, strict=True), color="0.8", zorder=0)
        panel.set_xscale("log")
        panel.set_xlabel(f"{what}ing, MB/s (a sub-pixel is a byte)")
    panels[0].set_ylabel("bits per sub-pixel")
    figure.suptitle(f"{title}; a hollow circle: the same with AVX2 only", fontsize=9)
    figure.savefig(file, dpi=100)


def _images(folder: Path, first: int | None) -> list[Picture]:
    if any(folder.glob("*.npy")):
        return list(npy_files(folder, first).values())
    return [read_pixels(path) for path in picture_files(folder, first).values()]


def _ours(images: list[Picture], repeats: int, model: str | None) -> dict[str, float]:
    encode, archive = median_seconds(lambda: compress(images, model), repeats)
    decode, restored = median_seconds(lambda: decompress(archive, None), repeats)
    if not same(images, restored):
        raise SystemExit("the pictures were not restored")
    return _numbers(len(archive), images, encode, decode)


def _numbers(size: int, images: list[Picture], encode: float, decode: float) -> dict[str, Any]:
    megabytes = elements(images) / 1e6
    return {
        "bits_per_sub-pixel": 8 * size / elements(images),
        "compress_MB/s": megabytes / encode,
        "decompress_MB/s": megabytes / decode,
    }


if __name__ == "__main__":
    main()
