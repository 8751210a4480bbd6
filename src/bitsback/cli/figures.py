"""Print numbers and summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bitsback.io.names import printable

if TYPE_CHECKING:
    from bitsback.summary import Summary


def say(text: str, err: bool = False) -> None:
    """Prints one line. Line breaks and control characters, which an archive or a file name may
    contain, are escaped.
    """
    click.echo(printable(text), err=err)


def count(number: int, noun: str) -> str:
    """`count(1, "item")` is "1 item", `count(2000, "item")` "2,000 items"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def dimensions(shape: tuple[int, ...] | list[int]) -> str:
    return " x ".join(str(size) for size in shape) or "one number"


def dtype(name: str) -> str:
    """The name of a dtype, such as bool for `|b1`; with the byte order if it is big-endian."""
    import numpy as np

    return np.dtype(name).name + (", big-endian" if name.startswith(">") else "")


def size(number: int) -> str:
    """A number of bytes for people: three digits and a decimal unit."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{number:,} bytes" if unit == "bytes" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} TB"


def per(numerator: float, denominator: float, digits: int) -> str:
    """A quotient, or a dash for a division by 0."""
    return f"{numerator / denominator:.{digits}f}" if denominator else "-"


def share(part: float, whole: float) -> str:
    """How much a part is of the whole: `25 %`, or a dash if the whole is nothing."""
    return f"{per(100 * part, whole, 0)} %"


def left_of(stored: int, original: int) -> str:
    """The stored bytes as a share of the original ones: `25 % of 936 kB`, or `22 bytes for 6`."""
    if stored > original:
        return f"{size(stored)} for {size(original)}"
    return f"{share(stored, original)} of {size(original)}"


def contents(summary: Summary) -> str:
    """The number of items, files or arrays."""
    return count(summary.items if summary.files is None else summary.files, summary.noun)


def report(
    source: str,
    output: str,
    summary: Summary,
    seconds: float,
    array_bytes: int,
    archive_bytes: int,
    as_json: bool,
    quiet: bool,
    more: str = "",
) -> dict[str, Any]:
    """Prints the sizes of a compression or a decompression in one line on standard error, which
    ends with `more`. Returns the figures for JSON.
    """
    if not (as_json or quiet):
        rate = f"{per(8 * archive_bytes, summary.elements, 4)} bits per dimension, "
        rate += f"{per(array_bytes, archive_bytes, 1)}x"
        if summary.files is not None:
            rate = share(archive_bytes, array_bytes)
        say(
            f"{output}: {contents(summary)},"
            f" {summary.bytes_in:,} -> {count(summary.bytes_out, 'byte')},"
            f" {rate}, {size(round(array_bytes / seconds))}/s{more}",
            err=True,
        )
    return {
        "source": source,
        "output": output,
        "shape": summary.shape,
        "dtype": summary.dtype,
        "items": summary.items,
        "files": summary.files,
        "elements": summary.elements,
        "blocks": summary.blocks,
        "bytes_in": summary.bytes_in,
        "bytes_out": summary.bytes_out,
        "bits_per_dimension": (8 * archive_bytes / summary.elements if summary.elements else None),
        "ratio": array_bytes / archive_bytes,
        "seconds": seconds,
    }


def show_json(figures: dict[str, Any] | list[dict[str, Any]], err: bool = False) -> None:
    import json  # late, since `bitsback --help` loads this file

    click.echo(json.dumps(figures, indent=2), err=err)


def result(row: dict[str, Any], text: str, as_json: bool, quiet: bool, err: bool = False) -> None:
    """Prints the result of a command as JSON, on standard error if `err`, or as a line of text."""
    if as_json:
        show_json(row, err)
    elif not quiet:
        say(text, err=True)
