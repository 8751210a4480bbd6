"""A plugin of Pillow that opens archives as images (docs/readers.md).

After `import bitsback.pillow`, `Image.open("x.bb")` opens them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from bitsback.archive.arrays.indexed import View, is_image
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.files.stacked import picture_numbers
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError
from bitsback.format.layout import MAGIC
from bitsback.format.parts import ARRAYS, FOLDER

_WIDE = ("u2", "i4", "f4")
"""The dtypes with a mode in Pillow, besides bool and bytes."""


class BitsbackImageFile(ImageFile.ImageFile):
    """The pictures of an archive as the frames of an image.

    They are the files of a folder as Pillow reads them, the frames of a file alone, or the images
    in an array of bool, uint8, uint16, int32 or float32. Opening decodes the first frame, and
    `seek` decodes another.

    >>> import io
    >>> import bitsback.pillow
    >>> images = np.arange(3 * 9 * 8, dtype=np.uint8).reshape(3, 9, 8)
    >>> file = io.BytesIO()
    >>> summary = bitsback.compress(images, file)
    >>> with Image.open(file) as image:
    ...     image.seek(2)
    ...     print(image.mode, image.size, image.n_frames, (np.asarray(image) == images[2]).all())
    L (8, 9) 3 True
    """

    format = "BITSBACK"
    format_description = "bitsback archive"
    _close_exclusive_fp_after_loading = False

    def _open(self) -> None:
        self._archive = ArchiveReader(self.fp)  # type: ignore[arg-type]
        self._frames: Sequence[int] | list[None] = _frames(self._archive)
        self._alone: Image.Image | None = None
        if self._archive.collection.kind == FOLDER and len(self._frames) == 1:
            self._alone = self._image(self._frames[0])
            self._frames = range(getattr(self._alone, "n_frames", 1))
        self.n_frames = len(self._frames)
        self.is_animated = self.n_frames > 1
        self._show(0)

    def tell(self) -> int:
        """The number of the current frame."""
        return self._frame

    def seek(self, frame: int) -> None:
        """Decodes a frame. Raises EOFError if there is no such frame, ArchiveError for damage."""
        if self._seek_check(frame):
            self._show(frame)

    def _seek_check(self, frame: int) -> bool:
        if not 0 <= frame < self.n_frames:
            raise EOFError("attempt to seek outside sequence")
        return frame != self._frame

    def _show(self, frame: int) -> None:
        if self._alone is None:
            made = self._image(self._frames[frame])
        else:
            self._alone.seek(frame)
            made = self._alone.copy()
        made.load()
        self.im, self._mode, self._size = made.im, made.mode, made.size
        self.palette, self.info = made.palette, made.info
        self.tile = []
        self._frame = frame

    def _image(self, which: int | None) -> Image.Image:
        archive = self._archive
        if archive.collection.kind == FOLDER:
            assert which is not None, "files have numbers"
            made: Image.Image = Image.open(io.BytesIO(FileWriter(archive).file(which)))
            made.info["name"] = archive.names[which]
            return made
        array = View(archive.array_source)
        return _from_array(np.asarray(array[... if which is None else which]), archive.name)


def _frames(archive: ArchiveReader) -> Sequence[int] | list[None]:
    """The numbers of the frames; [None] for an array that is one image.

    Raises InputError if there are none.
    """
    collection = archive.collection
    frames: Sequence[int] | list[None] = []
    if collection.kind is None:
        if is_image(collection.shape, collection.dtype):
            frames = [None]
        elif collection.shape and is_image(collection.shape[1:], collection.dtype):
            frames = range(len(archive))
    elif collection.kind != ARRAYS:
        frames = picture_numbers(archive)
    if not frames:
        raise InputError(f"{archive.name}: contains no pictures; read it with bitsback.open")
    return frames


def _from_array(array: NDArray[Any], name: str) -> Image.Image:
    dtype, channels = array.dtype, array.shape[2:]
    fits = not channels or channels[0] in (2, 3, 4)
    if dtype != np.bool_ and dtype != np.uint8:
        fits = not channels and dtype.str[1:] in _WIDE
        array = array.astype(dtype.newbyteorder("="), copy=False)
    if not fits:
        raise InputError(
            f"{name}: Pillow has no images of {dtype}{f' x {channels[0]}' if channels else ''};"
            " read it with bitsback.open"
        )
    return Image.fromarray(array)


def _accept(start: bytes) -> bool:
    return start[: len(MAGIC)] == MAGIC


Image.register_open(BitsbackImageFile.format, BitsbackImageFile, _accept)
Image.register_extension(BitsbackImageFile.format, ".bb")
