"""`bitsback verify`: decode every block and compare its digest."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import complete, failures, figures, options
from bitsback.cli.commands.diff import show
from bitsback.cli.progress import Progress
from bitsback.cli.spool import opened
from bitsback.errors import ArchiveError

if TYPE_CHECKING:
    from bitsback.archive.archive import Archive
    from bitsback.summary import Differences


@click.command(short_help="Check archives by decoding every block.")
@click.argument(
    "archives", nargs=-1, required=True, metavar="X.bb...", shell_complete=complete.archives
)
@click.option(
    "--against", metavar="PATH",
    help=(
        "Compare X.bb in full with the folder or file that it was made from or restored to. Each"
        " file is restored and compared: its bytes, or its pixels and metadata if the archive does"
        " not keep the bytes."
    ),
)  # fmt: skip
@options.model_option
@options.threads_option
@options.quiet_option
@options.reading_options
def command(
    archives: tuple[str, ...],
    against: str | None,
    model: str | None,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """Check every block of one or several archives X.bb by decoding it. Nothing is written.

    Standard error names each damaged block with its files or items. Standard output lists what
    cannot be restored, one entry per line in the form that 'extract' takes: names of files, or
    numbers of items. 'decompress --keep-going' restores the rest. All archives are checked; the
    exit status is 0 if all is well and 2 if not. If X.bb is -, it is standard input.

    This shows that the archive is undamaged, not that it equals files on the disk. --against
    compares it with them too. Then standard output also lists what differs, is missing on the disk
    or exists only there, and any of these makes the exit status 2.

    \b
      bitsback verify digits.bb
      bitsback verify digits.bb --against digits.npy && rm digits.npy
      bitsback verify *.bb
      bitsback verify scans.bb > lost.txt
      bitsback verify scans.bb --against scans
    """
    if against is not None and len(archives) > 1:
        raise click.UsageError("--against compares one archive")

    def check(name: str) -> tuple[bool, dict[str, Any]]:
        with (
            Progress("verifying", quiet) as progress,
            opened(name, model=model, storage_options=storage_options) as archive,
        ):
            archive.reader.take_addition()
            differences, fault = _compared(archive, against, threads, progress)
            # If nothing differs, the comparison has decoded all blocks already.
            same = differences is not None and not differences
            problems = [] if same else archive.verify(threads, progress)
            if fault is not None and not problems:
                raise fault
            items, blocks = len(archive), len(archive.reader.blocks)
            from bitsback.format.layout import PARITY  # late, as a command runs

            has_parity = bool(archive.reader.directory.places(PARITY))
            shown, lost = archive.name, archive.lost(problems) if problems else []
        for _, error in problems:
            figures.say(f"bitsback: error: {error}", err=True)
        if problems and has_parity:
            figures.say(f"{shown}: has parity; try 'bitsback repair'", err=True)
        for name in lost if not as_json else ():
            figures.say(name)
        if differences is not None and not as_json:
            show(differences, "extra", "missing", "differs")
        if not (problems or differences or quiet or as_json):
            figures.say(
                f"{shown}: all well, {figures.count(items, 'item')} in"
                f" {figures.count(blocks, 'block')}"
                + (f", the same as {against}" if against is not None else "")
            )
        compared = {} if differences is None else {"against": against, **asdict(differences)}
        return not (problems or differences), {
            "archive": name,
            "items": items,
            "blocks": blocks,
            "problems": [{"block": block, "error": str(error)} for block, error in problems],
            "lost": lost,
            **compared,
        }

    failures.run_each(archives, check, as_json)


def _compared(
    archive: Archive, against: str | None, threads: int | None, progress: Progress
) -> tuple[Differences | None, ArchiveError | None]:
    """The differences from the original files, or the error that ended the comparison. Both are
    None if there is nothing to compare with.
    """
    from bitsback.archive.comparing.differences import diff_place

    if against is None:
        return None, None
    try:
        return diff_place(archive.reader, Path(against), True, threads, progress), None
    except ArchiveError as error:
        return None, error
