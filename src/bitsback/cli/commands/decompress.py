"""`bitsback decompress`: restore arrays or folders of pictures from archives."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from bitsback.cli import complete, failures, figures, options
from bitsback.cli.progress import progress_with_warnings
from bitsback.cli.removal import check_removable, removal_option, remove_archive
from bitsback.cli.spool import seekable_input, streamed
from bitsback.decompress_options import DecompressOptions
from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.io.remote.url import Options
    from bitsback.summary import Restored


@click.command(short_help="Restore the input of an archive.")
@click.argument(
    "sources", nargs=-1, required=True, metavar="X.bb...", shell_complete=complete.archives
)
@options.output_option(
    "The file or folder to write; for several archives, a folder for all.  [default: X with the"
    " extension of its format, or the folder X; for a URL, in the current folder]",
    "PATH",
)
@options.field_options(DecompressOptions)
@removal_option
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    sources: tuple[str, ...],
    output: str | None,
    remove: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Restore the input of X.bb: a file, or a folder of files.

    X.bb and the output may be URLs that fsspec supports. If X.bb is -, it is standard input, and
    the output goes to standard output unless -o is given.

    Every block is checked against its checksum and against the digest of its items. Any difference
    from the input is an error, and then no output is left behind. The files of a folder appear when
    the last one is complete. With --force they may replace files in an existing folder; other files
    in it stay.

    With --keep-going the undamaged files of a damaged archive are restored. An array becomes
    shorter: only its undamaged items are restored, or the undamaged rows if it is one item. With
    --fill it keeps its shape. Lost items are listed on standard output, one per line, in the form
    that 'extract' takes, and the exit status is 2. If the names are lost, files are named by
    numbers.

    An output that ends in .ome.zarr gets the images as OME-Zarr, with axes, spacing, units and
    channels as the files state them. This needs the extra zarr.

    With several archives, each is tried, and the exit status is 2 if any failed.

    \b
      bitsback decompress digits.bb           makes digits.npy, say
      bitsback decompress pictures.bb -o folder
      bitsback decompress scan.png.bb -o copy.png   a picture alone
      bitsback decompress pictures.bb -o folder --keep-going > lost.txt
      bitsback decompress *.bb -o folder/     folder/digits.npy, folder/pictures
      bitsback decompress scan.tif.bb -o scan.ome.zarr
      bitsback decompress digits.bb -o - | python3 count.py
      ssh host cat pictures.bb | bitsback decompress - -o folder
    """
    several = len(sources) > 1
    if several and (options.STANDARD in sources or output == options.STANDARD):
        raise click.UsageError("with a pipe, give one archive at a time")
    if several and output is not None and Path(output).is_file():
        raise click.UsageError(f"{output}: is a file; several archives need a folder")
    if len(set(sources)) < len(sources):
        raise click.UsageError("an archive is given twice")
    if remove:
        check_removable(sources, output or sources[0])
        if given["keep_going"]:
            raise click.UsageError("--rm would remove what --keep-going does not restore")
    wanted = options.from_command(DecompressOptions, given)
    if wanted.keep_going and output == options.STANDARD:
        raise click.UsageError("--keep-going lists on standard output what is lost; give -o FILE")
    source_of: dict[str, str] = {}  # by target
    folder = None
    if output is not None and (several or output.endswith("/")) and "://" not in output:
        folder = Path(output)
    is_new = folder is not None and not folder.exists()

    def restore(source: str) -> tuple[bool, dict[str, Any]]:
        from bitsback.archive.restoring.decompress import restore_archive
        from bitsback.summary import Restored

        with ExitStack() as stack:
            shown = progress_with_warnings("decompressing", quiet, as_json)
            progress, messages = stack.enter_context(shown)
            target = _target(source, output, several, wanted.storage_options)
            other = source_of.setdefault(target, source)
            if other != source:
                raise InputError(f"{source}: would be restored as {target}, and so was {other}")
            target = options.checked_output(source, target)
            archive: str | BinaryIO = source
            if source == options.STANDARD:
                archive = stack.enter_context(seekable_input() if wanted.keep_going else streamed())
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            summary = restore_archive(
                archive, options.destination(target), replace(wanted, progress=progress)
            )
            assert isinstance(summary, Restored)
            seconds = time.perf_counter() - start
        row = figures.report(
            source, target, summary, seconds, summary.bytes_out, summary.bytes_in, as_json, quiet
        )
        row |= {"lost": list(summary.lost), "problems": list(summary.problems)}
        row["warnings"] = messages
        _report_damage(source, summary, as_json)
        if remove:
            remove_archive(source, target, wanted, quiet or as_json)
        return not summary.problems, row

    try:
        failures.run_each(sources, restore, as_json, err=options.STANDARD in (*sources, output))
    finally:
        if is_new and folder is not None:
            with suppress(OSError):
                folder.rmdir()  # fails if the folder is not empty


def _report_damage(source: str, summary: Restored, as_json: bool) -> None:
    for problem in summary.problems:
        figures.say(f"bitsback: error: {problem}", err=True)
    if summary.problems:
        lost = "the lost items are listed" if summary.lost else "no content is lost"
        figures.say(f"bitsback: error: {source}: is damaged; {lost}", err=True)
    for name in summary.lost if not as_json else ():
        figures.say(name)


def _target(source: str, output: str | None, several: bool, storage_options: Options | None) -> str:
    """The place to restore an archive to. It is in the folder `output` for several archives, and
    for an archive that is not of a folder. Raises InputError.
    """
    if output is None:
        return _default_output(source, storage_options)
    inside = several or output.endswith("/") or Path(output).is_dir()
    if (
        inside
        and source != options.STANDARD
        and (several or _kind(source, storage_options) != "folder")
    ):
        name = _default_output(source, storage_options)
        return os.path.join(output, os.path.basename(name))  # noqa: PTH118, PTH119
    return output


def _kind(source: str, storage_options: Options | None) -> str:
    import bitsback

    with bitsback.open(source, storage_options=storage_options) as archive:
        return archive.kind


def _default_output(source: str, storage_options: Options | None) -> str:
    """The default place to restore an archive to: beside it, with the ending of its content."""
    if source == options.STANDARD:
        return options.STANDARD
    from bitsback.files.formats import KINDS

    kind = _kind(source, storage_options)
    source = options.base_of_url(source)
    base = source.removesuffix(".bb") or source
    ending = KINDS[kind].ending_behind(base) if kind in KINDS else ""
    if base + ending == source:
        raise InputError(f"{source}: has no ending that could be changed; name the output with -o")
    return base + ending
