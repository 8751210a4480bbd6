"""Decompression: an archive becomes the array that it was made from."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, overload

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.choose import Choice, given_model
from bitsback.archive.layout import ARRAY, IDX, Collection
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FileList
from bitsback.archive.pool import check_threads, ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import BlockSource, Task, decode
from bitsback.archive.stream import Stream
from bitsback.archive.summary import Progress, Summary
from bitsback.archive.targets import check_container
from bitsback.errors import InputError
from bitsback.images.file_io import Writable, open_file
from bitsback.images.npy import write_header

Source = str | os.PathLike[str] | BinaryIO


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
) -> Summary: ...


def decompress(
    source: Source,
    destination: Destination | None = None,
    *,
    model: Choice | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    force: bool = False,
    verify: bool = True,
) -> NDArray[Any] | Summary:
    """Restores what an archive was made from: dtype, byte order, shape and every bit of every
    element, and names.

    source: a path, or a binary stream, which need not be seekable if the archive holds an array.
    destination: the path of a file of the kind that the archive was made from (.npy, .npz, idx,
    TIFF), which appears when it is complete, or a binary stream; without one the array is returned.
    For a folder of pictures: the path of a folder. model: one that the archive's blocks may ask
    for, where it is neither embedded nor bundled. threads, progress, force: as in `compress`.
    verify: check each block's digest; without it only the checksums of the bytes are checked.

    Raises ArchiveError, naming archive and block, for damage anywhere in the archive, InputError if
    something cannot be read or written.
    """
    threads = check_threads(threads)
    with _open(source, model) as blocks:
        if isinstance(blocks.collection, FileList):
            return _restore(blocks, destination, threads, progress, force, verify)
        collection = blocks.collection
        count = 0

        def work(task: Task) -> NDArray[Any]:
            return decode(blocks, task, None if verify else task.items)

        def run(take: Callable[[int, NDArray[Any]], None]) -> None:
            nonlocal count
            done = 0
            for items in ordered_map(work, blocks.tasks(), threads):
                take(done, items)
                done += len(items)
                count += 1
                if progress is not None:
                    progress(done, collection.items)

        if destination is None:
            unsure = not isinstance(blocks, Archive) or bool(blocks.problems)
            return _gather(collection, unsure, run)
        with open_output(destination, force, source) as output, _packed(collection, output) as file:
            run(lambda _, items: file.write(items.reshape(-1).view(np.uint8).data))
        return Summary(
            shape=collection.shape,
            dtype=collection.dtype.str,
            items=collection.items,
            elements=collection.elements,
            blocks=count,
            bytes_in=blocks.size,
            bytes_out=output.size,
            files=None,
        )


def _restore(
    archive: BlockSource,
    destination: Destination | None,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
) -> Summary:
    """Restores a collection of files."""
    from bitsback.archive.restore import restore

    if not isinstance(archive, Archive):
        raise InputError(
            f"{archive.name}: holds files, whose names are at its end; save the archive as a file"
            " first"
        )
    collection = archive.files.collection
    if destination is None:
        raise InputError(
            f"{archive.name}: holds files; name an output, or open it and take them one by one"
        )
    size = restore(archive, destination, threads, progress, force, verify)
    return Summary(
        shape=(collection.files,),
        dtype=collection.dtype,
        items=collection.items,
        elements=collection.elements,
        blocks=len(archive.blocks),
        bytes_in=archive.size,
        bytes_out=size,
        files=collection.files,
    )


@contextmanager
def _packed(array: Collection, output: Output) -> Iterator[Writable]:
    """What to write the elements of an array to: a file of the format that it came in."""
    if array.container == ARRAY:
        write_header(output.write, array.dtype, array.shape)
        yield output
        return
    from bitsback.images.idx import Zipper, idx_header

    check_container(array)
    header = idx_header(array.dtype, array.shape)
    assert header is not None, "it was checked"
    if array.container == IDX:
        output.write(header)
        yield output
        return
    with Zipper(output) as zipper:
        zipper.write(header)
        yield zipper


@contextmanager
def _open(source: Source, model: Choice | None) -> Iterator[BlockSource]:
    """The archive, as a file or, if it cannot be sought in, as a stream."""
    if isinstance(source, str | os.PathLike):
        with open_file(source) as file, _open(file, model) as blocks:
            yield blocks
    elif source.seekable():
        with Archive(source, model=model) as archive:
            yield archive
    else:
        yield Stream(source, given_model(model) if model is not None else None)


def _gather(
    collection: Collection, unsure: bool, run: Callable[[Callable[[int, NDArray[Any]], None]], None]
) -> NDArray[Any]:
    """The whole array. unsure: how much is really there is not known before the end."""
    if unsure:  # a few bytes must not claim all memory
        pieces = [np.empty((0, *collection.item_shape), collection.dtype)]
        run(lambda _, items: pieces.append(items))
        return np.concatenate(pieces, dtype=collection.dtype).reshape(collection.shape)
    array = np.empty((collection.items, *collection.item_shape), collection.dtype)

    def place(first: int, items: NDArray[Any]) -> None:
        array[first : first + len(items)] = items

    run(place)
    return array.reshape(collection.shape)
