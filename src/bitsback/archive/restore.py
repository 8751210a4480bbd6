"""A collection of files restored: a folder, an npz file, or a TIFF file."""

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE
from bitsback.archive.join import Joiner
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FOLDER, NPZ
from bitsback.archive.reader import Archive
from bitsback.archive.restore_folder import restore_folder
from bitsback.archive.summary import Progress
from bitsback.errors import InputError
from bitsback.images.npy import write_header
from bitsback.remote.url import Url


def restore(
    archive: Archive,
    destination: Destination,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
    exact: bool,
) -> int:
    """Restores all files; the number of bytes that they have. Raises ArchiveError, InputError.

    destination: for a folder its path or URL, which need not exist; for an npz or a TIFF file its
    path or URL, or a binary stream. exact: as `restore_folder` takes it.
    """
    if archive.files.collection.kind == FOLDER:
        if not isinstance(destination, str | os.PathLike | Url):
            raise InputError(
                f"{archive.name}: holds a folder of pictures; give a folder to restore it to"
            )
        return restore_folder(archive, destination, threads, progress, force, verify, exact)
    write = _write_npz if archive.files.collection.kind == NPZ else _write_tiff
    archive.check()
    with open_output(destination, force, archive.name) as output:
        write(archive, output, progress, verify)
        return output.size


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
