"""Training data: MNIST or Fashion-MNIST from IDX files, the split, and binarisation."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback.downloads import TRAIN_IMAGES
from bitsback.errors import InputError


@dataclass(frozen=True)
class Split:
    """Grey pixels as uint8 [n, pixels]; every choice is made on `validation`, which nothing trains
    on.
    """

    train: Tensor
    validation: Tensor


def read_idx_images(path: Path) -> NDArray[np.uint8]:
    """The images of a gzipped IDX file, uint8 [n, rows, columns]. Raises InputError where it is no
    such file.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a gzipped IDX file ({error})") from None
    if data[:4] != b"\x00\x00\x08\x03":
        raise InputError(f"{path}: not an IDX file of images")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", 3, 4))
    return np.frombuffer(data, np.uint8, offset=16).reshape(shape)


def mnist_split(folder: Path, validation: int = 5_000) -> Split:
    """MNIST's training set, or that of a set in the same files, the last `validation` images held
    out.
    """
    images = torch.from_numpy(read_idx_images(folder / TRAIN_IMAGES).reshape(-1, 784).copy())
    return Split(images[:-validation], images[-validation:])


def binarise(grey: Tensor, generator: torch.Generator) -> Tensor:
    """Each pixel a one with the probability grey / 255; float32 like `grey`."""
    return (torch.rand(grey.shape, generator=generator) * 255 < grey).float()
