"""Common parts of the benchmarks: one core, medians, tables, JSON."""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback.models import bundled
from bitsback_lab.bench.process import processor
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from bitsback_lab.peers.units import Images

Result = TypeVar("Result")


def arguments(description: str | None, repeats: int = 5) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--json", action="store_true", help="print the numbers as JSON instead of a table"
    )
    parser.add_argument(
        "--images", type=int, default=10_000, help="use only the first of the test images"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=repeats,
        help="runs to take the median of (default %(default)s)",
    )
    return parser


def arguments_of_models(description: str | None) -> argparse.ArgumentParser:
    """The same, with models to choose and the size of a block."""
    parser = arguments(description)
    parser.add_argument(
        "--model", action="append", help="a bundled model or a file (default: all of digits)"
    )
    parser.add_argument(
        "--block", type=int, help="images in a block (default: the writer's choice)"
    )
    return parser


def images(count: int, levels: int = 2) -> Images:
    """The first `count` MNIST test images [count, 28, 28]: binarised, bool, for two levels,
    otherwise grey, uint8.
    """
    return (binarised_mnist_test_images() if levels == 2 else mnist_test_images())[:count]


def digit_models() -> list[str]:
    """The bundled models for the digits of `images`."""
    return [name for name in bundled.names() if name.startswith("mnist")]


def symbols(data: Images) -> NDArray[np.uint8]:
    """The images as a model takes them, uint8 [count, pixels]."""
    return data.reshape(len(data), -1).view(np.uint8)


def pin(cores: int = 1) -> str:
    """Keep this process and its children on `cores` cores if the system supports it. Returns a
    description of the result.
    """
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system has no sched_setaffinity"
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, chosen)
    return "pinned to core " + ", ".join(map(str, chosen))


def median_seconds(work: Callable[[], Result], repeats: int) -> tuple[float, Result]:
    """The median wall time of `work`, after one run to warm up, and its last result."""
    result = work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def compress(data: NDArray[Any], model: bitsback.Model, block: int | None, threads: int) -> bytes:
    """An archive in memory; the model is never embedded."""
    buffer = io.BytesIO()
    bitsback.compress(data, buffer, model=model, block=block, threads=threads, embed="never")
    return buffer.getvalue()


def decompress(archive: bytes, threads: int) -> NDArray[Any]:
    """The array in an archive in memory."""
    array = bitsback.decompress(io.BytesIO(archive), threads=threads)
    assert array is not None
    return array


def machine() -> str:
    """Processor and versions of Python and NumPy, for the head of a table."""
    return f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}"


def report(title: str, rows: Sequence[dict[str, Any]], notes: Sequence[str], as_json: bool) -> None:
    """Print `rows`, dictionaries with the same keys, as a table or as JSON."""
    if as_json:
        print(
            json.dumps(
                {"title": title, "machine": machine(), "rows": list(rows), "notes": list(notes)},
                indent=2,
            )
        )
        return
    print(f"{title}  [{machine()}]\n")
    cells = [[key.replace("_", " ") for key in rows[0]]] + [
        [_cell(value) for value in row.values()] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        first, *others = (cell for cell in line)
        print(
            first.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)),
            sep="  ",
        )
    for note in notes:
        print(f"\n{note}")
    sys.stdout.flush()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return (
            f"{value:,.4f}"
            if abs(value) < 1
            else f"{value:,.3f}"
            if abs(value) < 10
            else f"{value:,.1f}"
        )
    return f"{value:,}" if isinstance(value, int) else str(value)
