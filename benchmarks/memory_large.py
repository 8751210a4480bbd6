"""Peak memory of the command for one very large picture, and for very many small ones.

    python benchmarks/memory_large.py
    python benchmarks/memory_large.py --side 2000 --images 1000     sooner
    python benchmarks/memory_large.py --rows 3000 --formats npy tif png ppm --images 0

A synthetic RGB picture of 20,000 x 20,000 pixels, as a .npy file or in other formats, and a folder
of 100,000 RGB pictures of 32 x 32. Each figure is the peak resident size of a process of its own,
as the system counts it. One row of tiles of a large picture is in memory, so --rows, which makes
the picture less high, changes the time but hardly the memory. Needs the module `resource`, which
Windows does not have.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from typing import Any

# A child's peak includes its parent's size at the fork, so this process stays small: no NumPy, no
# harness.

WRITE_LARGE = """
import sys
import zlib
import numpy as np
from bitsback.files.png.png_metadata import PngDrawing
from bitsback.files.png.png_parts import Samples
import tifffile
path, rows, side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
shape, ending = (rows, side, 3), path.rsplit(".")[-1]
random = np.random.default_rng(0)
columns = np.arange(side)
def bands():
    for first in range(0, rows, 100):
        numbers = np.arange(first, min(first + 100, rows))[:, np.newaxis]
        waves = 110 + 70 * np.sin(numbers / 97) * np.cos(columns / 61)
        noise = random.integers(0, 8, (len(numbers), side, 3))
        yield (waves[..., np.newaxis] + (0, 9, 21) + noise).astype(np.uint8)
with open(path, "wb") as file:
    if ending == "npy":
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
    elif ending == "ppm":
        file.write(b"P6 %d %d 255\\n" % (side, rows))
    elif ending == "png":
        samples = Samples(8, 2)
        around = (samples.header((side, rows)),), ((b"IEND", b""),)
        png = PngDrawing(samples, around, file)
    elif ending == "tif":
        tifffile.imwrite(
            file, (zlib.compress(band) for band in bands()), shape=shape, dtype=np.uint8,
            rowsperstrip=100, photometric="rgb", compression="zlib", metadata=None,
        )
    for band in bands() if ending != "tif" else ():
        if ending == "png":
            png.add(band)
        else:
            file.write(band.tobytes())
    if ending == "png":
        png.close()
"""

WRITE_MANY = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
random = np.random.default_rng(0)
rows, columns, _ = np.ogrid[:32, :32, :1]
for number in range(int(sys.argv[2])):
    folder = Path(sys.argv[1], f"{number // 1000:03}")
    if number % 1000 == 0:
        folder.mkdir(parents=True)
    slope = random.uniform(0, 2, 3)
    pixels = 60 + slope * rows + slope[::-1] * columns + random.integers(0, 9, (32, 32, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:06}.png", compress_level=1)
"""

FORMATS = ("npy", "tif", "png", "ppm")

RUN = """
import resource, sys
from bitsback.cli import main
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=20_000, help="of the large picture, in pixels")
    parser.add_argument("--rows", type=int, help="of it, if they are fewer than its columns")
    parser.add_argument(
        "--formats", nargs="*", default=["npy"], choices=FORMATS, help="of it (default npy)"
    )
    parser.add_argument("--images", type=int, default=100_000, help="the number of small pictures")
    parser.add_argument("--threads", type=int, default=2, help="of the command (default 2)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    height = options.rows or options.side
    threads = ["--threads", str(options.threads)]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        inputs = []
        for ending in options.formats:
            path = f"{folder}/large.{ending}"
            python(WRITE_LARGE, path, str(height), str(options.side))
            # A single file that is no array comes back in a folder, except TIFF.
            copy = f"{folder}/copy.{ending}" if ending in ("npy", "tif") else f"{folder}/{ending}"
            inputs.append((f"{height:,} x {options.side:,} RGB, {ending}", path, copy))
        if options.images:
            python(WRITE_MANY, f"{folder}/many", str(options.images))
            many = f"{options.images:,} pictures of 32 x 32"
            inputs.append((many, f"{folder}/many", f"{folder}/copy"))
        for what, source, copy in inputs:
            archive = f"{folder}/archive.bb"
            commands = {
                "compress": ["compress", "-q", source, "-o", archive, "--force", *threads],
                "decompress": ["decompress", "-q", archive, "-o", copy, *threads],
                "verify": ["verify", "-q", archive, *threads],
            }
            for name, arguments in commands.items():
                rows.append({"command": name, "of": what, "peak_MB": peak(*arguments)})
    if options.json:
        print(json.dumps({"title": "peak memory", "rows": rows}, indent=2))
        return
    print(f"peak resident memory of the command, {options.threads} threads\n")
    for row in rows:
        print(f"{row['command']:12} {row['of']:36} {row['peak_MB']:9.1f} MB")


def peak(*arguments: str) -> float:
    """Peak memory of the command with these arguments, in MB."""
    return float(python(RUN, *arguments))


def python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return done.stdout


if __name__ == "__main__":
    main()
