"""Report of `bitsback compress`, printed at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bitsback.cli import figures

if TYPE_CHECKING:
    from bitsback.summary import Compressed

_REASONS = 12
"""The most reasons to store files verbatim that are printed."""
_NAMED = 5
"""The most files of a kind that are named."""
_WORTH = 0.01
"""The share of an archive from which the report says what would save it."""
_LITTLE = 0.9
"""The share of a folder's bytes from which the report says that it shrank by little."""


_POLICIES = {"auto": "default choice", "fast": "--fast", "best": "--best"}


def report(
    source: str,
    output: str,
    summary: Compressed,
    seconds: float,
    as_json: bool,
    quiet: bool,
    messages: list[str],
    total: int | None = None,
) -> dict[str, Any]:
    """Prints sizes and the warnings `messages`. Returns the same as JSON. total: the bytes of the
    archive to which something was added.
    """
    little = _little(source, summary)
    disk = summary.disk_in
    chosen = ""
    if summary.policy is not None:
        model = f"model {summary.model}" if summary.model else "no model"
        chosen = f", {model} ({_POLICIES[summary.policy]})"
    added = "" if total is None else f"; {output} has {figures.size(total)} now"
    row = figures.report(
        source, output, summary, seconds, summary.bytes_in if disk is None else disk,
        summary.bytes_out, as_json, quiet or disk is not None, chosen + added,
    ) | {
        "disk_in": disk,
        "total_bytes": summary.bytes_out if total is None else total,
        "jpeg": asdict(summary.jpeg),
        "verbatim": asdict(summary.verbatim),
        "stored": {reason: asdict(held) for reason, held in summary.stored.items()},
        "inexact": summary.inexact,
        "saving": asdict(summary.saving),
        "model": summary.model,
        "policy": summary.policy,
        "outdone": summary.outdone,
        "order_bits": summary.order_bits,
        "name_bytes": summary.name_bytes,
        "resumed": summary.resumed,
        "unfit": summary.unfit,
        "skipped": summary.skipped,
        "noted": summary.noted,
        "bad": summary.bad,
        "warnings": messages + ([little] if little else []),
    }  # fmt: skip
    if as_json or quiet:
        return row
    if disk is not None:
        figures.say(
            f"{source}: {figures.contents(summary)}, {figures.size(disk)} on disk"
            f" -> {output} {'' if total is None else '+'}{figures.size(summary.bytes_out)}"
            f" ({figures.share(summary.bytes_out, disk)}){chosen}{added}",
            err=True,
        )
    for what, blocks in (("JPEG", summary.jpeg), ("verbatim", summary.verbatim)):
        if blocks.bytes_in:
            left = figures.left_of(blocks.bytes_out, blocks.bytes_in)
            figures.say(f"{what}: {left}", err=True)
    if disk is not None:
        figures.say(_what_comes_back(summary), err=True)
    from bitsback.summary import remedy  # late, as a command runs

    for number, (reason, held) in enumerate(summary.stored.items()):
        if number == _REASONS:
            more = figures.count(len(summary.stored) - number, "reason")
            figures.say(f"stored verbatim: more files, for {more} more; --json has all", err=True)
            break
        figures.say(
            f"stored verbatim: {figures.count(held.files, 'file')}, {figures.size(held.bytes)},"
            f" {reason}, such as {held.first}: {remedy(reason)}",
            err=True,
        )
    if summary.resumed:
        figures.say(
            f"went on from an earlier run: {summary.resumed:,} of"
            f" {figures.count(summary.blocks, 'block')} were coded",
            err=True,
        )
    if summary.unfit:
        figures.say(
            f"coded anew: {figures.count(summary.unfit, 'block')} of an earlier run, which had"
            " other inputs, options or versions",
            err=True,
        )
    if summary.order_bits is not None:
        figures.say(
            f"the order of the items is not kept; it would have taken"
            f" {figures.size(round(summary.order_bits / 8))}",
            err=True,
        )
    if summary.name_bytes is not None:
        bits = figures.per(8 * summary.name_bytes, summary.files or 0, 1)
        figures.say(
            f"their names take {figures.size(summary.name_bytes)}, {bits} bits each", err=True
        )
    if summary.outdone:
        figures.say(
            f"{figures.count(summary.outdone, 'block')} of {summary.blocks:,}: no model was as good"
            " as a general compressor, which was used",
            err=True,
        )
    for left_out in summary.bad.values():
        figures.say(f"left out: {left_out}", err=True)
    say_names(summary.skipped, summary.noted)
    saving = summary.saving
    if saving.bytes and saving.bytes >= _WORTH * summary.bytes_out:
        figures.say(
            f"--files pixels would save some {figures.size(saving.bytes)}"
            f" ({figures.share(saving.bytes, summary.bytes_out)}):"
            f" {figures.count(saving.files, 'file')}",
            err=True,
        )
    if little:
        figures.say(f"bitsback: warning: {little}", err=True)
    return row


def say_names(skipped: Mapping[str, Sequence[str]], noted: Mapping[str, Sequence[str]]) -> None:
    """Names the files of a folder that were left out, and unexpected ones that were kept."""
    for verb, names in (("kept", noted), ("left out", skipped)):
        for kind, of_kind in names.items():
            figures.say(f"{verb}: {kind}: {_some(of_kind)}", err=True)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _what_comes_back(summary: Compressed) -> str:
    """Whether files come back byte for byte, and which do not."""
    if summary.order_bits is not None:
        return "only pixels come back, not their files"
    if inexact := summary.inexact:
        total = 1 if summary.noun == "page" else summary.files or 0
        return (
            f"{len(inexact):,} of {figures.count(total, 'file')} come back with the same pixels and"
            f" metadata, but other bytes: {_some(inexact)}"
        )
    left_out = ", but for what is left out" if summary.bad or summary.skipped else ""
    return f"all comes back byte for byte{left_out}"


def _little(source: str, summary: Compressed) -> str | None:
    """The warning that a folder shrank by little, if it did."""
    disk = summary.disk_in
    if disk and summary.order_bits is not None:
        grown = summary.bytes_out > disk
        return f"{source} has grown: as a set, files are coded by their pixels" if grown else None
    if not disk or summary.bytes_out <= _LITTLE * disk:
        return None
    held = sum(held.bytes for held in summary.stored.values())
    little = "did not shrink" if summary.bytes_out >= disk else "shrank by less than a tenth"
    return f"{source} {little}: {figures.share(held, disk)} of its bytes are stored verbatim"
