"""`bitsback list`: print the names of the entries of an archive."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import complete, figures, options
from bitsback.cli.progress import Progress
from bitsback.cli.spool import opened
from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.archive.archive import Archive
    from bitsback.archive.files.listing import Entry


@click.command(short_help="List the names in an archive.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete.names)
@click.option(
    "-l",
    "--long",
    is_flag=True,
    help=(
        "Also show the bytes of each file, or of the array, its share of the compressed bytes, its"
        " mode or dtype, its shape, its place in a series, the axes of frames and pages, the"
        " modality of DICOM files, the original of a copy, and whether the JPEG streams of a file"
        " are coded. Files that are coded together share their compressed bytes in proportion to"
        " their sizes; copies have none."
    ),
)
@click.option(
    "--hashes", is_flag=True,
    help=(
        "For an archive made with --hashes: print the SHA-256 of each file that is restored byte"
        " for byte, in the form that 'sha256sum -c' reads."
    ),
)  # fmt: skip
@click.option(
    "--thumbnails",
    metavar="DIR",
    help=(
        "Write a thumbnail of each picture into the new folder DIR, as NAME.webp, NAME.jpg or"
        " NAME.png, at most 128 pixels wide and high. Previews that the archive contains, see"
        " 'compress --previews', are copied; other pictures are decoded."
    ),
)
@options.reading_options
def command(
    archive: str,
    names: tuple[str, ...],
    long: bool,
    hashes: bool,
    thumbnails: str | None,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """List the names in the archive X.bb, one per line: files, links, empty folders (which end with
    /), or the arrays of an npz file.

    Items of an array are listed as a range, such as 0:60. 'extract' takes every line as an ITEM.
    Only --thumbnails decodes pixels; -l and --json read the headers of pictures.

    A NAME is a name, a folder or a pattern, as for 'extract'; then only the matching entries are
    listed. If X.bb is -, it is standard input.

    \b
      bitsback list scans.bb
      bitsback list -l scans.bb
      bitsback list scans.bb 'a/*.png' b/
      bitsback list scans.bb --json
      bitsback list scans.bb --hashes > SHA256SUMS
      bitsback list scans.bb --thumbnails small     small/a/1.png.webp, ...
      bitsback list scans.bb 'a/*' --thumbnails small
    """
    if hashes and (long or as_json):
        raise click.UsageError("--hashes has a form of its own; leave out -l, or --json")
    if thumbnails is not None and (long or as_json or hashes):
        raise click.UsageError("--thumbnails writes files and lists nothing; leave out the others")
    with (
        Progress("reading" if thumbnails is None else "thumbnails", show_count=True) as progress,
        opened(archive, storage_options=storage_options) as found,
    ):
        if hashes:
            _print_hashes(found, names, progress)
            return
        if thumbnails is not None:
            _write_thumbnails(found, names, Path(thumbnails), progress)
            return
        entries = _entries(found, names, long or as_json)
        if as_json:
            rows = [_row(entry) for entry in entries]
        progress.end()
        if as_json:
            figures.show_json(rows)
            return
        if long:
            figures.say(_columns("bytes", "stored", "kind", "shape", "name"))
        for entry in entries:
            figures.say(_long(entry) if long else entry.name)


def _entries(archive: Archive, names: Sequence[str], facts: bool) -> Iterator[Entry]:
    """The entries to list. facts: also read headers. Raises InputError."""
    from bitsback.archive.files.listing import entries
    from bitsback.cli.selection import file_numbers

    if not names:
        return entries(archive.reader, facts)
    if not archive.names:
        raise InputError(
            f"{archive.name}: contains nothing with a name; list it without {names[0]!r}"
        )
    wanted = set(file_numbers(archive, names))
    found = enumerate(entries(archive.reader, facts))
    return (entry for number, entry in found if number in wanted)


def _print_hashes(archive: Archive, names: Sequence[str], progress: Progress) -> None:
    """Raises InputError if the archive has none."""
    from bitsback.archive.container.hashes import as_line
    from bitsback.cli.selection import file_numbers

    hashes = archive.hashes
    if hashes is None:
        raise InputError(
            f"{archive.name}: was made without hashes; 'compress --hashes sha256' keeps them"
        )
    count = len(archive)
    numbers = [n for n in file_numbers(archive, names) if n < count] if names else range(count)
    progress.end()
    unhashed = []
    for number in sorted(numbers):
        name = archive.names[number]
        if name in hashes:
            line = as_line(hashes[name], name)
            figures.say(line) if sys.stdout.isatty() else click.echo(line.encode())
        else:
            unhashed.append(name)
    for name in unhashed:
        figures.say(f"bitsback: {name}: has no hash, as only its pixels are restored", err=True)


def _write_thumbnails(
    archive: Archive, names: Sequence[str], folder: Path, progress: Progress
) -> None:
    """Raises InputError and ArchiveError."""
    from bitsback.cli import small_pictures
    from bitsback.cli.selection import file_numbers

    count = len(archive)
    wanted = sorted(n for n in file_numbers(archive, names) if n < count)
    numbers = wanted if names else range(count)
    kept, made = small_pictures.write(archive, numbers, folder, progress)
    progress.end()
    figures.say(
        f"{folder}: {figures.count(kept + made, 'thumbnail')}, of which {kept:,} were in the"
        f" archive and {made:,} were made by decoding",
        err=True,
    )


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": entry.name,
        "shape": list(entry.shape),
        "dtype": entry.dtype,
        "mode": entry.mode,
        "held": entry.verbatim,
        "jpeg": entry.jpeg,
        "bytes": entry.bytes,
        "stored_bytes": entry.stored_bytes,
    }
    row |= {} if entry.target is None else {"target": entry.target}
    row |= {"original": entry.original} if entry.original else {}
    row |= {"series": entry.series} if entry.series else {}
    row |= {"axes": [*entry.axes]} if entry.axes else {}
    return row | ({"modality": entry.modality} if entry.modality else {})


def _long(entry: Entry) -> str:
    if entry.target is not None:
        return _columns("0", "0", "link", "", f"{entry.name} -> {entry.target}")
    if entry.is_folder:
        return _columns("0", "0", "folder", "", entry.name)
    return _columns(
        f"{entry.bytes:,}",
        f"{entry.stored_bytes:,}",
        _kind(entry),
        _shape(entry),
        entry.name + _facts(entry),
    )


def _kind(entry: Entry) -> str:
    if entry.verbatim:
        return "JPEG" if entry.jpeg else "file"
    return entry.mode or figures.dtype(entry.dtype)


def _shape(entry: Entry) -> str:
    """The shape; for a file with JPEG streams its stored share; empty for other verbatim files, and
    for copies of them.
    """
    if entry.jpeg and not entry.original:
        return figures.share(entry.stored_bytes, entry.bytes)
    return "" if entry.verbatim else figures.dimensions(entry.shape)


def _facts(entry: Entry) -> str:
    """The modality of a DICOM file, its place in a series, the axes of frames, and the original of
    a copy. They identify no patient.
    """
    facts = [entry.modality] * bool(entry.modality)
    facts += [entry.series] * bool(entry.series)
    facts += [f"axes {' '.join(entry.axes)}"] * (len(entry.axes) > 2)
    facts += [f"copy of {entry.original}"] * bool(entry.original)
    return f"  ({', '.join(facts)})" if facts else ""


def _columns(size: str, stored: str, kind: str, shape: str, name: str) -> str:
    return f"{size:>13} {stored:>11}  {kind:7} {shape:13} {name}"
