"""`bitsback info`: describe an archive without decoding it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bitsback.cli import complete, failures, figures, options
from bitsback.cli.progress import Progress
from bitsback.cli.spool import opened

_SHOWN = 10  # shapes and modes of a collection


@click.command(short_help="Summarise archives: shapes, models, sizes.")
@click.argument(
    "archives", nargs=-1, required=True, metavar="X.bb...", shell_complete=complete.archives
)
@options.reading_options
def command(archives: tuple[str, ...], as_json: bool, storage_options: dict[str, Any]) -> None:
    """Summarise one or several archives X.bb: shapes, modes, models, sizes, blocks.

    Nothing is decoded: only the header, the index and the first bytes of each block and model are
    read. 'bitsback verify' checks the content, and 'bitsback list' lists the names. An archive
    does not store why its models were chosen; 'compress -v' reports that. If X.bb is -, it is
    standard input. If an archive cannot be read, the others are shown, and the exit status is 2.

    \b
      bitsback info digits.bb
      bitsback info digits.bb --json
      bitsback info *.bb
    """
    shown = 0

    def show(name: str) -> tuple[bool, dict[str, Any]]:
        nonlocal shown
        with Progress("reading"), opened(name, storage_options=storage_options) as archive:
            info = archive.info()
        if not as_json:
            if shown:
                figures.say("")
            for what, value in _lines(info):
                figures.say(f"{what:10}{value}")
        shown += 1
        return True, info

    failures.run_each(archives, show, as_json)


def _lines(info: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from bitsback.files import formats

    yield "archive", f"{info['archive']}, version {info['version']} of the format"
    if "parts" in info:
        yield from _files(info)
    else:
        form = formats.ONE_ARRAY[info["kind"]]
        yield (
            "array",
            f"{figures.dimensions(info['shape'])} {figures.dtype(info['dtype'])},"
            f" {_contents(info)}{_tiles(info['cut'])}"
            + ("" if form is formats.NPY else f", from {form.whole_title}"),
        )
    if info["labels"]:
        array, classes = info["labels"]["array"], info["labels"]["classes"]
        yield "labels", f"the array {array}" if array else f"{classes:,} classes, of folders"
    if info["unordered"]:
        yield "order", "not kept" + ("" if info["multisets"] else "; no model codes it without")
    yield "size", _size(info)
    # Blocks that models code are counted by the layout of their items.
    counts = {f"by a model as {what}": number for what, number in info["layouts"].items()}
    counts |= {method: number for method, number in info["methods"].items() if method != "model"}
    methods = ", ".join(f"{number:,} {method}" for method, number in counts.items() if number)
    yield (
        "blocks",
        (
            figures.count(info["blocks"], "block")
            + (
                f" of up to {figures.count(info['block_tiles'], _unit(info))} ({methods})"
                if info["blocks"]
                else ""
            )
        ),
    )
    for model in info["models"]:
        name = (
            f"{model['name']}" + (f" ({', '.join(model['code'])})" if model["code"] else "")
            if model["name"]
            else "not available; give it with -m"
        )
        yield (
            "model",
            f"{name}, {figures.count(model['blocks'], 'block')}, identity {model['identity']}",
        )
    if info["model_bytes"]:
        yield "", f"{figures.count(info['model_bytes'], 'byte')} of the archive are its model"
    if info["parity"]:
        covered = figures.count(info["parity_end"], "byte")
        yield "parity", f"{info['parity']:.3g} % of the first {covered}"
    for problem in info["problems"]:
        yield "DAMAGED", problem


def _size(info: dict[str, Any]) -> str:
    original = info["original_bytes"]
    if info["problems"]:  # something may be missing, so a ratio would say nothing of the whole
        return (
            f"{figures.count(info['bytes'], 'byte')}, damaged; its whole content has"
            f" {figures.count(info['array_bytes'] if original is None else original, 'byte')}"
        )
    if original is not None:
        share = figures.share(info["bytes"], original)
        return f"{info['bytes']:,} of {figures.count(original, 'byte')} on disk ({share})"
    ratio = figures.per(info["array_bytes"], info["bytes"], 1)
    rate = info["bits_per_dimension"]
    return f"{info['bytes']:,} of {figures.count(info['array_bytes'], 'byte')}: {ratio}x" + (
        f", {rate:.4f} bits per dimension" if rate is not None else ""
    )


def _files(info: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from bitsback.files import formats

    verbatim = any(part["held"] for part in info["parts"])
    noun = "file" if verbatim else "picture"
    noun = "array" if info["kind"] == formats.ARRAYS.key else noun
    names = f", {figures.count(info['names'], 'name')}" if info["names"] else ""
    names += f", {info['removed']:,} removed" if info["removed"] else ""
    for key, singular in (("links", "link"), ("empty_folders", "empty folder")):
        names += f", {figures.count(info[key], singular)}" if info.get(key) else ""
    yield info["kind"], figures.count(info["items"], noun) + names
    jpeg = [part for part in info["parts"] if part["jpeg"]]
    if jpeg:
        what = figures.count(sum(part["items"] for part in jpeg), "file")
        coders = " and ".join(sorted({coder for part in jpeg for coder in part["jpeg"]}))
        yield "", f"{what}, JPEG, coefficients as {coders}, {_share(jpeg)}"
    parts = [part for part in info["parts"] if not part["jpeg"]]
    for part in parts[:_SHOWN]:
        if part["held"]:
            what = figures.count(part["items"], "file")
            yield "", f"{what}, stored verbatim, {_share([part])}"
            continue
        mode = f"mode {part['mode']}, " if part["mode"] else ""
        shape = figures.dimensions(part["shape"]) if part["shape"] else _sizes(part)
        stack = ", a stack" if part["stack"] else ""
        yield "", f"{mode}{shape} {figures.dtype(part['dtype'])}{stack}{_tiles(part['cut'])}"
    if copies := info.get("copies", {}).get("files"):
        size = figures.size(info["copies"]["bytes"])
        yield "", f"{figures.count(copies, 'file')}, {size}, with the bytes of others, stored once"
    if len(parts) > _SHOWN:
        yield "", f"and {len(parts) - _SHOWN:,} more kinds; --json shows all"


def _share(parts: list[dict[str, Any]]) -> str:
    """The bytes of blocks as a share of the files in them."""
    size = sum(part["shape"][1] for part in parts)
    return figures.left_of(sum(part["block_bytes"] for part in parts), size)


def _unit(info: dict[str, Any]) -> str:
    """The noun for the units that blocks contain."""
    parts = info.get("parts", [info])
    cut = any(part["cut"] or part.get("joined", 1) > 1 for part in parts)
    return "tile" if cut else "item"


def _contents(info: dict[str, Any]) -> str:
    if info["joined"] > 1:
        return f"{figures.count(info['items'], 'item')} in {info['joined']:,} parts"
    if not info["whole"]:
        return figures.count(info["items"], "item")
    return f"a stack of {info['items']:,} slices" if info["stack"] else "one item"


def _sizes(part: dict[str, Any]) -> str:
    """The sizes of pictures that differ: `24 of 480 x 640 to 768 x 512`, rows and columns."""
    smallest, largest = (figures.dimensions(part[which][:2]) for which in ("smallest", "largest"))
    return f"{part['items']:,} of {smallest} to {largest}"


def _tiles(cut: list[int] | None) -> str:
    return f", in tiles of up to {figures.dimensions(cut)}" if cut else ""
