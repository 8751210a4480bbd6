"""The classes of pictures: the folders that they are in."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.images.names import printable

FOLDERS = "folders"
"""What labels of pictures are asked for with."""


def folder_of(name: str) -> str:
    """The folder that a file is in, with those that this is in; an empty text for none."""
    return name.rpartition("/")[0]


def classes_of(names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The folders that these files are in, sorted, and for each file the number of its own."""
    folders = list(map(folder_of, names))
    classes = sorted(set(folders))
    numbers = {folder: number for number, folder in enumerate(classes)}
    return classes, np.fromiter((numbers[folder] for folder in folders), np.int64, len(folders))


def check_classes(names: Sequence[str], root: str) -> None:
    """Raises InputError if a file is in no folder."""
    loose = next((name for name in names if not folder_of(name)), None)
    if loose is not None:
        raise InputError(
            f"{root}: {printable(loose)} is in no folder, which would be its label; move it, or"
            " leave out labels (--labels folders), or what is no picture with --pictures-only"
            " (pictures_only=True)"
        )
