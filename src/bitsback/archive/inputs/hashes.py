"""Compute the hashes of input files that are restored byte for byte."""

from pathlib import Path

from bitsback.archive.container.hashes import digest_of
from bitsback.archive.inputs.request import Input
from bitsback.errors import InputError
from bitsback.io.file_io import name_of, open_regular, reading
from bitsback.io.names import printable
from bitsback.work import ordered_map


def hash_inputs(taken: Input, threads: int) -> list[bytes]:
    """The SHA-256 of each file of a folder; empty for files that lose bytes. Raises InputError."""
    listing, disk, files = taken.listing, taken.disk, taken.files
    if listing is None or disk is None or files is None:
        raise InputError(
            f"{taken.name}: hashes (--hashes) are only for folders and lists of files, without"
            " --unordered"
        )
    inexact = set(disk.inexact)
    wanted = [None if name in inexact else name for name in files.names]

    def digest(name: str | None) -> bytes:
        if name is None:
            return b""
        path = listing.path(name)
        with reading(printable(name_of(path))), open_regular(path, True) as file:
            return digest_of(file)

    return list(ordered_map(digest, wanted, threads))


def check_unchanged(taken: Input, hashed: bool) -> None:
    """Raises InputError if the time of a file that was read before has changed.

    A file's hash, or the content of its copies, may then belong to another content than the
    compressed one. hashed: whether all files were hashed. Otherwise it is about copies alone.
    """
    listing, files, kept = taken.listing, taken.files, taken.kept
    if listing is None or files is None or kept is None:
        return
    names = enumerate(files.names if hashed else ())
    times = {name: files.time(number) for number, name in names} | {**kept.copies.times}
    for name, time in times.items():
        path = listing.path(name)
        if isinstance(path, Path):
            shown = printable(name_of(path))
            with reading(shown):
                now = path.stat().st_mtime_ns
            if now != time:
                raise InputError(f"{shown}: was changed while it was read; try again")
