"""A collection of files restored: a folder, an npz file, or a TIFF file."""

import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE
from bitsback.archive.grid import Shape
from bitsback.archive.join import Joiner
from bitsback.archive.lost import Gap, entries_of, others
from bitsback.archive.members import Files
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FOLDER, NPZ
from bitsback.archive.reader import Archive
from bitsback.archive.restore_folder import restore_folder
from bitsback.archive.summary import Progress
from bitsback.archive.work import Work
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
    archive.check()
    with open_output(destination, force, archive.name) as output:
        work = Work(archive.files.collection, progress)
        write_files(_Whole(archive, threads, verify), output, work)
        return output.size


class Parts(Protocol):
    """What comes back of the parts of an archive."""

    @property
    def files(self) -> Files:
        """Of the archive."""

    def shape(self, number: int) -> Shape | None:
        """Of the array that a part is; None if nothing of it comes back."""

    def lost_of(self, number: int) -> Sequence[Gap]:
        """The pieces of a part that do not come back, counted from its first."""

    def strips(self, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
        """The elements that come back of a part, in C order, some items, or rows, at a time."""

    @property
    def lost_files(self) -> Sequence[range]:
        """The numbers of the files that do not come back, in order."""


class _Whole:
    """All of an archive."""

    lost_files: Sequence[range] = ()

    def __init__(self, archive: Archive, threads: int, verify: bool) -> None:
        self.files = archive.files
        self._archive, self._threads, self._verify = archive, threads, verify

    def shape(self, number: int) -> Shape | None:
        return self.files.collection.parts[number].shape

    def lost_of(self, number: int) -> Sequence[Gap]:
        return ()

    def strips(self, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
        collection = self.files.collection
        part, first = collection.parts[number], collection.starts[number]
        joiner = Joiner(part)
        with closing(
            self._archive.decoded(
                first, first + part.pieces, verify=self._verify, threads=self._threads
            )
        ) as blocks:
            for start, pieces in blocks:
                if part.plain:
                    yield pieces.elements
                else:
                    for place, piece in enumerate(pieces, start - first):
                        yield from joiner.take(place, piece)
                work.add(start, pieces.count)


def write_files(parts: Parts, output: Output, work: Work) -> None:
    """Writes an npz or a TIFF file. Raises ArchiveError, InputError."""
    write = _write_npz if parts.files.collection.kind == NPZ else _write_tiff
    write(parts, output, work)


def _write_npz(parts: Parts, output: Output, work: Work) -> None:
    from bitsback.images.npz import NpzWriter

    files = parts.files
    writer = NpzWriter(output)
    for number, (name, part) in enumerate(zip(files.names, files.collection.parts, strict=True)):
        shape = parts.shape(number)
        if shape is None:
            continue
        with writer.array(name) as member:
            write_header(member.write, part.dtype, shape)
            with closing(parts.strips(number, work)) as strips:
                for strip in strips:
                    member.write(strip.reshape(-1).view(np.uint8).data)
    writer.close()


def _write_tiff(parts: Parts, output: Output, work: Work) -> None:
    from bitsback.images.tiff_writer import TiffWriter

    files = parts.files
    with ExitStack() as stack:
        writer = stack.enter_context(TiffWriter(output, output.name))
        pages = [
            stack.enter_context(closing(_pages(parts, number, work)))
            for number in range(len(files.collection.parts))
        ]
        for page in others(parts.lost_files, len(files)):
            while not writer.add(*next(pages[files.place(page)[0]])):
                pass


def _pages(
    parts: Parts, number: int, work: Work
) -> Generator[tuple[Shape, NDArray[Any]], None, None]:
    """Rows of the pictures of a part, in order, and the shape of the picture that they are of; a
    few blocks, or a strip, are in memory at a time.
    """
    part = parts.files.collection.parts[number]
    there = others([entries_of(part, gap) for gap in parts.lost_of(number)], part.entries)
    left, shape = 0, Shape()
    with closing(parts.strips(number, work)) as strips:
        for rows in strips:
            if part.axes == ONE or part.plain:  # of a stack slices, or whole pages
                pages = rows.reshape(-1, *part.entry_shape)
                yield from ((part.entry_shape, each) for each in pages)
                continue
            if not left:
                shape = part.shape_of(next(there))
                left = shape[0]
            yield shape, rows
            left -= len(rows)
