"""Write some files or items of an archive. Only their blocks are decoded."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexing import read_number
from bitsback.archive.container.damage import merged
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.restoring.restore import extract_files, folder_of
from bitsback.archive.restoring.staging import staging
from bitsback.errors import InputError
from bitsback.files import formats
from bitsback.files.npy import write_header
from bitsback.format.parts import ARRAYS, FOLDER
from bitsback.io.file_io import Location
from bitsback.io.output import Destination, open_output
from bitsback.work import Progress

Item = str | int | slice
"""The name or number of a file, the number of an item, or a slice of numbers."""

_WANTED = {
    FOLDER: "pictures: give -o DIR",
    ARRAYS: f"arrays: give -o FILE{formats.NPY.endings[0]}",
}


def extract(
    archive: ArchiveReader,
    items: Item | Iterable[Item],
    destination: Destination,
    png: bool,
    verify: bool,
    force: bool,
    progress: Progress | None,
    outside: bool = False,
) -> int:
    """Writes files, links, empty folders or items, and returns their number; see
    `bitsback.Archive.extract`.
    """
    kind = archive.collection.kind
    wanted = [items] if isinstance(items, str | int | slice) else list(items)
    count = 1 if kind is None and archive.array.picture else len(archive)
    beside = set(archive.entry_names[len(archive) :]) if kind == FOLDER else set()
    entries = [item for item in wanted if isinstance(item, str) and item in beside]
    wanted = [item for item in wanted if item not in entries]
    ranges = list(chain.from_iterable(_ranges(archive, item, count) for item in wanted))
    if png:
        if kind is not None:
            raise InputError(f"{archive.name}: contains {_WANTED[kind]}")
        # An archive may state millions of items, so no list of them is made.
        ranges = merged(numbers for numbers in ranges if numbers)
        _write_png(archive, ranges, folder_of(archive, destination), verify, force, progress)
        return sum(map(len, ranges))
    if kind is None:
        single = isinstance(items, int)
        return _write_npy(archive, ranges, single, destination, verify, force, progress)
    numbers = list(dict.fromkeys(chain.from_iterable(ranges)))
    if kind == ARRAYS:
        _write_arrays(archive, numbers, destination, verify, force)
    else:
        folder = folder_of(archive, destination)
        extract_files(archive, numbers, folder, force, verify, entries, outside)
    return len(numbers) + len(entries)


def _ranges(archive: ArchiveReader, item: Item, count: int) -> list[range]:
    """The numbers that an item stands for, as ranges with a step of 1.

    Raises KeyError, IndexError.
    """
    if isinstance(item, slice):
        numbers = range(count)[item]
        return [numbers] if numbers.step == 1 else [range(n, n + 1) for n in numbers]
    named = isinstance(item, str)
    number = archive.file_number(item) if named else read_number(item, count, "items")
    return [range(number, number + 1)]


def _write_npy(
    archive: ArchiveReader,
    ranges: Sequence[range],
    single: bool,
    output: Destination,
    verify: bool,
    force: bool,
    progress: Progress | None,
) -> int:
    """Writes items while they are decoded.

    The file has an array of items, or, if `single`, the only item itself.
    """
    array, done, total = archive.array, 0, sum(map(len, ranges))
    item_shape = array.shape if array.picture else array.shape[1:]
    shape = item_shape if single else (total, *item_shape)
    with open_output(output, force, archive.name) as file:
        write_header(file.write, array.dtype, shape)
        for stack in chain.from_iterable(_stacks(archive, some, verify) for some in ranges):
            file.write(stack.tobytes())
            done += len(stack)
            if progress is not None:
                progress(done, total)
    return total


def _write_arrays(
    archive: ArchiveReader, numbers: Sequence[int], output: Destination, verify: bool, force: bool
) -> None:
    """Writes one array to a file, or several to one npz file."""
    several, one = formats.ARRAYS, formats.NPY
    is_container = several.ends(str(output))
    if len(numbers) != 1 and not is_container:
        raise InputError(
            f"{archive.name}: contains arrays; give -o FILE{several.endings[0]}, or one name, and"
            f" -o FILE{one.endings[0]}"
        )
    arrays = [(archive.names[number], archive.file_source(number)) for number in numbers]
    with open_output(output, force, archive.name) as file:
        if not is_container:
            ((_, array),) = arrays
            with one.write(file, array.dtype, array.shape) as member:
                member.write(array.whole(verify).tobytes())
            return
        with several.codec().write_arrays(file) as following:
            for name, array in arrays:
                with following(name, array.dtype, array.shape) as member:
                    member.write(array.whole(verify).tobytes())


def _write_png(
    archive: ArchiveReader,
    ranges: Sequence[range],
    folder: Location,
    verify: bool,
    force: bool,
    progress: Progress | None,
) -> None:
    """Writes each item as `folder`/NUMBER.png."""
    count = 1 if archive.array.picture else len(archive)
    digits = len(str(max(count - 1, 0)))
    if isinstance(folder, str | os.PathLike):
        Path(folder).parent.mkdir(parents=True, exist_ok=True)
    done, total = 0, sum(map(len, ranges))
    with staging(folder, (), force) as stage:
        for numbers in ranges:
            items = chain.from_iterable(_stacks(archive, numbers, verify))
            for number, item in zip(numbers, items, strict=True):
                stage.write(f"{number:0{digits}}.png", _png(item))
                done += 1
                if progress is not None:
                    progress(done, total)


def _stacks(archive: ArchiveReader, numbers: range, verify: bool) -> Iterator[NDArray[Any]]:
    """The items, some at a time: [items, ...]. A picture is a single item."""
    array = archive.array_source
    if archive.array.picture:
        return iter([array.whole(verify)[np.newaxis]] * len(numbers))
    if not array.shape:
        return iter([array.entries(numbers.start, numbers.stop, verify=verify)])
    return array.stacks(numbers.start, numbers.stop, verify=verify)


def _png(item: NDArray[Any]) -> bytes:
    """An item as a PNG file, black and white for bool or the values 0 and 1."""
    from PIL import Image

    colour = item.ndim == 3 and item.shape[2] in (3, 4)
    if not (item.ndim == 2 or colour) or item.size == 0 or item.dtype.name not in ("bool", "uint8"):
        raise InputError(
            f"items of {' x '.join(map(str, item.shape)) or 'one number'} {item.dtype} are not"
            " pictures that PNG can store; use -o FILE.npy"
        )
    if item.dtype != bool and not colour and item.max() <= 1:
        item = item.astype(bool)
    buffer = io.BytesIO()
    Image.fromarray(item).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
