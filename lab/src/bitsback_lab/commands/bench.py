"""`bitsback bench`: compare with other compressors on the user's own images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress

if TYPE_CHECKING:
    from bitsback_lab.bench.subject import Data


@click.command(short_help="Compare with other compressors on your images.")
@click.argument("sources", nargs=-1, required=True, metavar="DATA...")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME|FILE",
    help="Measure this model too.",
)
@click.option(
    "--codecs",
    metavar="TEXT,...",
    help="Measure only codecs whose names contain one of these texts: bitsback,png.",
)
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Take N of the images, evenly spaced."
)
@click.option("--quick", is_flag=True, help="Leave out codecs that take more than a few seconds.")
@click.option("--remeasure", is_flag=True, help="Ignore the cache and measure everything again.")
@click.option(
    "--plot",
    metavar="FILE",
    help="Draw rate against speed, as .png, .svg or .pdf.",
)
@options.force_option
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    sources: tuple[str, ...],
    models: tuple[str, ...],
    codecs: str | None,
    sample: int | None,
    quick: bool,
    remeasure: bool,
    plot: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compress the images of DATA with bitsback and with other compressors, restore them, and
    compare sizes and speeds.

    DATA is anything that 'bitsback compress' reads: grey, colour or bilevel images, of 8 or 16
    bits, of one size or many. Or it is the name of a data set: mnist or mnist-binary, the test set
    that ships; kodak or cifar10, folders of these names in $BITSBACK_DATA. Several data sets are
    measured one after the other, and drawn in one plot.

    bitsback is measured with each of its models that fits. Other compressors are measured with all
    images in one file, if their format allows it, and with a file for each image. Slow measurements
    are kept in a cache, so an interrupted run loses little.

    Brotli, zstd, JPEG XL, JPEG-LS and JPEG 2000 need ./lab[bench]; zpaq and JBIG2 need their
    programs. Compressors that are not installed are left out.

    \b
      bitsback bench digits.npy
      bitsback bench scans --sample 1000 --quick
      bitsback bench mnist --plot mnist.png --codecs bitsback,png,"jpeg xl"
    """
    with Progress("loading", quiet):
        import bitsback
        from bitsback_lab.bench import comparison_table
        from bitsback_lab.bench.comparison import compare, plan
        from bitsback_lab.bench.subject import NAMED

        if plot is not None:
            from bitsback_lab.bench.plot import check

            check(plot, force)
        loaded = [bitsback.load_model(model) for model in models]
    several = len(sources) > 1 and all(source in NAMED for source in sources)
    words = [word.strip() for word in (codecs or "").split(",") if word.strip()]
    comparisons = []
    for chosen in [(source,) for source in sources] if several else [sources]:
        with Progress("reading", quiet) as progress:
            found = _data(chosen, sample, progress)
            wanted = plan(found.images, loaded, words, quick)
        try:
            with Progress("measuring", quiet) as progress:
                comparisons.append(compare(found, wanted, remeasure, progress))
        except KeyboardInterrupt:
            click.echo(
                "\nwhat has been measured of others is kept; the same command goes on from there",
                err=True,
            )
            raise
        if not quiet and not as_json:
            for line in [""] * (len(comparisons) > 1) + comparison_table.table(comparisons[-1]):
                click.echo(line)
    if as_json:
        found_all = [comparison_table.as_json(comparison) for comparison in comparisons]
        figures.show_json(found_all if several else found_all[0])
    if plot is not None:
        from bitsback_lab.bench.plot import draw

        draw(comparisons, Path(plot))
        if not quiet:
            click.echo(f"{plot}: rate against speed", err=True)


def _data(sources: tuple[str, ...], sample: int | None, progress: Progress) -> Data:
    from bitsback_lab.bench.subject import NAMED, read, read_named

    if len(sources) > 1:
        return read(list(sources), f"{len(sources):,} files", sample, progress)
    (name,) = sources
    if name in NAMED:
        return read_named(name, sample)
    given = sys.stdin.buffer if name == options.STANDARD else name
    return read(given, name, sample, progress)
