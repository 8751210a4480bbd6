"""Images of several shapes as files that `bitsback compress` takes: a folder of pictures, or, of
what no picture file holds, an npz file of arrays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.images.modes import mode_of
from bitsback.images.picture_files import read_pixels
from bitsback.peers.units import Picture


def write_images(images: list[Picture], place: Path) -> Path:
    """Writes them, uncompressed, into the folder `place`; gives the path of what is to be
    compressed.
    """
    if any(mode_of(image.dtype, image.shape) is None for image in images):
        np.savez(place / "arrays.npz", *images)
        return place / "arrays.npz"
    from PIL import Image

    folder = place / "pictures"
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:07}.tif")
    return folder


def read_images(path: Path) -> list[NDArray[Any]]:
    """The images that were written, from where they were restored."""
    if path.is_dir():
        return [read_pixels(file) for file in sorted(path.iterdir())]
    with np.load(path) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
