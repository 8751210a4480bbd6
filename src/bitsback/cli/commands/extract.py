"""`bitsback extract`: write some items of an archive, decoding only the blocks that hold them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import complete, figures, options
from bitsback.cli.progress import progress_with_warnings
from bitsback.cli.selection import file_numbers, item_range
from bitsback.cli.spool import opened as opened_archive

if TYPE_CHECKING:
    from bitsback.archive.restoring.extract import Item


class _Command(click.Command):
    """Refuses unknown long options: names that begin with -- must follow a separate --."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises NoSuchOption."""
        after = len(args) - args.index("--") - 1 if "--" in args else 0
        rest = super().parse_args(ctx, args)
        items: tuple[str, ...] = ctx.params.get("items") or ()
        for text in items[: max(len(items) - after, 0)]:
            if text.startswith("--") and not ctx.resilient_parsing:
                raise click.NoSuchOption(text, ctx=ctx)
        return rest


@click.command(
    cls=_Command,
    short_help="Extract files or items from an archive.",
    context_settings={"ignore_unknown_options": True},  # so that -1 is an item
)
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@click.argument("items", nargs=-1, required=True, metavar="ITEM...", shell_complete=complete.names)
@options.output_option(
    "The output: for files, a folder; for an array, a .npy file; for several arrays of an npz"
    " file, an .npz file.  [default for files: the current folder]",
    "PATH",
)
@click.option(
    "--png",
    "folder",
    metavar="DIR",
    help="Write PNG files into this folder, one for each item of an array, named by its number.",
)
@click.option(
    "--no-verify",
    is_flag=True,
    help=(
        "Stop decoding a block after the last wanted item. This is faster, but checks only the"
        " checksums of blocks, not the digests of their items."
    ),
)
@click.option("--links", is_flag=True, help="Extract links that lead out of the folder, too.")
@options.model_option
@options.force_option
@options.quiet_option
@options.storage_option
@options.traceback_option
def command(
    archive: str,
    items: tuple[str, ...],
    output: str | None,
    folder: str | None,
    no_verify: bool,
    links: bool,
    model: str | None,
    force: bool,
    quiet: bool,
    storage_options: dict[str, Any],
) -> None:
    """Extract files or items from the archive X.bb. Only the blocks that they need are decoded.

    In an archive of files, an ITEM is the name of a file or an array, a folder with all its files,
    or a quoted pattern with *, ? and [...]. In patterns * matches / too. A name that exists is used
    literally, even if it looks like a pattern. 'bitsback list' prints all names as 'extract' takes
    them. Put -- before names that begin with -.

    An ITEM of any archive may be a number, counted from 0, or a range START:STOP that ends before
    STOP, as in Python. Negative numbers count from the end.

    From an array, a single number extracts the item itself, and anything else extracts an array of
    items. If X.bb is -, it is standard input.

    \b
      bitsback extract digits.bb 3 -o three.npy            shape (28, 28)
      bitsback extract digits.bb 3 10:20 -1 -o some.npy    shape (12, 28, 28)
      bitsback extract digits.bb 0:100 --png digits        digits/0000.png ...
      bitsback extract photos.bb a/b.png                   a/b.png, in this folder
      bitsback extract photos.bb 'a/*.png' b/ -o some      some/a/b.png ...
      bitsback extract arrays.bb labels -o labels.npy
    """
    options.destination(output)  # before anything is read
    with ExitStack() as stack:
        progress, _ = stack.enter_context(progress_with_warnings("extracting", quiet))
        from bitsback.files.formats import ONE_ARRAY
        from bitsback.io.remote.url import check_options, located
        from bitsback.models import requested_model

        places = [located(place, storage_options) for place in (archive, output, folder)]
        check_options(storage_options, *places, located(model))
        loaded = None if model is None else requested_model(model, storage_options)
        source, target, images = places
        opened = stack.enter_context(opened_archive(source, model=loaded))
        if target is None and images is None:
            if opened.kind != "folder":
                raise click.UsageError("nothing to write; give -o FILE, or --png DIR")
            target = "."
        is_array = opened.kind in ONE_ARRAY
        if images is not None and not is_array:
            raise click.UsageError("--png is for the items of an array; give -o")
        wanted: Item | list[Item]
        if is_array:
            count = 1 if opened.reader.array.picture else len(opened)
            ranges = [item_range(text, count) for text in items]
            wanted = [slice(each.start, each.stop) for each in ranges]
            if len(items) == 1 and ":" not in items[0]:
                wanted = ranges[0].start
        else:
            names, files = opened.reader.entry_names, len(opened)
            numbers = file_numbers(opened, items)
            wanted = [number if number < files else names[number] for number in numbers]
        count = 0
        for place, png in ((target, False), (images, True)):
            if place is not None:
                to_stream = place == options.STANDARD and opened.kind != "folder" and not png
                count = opened.extract(
                    wanted,
                    options.destination(place) if to_stream else place,
                    png=png,
                    verify=not no_verify,
                    force=force,
                    links=links,
                    progress=progress,
                )
        shown = " and ".join(str(place) for place in (target, images) if place is not None)
        noun = "item" if is_array else "file"
    if not quiet:
        figures.say(f"{shown}: {figures.count(count, noun)}", err=True)
