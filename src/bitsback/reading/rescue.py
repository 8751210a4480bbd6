"""Restore what is whole of a damaged archive (`decompress --keep-going`)."""

import os
from typing import Any

import numpy as np

from bitsback.errors import ArchiveError, InputError
from bitsback.format.collection import BYTES
from bitsback.format.parts import ARRAYS, FOLDER, PAGES, FileList
from bitsback.reading.damage import BESIDE_PAGES, Problem, Salvage, fill_value
from bitsback.reading.output import Destination, open_output
from bitsback.reading.reader import Archive
from bitsback.reading.restore import restore_whole, write_all, write_whole
from bitsback.reading.source import BlockSource
from bitsback.reading.summary import Progress, Restored
from bitsback.reading.targets import packed
from bitsback.reading.work import Work, begin
from bitsback.remote.url import Url


def rescue(
    archive: BlockSource,
    source: Any,
    destination: Destination | None,
    threads: int,
    progress: Progress | None,
    force: bool,
    exact: bool,
    fill: float | None,
) -> Restored:
    """Restores what is whole. The arguments are those of `decompress`; exact: with files="exact".
    Raises ArchiveError if nothing is, InputError as `decompress` does.
    """
    if not isinstance(archive, Archive):
        raise InputError(
            f"{archive.name}: to find what is whole of an archive it is read twice; save it as a"
            " file first"
        )
    if destination is None:
        raise InputError(
            f"{archive.name}: keep_going needs an output; from an open archive any item can be read"
            " that is whole"
        )
    content = archive._collection
    folder = isinstance(content, FileList) and content.kind == FOLDER
    if folder and not isinstance(destination, str | os.PathLike | Url):
        raise InputError(
            f"{archive.name}: holds a folder of pictures; give a folder to restore it to"
        )
    if fill is not None:
        if isinstance(content, FileList) and content.kind != ARRAYS:
            raise InputError(
                f"{archive.name}: fill (--fill) is for arrays; files and pages that are damaged"
                " are left out"
            )
        for part in content.parts:
            fill_value(fill, part.dtype)
    begin(progress, "verifying")
    problems = archive.verify(threads, progress)
    archive._do_without_names()
    salvage = Salvage(archive, problems, threads, fill)
    begin(progress, "decompressing")
    work = Work(content, progress)
    if folder:
        assert isinstance(destination, str | os.PathLike | Url)
        size = restore_whole(archive, salvage, destination, threads, progress, force, exact)
        return _restored(archive, problems, _files_left(salvage), size)
    if isinstance(content, FileList):
        left = _files_left(salvage)
        with open_output(destination, force, source) as output:
            if problems:
                write_whole(salvage, output, work)
            else:
                write_all(archive, output, threads, work, verify=True, exact=exact)
        return _restored(archive, problems, left, output.size)
    shape, numbers = salvage.joined()
    with (
        open_output(destination, force, source) as output,
        packed(content, output, shape) as file,
    ):
        for number in numbers:
            for strip in salvage.strips(number, work):
                file.write(strip.reshape(-1).view(np.uint8).data)
    return _restored(archive, problems, shape, output.size)


def _files_left(salvage: Salvage) -> tuple[int]:
    """How many files come back. Raises ArchiveError if none does."""
    files = salvage.archive._files
    if files.collection.kind == ARRAYS:
        shapes = (salvage.shape(number) for number in range(len(files)))
        left = sum(shape is not None for shape in shapes)
    else:
        left = len(files) - sum(map(len, salvage.lost_files))
    if not left:
        raise ArchiveError(f"{salvage.archive.name}: nothing that it holds is whole")
    return (left,)


def _restored(
    archive: Archive, problems: list[Problem], shape: tuple[int, ...], size: int
) -> Restored:
    content = archive._collection
    files = shape[0] if isinstance(content, FileList) else None
    dtype = content.dtype if isinstance(content, FileList) else content.dtype.str
    lost = archive.lost(problems)
    pages = any(part.axes == BYTES for part in content.parts)
    if problems and pages and isinstance(content, FileList) and content.kind == PAGES:
        lost = [*dict.fromkeys([*lost, BESIDE_PAGES])]  # as pages are restored alone
    return Restored(
        shape=shape,
        dtype=dtype,
        items=shape[0] if shape else 1,
        elements=content.elements,
        blocks=len(archive._blocks),
        bytes_in=archive.file_bytes,
        bytes_out=size,
        files=files,
        noun=content.noun if isinstance(content, FileList) else "item",
        lost=tuple(lost),
        problems=tuple(str(error) for _, error in problems),
    )
