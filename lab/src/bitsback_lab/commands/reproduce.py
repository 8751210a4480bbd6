"""`bitsback reproduce`: reproduce the paper's tables, figures and analysis."""

from __future__ import annotations

from pathlib import Path

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress
from bitsback_lab.paper.exhibits import ENTRIES, NAMES

_ALL, _PAGE = "all", "page"
_LIST = "\n".join(f"      {entry.name:12} {entry.about}" for entry in ENTRIES)


@click.command(
    short_help="Reproduce the paper's tables and figures.",
    help=f"""Reproduce the tables and figures of the paper that bitsback comes from, and measure
    what it analyses.

    Townsend, Bird, Barber: Practical Lossless Compression with Latent Variables using Bits Back
    Coding (ICLR 2019). Everything is computed from bundled data and models. Numbers and pictures
    are written into the folder 'paper', as NAME.json and NAME.png, and a text about them to
    standard output.

    \b
      NAME is one of
{_LIST}
      all          all of them, and a page of them, paper/README.md; minutes
      page         only the page and its pictures, from the numbers in the folder

    The extra .[peers] installs other compressors. Stored figures of slow ones are used, unless
    --remeasure is given. Fashion-MNIST does not ship: table3 measures on it if BITSBACK_DATA names
    a folder that has it.
    """,
)
@click.argument("name", metavar="NAME", type=click.Choice([*NAMES, _ALL, _PAGE]))
@options.output_option(
    "Where the folder 'paper' goes.  [default: the current folder]", metavar="DIR"
)
@click.option(
    "--check",
    metavar="DIR",
    help="Compare the numbers with those in DIR, such as docs/paper; fail if any differs.",
)
@click.option(
    "--remeasure", is_flag=True, help="Measure other compressors even where figures are known."
)
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    name: str, output: str | None, check: str | None, remeasure: bool, quiet: bool, as_json: bool
) -> None:
    from bitsback_lab.paper import reproducing
    from bitsback_lab.paper.exhibits import Conditions, Numbers, find

    folder = Path(output or ".")
    if name == _PAGE:
        results = reproducing.read(NAMES, folder / reproducing.FOLDER)
        written = reproducing.draw(results, folder) + reproducing.write_page(results, folder)
        _show(written, quiet)
        return
    names = NAMES if name == _ALL else (name,)
    before = None if check is None else reproducing.read(names, Path(check))
    reproducing.prepare(names, folder)
    results = dict[str, Numbers]()
    written = []
    for position, part in enumerate(names):
        label = part if len(names) == 1 else f"{part} ({position + 1} of {len(names)})"
        with Progress(label, quiet) as progress:
            results[part], files = reproducing.reproduce(
                part, folder, Conditions(remeasure, progress)
            )
        written += files
        if not quiet and not as_json:
            entry, exhibit = find(part)
            click.echo(f"## {entry.title}\n\n{exhibit.text(results[part])}\n")
    if name == _ALL:
        written += reproducing.write_page(results, folder)
    if as_json:
        figures.show_json(results if name == _ALL else results[name])
    _show(written, quiet)
    if before is not None:
        reproducing.compare(results, before, lambda line: click.echo(line, err=True))


def _show(written: list[Path], quiet: bool) -> None:
    if not quiet:
        click.echo("\n".join(map(str, written)), err=True)
