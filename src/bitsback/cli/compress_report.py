"""Report of `bitsback compress`, printed at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
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
_say = partial(figures.say, err=True)


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
    shrunk = _shrinkage_warning(source, summary)
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
        "copies": asdict(summary.copies),
        "model": summary.model,
        "policy": summary.policy,
        "outdone": summary.outdone,
        "refused": summary.refused,
        "order_bits": summary.order_bits,
        "name_bytes": summary.name_bytes,
        "resumed": summary.resumed,
        "unfit": summary.unfit,
        "skipped": summary.skipped,
        "noted": summary.noted,
        "bad": summary.bad,
        "warnings": messages + ([shrunk] if shrunk else []),
    }  # fmt: skip
    if as_json or quiet:
        return row
    if disk is not None:
        _say(
            f"{source}: {figures.contents(summary)}, {figures.size(disk)} on disk"
            f" -> {output} {'' if total is None else '+'}{figures.size(summary.bytes_out)}"
            f" ({figures.share(summary.bytes_out, disk)}){chosen}{added}"
        )
    for kind, blocks in (("JPEG", summary.jpeg), ("verbatim", summary.verbatim)):
        if blocks.bytes_in:
            _say(f"{kind}: {figures.left_of(blocks.bytes_out, blocks.bytes_in)}")
    if summary.copies.files:
        count = figures.count(summary.copies.files, "file")
        _say(
            f"stored once: {count}, {figures.size(summary.copies.bytes)}, with the bytes of others"
        )
    if disk is not None:
        _say(_fidelity(summary))
    from bitsback.summary import remedy  # late, as a command runs

    for number, (reason, held) in enumerate(summary.stored.items()):
        if number == _REASONS:
            more = figures.count(len(summary.stored) - number, "reason")
            _say(f"stored verbatim: files for {more} more; --json shows all")
            break
        name = held.largest
        if held.files > 1:
            name = f"the largest {name}, {figures.size(held.largest_bytes)}"
        advice = "" if summary.files == 1 else f": {remedy(reason)}"
        _say(
            f"stored verbatim: {figures.count(held.files, 'file')}, {figures.size(held.bytes)}"
            f" ({name}), {reason}{advice}"
        )
    if summary.resumed:
        _say(
            f"resumed an earlier run, which had coded {summary.resumed:,} of"
            f" {figures.count(summary.blocks, 'block')}"
        )
    if summary.unfit:
        _say(
            f"coded again: {figures.count(summary.unfit, 'block')} of an earlier run, which had"
            " other inputs, options or versions"
        )
    if summary.order_bits is not None:
        _say(
            f"the order of the items is not kept; it would have taken"
            f" {figures.size(round(summary.order_bits / 8))}"
        )
    if summary.name_bytes is not None:
        bits = figures.per(8 * summary.name_bytes, summary.files or 0, 1)
        _say(f"the names take {figures.size(summary.name_bytes)}, {bits} bits each")
    if summary.model_bytes > summary.bytes_out // 2:
        _say(
            f"the model in it takes {figures.left_of(summary.model_bytes, summary.bytes_out)};"
            " --embed never leaves it outside"
        )
    if summary.outdone:
        _say(
            f"{figures.count(summary.outdone, 'block')} of {summary.blocks:,}: a general compressor"
            " was used, since no model saved enough"
        )
    if summary.refused:
        _say(
            f"{figures.count(summary.refused, 'block')} of {summary.blocks:,}: a general compressor"
            " was used, since readers refuse a model that needs so much memory or time for so few"
            " bytes"
        )
    for left_out in summary.bad.values():
        _say(f"left out: {left_out}")
    say_names(summary.skipped, summary.noted)
    saving = summary.saving
    if saving.bytes and saving.bytes >= _WORTH * summary.bytes_out:
        _say(
            f"--files pixels would save some {figures.size(saving.bytes)}"
            f" ({figures.share(saving.bytes, summary.bytes_out)}):"
            f" {figures.count(saving.files, 'file')}"
        )
    if shrunk:
        _say(f"bitsback: warning: {shrunk}")
    return row


def say_names(skipped: Mapping[str, Sequence[str]], noted: Mapping[str, Sequence[str]]) -> None:
    """Names the files of a folder that were left out, and unexpected ones that were kept."""
    for verb, names in (("kept", noted), ("left out", skipped)):
        for kind, listed in names.items():
            _say(f"{verb}: {kind}: {_first_names(listed)}")


def _first_names(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _fidelity(summary: Compressed) -> str:
    """Whether files are restored byte for byte, and which are not."""
    if summary.order_bits is not None:
        return "only pixels are restored, not their files"
    if inexact := summary.inexact:
        total = figures.count(summary.files or 0, "file")
        return (
            f"{len(inexact):,} of {total} are restored with the same pixels and metadata, but other"
            f" bytes: {_first_names(inexact)}"
        )
    left_out = ", except what is left out" if summary.bad or summary.skipped else ""
    return f"everything is restored byte for byte{left_out}"


def _shrinkage_warning(source: str, summary: Compressed) -> str | None:
    """The warning that a folder shrank by little, if it did."""
    disk = summary.disk_in
    if disk and summary.order_bits is not None:
        grown = summary.bytes_out > disk
        return f"{source} has grown: as a set, files are coded by their pixels" if grown else None
    if not disk or summary.bytes_out <= _LITTLE * disk:
        return None
    held = sum(held.bytes for held in summary.stored.values())
    verb = "did not shrink" if summary.bytes_out >= disk else "shrank by less than a tenth"
    cause = f": {figures.share(held, disk)} of its bytes are stored verbatim"
    return f"{source} {verb}{cause if 2 * held > disk else ''}"
