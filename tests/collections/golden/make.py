"""The files of the golden archives of collections, and the archives themselves: run this file to
write them again.

They pin what the bytes of containers 1 to 3 mean, as those in tests/archive/golden do for arrays.
"""

from __future__ import annotations

import gzip
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

FOLDER = Path(__file__).parent


def ramp(dtype: str, *shape: int) -> NDArray[Any]:
    """Numbers that look random and are the same everywhere."""
    return (np.arange(np.prod(shape)) * 7919 % 251).astype(dtype).reshape(shape)


def pictures(path: Path) -> None:
    (path / "deep" / "Ünïcode").mkdir(parents=True)
    for number, digit in enumerate(binarised_mnist_test_images()[:4]):
        Image.fromarray(digit).save(path / f"{number}.png")
    for number, digit in enumerate(mnist_test_images()[:3]):
        Image.fromarray(digit).save(path / "deep" / f"{number}.bmp")
    Image.fromarray(ramp("u1", 3, 5, 3)).save(path / "deep" / "Ünïcode" / "colour.png")
    Image.fromarray(ramp("u1", 6, 4, 3)).save(path / "tall.png")
    Image.fromarray(ramp("<u2", 4, 3)).save(path / "deep" / "wide.png")


def npz(path: Path) -> None:
    np.savez(
        path,
        images=binarised_mnist_test_images()[:3],
        labels=ramp(">i4", 3),
        empty=np.zeros((0, 2)),
    )


def tiff(path: Path) -> None:
    pages = [
        Image.fromarray(ramp("u1", 4, 5)),
        *(Image.fromarray(digit) for digit in mnist_test_images()[:2]),
    ]
    pages[0].save(path, save_all=True, append_images=pages[1:])


def idx(path: Path) -> None:
    images = mnist_test_images()[:3]
    path.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes())


def idx_gz(path: Path) -> None:
    idx(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


GOLDEN: dict[str, Callable[[Path], None]] = {
    "pictures": pictures,
    "arrays.npz": npz,
    "pages.tiff": tiff,
    "images.idx": idx,
    "images.idx.gz": idx_gz,
}
"""For each archive what writes its file or folder, by the name of that."""

PINNED = ("arrays.npz", "images.idx", "images.idx.gz")
"""Those in which no general compressor has a part, whose bytes may change with its version."""


def make(name: str, folder: Path) -> bytes:
    """The archive. What it is made from stays in `folder`, under its name."""
    source, archive = folder / name, folder / f"{name}.bb"
    GOLDEN[name](source)
    bitsback.compress(source, archive, model="fast", threads=1)
    return archive.read_bytes()


if __name__ == "__main__":
    for name in GOLDEN:
        with tempfile.TemporaryDirectory() as folder:
            (FOLDER / f"{name}.bb").write_bytes(make(name, Path(folder)))
