"""Photographs that once were JPEG files, as decoded pixels: by the default and by `best`, beside
others.

    python benchmarks/compare_jpeg.py FOLDER --quality 92 --subsampling 2

The folder holds photographs that were never compressed with loss, from which the JPEG files are
made; subsampling is Pillow's: 0 is 4:4:4, 2 is 4:2:0. JPEG XL needs .[peers].
"""

from __future__ import annotations

import io

import numpy as np
from harness import report
from numpy.typing import NDArray
from pictures import Key, archive_of, arguments, picture_files, row, rows_of_peers
from PIL import Image

PEERS: tuple[Key, ...] = (("JPEG XL e9", "each"), ("JPEG XL e7", "each"), ("WebP m6", "each"))


def main() -> None:
    parser = arguments(__doc__, "folders of pictures")
    parser.add_argument("--quality", type=int, default=92)
    parser.add_argument("--subsampling", type=int, choices=[0, 1, 2], default=2)
    options = parser.parse_args()
    for folder in options.data:
        images = [
            _through_jpeg(Image.open(path).convert("RGB"), options.quality, options.subsampling)
            for path in picture_files(folder, options.first).values()
        ]
        auto = sum(archive_of(image) for image in images)
        rows = [row("bitsback", auto, images, auto)]
        best = sum(archive_of(image, "--best") for image in images)
        rows.append(row("bitsback --best", best, images, auto))
        others, missing = rows_of_peers(PEERS, images, auto)
        title = f"{folder.name}, {len(images)} pictures, quality {options.quality}"
        report(title, rows + others, missing, options.json)


def _through_jpeg(image: Image.Image, quality: int, subsampling: int) -> NDArray[np.uint8]:
    """The pixels that a JPEG file of the image gives."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(stream))


if __name__ == "__main__":
    main()
