"""A folder of small PNG files beside the same pictures as one array: CPU seconds of the whole
compressing process, with `auto` and with `fast`.

    python benchmarks/folder_cpu.py [PICTURE] [--images 2000]

Digits of MNIST, 28 x 28 pixels, grey; and of PICTURE, a large photograph, patches of 32 x 32 pixels
in colour. Pillow writes the files. Each run is a process of its own, including its start.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback_lab.digits import mnist_test_images

_SIDE = 32
_RUN = """
import io, sys, time
import bitsback
summary = bitsback.compress(sys.argv[1], io.BytesIO(), model=sys.argv[2])
print(time.process_time(), summary.bytes_out)
"""


def patches(picture: Path, count: int) -> NDArray[np.uint8]:
    """[count, 32, 32, 3], or as many as there are."""
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    rows, columns = (size // _SIDE for size in pixels.shape[:2])
    cut = pixels[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE, 3)
    return np.ascontiguousarray(cut.swapaxes(1, 2).reshape(-1, _SIDE, _SIDE, 3)[:count])


def sets(picture: Path | None, count: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    yield "digits", mnist_test_images()[:count]
    if picture is not None:
        yield "patches in colour", patches(picture, count)


def measured(source: Path, model: str) -> tuple[float, int]:
    """CPU seconds, and bytes of the archive."""
    run = subprocess.run(
        [sys.executable, "-c", _RUN, source, model], check=True, capture_output=True, text=True
    )
    seconds, size = run.stdout.split()
    return float(seconds), int(size)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", nargs="?", type=Path, help="a photograph")
    parser.add_argument("--images", type=int, default=2000, help="of each set (default 2000)")
    given = parser.parse_args()
    print(
        f"{'':24}{'model':>6}{'array, s':>10}{'folder, s':>11}{'times':>7}"
        f"{'array':>12}{'folder':>12}"
    )
    for name, images in sets(given.picture, given.images):
        with tempfile.TemporaryDirectory() as place:
            array, folder = Path(place, "images.npy"), Path(place, "images")
            np.save(array, images)
            folder.mkdir()
            for number, image in enumerate(images):
                Image.fromarray(image).save(folder / f"{number:06}.png")
            for model in ("auto", "fast"):
                (alone, bytes_alone), (files, bytes_files) = (
                    measured(source, model) for source in (array, folder)
                )
                print(
                    f"{len(images):>6} {name:17}{model:>6}{alone:10.2f}{files:11.2f}"
                    f"{files / alone:7.2f}{bytes_alone:12,}{bytes_files:12,}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
