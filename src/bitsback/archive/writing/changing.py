"""Add files to an archive of a folder, and remove some, without coding its blocks again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

from bitsback.archive.inputs.opening import Source
from bitsback.archive.writing.continuing import ChangedFolder, continued
from bitsback.archive.writing.longer_array import LongerArray
from bitsback.archive.writing.repairing import add_parity
from bitsback.archive.writing.writer import Changed, write_archive
from bitsback.compress_options import CompressKeywords, CompressOptions
from bitsback.errors import InputError
from bitsback.io.names import printable
from bitsback.summary import Compressed


def add(
    archive: str | os.PathLike[str],
    source: Source,
    *,
    replace: bool = False,
    **options: Unpack[CompressKeywords],
) -> Compressed:
    """Adds the files of a folder, or of a list, to an archive of a folder, or more items to that of
    an array. Its blocks stay as they are, and what is new is put behind them: until it is complete
    and on the disk, the archive is what it was before, whatever happens.

    >>> import bitsback, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("one", "two"):
    ...         os.mkdir(os.path.join(folder, name))
    ...         with open(os.path.join(folder, name, name + ".txt"), "w") as file:
    ...             length = file.write(name)
    ...     path = os.path.join(folder, "x.bb")
    ...     summary = bitsback.compress(os.path.join(folder, "one"), path)
    ...     summary = bitsback.add(path, os.path.join(folder, "two"))
    ...     with bitsback.open(path) as opened:
    ...         opened.names
    ['one.txt', 'two.txt']

    archive: its path. source: a folder, a file, or a list of files, named as `compress` names them;
    or an array, or a file of one, of the same dtype and, but for the first axis, the same shape.
    replace: whether a file takes the place of one of its name, which is removed then (see
    `remove`); otherwise that is an error. options: those of `compress` that are for folders; new
    files have labels and hashes if the archive has them.

    Raises InputError if the files cannot be added, ArchiveError if the archive is damaged.
    """
    return add_with(archive, source, replace, CompressOptions(**options))


def add_with(
    archive: str | os.PathLike[str], source: Source, replace: bool, options: CompressOptions
) -> Compressed:
    """The same, with the options made before."""
    if options.unordered or options.resume:
        option = "unordered" if options.unordered else "resume"
        raise InputError(f"{option} (--{option}) is not for files that are added to an archive")
    with continued(archive) as before:
        changed: Changed
        if before.archive.collection.kind is not None:
            changed = ChangedFolder(before, replace)
            if isinstance(source, str | os.PathLike) and Path(source).is_file():
                source = [source]  # a file like others, be it an array or have it pages
        else:
            changed = LongerArray(before)
        request = dataclasses.replace(changed.options(options), parity=None)
        summary = write_archive(source, archive, request, changed)
    if options.parity is None:
        return summary
    grown = add_parity(archive, options.parity)
    return dataclasses.replace(summary, bytes_out=summary.bytes_out + grown)


def remove(archive: str | os.PathLike[str], names: Iterable[str]) -> list[str]:
    """Removes files from an archive of a folder, and returns their names. Nothing is coded again,
    and the archive gets no smaller: what they held stays in it, and nobody finds it there without
    effort. `merge` with this archive alone as its input writes one without the blocks that no file
    needs any more.

    archive: its path. names: of files, links, or empty folders with a `/` behind. Raises InputError
    if there is no such file, or if none would be left, ArchiveError if the archive is damaged.

    >>> import bitsback, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a.txt", "b.txt"):
    ...         with open(os.path.join(folder, name), "w") as file:
    ...             length = file.write(name)
    ...     summary = bitsback.compress(folder, folder + ".bb")
    ...     removed = bitsback.remove(folder + ".bb", ["a.txt"])
    ...     with bitsback.open(folder + ".bb") as opened:
    ...         left = opened.names
    ...     os.remove(folder + ".bb")
    >>> removed, left
    (['a.txt'], ['b.txt'])
    """
    with continued(archive) as before:
        folder = ChangedFolder(before)
        wanted = list(dict.fromkeys(names))
        entries = [name for name in wanted if folder.is_entry(name)]
        numbers = [_number(folder, name) for name in wanted if name not in entries]
        folder.remove(numbers, entries)
        folder.finish()
    return wanted


def _number(folder: ChangedFolder, name: str) -> int:
    number = folder.number(name)
    if number is None:
        raise InputError(f"{folder.name}: there is no file {printable(name)!r} in it")
    return number
