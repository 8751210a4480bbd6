"""Speed on colour photographs, one core: bitsback by default and with AVX2 only, beside JPEG XL.

    python benchmarks/speed_colour.py FOLDER
    python benchmarks/speed_colour.py FOLDER --first 4 --repeats 3
    python benchmarks/speed_colour.py FOLDER --model universal-fast

The folder holds pictures, or .npy files of them. Needs bitsback[peers] and a processor with AVX2.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness import median_seconds, pin, report
from pictures import Key, arguments, npy_files, peers, picture_files

from bitsback.images.picture_files import read_pixels
from bitsback.peers.measure import measure
from bitsback.peers.units import Picture, elements, same
from bitsback_lab.bench.itself import compress, decompress

PEERS: tuple[Key, ...] = (("JPEG XL e9", "each"), ("JPEG XL e7", "each"), ("WebP m6", "each"))
ENGINES = ("", "avx2")
"""Values of BITSBACK_SIMD; the first stands for the best that the processor supports."""


def main() -> None:
    parser = arguments(__doc__, "a folder of pictures or .npy files")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--model", help="a bundled model (default: any that fits)")
    parser.add_argument("--alone", action="store_true", help="bitsback only, its numbers as JSON")
    options = parser.parse_args()
    images = _images(options.data[0], options.first)
    pinned = pin()
    if options.alone:
        print(json.dumps(_ours(images, options.repeats, options.model)))
        return
    rows = []
    for engine in ENGINES:
        environment = {**os.environ, "BITSBACK_SIMD": engine} if engine else dict(os.environ)
        done = subprocess.run(
            [sys.executable, *sys.argv, "--alone"], env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        rows.append({"compressor": f"bitsback, {engine or 'default'}", **json.loads(done.stdout)})
    found, missing = peers(PEERS, images)
    for peer in found:
        made = measure(peer, images)
        numbers = _numbers(made.bytes, images, made.encode_seconds, made.decode_seconds)
        rows.append({"compressor": peer.title, **numbers})
    for row in rows:
        row["ours_is_x_faster_in"] = rows[0]["compress_MB/s"] / row["compress_MB/s"]
        row["and_out"] = rows[0]["decompress_MB/s"] / row["decompress_MB/s"]
        row["size_of_ours_over_it"] = rows[0]["bits_per_sub-pixel"] / row["bits_per_sub-pixel"]
    notes = [f"{pinned}; MB/s counts a sub-pixel as a byte; others: one run each", *missing]
    report(f"{len(images)} pictures of {options.data[0].name}", rows, notes, options.json)


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
