"""`bitsback mount`: show the files of an archive in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bitsback.cli import complete, figures, options


@click.command(short_help="Mount an archive as a read-only folder.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@options.model_option
@options.quiet_option
@options.storage_option
@options.traceback_option
def command(
    archive: str, folder: Path, model: str | None, quiet: bool, storage_options: dict[str, Any]
) -> None:
    """Mount the archive X.bb, read-only, at the empty folder FOLDER. The command runs until Ctrl-C,
    or until FOLDER is unmounted by 'fusermount -u FOLDER' or 'umount FOLDER'.

    A file is decoded when it is opened. 'ls -l' decodes only files that are restored with other
    bytes ('compress --files pixels'). The items of an array, and the arrays of an npz file, appear
    as .npy files.

    This needs the extra mount and FUSE (Linux: libfuse2; macOS: macFUSE).

    \b
      mkdir scans
      bitsback mount scans.bb scans &
      cp scans/a/b.png .
      fusermount -u scans
    """
    from bitsback.fuse import mount

    def mounted() -> None:
        if not quiet:
            figures.say(f"{archive}: in {folder} until Ctrl-C", err=True)

    mount(archive, folder, model, storage_options or None, mounted)
