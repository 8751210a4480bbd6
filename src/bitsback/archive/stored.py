"""A file in an archive that is held bit for bit."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.grid import Shape
from bitsback.archive.maker import Holder


class Stored:
    """A file of a folder that is held bit for bit. If it is a picture, it has a shape and a dtype,
    and is indexed as an array, which Pillow makes of it.
    """

    def __init__(self, archive: Holder, number: int) -> None:
        self._archive, self._number = archive, number

    @property
    def name(self) -> str:
        return self._archive.files.names[self._number]

    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file. verify: check the digest of each block. Raises ArchiveError."""
        return self._archive.bytes_of(*self._archive.files.span(self._number), verify=verify)

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        from bitsback.images.pictures import read_shown

        return read_shown(self.read(), f"{self._archive.name}: {self.name}")

    @property
    def shape(self) -> Shape:
        """Raises InputError if it is no picture that Pillow reads."""
        return self._pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Raises InputError if it is no picture that Pillow reads."""
        return self._pixels.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Elements of the picture."""
        return self._pixels.size

    def __len__(self) -> int:
        return len(self._pixels)

    def __repr__(self) -> str:
        return f"<the file {self.name} in {self._archive.name}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The picture. Always a copy."""
        return np.array(self._pixels, dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """A region of the picture, as a copy. Raises IndexError."""
        return np.array(self._pixels[key])

    def whole(self, verify: bool = True) -> NDArray[Any]:
        """The picture."""
        return np.array(self._pixels)
