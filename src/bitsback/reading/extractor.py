"""Restores an archive to the array or the files that it was made from."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from bitsback.coding.choose import given_model
from bitsback.errors import InputError
from bitsback.format.parts import Array, FileList
from bitsback.format.tiles import Tiles
from bitsback.images.file_io import open_file
from bitsback.models import Model
from bitsback.models.model import Choice
from bitsback.reading.joining import Joiner
from bitsback.reading.output import Destination, open_output
from bitsback.reading.pool import check_threads, ordered_map
from bitsback.reading.reader import Archive, Source
from bitsback.reading.source import BlockSource, Task, decode
from bitsback.reading.stream import Stream
from bitsback.reading.summary import Progress, Restored
from bitsback.reading.targets import packed
from bitsback.reading.work import Work
from bitsback.remote.url import Options, Url, check_options, located

RestoredFiles = Literal["exact", "pixels"]
"""Whether files come back as the very bytes that were promised, or as others of the same pixels."""


@overload
def decompress(
    source: Source,
    destination: None = None,
    *,
    model: Choice | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    force: bool = False,
    verify: bool = True,
    files: RestoredFiles = "exact",
    keep_going: bool = False,
    fill: float | None = None,
    storage_options: Options | None = None,
) -> NDArray[Any]: ...


@overload
def decompress(
    source: Source,
    destination: Destination,
    *,
    model: Choice | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    force: bool = False,
    verify: bool = True,
    files: RestoredFiles = "exact",
    keep_going: bool = False,
    fill: float | None = None,
    storage_options: Options | None = None,
) -> Restored: ...


def decompress(
    source: Source,
    destination: Destination | None = None,
    *,
    model: Choice | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    force: bool = False,
    verify: bool = True,
    files: RestoredFiles = "exact",
    keep_going: bool = False,
    fill: float | None = None,
    storage_options: Options | None = None,
) -> NDArray[Any] | Restored:
    """Restores what an archive was made from: dtype, byte order, shape and every bit of every
    element, and names.

    >>> import bitsback, io
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> summary = bitsback.compress(np.arange(6, dtype=np.uint8).reshape(2, 3), file)
    >>> bitsback.decompress(file.getvalue())
    array([[0, 1, 2],
           [3, 4, 5]], dtype=uint8)

    source: a path, a URL, the bytes of an archive, or a binary stream, which need not be seekable
    if the archive holds an array.
    destination: the path of a file of the format that the archive was made from, which appears when
    it is complete, or a binary stream; without one the array is returned. For a folder of pictures:
    the path of a folder. model: one that the archive's blocks may ask
    for, where it is neither embedded nor bundled. threads, progress, force: as in `compress`.
    verify: check each block's digest; without it only the checksums of the bytes are checked.
    files: whether the files of a folder whose very bytes were promised are made so, or an error is
    raised if zlib of this computer cannot make them, "exact"; or else are made anew, of the same
    pixels and metadata, "pixels".
    keep_going: restore what is whole of a damaged archive, or of one that is cut off, instead of
        raising ArchiveError; `lost` and `problems` of what is returned say what is not there. Of
        files each that is whole comes back; of an array the items that are whole, one after the
        other, or its rows where it is one item; an output has to be named. Every block is decoded
        twice. fill: with keep_going, the value of the elements that are lost of arrays, which then
        keep their shapes.
    storage_options: for the filesystems of URLs.

    Raises ArchiveError, naming archive and block, for damage anywhere in the archive, InputError if
    something cannot be read or written.
    """
    threads = check_threads(threads)
    source, destination = (located(place, storage_options) for place in (source, destination))
    check_options(storage_options, source, destination, located(model))
    given = None if model is None else given_model(model, storage_options)
    if fill is not None and not keep_going:
        raise InputError("fill (--fill) is for keep_going (--keep-going)")
    with _open(source, given) as blocks:
        if keep_going:
            from bitsback.reading.rescue import rescue

            return rescue(
                blocks, source, destination, threads, progress, force, files == "exact", fill
            )
        if isinstance(blocks._collection, FileList):
            return _restore(blocks, destination, threads, progress, force, verify, files == "exact")
        collection = blocks._collection
        count = 0
        work = Work(collection, progress)

        def decoded(task: Task) -> Tiles:
            return decode(blocks, task, None if verify else task.items)

        def strips() -> Iterator[NDArray[Any]]:
            nonlocal count
            done, joiner = 0, Joiner(collection.parts[0])
            for tiles in ordered_map(decoded, blocks._tasks(), threads):
                first, part = collection.part_of(done)
                if done == first:
                    joiner = Joiner(part)
                if part.cut is None:
                    yield tiles.elements
                else:
                    for place, tile in enumerate(tiles, done - first):
                        yield from (rows.reshape(-1) for rows in joiner.take(place, tile))
                work.add(done, tiles.count)
                done += tiles.count
                count += 1

        if destination is None:
            unsure = not isinstance(blocks, Archive) or bool(blocks.problems)
            return _gather(collection, unsure, strips())
        with (
            open_output(destination, force, source) as output,
            packed(collection, output, collection.shape) as file,
        ):
            for strip in strips():
                file.write(strip.view(np.uint8).data)
        return Restored(
            shape=collection.shape,
            dtype=collection.dtype.str,
            items=collection.items,
            elements=collection.elements,
            blocks=count,
            bytes_in=blocks.file_bytes,
            bytes_out=output.size,
            files=None,
            noun="item",
        )


def _restore(
    archive: BlockSource,
    destination: Destination | None,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
    exact: bool,
) -> Restored:
    """Restores a collection of files."""
    from bitsback.reading.restore import restore

    if not isinstance(archive, Archive):
        raise InputError(
            f"{archive.name}: holds files, and is not read from beginning to end to restore them;"
            " save the archive as a file first"
        )
    collection = archive._files.collection
    if destination is None:
        raise InputError(
            f"{archive.name}: holds files; name an output, or open it and take them one by one"
        )
    size = restore(archive, destination, threads, progress, force, verify, exact)
    return Restored(
        shape=(collection.told,),
        dtype=collection.dtype,
        items=collection.items,
        elements=collection.elements,
        blocks=len(archive._blocks),
        bytes_in=archive.file_bytes,
        bytes_out=size,
        files=collection.told,
        noun=collection.noun,
    )


@contextmanager
def _open(source: Source, model: Model | None) -> Iterator[BlockSource]:
    """The archive, as a file or, if it cannot be sought in, as a stream."""
    if isinstance(source, Url):
        with Archive(source, model=model) as archive:
            yield archive
    elif isinstance(source, str | os.PathLike):
        with open_file(source) as file, _open(file, model) as blocks:
            yield blocks
    elif isinstance(source, bytes | bytearray | memoryview) or source.seekable():
        with Archive(source, model=model) as archive:
            yield archive
    else:
        yield Stream(source, model)


def _gather(collection: Array, unsure: bool, strips: Iterator[NDArray[Any]]) -> NDArray[Any]:
    """The whole array. unsure: how much is really there is not known before the end."""
    if unsure:  # a few bytes must not claim all memory
        found = [np.empty(0, collection.dtype), *strips]
        return np.concatenate(found, dtype=collection.dtype).reshape(collection.shape)
    array, at = np.empty(collection.elements, collection.dtype), 0
    for strip in strips:
        array[at : at + strip.size] = strip
        at += strip.size
    return array.reshape(collection.shape)
