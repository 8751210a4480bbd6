"""A comparison as a table for people, and as JSON."""

from __future__ import annotations

import math
import platform
import textwrap
from typing import Any

import numpy as np

from bitsback_lab.bench.comparison import Comparison, Row
from bitsback_lab.bench.process import processor
from bitsback_lab.bench.subject import Data
from bitsback_lab.peers.units import one_channel, two_levels

WIDTH = 100

UNITS = {
    "archive": "an archive of bitsback",
    "stream": "the pixels of all images",
    "shuffled": "the same, all low bytes before all high ones",
    "mosaic": "all images tiled into one picture",
    "mosaics": "tiled into pictures of at most 2048 x 2048 pixels and 2,000 images",
    "strip": "all images below each other, one picture",
    "each": "a file for each image",
}


def title(comparison: Comparison) -> str:
    """A description of the images, in a line."""
    data = comparison.data
    count = len(data.images)
    total = f" (of {data.total:,}, evenly spaced)" if count < data.total else ""
    noun = "image" if count == 1 else "images"
    bilevel = two_levels(data.images)
    size = f"{comparison.raw_bytes:,} bytes" + (", eight pixels to the byte" if bilevel else "")
    return f"{data.name}: {count:,} {data.kind} {noun}{total} of {_extent(data)} pixels; {size}"


def _extent(data: Data) -> str:
    """Rows and columns, those of the smallest and the largest image if they differ."""
    if data.shape is not None:
        return f"{data.shape[0]} x {data.shape[1]}"
    sizes = sorted((image.shape[:2] for image in data.images), key=math.prod)
    return " to ".join(f"{rows} x {columns}" for rows, columns in (sizes[0], sizes[-1]))


def table(comparison: Comparison) -> list[str]:
    """The lines of the table and the notes below it."""
    lines = [title(comparison), ""]
    lines += [
        f"{'':36}{'bits per':>10}{'with its':>10}{'':>8}"
        f"{'compress':>11}{'decompress':>12}{'memory':>9}",
        f"{'':36}{counted(comparison):>10}{'model':>10}{'ratio':>8}{'MB/s':>11}{'MB/s':>12}{'MB':>9}",
    ]
    lines += [_line(row) for row in comparison.rows]
    lines.append("")
    for note in _notes(comparison):
        lines += textwrap.wrap(note, WIDTH, subsequent_indent="  ")
    return lines


def counted(comparison: Comparison) -> str:
    """The unit that bits are counted per."""
    return "pixel" if one_channel(comparison.data.images) else "sub-pixel"


def label(row: Row) -> str:
    """The name of a compressor, with the unit where it is not obvious."""
    return row.measured.name if row.ours else f"{row.measured.name}, {row.measured.unit}"


def _line(row: Row) -> str:
    found = row.measured
    name = label(row) + (" *" if found.cached else "")
    model = "" if row.model_bytes is None else _rate(row.rate_with_model)
    memory = "" if found.memory_bytes is None else f"{found.memory_bytes / 1e6:,.0f}"
    speeds = f"{_speed(found.encode_speed):>11}{_speed(found.decode_speed):>12}"
    return (
        f"{name:36}{_rate(found.rate):>10}{model:>10}{row.ratio:8.2f}{speeds}{memory:>9}".rstrip()
    )


def _rate(value: float) -> str:
    """A rate to four significant digits."""
    return f"{value:.4f}" if value < 1 else f"{value:.3f}"


def _speed(value: float) -> str:
    """A speed to three significant digits, or to the whole number if that has more."""
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}"


def _notes(comparison: Comparison) -> list[str]:
    rows = comparison.rows
    units = dict.fromkeys(row.measured.unit for row in rows if row.measured.unit != "archive")
    notes = [
        "Every row was decompressed and compared, pixel by pixel. ratio: raw bytes to compressed"
        f" ones, model out. MB/s: a {counted(comparison)} is a byte; one thread, in memory. "
        + " ".join(f"{unit}: {UNITS[unit]}." for unit in units)
    ]
    if any(row.model_bytes for row in rows):
        notes.append(
            "with its model: of an archive that has the model inside. Models that ship with"
            " bitsback need not be."
        )
    peaks = [
        row.measured.memory_before_bytes
        for row in rows
        if row.measured.memory_before_bytes is not None
    ]
    if peaks:
        notes.append(
            "memory: the peak of a process that compressed and decompressed, or of a program that"
            f" it ran if that was larger. {np.median(peaks) / 1e6:.0f} MB of it are Python and the"
            " images."
        )
    cached = [row.measured for row in rows if row.measured.cached]
    if cached:
        places = " and ".join(dict.fromkeys(found.processor for found in cached))
        days = sorted({found.date for found in cached})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        notes.append(
            f"*: from an earlier measurement, on {places} ({when}); --remeasure measures here and"
            " now."
        )
    parts = {
        part
        for row in rows
        for part in row.measured.version.split(", ")
        if not part.startswith("model ")
    }
    versions = sorted(parts | {f"Python {platform.python_version()}"}, key=str.lower)
    notes.append(f"{processor()}; {', '.join(versions)}")
    return [*notes, *comparison.missing, *(f"left out: {line}" for line in comparison.failed)]


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The same figures and more, as JSON (docs/benchmark.md)."""
    data = comparison.data
    return {
        "data": {
            "name": data.name,
            "sha256": comparison.digest,
            "images": len(data.images),
            "images_in_all": data.total,
            "height": data.shape[0] if data.shape else None,
            "width": data.shape[1] if data.shape else None,
            "channels": None if data.shape is None else math.prod(data.shape[2:]),
            "levels": data.levels,
            "raw_bytes": comparison.raw_bytes,
        },
        "processor": processor(),
        "rows": [_row(row) for row in comparison.rows],
        "missing": comparison.missing,
        "failed": comparison.failed,
    }


def _row(row: Row) -> dict[str, Any]:
    found = row.measured
    with_model = row.model_bytes is not None
    return {
        "codec": found.name,
        "unit": found.unit,
        "version": found.version,
        "ours": row.ours,
        "bytes": found.bytes,
        "bits_per_pixel": found.rate,
        "ratio": row.ratio,
        "model_bytes": row.model_bytes,
        "bits_per_pixel_with_model": row.rate_with_model if with_model else None,
        "ratio_with_model": row.ratio_with_model if with_model else None,
        "compress_seconds": found.encode_seconds,
        "decompress_seconds": found.decode_seconds,
        "compress_MB_per_second": found.encode_speed,
        "decompress_MB_per_second": found.decode_speed,
        "peak_memory_bytes": found.memory_bytes,
        "memory_before_bytes": found.memory_before_bytes,
        "cached": found.cached,
        "processor": found.processor,
        "date": found.date,
    }
