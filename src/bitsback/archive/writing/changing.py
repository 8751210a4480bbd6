"""Add files to an archive of a folder, and remove files, without coding its blocks again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

from bitsback.archive.inputs.opening import Source
from bitsback.archive.writing.continuing import ChangedFolder, continued
from bitsback.archive.writing.longer_array import LongerArray
from bitsback.archive.writing.repairing import add_parity, extend_parity
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
    """Adds files to an archive of a folder, or items to an archive of an array.

    Its blocks stay unchanged, and new blocks are written behind them. Until these are complete and
    on the disk, the old archive is valid, whatever happens. If the archive has parity, the new
    bytes get the same share of it.

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

    archive: its path. source: a folder, a file, or a list of files, named as `compress` names them.
    Or an array, or a file of one, of the same dtype and, except for the first axis, the same shape.
    replace: a file replaces a file of the same name, which is removed (see `remove`); otherwise
    this is an error. options: the options of `compress` for folders. New files have labels and
    hashes if the archive has them.

    Raises InputError if the files cannot be added, ArchiveError if the archive is damaged.
    """
    return add_with(archive, source, replace, CompressOptions(**options))


def add_with(
    archive: str | os.PathLike[str], source: Source, replace: bool, options: CompressOptions
) -> Compressed:
    """`add` with checked options."""
    if options.unordered or options.resume:
        option = "unordered" if options.unordered else "resume"
        raise InputError(f"{option} (--{option}) does not apply to files added to an archive")
    with continued(archive) as before:
        changed: Changed
        if before.archive.collection.kind is not None:
            changed = ChangedFolder(before, replace)
            if isinstance(source, str | os.PathLike) and Path(source).is_file():
                source = [source]  # any file, even one with an array
        else:
            changed = LongerArray(before)
        request = dataclasses.replace(changed.options(options), parity=None)
        summary = write_archive(source, archive, request, changed)
    if options.parity is None:
        grown = extend_parity(archive)
    else:
        grown = add_parity(archive, options.parity)
    return dataclasses.replace(summary, bytes_out=summary.bytes_out + grown)


def remove(archive: str | os.PathLike[str], names: Iterable[str]) -> list[str]:
    """Removes files from an archive of a folder. Returns their names.

    Nothing is coded again, and the archive gets no smaller: the content of the files stays in it,
    hidden. `merge` with this archive as its only input writes an archive without it.

    archive: its path. names: of files, links, or empty folders with a `/` at the end. Raises
    InputError if there is no such file, or if no file would be left. Raises ArchiveError if the
    archive is damaged.

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
    extend_parity(archive)
    return wanted


def _number(folder: ChangedFolder, name: str) -> int:
    number = folder.number(name)
    if number is None:
        raise InputError(f"{folder.name}: there is no file {printable(name)!r} in it")
    return number
