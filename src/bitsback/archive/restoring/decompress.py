"""Restore an archive to its original array or files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.container.archive_file import Source
from bitsback.archive.container.damage import Problem
from bitsback.archive.container.source import BlockSource, Task, decode
from bitsback.archive.container.targets import packed
from bitsback.archive.files.strips import RestoredParts, fill_value, strips_of
from bitsback.archive.files.verifying import lost_items, verify
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.restoring.restore import folder_of, restore
from bitsback.archive.restoring.stream import Stream
from bitsback.decompress_options import DecompressKeywords, DecompressOptions
from bitsback.errors import ArchiveError, InputError
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS, FOLDER, Array
from bitsback.format.tiles import Tiles
from bitsback.io.file_io import open_file
from bitsback.io.output import Destination, open_output
from bitsback.io.remote.url import Url, check_options, located
from bitsback.models import Model, requested_model
from bitsback.summary import Restored
from bitsback.work import Work, begin, check_threads, ordered_map

_OME_ZARR = ".ome.zarr"


@overload
def decompress(
    source: Source, destination: None = None, **options: Unpack[DecompressKeywords]
) -> NDArray[Any]: ...


@overload
def decompress(
    source: Source, destination: Destination, **options: Unpack[DecompressKeywords]
) -> Restored: ...


def decompress(
    source: Source, destination: Destination | None = None, **options: Unpack[DecompressKeywords]
) -> NDArray[Any] | Restored:
    """Restores the input of an archive: names, dtype, byte order, shape and all bits of elements.

    >>> import bitsback, io
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> summary = bitsback.compress(np.arange(6, dtype=np.uint8).reshape(2, 3), file)
    >>> bitsback.decompress(file.getvalue())
    array([[0, 1, 2],
           [3, 4, 5]], dtype=uint8)

    source: a path, a URL, the bytes of an archive, or a binary stream. The stream of an archive of
        an array need not be seekable.
    destination: the path of a file in the format of the input, which appears when it is complete,
        or a binary stream. For a folder of pictures the path of a folder. A path that ends in
        .ome.zarr gets the images as OME-Zarr. Without a destination the array is returned.
    options: the fields of `bitsback.DecompressOptions`, by their names.

    Raises ArchiveError, which names archive and block, for damage anywhere in the archive. Raises
    InputError if something cannot be read or written.
    """
    return restore_archive(source, destination, DecompressOptions(**options))


def restore_archive(
    source: Source, destination: Destination | None, options: DecompressOptions
) -> NDArray[Any] | Restored:
    """Restores the input of an archive, as `decompress` does."""
    storage_options = options.storage_options
    source, destination = (located(place, storage_options) for place in (source, destination))
    check_options(storage_options, source, destination, located(options.model))
    model = None if options.model is None else requested_model(options.model, storage_options)
    with _open(source, model) as archive:
        place = source if isinstance(source, Url) else archive.name
        if options.keep_going:
            return _rescue(archive, place, destination, options)
        content = archive.collection
        if str(destination).endswith(_OME_ZARR):
            return _export(archive, destination, options)
        if content.kind is not None:
            return _restore_files(archive, place, destination, options)
        return _restore_array(archive, content, place, destination, options)


def _export(
    archive: BlockSource, destination: Destination | None, options: DecompressOptions
) -> Restored:
    """Writes the images of an archive as OME-Zarr."""
    archive, destination = _needed(archive, destination, "is read image by image", "name an output")
    if not isinstance(destination, str | os.PathLike):
        raise InputError(f"{destination}: OME-Zarr (.ome.zarr) is written to a folder of this disk")
    from bitsback.archive.restoring.ome_zarr import export  # late, as it needs Zarr

    count, size = export(archive, Path(destination), options.force, options.progress)
    content = archive.collection
    shape = (count,) if content.kind is not None else content.shape
    return _restored(archive, shape, content.items, len(archive.blocks), size)


def _restore_array(
    archive: BlockSource,
    array: Array,
    place: object,
    destination: Destination | None,
    options: DecompressOptions,
) -> NDArray[Any] | Restored:
    work, count = Work(array, options.progress), 0

    def decoded(task: Task) -> tuple[Task, Tiles]:
        return task, decode(archive, task, None if options.verify else task.items)

    def blocks() -> Iterator[tuple[Task, Tiles]]:
        nonlocal count
        for block in ordered_map(decoded, archive.tasks(), check_threads(options.threads)):
            yield block
            count += 1

    strips = chain.from_iterable(
        strips_of(array.part_of(start)[1], start, of_part, work)
        for start, of_part in groupby(blocks(), lambda block: array.part_of(block[0].first)[0])
    )
    if destination is None:
        unsure = not isinstance(archive, ArchiveReader) or bool(archive.problems)
        return _gather(array, unsure, strips)
    size = _write(array, array.shape, strips, place, destination, options)
    return _restored(archive, array.shape, array.items, count, size)


def _gather(array: Array, unsure: bool, strips: Iterator[NDArray[Any]]) -> NDArray[Any]:
    """The array in memory. unsure: its stated size cannot be trusted before the end."""
    flat = (strip.reshape(-1) for strip in strips)
    if unsure:  # a few bytes must not request all memory
        found = [np.empty(0, array.dtype), *flat]
        return np.concatenate(found, dtype=array.dtype).reshape(array.shape)
    made, at = np.empty(array.elements, array.dtype), 0
    for strip in flat:
        made[at : at + strip.size] = strip
        at += strip.size
    return made.reshape(array.shape)


def _write(
    array: Array,
    shape: Shape,
    strips: Iterable[NDArray[Any]],
    place: object,
    destination: Destination,
    options: DecompressOptions,
) -> int:
    """Writes a file of the array, as far as it is undamaged. Returns the size of the file."""
    with (
        open_output(destination, options.force, place) as output,
        packed(array, output, shape) as file,
    ):
        for strip in strips:
            file.write(strip.reshape(-1).view(np.uint8).data)
    return output.size


def _restore_files(
    archive: BlockSource,
    place: object,
    destination: Destination | None,
    options: DecompressOptions,
) -> Restored:
    archive, destination = _needed(
        archive,
        destination,
        "contains files, and is not read from beginning to end to restore them",
        "contains files; name an output, or open it and take them one by one",
    )
    collection = archive.files.collection
    parts = RestoredParts(archive, check_threads(options.threads), options.verify)
    size = restore(parts, place, destination, Work(collection, options.progress), options)
    return _restored(archive, (archive.visible_files,), collection.items, len(archive.blocks), size)


def _needed(
    archive: BlockSource, destination: Destination | None, twice: str, output: str
) -> tuple[ArchiveReader, Destination]:
    """The archive and the destination.

    Raises InputError for a stream, with the reason `twice`, and without a destination, with the
    advice `output`.
    """
    if not isinstance(archive, ArchiveReader):
        raise InputError(f"{archive.name}: {twice}; save it as a file first")
    if destination is None:
        raise InputError(f"{archive.name}: {output}")
    return archive, destination


def _rescue(
    archive: BlockSource,
    place: object,
    destination: Destination | None,
    options: DecompressOptions,
) -> Restored:
    """Restores the undamaged parts. Raises ArchiveError if there are none."""
    archive, destination = _needed(
        archive,
        destination,
        "to find what is whole of an archive it is read twice",
        "keep_going needs an output; from an open archive any item can be read that is whole",
    )
    archive.take_addition()
    content = archive.collection
    if content.kind == FOLDER:
        folder_of(archive, destination)
    if options.fill is not None:
        if content.kind not in (None, ARRAYS):
            raise InputError(
                f"{archive.name}: fill (--fill) is only for arrays; damaged files are left out"
            )
        for part in content.parts:
            fill_value(options.fill, part.dtype)
    begin(options.progress, "verifying")
    problems = verify(archive, options.threads, options.progress)
    if archive.file_sections is not None:
        archive.file_sections.do_without_names()
    threads = check_threads(options.threads)
    parts = RestoredParts(archive, threads, problems=problems, fill=options.fill)
    begin(options.progress, "decompressing")
    work = Work(content, options.progress)
    if content.kind is not None:
        shape: Shape = (_files_left(parts),)
        size = restore(parts, place, destination, work, options)
    else:
        shape, numbers = parts.joined()
        strips = chain.from_iterable(parts.strips(number, work) for number in numbers)
        size = _write(content, shape, strips, place, destination, options)
    items = shape[0] if shape else 1
    return _restored(archive, shape, items, len(archive.blocks), size, problems)


def _files_left(parts: RestoredParts) -> int:
    """The number of undamaged files. Raises ArchiveError if there are none."""
    files = parts.files
    if files.collection.kind == ARRAYS:
        left = sum(parts.shape(number) is not None for number in range(len(files)))
    else:
        left = len(files) - sum(map(len, parts.lost_files))
    if not left:
        what = "none of its files" if files.collection.kind == FOLDER else "nothing that it holds"
        raise ArchiveError(f"{parts.archive.name}: {what} is undamaged")
    return left


def _restored(
    archive: BlockSource,
    shape: Shape,
    items: int,
    blocks: int,
    size: int,
    problems: Sequence[Problem] = (),
) -> Restored:
    content = archive.collection
    lost = lost_items(archive, problems) if isinstance(archive, ArchiveReader) and problems else []
    return Restored(
        shape=shape,
        dtype=content.dtype_name,
        items=items,
        elements=content.elements,
        blocks=blocks,
        bytes_in=archive.file_bytes,
        bytes_out=size,
        files=None if content.kind is None else shape[0],
        noun=content.noun,
        lost=tuple(lost),
        problems=tuple(str(error) for _, error in problems),
    )


@contextmanager
def _open(source: Source, model: Model | None) -> Iterator[BlockSource]:
    """The archive: a file, or a stream if the source is not seekable."""
    if isinstance(source, Url):
        with ArchiveReader(source, model=model) as archive:
            yield archive
    elif isinstance(source, str | os.PathLike):
        with open_file(source) as file, _open(file, model) as blocks:
            yield blocks
    elif isinstance(source, bytes | bytearray | memoryview) or source.seekable():
        with ArchiveReader(source, model=model) as archive:
            yield archive
    else:
        yield Stream(source, model)
