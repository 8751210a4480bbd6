"""A collection of files restored: a folder of pictures, an npz file, or a TIFF file."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FOLDER, NPZ
from bitsback.archive.pool import ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.staging import Staging, staging
from bitsback.archive.summary import Progress
from bitsback.archive.targets import target_of, targets, unrestorable
from bitsback.errors import ArchiveError, InputError
from bitsback.images.npy import write_header


def restore(
    archive: Archive,
    destination: Destination,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
) -> int:
    """Restores all files; the number of bytes that they have. Raises ArchiveError, InputError.

    destination: for pictures the path of a folder, which need not exist; for an npz or a TIFF file
    its path or a binary stream.
    """
    if archive.files.collection.kind == FOLDER:
        if not isinstance(destination, str | os.PathLike):
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
    destination: str | os.PathLike[str],
    force: bool,
    verify: bool = True,
) -> int:
    """Restores the pictures with these numbers to a folder; how many bytes they have. Raises
    ArchiveError, InputError.

    Only the blocks that they are in are decoded.
    """
    files = archive.files
    wanted = sorted({files.item(number): number for number in numbers}.items())
    found = {number: target_of(files, number) for _, number in wanted}
    problem = unrestorable((files.names[number], found[number][0]) for number in found)
    if problem is not None:
        raise ArchiveError(f"{archive.name}: {problem}; extract them into different folders")
    size = 0
    with staging(destination, [name for name, _ in found.values()], force) as stage:
        for item, number in wanted:
            pixels = next(archive.pieces(item, item + 1, verify=verify))[0]
            size += _write_picture(stage, pixels, *found[number])
    return size


def _restore_folder(
    archive: Archive,
    destination: str | os.PathLike[str],
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
) -> int:
    archive.check()  # before anything is made, and with it that the names can be restored
    found = [target for _, target in targets(archive.files)]

    def work(task: Task) -> tuple[int, int]:
        """Decodes a block and writes its pictures; how many bytes, and pictures."""
        items = decode(archive, task, None if verify else task.items)
        names = found[task.first : task.first + task.items]
        return sum(
            _write_picture(stage, item, *name) for item, name in zip(items, names, strict=True)
        ), task.items

    size = done = 0
    with (
        staging(destination, [name for name, _ in found], force) as stage,
        closing(
            ordered_map(work, archive.tasks(), threads)
        ) as blocks,  # no thread writes on after an error
    ):
        for written, items in blocks:
            size += written
            done += items
            if progress is not None:
                progress(done, len(archive))
    return size


def _write_picture(stage: Staging, pixels: NDArray[Any], name: str, kind: str) -> int:
    from bitsback.images.pictures import encode

    data = encode(pixels, kind)
    stage.write(name, data)
    return len(data)


def _write_npz(archive: Archive, output: Output, progress: Progress | None, verify: bool) -> None:
    from bitsback.images.npz import NpzWriter

    collection = archive.files.collection
    writer = NpzWriter(output)
    for name, start, part in zip(archive.names, collection.starts, collection.parts, strict=False):
        with writer.array(name) as member:
            write_header(member.write, part.dtype, part.shape)
            done = start
            for piece in archive.pieces(start, start + part.items, verify=verify):
                member.write(piece.reshape(-1).view(np.uint8).data)
                done += len(piece)
                if progress is not None:
                    progress(done, collection.items)
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


def _pages(archive: Archive, part: int, verify: bool) -> Iterator[NDArray[Any]]:
    """The pictures of a part, of which one block is in memory at a time."""
    starts = archive.files.collection.starts
    for piece in archive.pieces(starts[part], starts[part + 1], verify=verify):
        yield from piece
