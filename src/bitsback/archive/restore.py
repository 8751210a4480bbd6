"""A collection of files restored: a folder, an npz file, or a TIFF file."""

import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import BYTES, ONE
from bitsback.archive.join import Joiner
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FOLDER, NPZ
from bitsback.archive.reader import Archive
from bitsback.archive.restore_folder import restore_folder
from bitsback.archive.summary import Progress
from bitsback.errors import ArchiveError, InputError
from bitsback.images.bands.bands import Rows
from bitsback.images.drawing import Nowhere
from bitsback.images.npy import write_header
from bitsback.images.tiff.writer import PageRows
from bitsback.remote.url import Url

_PIECE = 1 << 20


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
    archive.check()
    with open_output(destination, force, archive.name) as output:
        if archive.files.collection.kind == NPZ:
            _write_npz(archive, output, threads, progress, verify)
        else:
            _write_tiff(archive, output, threads, progress, verify, exact)
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
    archive: Archive,
    output: Output,
    threads: int,
    progress: Progress | None,
    verify: bool,
    exact: bool,
) -> None:
    """The file that there was, or, where its note is not held, one of the same pages."""
    with tempfile.TemporaryFile() as file:
        make_tiff(archive, cast(BinaryIO, file), threads, progress, verify, exact)
        file.seek(0)
        while piece := file.read(_PIECE):
            output.write(piece)


def make_tiff(
    archive: Archive,
    file: BinaryIO,
    threads: int,
    progress: Progress | None = None,
    verify: bool = True,
    exact: bool = True,
) -> None:
    """Writes the TIFF file of an archive to one that is empty. Raises ArchiveError."""
    from bitsback.archive.tiff_files import TiffFile
    from bitsback.images.tiff.writer import write_pages

    collection = archive.files.collection
    noted = TiffFile(archive, verify, exact) if collection.whole else None
    if noted is not None and noted.held:
        noted.copy(file)
        return
    with ExitStack() as stack:
        pages = read_pages(archive, stack, threads, progress, verify)
        if noted is None:
            write_pages(file, pages, collection.nbytes)
        else:
            noted.draw(file, pages)


def tiff_damage(archive: Archive) -> Iterator[ArchiveError]:
    """What of the note of a TIFF file, in blocks that are whole, is wrong."""
    from bitsback.archive.tiff_files import TiffFile

    try:
        noted = TiffFile(archive)
        if not noted.certain:
            with ExitStack() as stack:
                noted.draw(Nowhere(), read_pages(archive, stack, 1, None, True))
    except ArchiveError as error:
        yield error


def read_pages(
    archive: Archive, stack: ExitStack, threads: int, progress: Progress | None, verify: bool
) -> Iterator[PageRows]:
    """The pages of a TIFF file, in order; a few blocks, or a strip, of each part are in memory at a
    time. stack: what is open until the last page.
    """
    files = archive.files
    rows = [
        Rows(stack.enter_context(closing(_rows(archive, number, threads, verify))))
        for number, part in enumerate(files.collection.parts)
        if part.axes != BYTES
    ]
    taken = [0] * len(rows)
    for done, number in enumerate(files.parts_in_order(), 1):
        part = files.collection.parts[number]
        shape = part.entry_shape if part.axes == ONE else part.shape_of(taken[number])
        taken[number] += 1
        yield PageRows(part.dtype, shape, rows[number])
        if progress is not None:
            progress(done, len(files))


def _rows(
    archive: Archive, number: int, threads: int, verify: bool
) -> Generator[NDArray[Any], None, None]:
    """Rows of the pictures of a part, one picture after the other."""
    part = archive.files.collection.parts[number]
    with closing(_strips(archive, number, threads, None, verify)) as strips:
        for rows in strips:
            if part.axes == ONE or part.plain:  # of a stack slices, or whole pages
                yield from rows.reshape(-1, *part.entry_shape)
            else:
                yield rows


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
