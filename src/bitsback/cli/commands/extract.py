"""`bitsback extract`: write some items of an archive, decoding only the blocks that hold them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import complete, figures, options
from bitsback.cli.progress import Progress
from bitsback.cli.selection import file_numbers, item_range
from bitsback.cli.spool import opened as opened_archive
from bitsback.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bitsback.archive.reading.reader import Archive
    from bitsback.io.file_io import Location


class _Command(click.Command):
    """Refuses unknown long options before --, as names stand only behind it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises NoSuchOption."""
        behind = len(args) - args.index("--") - 1 if "--" in args else 0
        rest = super().parse_args(ctx, args)
        items: tuple[str, ...] = ctx.params.get("items") or ()
        for text in items[: max(len(items) - behind, 0)]:
            if text.startswith("--") and not ctx.resilient_parsing:
                raise click.NoSuchOption(text, ctx=ctx)
        return rest


@click.command(
    cls=_Command,
    short_help="Extract files or items from X.bb.",
    context_settings={"ignore_unknown_options": True},  # so that -1 is an item
)
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@click.argument("items", nargs=-1, required=True, metavar="ITEM...", shell_complete=complete.names)
@options.output_option(
    "The output. From an archive of pictures: a folder.  [default: this folder]  From an array:"
    " a .npy file. For several arrays of an npz file: an .npz file.",
    "PATH",
)
@click.option(
    "--png",
    "folder",
    metavar="DIR",
    help="Write PNG files into this folder, one for each item or page, named by its number.",
)
@click.option(
    "--no-verify",
    is_flag=True,
    help=(
        "Stop decoding a block after the last item wanted. This is faster, but checks only"
        " checksums, not digests."
    ),
)
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
    model: str | None,
    force: bool,
    quiet: bool,
    storage_options: dict[str, Any],
) -> None:
    """Extract files or items from the archive X.bb. Only the blocks that they need are decoded.

    An ITEM of an archive of files is the name of a file or an array; or a folder, with all files in
    it; or a quoted pattern with *, ? and [...], where * matches / too. A name that exists is taken
    literally, even if it looks like a pattern. 'bitsback list' shows all names; a name with control
    characters may be given as it shows it. A name that begins with - stands behind --.

    An ITEM of any archive may be a number, counted from 0, or a range START:STOP that ends before
    STOP, as in Python. Negative numbers count from the end.

    From an array, a single number extracts the item itself, and anything else an array of items.
    X.bb may be -, standard input.

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
        progress = stack.enter_context(Progress("extracting", quiet))
        from bitsback.files.formats import ONE_ARRAY
        from bitsback.io.remote.url import check_options, located
        from bitsback.planner.candidates import given_model

        places = [located(place, storage_options) for place in (archive, output, folder)]
        check_options(storage_options, *places, located(model))
        given = None if model is None else given_model(model, storage_options)
        source, target, images = places
        opened = stack.enter_context(opened_archive(source, model=given))
        if target is None and images is None:
            if opened.kind != "folder":
                raise click.UsageError("nothing to write; give -o FILE, or --png DIR")
            target = "."
        if opened.kind not in ONE_ARRAY:
            written = _write_files(opened, items, target, images, not no_verify, force)
        else:
            count = 1 if opened._array.picture else len(opened)
            ranges = [item_range(text, count) for text in items]
            if target is not None:
                single = len(items) == 1 and ":" not in items[0]
                _write_npy(opened, ranges, single, target, not no_verify, force, progress)
            if images is not None:
                _write_png(opened, ranges, images, not no_verify, force, progress)
            shown = " and ".join(str(place) for place in (target, images) if place is not None)
            written = f"{shown}: {figures.count(sum(map(len, ranges)), 'item')}"
    if not quiet:
        figures.say(written, err=True)


def _write_npy(
    archive: Archive,
    ranges: Sequence[range],
    single: bool,
    output: Location,
    verify: bool,
    force: bool,
    progress: Progress,
) -> None:
    """Write the items as they are decoded: a stack of them, or, if `single`, the only one as it
    is.
    """
    from bitsback.files.npy import write_header
    from bitsback.io.output import open_output

    item_shape = archive.shape if archive._array.picture else archive.shape[1:]
    shape = item_shape if single else (sum(map(len, ranges)), *item_shape)
    with open_output(options.destination(output), force, archive.name) as file:
        write_header(file.write, archive.dtype, shape)
        done, total = 0, sum(map(len, ranges))
        for wanted in ranges:
            for stack in _stacks(archive, wanted, verify):
                file.write(stack.tobytes())
                done += len(stack)
                progress(done, total)


def _write_png(
    archive: Archive,
    ranges: Sequence[range],
    folder: Location,
    verify: bool,
    force: bool,
    progress: Progress,
) -> None:
    """Write each item as `folder`/NUMBER.png."""
    from bitsback.archive.restoring.staging import staging

    picture = archive._array.picture
    digits = len(str(max(len(archive) - 1, 0))) if not picture else 1
    if isinstance(folder, str | os.PathLike):
        Path(folder).parent.mkdir(parents=True, exist_ok=True)
    apart = _merged(ranges)
    done, total = 0, sum(map(len, apart))
    with staging(folder, (), force) as stage:
        for wanted in apart:
            found = _stacks(archive, wanted, verify)
            for number, item in zip(wanted, chain.from_iterable(found), strict=True):
                stage.write(f"{number:0{digits}}.png", _png(item))
                done += 1
                progress(done, total)


def _stacks(archive: Archive, wanted: range, verify: bool) -> Iterator[NDArray[Any]]:
    """The items, some at a time: [items, ...]. A picture is a single item."""
    if not archive._array.picture:
        yield from archive._stacks(wanted.start, wanted.stop, verify=verify)
    elif len(wanted):
        yield archive._items(0, len(archive), verify=verify)[None]


def _png(item: NDArray[Any]) -> bytes:
    """An item as a PNG file, black and white for bool or the values 0 and 1."""
    from io import BytesIO

    from PIL import Image

    colour = item.ndim == 3 and item.shape[2] in (3, 4)
    if not (item.ndim == 2 or colour) or item.size == 0 or item.dtype.name not in ("bool", "uint8"):
        raise InputError(
            f"items of {figures.dimensions(item.shape)} {item.dtype} are no pictures that PNG can"
            " hold; use -o FILE.npy"
        )
    if item.dtype != bool and not colour and item.max() <= 1:
        item = item.astype(bool)
    buffer = BytesIO()
    Image.fromarray(item).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _write_files(
    archive: Archive,
    texts: Sequence[str],
    output: Location | None,
    folder: Location | None,
    verify: bool,
    force: bool,
) -> str:
    """Writes the files that `texts` name, and reports their number and place."""
    from bitsback.files import formats

    if archive.kind == formats.PAGES.key and folder is not None and output is None:
        # Pages may be claimed by the million, so no list of them is made.
        ranges = _merged([item_range(text, len(archive)) for text in texts])
        _write_pages(archive, ranges, folder, force)
        return f"{folder}: {figures.count(sum(map(len, ranges)), 'file')}"
    numbers = file_numbers(archive, texts)
    if archive.kind == "folder" and output is not None and folder is None:
        from bitsback.archive.restoring.restore import extract

        extract(archive, numbers, output, force, verify)
    elif archive.kind == formats.ARRAYS.key and output is not None and folder is None:
        _write_arrays(archive, numbers, output, force)
    else:
        wanted = {
            "folder": "pictures: give -o DIR",
            formats.ARRAYS.key: f"arrays: give -o FILE{formats.NPY.endings[0]}",
            formats.PAGES.key: "pages: give --png DIR",
        }
        raise InputError(f"{archive.name}: holds {wanted[archive.kind]}")
    return f"{output or folder}: {figures.count(len(numbers), 'file')}"


def _write_arrays(archive: Archive, numbers: list[int], output: Location, force: bool) -> None:
    """Writes one array to a file, or several to one npz file."""
    from bitsback.files import formats
    from bitsback.io.output import open_output

    several, one = formats.ARRAYS, formats.NPY
    container = several.ends(str(output))
    if len(numbers) != 1 and not container:
        raise InputError(
            f"{archive.name}: holds arrays; give -o FILE{several.endings[0]}, or one name, and"
            f" -o FILE{one.endings[0]}"
        )
    with open_output(options.destination(output), force, archive.name) as file:
        if not container:
            array = archive[numbers[0]]
            with one.write(file, array.dtype, array.shape) as member:
                member.write(array[...].tobytes())
            return
        with several.codec().write_arrays(file) as following:
            for number in numbers:
                array = archive[number]
                with following(archive.names[number], array.dtype, array.shape) as member:
                    member.write(array[...].tobytes())


def _write_pages(archive: Archive, ranges: Sequence[range], folder: Location, force: bool) -> None:
    """Writes pages as PNG files with their numbers as names."""
    from bitsback.archive.restoring.staging import staging
    from bitsback.files.picture_files import encode_page

    digits = len(str(len(archive) - 1))
    with staging(folder, (), force) as stage:
        for number in chain.from_iterable(ranges):
            page = encode_page(archive[number]._all(), f"{archive.name}: page {number}")
            stage.write(f"{number:0{digits}}.png", page)


def _merged(ranges: Sequence[range]) -> list[range]:
    """The same numbers, each once, in ascending order."""
    found: list[range] = []
    for one in sorted((one for one in ranges if len(one)), key=lambda one: one.start):
        if found and one.start <= found[-1].stop:
            last = found.pop()
            found.append(range(last.start, max(last.stop, one.stop)))
        else:
            found.append(one)
    return found
