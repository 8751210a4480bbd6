"""A collection of files restored: a folder, an npz file, or a TIFF file."""

import os
from collections.abc import Generator
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE
from bitsback.archive.grid import Shape
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
        write(archive, output, threads, progress, verify)
        return output.size


def _write_npz(
    archive: Archive, output: Output, threads: int, progress: Progress | None, verify: bool
) -> None:
    from bitsback.images.npz import NpzWriter

    collection = archive.files.collection
    writer = NpzWriter(output)
    for number, (name, part) in enumerate(zip(archive.names, collection.parts, strict=True)):
        with writer.array(name) as member:
            write_header(member.write, part.dtype, part.shape)
            with closing(_strips(archive, number, threads, progress, verify)) as strips:
                for strip in strips:
                    member.write(strip.reshape(-1).view(np.uint8).data)
    writer.close()


def _write_tiff(
    archive: Archive, output: Output, threads: int, progress: Progress | None, verify: bool
) -> None:
    from bitsback.images.tiff_writer import TiffWriter

    files = archive.files
    with ExitStack() as stack:
        writer = stack.enter_context(TiffWriter(output, output.name))
        pages = [
            stack.enter_context(closing(_pages(archive, number, threads, verify)))
            for number in range(len(files.collection.parts))
        ]
        for done, part in enumerate(files.parts_in_order(), 1):
            while not writer.add(*next(pages[part])):
                pass
            if progress is not None:
                progress(done, len(files))


def _pages(
    archive: Archive, number: int, threads: int, verify: bool
) -> Generator[tuple[Shape, NDArray[Any]], None, None]:
    """Rows of the pictures of a part, in order, and the shape of the picture that they are of; a
    few blocks, or a strip, are in memory at a time.
    """
    part = archive.files.collection.parts[number]
    page = left = 0
    with closing(_strips(archive, number, threads, None, verify)) as strips:
        for rows in strips:
            if part.axes == ONE or part.plain:  # of a stack slices, or whole pages
                pages = rows.reshape(-1, *part.entry_shape)
                yield from ((part.entry_shape, each) for each in pages)
                continue
            left = left or part.shape_of(page)[0]
            yield part.shape_of(page), rows
            left -= len(rows)
            page += not left


def _strips(
    archive: Archive, number: int, threads: int, progress: Progress | None, verify: bool
) -> Generator[NDArray[Any], None, None]:
    """The elements of a part in C order, some items, or rows of one, at a time."""
    collection = archive.files.collection
    part, first = collection.parts[number], collection.starts[number]
    joiner = Joiner(part)
    with closing(
        archive.decoded(first, first + part.pieces, verify=verify, threads=threads)
    ) as blocks:
        for start, pieces in blocks:
            if part.plain:
                yield pieces.elements
            else:
                for place, piece in enumerate(pieces, start - first):
                    yield from joiner.take(place, piece)
            if progress is not None:
                progress(start + pieces.count, collection.pieces)
