"""A collection of files restored: a folder, an npz file, or a TIFF file."""

import os
import tempfile
from contextlib import closing
from typing import BinaryIO, cast

import numpy as np

from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import FOLDER, NPZ
from bitsback.archive.reader import Archive
from bitsback.archive.restore_folder import restore_folder
from bitsback.archive.strips import strips
from bitsback.archive.summary import Progress
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
            with closing(strips(archive, number, threads, progress, verify)) as found:
                for strip in found:
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
    from bitsback.archive.tiff_restore import make_tiff

    with tempfile.TemporaryFile() as file:
        make_tiff(archive, cast(BinaryIO, file), threads, progress, verify, exact)
        file.seek(0)
        while piece := file.read(_PIECE):
            output.write(piece)
