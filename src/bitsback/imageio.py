"""A plugin of imageio that reads archives (docs/readers.md).

After `import bitsback.imageio`, `imageio.v3.imread("x.bb")` finds it. It needs the extra `imageio`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.indexed import View, is_image
from bitsback.archive.reading.indexing import read_number
from bitsback.archive.reading.reader import ArchiveReader
from bitsback.archive.reading.stacked import Stack, StackSource, picture_numbers, stacks_in
from bitsback.errors import ArchiveError, InputError, MissingExtra
from bitsback.format.parts import ARRAYS
from bitsback.models.model import Choice

try:
    from imageio.config import known_extensions, known_plugins
    from imageio.config.extensions import FileExtension
    from imageio.config.plugins import PluginConfig
    from imageio.core.request import InitializationError, IOMode, Request
    from imageio.core.v3_plugin_api import ImageProperties, PluginV3
except ImportError as error:
    raise MissingExtra("imageio", ".[imageio]") from error

NAME = "bitsback"


class BitsbackPlugin(PluginV3):
    """Reads an archive. Its images are its files, pages or arrays, or the items of an array.

    An index decodes only the blocks that it needs.

    >>> import io
    >>> import bitsback
    >>> import imageio.v3 as iio
    >>> file = io.BytesIO()
    >>> summary = bitsback.compress(np.zeros((3, 9, 8), np.uint8), file)
    >>> file = file.getvalue()
    >>> iio.imread(file, plugin=BitsbackPlugin, index=1).shape
    (9, 8)
    >>> iio.improps(file, plugin=BitsbackPlugin).shape
    (3, 9, 8)
    """

    def __init__(self, request: Request, *, model: Choice | None = None) -> None:
        """model: a model that the archive may need, as for `bitsback.open`."""
        super().__init__(request)
        if request.mode.io_mode == IOMode.write:
            raise InitializationError("bitsback.compress writes archives")
        try:
            self._archive = ArchiveReader(request.get_file(), model=model)
        except (ArchiveError, InputError) as error:
            raise InitializationError(str(error)) from error
        archive, collection = self._archive, self._archive.collection
        self._numbers: Sequence[int] | None = None
        """The numbers of the files or pages; None for an array."""
        if collection.kind is not None:
            arrays = collection.kind == ARRAYS
            self._numbers = range(len(archive)) if arrays else picture_numbers(archive)
        self._whole = collection.kind is None and (
            not collection.shape or is_image(collection.shape, collection.dtype)
        )
        self._count = 1 if self._whole else len(archive if self._numbers is None else self._numbers)

    def read(self, *, index: int | EllipsisType | None = None) -> NDArray[Any]:
        """An image by its number, or all images as an array [images, ...] for `...`.

        By default these are all images, or the only image. Raises IndexError and ArchiveError, and
        InputError if all images are requested and they differ in shape.
        """
        array, entry = self._find(index)
        return np.asarray(array[entry])

    def iter(self) -> Iterator[NDArray[Any]]:
        """All images in order."""
        if self._whole:
            return iter([self.read()])
        if self._numbers is None:
            return map(np.asarray, View(self._archive.array_source))
        return (self._archive.file_array(number).whole() for number in self._numbers)

    def properties(self, index: int | EllipsisType | None = None) -> ImageProperties:
        """The shape and dtype of the result of `read`. It decodes no blocks of models."""
        array, entry = self._find(index)
        if isinstance(entry, int):
            return ImageProperties(array.shape[1:], array.dtype)
        several = self._is_several(index)
        shape = array.shape if entry is ... else (1, *array.shape)
        return ImageProperties(shape, array.dtype, shape[0] if several else None, several)

    def metadata(
        self, index: int | EllipsisType | None = None, exclude_applied: bool = True
    ) -> dict[str, Any]:
        """The metadata of an image.

        Its entry "kind" is the format of the input, and "name" the name of a file or an array. The
        entry "axes" has the axes of the pixels. Further entries have the properties of the axes.
        """
        found: dict[str, Any] = {"kind": self._archive.kind}
        if self._archive.names and not self._is_several(index):
            number = read_number(index or 0, self._count, "images")
            assert self._numbers is not None, "it has files"
            array = self._archive.file_array(self._numbers[number])
            found["name"] = self._archive.names[self._numbers[number]]
            if array.dims:
                found |= {"axes": array.dims, **array.attrs}
        return found

    def close(self) -> None:
        if hasattr(self, "_archive"):  # imageio also closes a file that is no archive
            self._archive.close()
        super().close()

    def _is_several(self, index: int | EllipsisType | None) -> bool:
        """Whether all images are requested, so that the result has an axis for them."""
        return index is ... or (index is None and self._count != 1)

    def _find(self, index: int | EllipsisType | None) -> tuple[View, Any]:
        """An array, and the index into it, for the images of an index."""
        archive, numbers = self._archive, self._numbers
        if not self._is_several(index):
            number = read_number(index or 0, self._count, "images")
            if numbers is None:
                return View(archive.array_source), ... if self._whole else number
            return View(archive.file_array(numbers[number])), ...
        if numbers is None:
            return View(archive.array_source), np.newaxis if self._whole else ...
        if self._count == 1:
            return View(archive.file_array(numbers[0])), np.newaxis
        arrays = stacks_in(archive)
        if len({(array.shape, array.dtype) for array in arrays.values()}) != 1:
            raise InputError(
                f"{archive.name}: its images have {len(arrays)} shapes and dtypes; read them one by"
                " one, by their numbers"
            )
        array = next(iter(arrays.values()))
        if len(arrays) > 1:  # arrays of an npz file
            array = Stack(StackSource(archive, numbers, array.shape, array.dtype))
        return array, ...


known_plugins[NAME] = PluginConfig(NAME, BitsbackPlugin.__name__, __name__)
known_extensions[".bb"] = [FileExtension(extension=".bb", priority=[NAME], name="bitsback archive")]
