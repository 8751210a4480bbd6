"""Makes the table of first distributions of JPEG coefficients, jpeg_symbols.bin, from photographs
(docs/jpeg-format.md, J9).

    python tools/make_jpeg_symbols.py PHOTOS    writes src/bitsback/tables/jpeg_symbols.bin

PHOTOS has pictures that were never JPEG files, and none of a benchmark. A part of each is written
with Pillow at one of the qualities and samplings below, and its symbols are counted. The bytes that
ship are normative, and were made from 20 pictures of 1,024 patches of photographs.
"""

import hashlib
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "src" / "bitsback" / "tables" / "jpeg_symbols.bin"
QUALITIES = (75, 85, 92, 95, 50, 90, 80, 70, 88, 60)
SUBSAMPLINGS = (2, 2, 0, 2, 1)
SIDE = 1024


def main(folder: str) -> None:
    """Compiles the counter, makes JPEG files, and counts."""
    kinds = zip(itertools.cycle(QUALITIES), itertools.cycle(SUBSAMPLINGS), strict=False)
    with tempfile.TemporaryDirectory() as made:
        counter = Path(made) / "counter"
        compiler = ["c++", "-std=c++20", "-O2", "-Wno-psabi", "-I", str(ROOT / "src" / "core")]
        subprocess.run(
            [*compiler, str(ROOT / "tools" / "jpeg_symbols.cpp"), "-o", str(counter)], check=True
        )
        files = []
        for path, (quality, subsampling) in zip(
            sorted(Path(folder).glob("*")), kinds, strict=False
        ):
            files.append(Path(made) / f"{path.stem}.jpg")
            picture = Image.open(path).convert("RGB").crop((0, 0, SIDE, SIDE))
            picture.save(files[-1], quality=quality, subsampling=subsampling)
        subprocess.run([str(counter), str(TABLE), *map(str, files)], check=True)
    print(hashlib.sha256(TABLE.read_bytes()).hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
