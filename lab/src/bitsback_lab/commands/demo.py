"""`bitsback demo`: compress handwritten digits, and compare."""

from __future__ import annotations

from pathlib import Path

import click

from bitsback.cli import options


@click.command(short_help="Compare compressors on handwritten digits.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    default="bitsback-demo",
    show_default=True,
    help="Where to put the files.",
)
@options.traceback_option
def command(output: str) -> None:
    """Compress the MNIST test set, restore it, and compare with gzip, bz2, xz, PNG and WebP.

    This takes some ten seconds. It prints a table of the measurements, and writes two files into
    DIR: the archive mnist-test.bb, and figure1.png, a picture of its bits beside the images.
    """
    from bitsback_lab.demo import run

    run(Path(output), click.echo)
