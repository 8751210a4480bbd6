"""The arrays of an archive for other programs, with all pictures of one shape as one array.

An index of such an array decodes only the needed blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import ArraySource, Chunks, View
from bitsback.archive.arrays.indexing import AxisPlaces, cells
from bitsback.archive.arrays.part_source import PartSource, Result
from bitsback.archive.files.block_numbers import block_numbers
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError
from bitsback.files.formats import PICTURES
from bitsback.format.array_part import BYTES, COPIES, VARIED
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS, FOLDER, FileCollection
from bitsback.io.names import ending_of
from bitsback.lazy import cached_property

FEWEST_IN_SERIES = 4
"""The least number of pictures of a series."""
MOST_LISTED = 1 << 20
"""The greatest number of unnamed pictures to examine one by one.

A small archive may declare many more.
"""


class StackSource(ArraySource):
    """Pictures of an archive, all of one shape and dtype, as an array [pictures, ...]."""

    def __init__(
        self,
        archive: ArchiveReader,
        numbers: Sequence[int],
        shape: Shape,
        dtype: np.dtype[Any],
        part: PartSource | None = None,
    ) -> None:
        """numbers: of the files. part: the part of the archive with exactly these."""
        super().__init__(archive.name)
        self._part = part
        self.archive, self.numbers = archive, numbers
        self._shape, self._dtype = (len(numbers), *shape), dtype

    @cached_property
    def _first(self) -> ArraySource:
        """The first picture. All have one shape and dtype."""
        return self.archive.file_array(self.numbers[0])

    @property
    def dims(self) -> tuple[str, ...]:
        return ("file", *self._first.dims) if self._first.dims else ()

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self._first.attrs

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @cached_property
    def chunks(self) -> Chunks:
        """A chunk has consecutive pictures of one block."""
        if self._part is not None:
            return self._part.chunks
        blocks = block_numbers(self.archive)
        runs = groupby(int(blocks[n]) if n < len(blocks) else -1 - n for n in self.numbers)
        return (tuple(len(list(run)) for _, run in runs), *self._first.chunks)

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        if self._part is not None:
            return self._part.take(wanted, verify)
        found = Result(tuple(map(len, wanted)), self.dtype)
        for place in cells(wanted[0], 1):
            positions, _ = wanted[0].within(place, place + 1)
            picture = self.archive.file_array(self.numbers[place]).take(wanted[1:], verify)
            found.put([(positions, slice(None))], picture[np.newaxis])
        return found.array


class Stack(View):
    """Pictures of an archive, all of one shape and dtype, as an array [pictures, ...]."""

    def __init__(self, source: StackSource) -> None:
        super().__init__(source)
        self.source, self.numbers = source, source.numbers


def picture_numbers(archive: ArchiveReader) -> Sequence[int]:
    """The numbers of the files that are pictures by their names."""
    files = archive.files
    if not files.named:  # a small archive may declare millions
        return range(len(archive))
    names = archive.names
    return [n for n in range(len(names)) if not files.stored(n) or ending_of(names[n]) in PICTURES]


def arrays_in(archive: ArchiveReader) -> dict[str, View]:
    """The arrays of an archive by name.

    An array has the name "array", and the arrays of an npz file have their own names. Pictures of
    one shape and dtype form an array "pictures", with a number if there are several. A picture that
    is unlike all others keeps its name.

    Verbatim pictures have to be read for their shapes. Pictures that Pillow cannot read are left
    out. Raises InputError if there are no arrays.
    """
    collection = archive.collection
    if collection.kind is None:
        return {"array": View(archive.array_source)}
    if collection.kind == ARRAYS:
        return {name: View(archive.file_source(name)) for name in archive.names}
    numbers = picture_numbers(archive)
    if not numbers:
        raise InputError(f"{archive.name}: has no pictures")
    if len(numbers) > 1 and (part := _only_part(archive, collection, len(numbers))) is not None:
        return {"pictures": Stack(StackSource(archive, numbers, part.shape[1:], part.dtype, part))}
    groups = _groups(archive, numbers)
    if not groups:
        raise InputError(f"{archive.name}: has no pictures that can be read")
    several = sum(len(numbers) > 1 for numbers in groups.values()) > 1
    found: dict[str, View] = {}
    for (shape, dtype, _), numbers in groups.items():
        if len(numbers) == 1:
            named = archive.files.named
            name = archive.names[numbers[0]] if named else f"picture_{numbers[0]}"
            found[name] = View(archive.file_array(numbers[0]))
        else:
            name = f"pictures_{len(found)}" if several else "pictures"
            found[name] = Stack(StackSource(archive, numbers, shape, np.dtype(dtype)))
    return found


def series_in(archive: ArchiveReader) -> dict[str, Sequence[int]]:
    """The numbers of the files of each series, in their order.

    A series has pictures of one size and kind in one part, such as the slices of DICOM files. The
    keys are the common start of their names, as `scan/IM*`.
    """
    found: dict[str, Sequence[int]] = {}
    if archive.collection.kind != FOLDER or not archive.files.named:
        return found
    for part, numbers in zip(archive.collection.parts, archive.files.by_part(), strict=True):
        members = list(numbers) if part.axes not in (BYTES, COPIES, VARIED) else []
        if len(members) < FEWEST_IN_SERIES:
            continue
        names = [archive.names[number] for number in members]
        start = _common_start(names)
        end = _common_start([name[len(start) :][::-1] for name in names])[::-1]
        copies = (copy for number in members for copy in archive.files.copies.get(number, ()))
        members += [n for n in copies if _is_between(archive.names[n], start, end)]
        name, count = f"{start}*{end}", 1
        while name in found:
            name, count = f"{start}*{end} ({count + 1})", count + 1
        found[name] = sorted(members)
    return found


def _is_between(name: str, start: str, end: str) -> bool:
    """Whether a name begins and ends so."""
    return len(name) >= len(start + end) and name.startswith(start) and name.endswith(end)


def _common_start(names: Sequence[str]) -> str:
    """The common start of all names."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


def _only_part(archive: ArchiveReader, collection: FileCollection, count: int) -> PartSource | None:
    """The part with all pictures; None if they are in several. count: the number of pictures."""
    of_pictures = [n for n, part in enumerate(collection.parts) if part.axes != BYTES]
    if len(of_pictures) != 1 or collection.has_removed:  # copies are in a part, too
        return None
    part = collection.parts[of_pictures[0]]
    if part.axes == VARIED or part.entries != count or archive.may_have_frames:
        return None
    return archive.part_source(of_pictures[0])


def _groups(
    archive: ArchiveReader, numbers: Sequence[int]
) -> dict[tuple[Shape, str, str], Sequence[int]]:
    """The numbers of the pictures of each shape, dtype and axes."""
    if not archive.files.named and len(numbers) > MOST_LISTED:
        raise InputError(
            f"{archive.name}: its {len(numbers)} pictures are too many to group by their shapes;"
            " read them by their numbers, with bitsback.open"
        )
    groups: dict[tuple[Shape, str, str], list[int]] = {}
    for number in numbers:
        array = archive.file_array(number)
        try:
            attrs = {name: value for name, value in array.attrs.items() if name != "window"}
            kind = (array.shape, array.dtype.str, f"{array.dims} {attrs}")
        except InputError:  # a JPEG file of 12 bits, or a damaged picture
            continue
        groups.setdefault(kind, []).append(number)
    return dict(groups)
