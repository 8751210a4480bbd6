"""A collection of files restored: a folder of pictures, an npz file, or a TIFF file."""

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE, Collection
from bitsback.archive.join import Joiner
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FOLDER, NPZ, FileList
from bitsback.archive.pool import ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.staging import Staging, staging
from bitsback.archive.summary import Progress
from bitsback.archive.targets import target_of, targets, unrestorable
from bitsback.errors import ArchiveError, InputError
from bitsback.images.file_io import Location
from bitsback.images.npy import write_header
from bitsback.remote.url import Url


def restore(
    archive: Archive,
    destination: Destination,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
) -> int:
    """Restores all files; the number of bytes that they have. Raises ArchiveError, InputError.

    destination: for pictures the path or the URL of a folder, which need not exist; for an npz or a
    TIFF file its path or URL, or a binary stream.
    """
    if archive.files.collection.kind == FOLDER:
        if not isinstance(destination, str | os.PathLike | Url):
            raise InputError(
                f"{archive.name}: holds a folder of pictures; give a folder to restore it to"
            )
        return _restore_folder(archive, destination, threads, progress, force, verify)
    write = _write_npz if archive.files.collection.kind == NPZ else _write_tiff
    archive.check()
    with open_output(destination, force, archive.name) as output:
        write(archive, output, progress, verify)
        return output.size


def extract(
    archive: Archive,
    numbers: Sequence[int],
    destination: Location,
    force: bool,
    verify: bool = True,
) -> int:
    """Restores the pictures with these numbers to a folder; how many bytes they have. Raises
    ArchiveError, InputError.

    Only the blocks that they are in are decoded.
    """
    files = archive.files
    wanted = sorted({files.place(number): number for number in numbers}.items())
    found = {number: target_of(files, number) for _, number in wanted}
    problem = unrestorable((files.names[number], found[number][0]) for number in found)
    if problem is not None:
        raise ArchiveError(f"{archive.name}: {problem}; extract them into different folders")
    size = 0
    with staging(destination, [name for name, _ in found.values()], force) as stage:
        for _, number in wanted:
            pixels = archive[number].whole(verify)
            size += _write_picture(stage, pixels, *found[number])
    return size


def _restore_folder(
    archive: Archive,
    destination: Location,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
) -> int:
    archive.check()  # before anything is made, and with it that the names can be restored
    found = [target for _, target in targets(archive.files)]
    collection = archive.files.collection

    def work(task: Task) -> tuple[int, list[tuple[int, NDArray[Any]]], Task]:
        """Decodes a block and writes its pictures: how many bytes; and the pieces that are not
        whole ones.
        """
        pieces = decode(archive, task, None if verify else task.items)
        number, part = _part_of(collection, task.first)
        at = task.first - collection.starts[number]
        written, waiting = 0, []
        for place, piece in enumerate(pieces, at):
            item, _ = part.item_of(place)
            if part.grid(item).pieces > 1:
                waiting.append((place, piece))
            else:
                target = found[collection.item_starts[number] + item]
                written += _write_picture(stage, piece, *target)
        return written, waiting, task

    size = done = 0
    joiners = {number: Joiner(part, strips=False) for number, part in enumerate(collection.parts)}
    with (
        staging(destination, [name for name, _ in found], force) as stage,
        closing(
            ordered_map(work, archive.tasks(), threads)
        ) as blocks,  # no thread writes on after an error
    ):
        for written, waiting, task in blocks:
            size += written
            number, part = _part_of(collection, task.first)
            for place, piece in waiting:
                pixels = joiners[number].take(place, piece)
                if pixels is not None:
                    item = collection.item_starts[number] + part.item_of(place)[0]
                    size += _write_picture(stage, pixels, *found[item])
            done += task.items
            if progress is not None:
                progress(done, collection.pieces)
    return size


def _part_of(collection: FileList, piece: int) -> tuple[int, Collection]:
    number = bisect_right(collection.starts, piece) - 1
    return number, collection.parts[number]


def _write_picture(stage: Staging, pixels: NDArray[Any], name: str, kind: str) -> int:
    from bitsback.images.pictures import encode

    data = encode(pixels, kind)
    stage.write(name, data)
    return len(data)


def _write_npz(archive: Archive, output: Output, progress: Progress | None, verify: bool) -> None:
    from bitsback.images.npz import NpzWriter

    collection = archive.files.collection
    writer = NpzWriter(output)
    for number, (name, part) in enumerate(zip(archive.names, collection.parts, strict=True)):
        with writer.array(name) as member:
            write_header(member.write, part.dtype, part.shape)
            for strip in _strips(archive, number, True, progress, verify):
                member.write(strip.reshape(-1).view(np.uint8).data)
    writer.close()


def _write_tiff(archive: Archive, output: Output, progress: Progress | None, verify: bool) -> None:
    from bitsback.images.tiff_writer import TiffWriter

    files = archive.files
    writer = TiffWriter(output, output.name)
    pages = {
        number: _pages(archive, number, verify) for number in range(len(files.collection.parts))
    }
    for done, part in enumerate(files.parts_in_order(), 1):
        writer.add(next(pages[part]))
        if progress is not None:
            progress(done, len(files))
    writer.close()


def _pages(archive: Archive, number: int, verify: bool) -> Iterator[NDArray[Any]]:
    """The pictures of a part, of which one block, or strip of a stack, is in memory at a time."""
    part = archive.files.collection.parts[number]
    stack = part.axes == ONE
    for found in _strips(archive, number, stack, None, verify):
        if stack:
            yield from found.reshape(-1, *part.entry_shape)
        else:
            yield found


def _strips(
    archive: Archive, number: int, strips: bool, progress: Progress | None, verify: bool
) -> Iterator[NDArray[Any]]:
    """The items of a part, or their strips, in order."""
    collection = archive.files.collection
    part, first = collection.parts[number], collection.starts[number]
    joiner = Joiner(part, strips)
    for start, pieces in archive.decoded(first, first + part.pieces, verify=verify):
        if strips and part.cut is None:
            yield pieces.elements
        else:
            joined = map(joiner.take, count(start - first), pieces)
            yield from (found for found in joined if found is not None)
        if progress is not None:
            progress(start + pieces.count, collection.pieces)
