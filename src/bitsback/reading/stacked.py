"""The arrays of an archive for programs that want few of them: pictures or pages of one shape are
one array, which decodes what is indexed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS, FOLDER, FileList
from bitsback.images.formats import PICTURES
from bitsback.images.names import ending_of
from bitsback.lazy import cached_property
from bitsback.reading.contents import block_numbers
from bitsback.reading.indexed import Chunks, Indexed
from bitsback.reading.indexing import Along, cells
from bitsback.reading.reader import Archive
from bitsback.reading.view import Found, View


class Stack(Indexed):
    """Pictures of an archive, all of one shape and dtype, as an array [pictures, ...]."""

    def __init__(
        self, archive: Archive, numbers: Sequence[int], shape: Shape, dtype: np.dtype[Any]
    ) -> None:
        """numbers: of the files or pages."""
        super().__init__(archive.name)
        self.archive, self.numbers = archive, numbers
        self._shape, self._dtype = (len(numbers), *shape), dtype

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @cached_property
    def chunks(self) -> Chunks:
        """Pictures that follow each other in a block are a chunk."""
        blocks = block_numbers(self.archive)
        runs = groupby(int(blocks[n]) if n < len(blocks) else -1 - n for n in self.numbers)
        inner = self.archive[self.numbers[0]].chunks
        return (tuple(len(list(run)) for _, run in runs), *inner)

    def _take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        found = Found(tuple(map(len, wanted)), self.dtype)
        for place in cells(wanted[0], 1):
            to, _ = wanted[0].within(place, place + 1)
            picture = self.archive[self.numbers[place]]._take(wanted[1:], verify)
            found.put([(to, slice(None))], picture[np.newaxis])
        return found.array

    def _stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        for end in accumulate(self.chunks[0]):
            if start < min(end, stop):
                yield self[start : min(end, stop)]
                start = min(end, stop)


def pictures_in(archive: Archive) -> Iterator[tuple[int, View]]:
    """The numbers and views of the pages, or of the files of a folder that are pictures."""
    names = archive.names
    for number in range(len(archive)):
        view = archive[number]
        if isinstance(view, View) or not names or ending_of(names[number]) in PICTURES:
            yield number, view


def arrays_in(archive: Archive) -> dict[str, Indexed]:
    """The arrays by name: "array", or those of an npz file; of pictures and pages those of one
    shape and dtype as one, "pictures" or "pages", with a number if there are several such; one that
    is unlike all others has its own name. Raises InputError if there are none.

    Pictures that are stored verbatim have to be read to find their shapes.
    """
    collection = archive._collection
    if not isinstance(collection, FileList):
        return {"array": archive}
    if collection.kind == ARRAYS:
        return {name: archive[name] for name in archive.names}
    groups: dict[tuple[Shape, str], list[int]] = {}
    for number, view in pictures_in(archive):
        groups.setdefault((view.shape, view.dtype.str), []).append(number)
    if not groups:
        raise InputError(f"{archive.name}: has no pictures")
    kind = "pictures" if collection.kind == FOLDER else "pages"
    several = sum(len(numbers) > 1 for numbers in groups.values()) > 1
    found: dict[str, Indexed] = {}
    for (shape, dtype), numbers in groups.items():
        if len(numbers) == 1:
            number = numbers[0]
            name = archive.names[number] if kind == "pictures" else f"page_{number}"
            found[name] = archive[number]
        else:
            name = f"{kind}_{len(found)}" if several else kind
            found[name] = Stack(archive, numbers, shape, np.dtype(dtype))
    return found
