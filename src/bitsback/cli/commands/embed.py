"""`bitsback embed`: put the models that an archive names into it."""

from __future__ import annotations

import time
from typing import Any

import click

from bitsback.cli import complete, figures, options
from bitsback.cli.progress import Progress


@click.command(short_help="Store the models of an archive inside it.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@options.output_option("The archive to write.  [default: X.bb, which is replaced]")
@options.model_option
@options.writing_options
def command(
    archive: str,
    output: str | None,
    model: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """Put all models that the archive X.bb needs into it, without decoding its blocks.

    A small archive stores only the identities of the bundled models that it was made with. With the
    models in it, any program that implements the format can decode it. It grows by the size of the
    models; the universal ones take 60 kB each at most. X.bb is replaced once the new archive is
    complete, unless -o names another file.

    X.bb and the output may be URLs that fsspec supports.

    \b
      bitsback embed scans.bb
      bitsback embed scans.bb -o for-the-vault.bb
    """
    import bitsback

    destination = options.destination(output)
    start = time.perf_counter()
    with Progress("embedding", quiet) as progress:
        embedded = bitsback.embed(
            archive,
            destination,
            model=model,
            force=force,
            progress=progress,
            storage_options=storage_options,
        )
    names = [each.name for each in embedded]
    target = archive if output is None else output
    seconds = time.perf_counter() - start
    row = {"archive": archive, "output": target, "models": names, "seconds": seconds}
    what = ", ".join(names) if names else "no model, since no block needs one"
    text = f"{target}: contains {what}"
    figures.result(row, text, as_json, quiet, err=output == options.STANDARD)
