"""A collection of files restored: a folder, an npz file, or a TIFF file."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import BinaryIO, cast

import numpy as np

from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FOLDER, NPZ
from bitsback.archive.reader import Archive
from bitsback.archive.restore_folder import restore_folder
from bitsback.archive.strips import Parts, Whole
from bitsback.archive.summary import Progress
from bitsback.archive.work import Work
from bitsback.errors import InputError
from bitsback.images.npy import write_header
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
    if archive._files.collection.kind == FOLDER:
        if not isinstance(destination, str | os.PathLike | Url):
            raise InputError(
                f"{archive.name}: holds a folder of pictures; give a folder to restore it to"
            )
        return restore_folder(archive, destination, threads, progress, force, verify, exact)
    archive._check()
    with open_output(destination, force, archive.name) as output:
        work = Work(archive._files.collection, progress)
        write_all(archive, output, threads, work, verify, exact)
        return output.size


def write_all(
    archive: Archive, output: Output, threads: int, work: Work, verify: bool, exact: bool
) -> None:
    """Writes an npz or a TIFF file. Raises ArchiveError, InputError."""
    if archive._files.collection.kind == NPZ:
        _write_npz(Whole(archive, threads, verify), output, work)
        return
    from bitsback.archive.tiff_restore import make_tiff

    with _seekable(output) as file:
        make_tiff(archive, file, threads, work, verify, exact)


def write_whole(parts: Parts, output: Output, work: Work) -> None:
    """Writes an npz file of the arrays, or a TIFF file of the pages alone, that come back. Raises
    ArchiveError, InputError.
    """
    if parts.files.collection.kind == NPZ:
        _write_npz(parts, output, work)
        return
    from bitsback.archive.tiff_restore import read_pages
    from bitsback.images.tiff.tiff_codec import write_pages

    with _seekable(output) as file, ExitStack() as stack:
        write_pages(file, read_pages(parts, stack, work), parts.files.collection.nbytes)


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


@contextmanager
def _seekable(output: Output) -> Iterator[BinaryIO]:
    """A file that is copied to the output at the end."""
    with tempfile.TemporaryFile() as file:
        yield cast(BinaryIO, file)
        file.seek(0)
        while piece := file.read(_PIECE):
            output.write(piece)
