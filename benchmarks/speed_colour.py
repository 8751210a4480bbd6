"""Rate and speed on colour photographs, one core: the universal models by default and with AVX2
only, beside JPEG XL, WebP and tomoz.

    python benchmarks/speed_colour.py FOLDER
    python benchmarks/speed_colour.py FOLDER --first 4 --repeats 3 --plot frontier.png
    python benchmarks/speed_colour.py FOLDER --model universal-fast

The folder holds pictures, or .npy files of them. --plot draws rate against speed, with a line
through what nothing else that was measured beats in both. Needs .[peers] and a processor with AVX2;
tomoz is measured if it is installed.
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
from bitsback_lab.bench.plot import Box, place
from bitsback_lab.peers.image_codecs import encode_jpegxl
from bitsback_lab.peers.measure import measure
from bitsback_lab.peers.units import Picture, elements, same

PEERS: tuple[Key, ...] = (
    ("JPEG XL e9", "each"), ("JPEG XL e7", "each"), ("WebP m6", "each"), ("tomoz", "each"),
)  # fmt: skip
FAMILY = ("universal-fast", "universal", "universal-mixed")
ENGINES = ("", "avx2")
"""Values of BITSBACK_SIMD; the first stands for the best that the processor supports."""
_PUBLISHED = {
    "compressor": "FLIC 2.1",
    "bits_per_sub-pixel": 3.09,
    "compress_MB/s": 32.0,
    "decompress_MB/s": 26.0,
}
"""A closed compressor: its author's rate on Kodak, and speeds on the photographs of GDCC."""
_RADIUS = 5.0  # of a point, in pixels


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
    found += [
        replace(peer, name=f"JPEG XL e{effort}", encode=partial(encode_jpegxl, effort=effort))
        for peer in found
        if peer.name == "JPEG XL e7"
        for effort in (3, 5)
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
    """Rate against speed: a panel for compressing and one for restoring. Names stand beside their
    points where none covers another.
    """
    figure = import_module("matplotlib.figure").Figure((11, 5), dpi=100, layout="constrained")
    import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    drawn = []
    for panel, key, what in zip(
        panels, ("compress_MB/s", "decompress_MB/s"), ("compressing", "restoring"), strict=True
    ):
        points = {row["compressor"]: (row[key], row["bits_per_sub-pixel"]) for row in rows}
        best = [
            (speed, rate)
            for speed, rate in sorted(points.values())
            if not any(s >= speed and r < rate for s, r in points.values())
        ]
        panel.plot(*zip(*best, strict=True), color="0.8", zorder=0)
        points[_PUBLISHED["compressor"]] = (_PUBLISHED[key], _PUBLISHED["bits_per_sub-pixel"])
        for name, point in points.items():
            model, _, engine = name.partition(", ")
            marker = "x" if name == _PUBLISHED["compressor"] else "o" if model in FAMILY else "^"
            panel.plot(
                *point, marker, color="black" if model in FAMILY else "0.4",
                fillstyle="none" if engine == "avx2" else "full",
            )  # fmt: skip
        panel.set_xscale("log")
        panel.margins(0.15, 0.12)
        panel.set_xlabel(f"{what}, MB/s (a sub-pixel is a byte)")
        drawn.append(points)
    panels[0].set_ylabel("bits per sub-pixel")
    note = "a hollow circle: the same with AVX2 only; a cross: as its author published"
    figure.suptitle(f"{title}; {note}", fontsize=9)
    figure.draw_without_rendering()
    for panel, points in zip(panels, drawn, strict=True):
        _label(panel, points)
    figure.set_layout_engine("none")
    figure.savefig(file)


def _label(panel: Any, points: dict[str, tuple[float, float]]) -> None:
    """Writes the names of the points, but not of those with AVX2 only."""
    renderer = panel.figure.canvas.get_renderer()
    places = {name: tuple(panel.transData.transform(point)) for name, point in points.items()}
    named = [name for name in places if not name.endswith(", avx2")]
    texts = [
        panel.text(
            0, 0, name.removesuffix(", default"), va="bottom", fontsize=8, transform=None,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5}, zorder=1,
        )
        for name in named
    ]  # fmt: skip
    extents = [text.get_window_extent(renderer) for text in texts]
    found = place(
        [places[name] for name in named],
        [(extent.width, extent.height) for extent in extents],
        [Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in places.values()],
        Box(*panel.get_window_extent(renderer).extents),
        _RADIUS + 2,
    )
    for text, where in zip(texts, found, strict=True):
        text.set_position((where.box.left, where.box.bottom))


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
