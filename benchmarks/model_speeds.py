"""The speed of each bundled model, for `bitsback models`, README.md and docs/models.md.

    python benchmarks/model_speeds.py --photographs KODAK --drawings FOLDER --pages FOLDER --write

Archives of arrays by the API, in seconds of the processor on one thread, the least of some runs;
a sample is an element of an array. Models of digits and series need no folder. Of a kind whose
folder is not given nothing is measured, and its figures stay. --write renews
src/bitsback/models/bundled/speeds.json, and the tables of the pages whose last columns are
`compressing` and `restoring`.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import images, machine, pin, report
from numpy.typing import NDArray
from pictures import picture_files

import bitsback
from bitsback.files.picture_files import read_pixels
from bitsback.models import bundled

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs/models.md")
_FILE = ROOT / "src/bitsback/models/bundled/speeds.json"
_COLUMNS = "| compressing | restoring |"
_DIGITS, _SERIES, _STEPS = 2000, 8, 100_000

Arrays = list[NDArray[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=Path, help="a folder of colour pictures, 8 bits")
    parser.add_argument("--drawings", type=Path, help="a folder of drawings or screenshots")
    parser.add_argument("--pages", type=Path, help="a folder of scanned pages, two levels")
    parser.add_argument("--first", type=int, default=6, help="pictures of each folder")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", action="append", help="a model, or several (default: all)")
    parser.add_argument("--write", action="store_true", help="renew the table and the pages")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pinned = pin()
    speeds = bundled.speeds()
    rows = []
    for name in options.model or bundled.names():
        data = _data(name, options)
        if data:
            speeds[name] = _measured(name, data, options.repeats)
            rows.append(
                {"model": name, "compressing": speeds[name][0], "restoring": speeds[name][1]}
            )
    if not rows:
        raise SystemExit("give the folder of the pictures that the model is for")
    report("Million samples a second", rows, [pinned], options.json)
    if options.write:
        table = {name: [float(f"{one:.3g}") for one in speeds[name]] for name in bundled.names()}
        _FILE.write_text(json.dumps({"processor": machine(), "speeds": table}, indent=1) + "\n")
        bundled.speeds.cache_clear()
        for page in PAGES:
            page.write_text(with_speeds(page.read_text()))


def with_speeds(page: str) -> str:
    """The page with the speeds of the table in its tables."""
    lines, table = page.split("\n"), False
    speeds = bundled.speeds()
    for number, line in enumerate(lines):
        table = line.endswith(_COLUMNS) or (table and line.startswith("|"))
        name = re.match(r"\|[^|`]*`([^`]+)` *\|", line)
        if table and name is not None and name[1] in speeds:
            cells = line.split("|")[:-3] + [f" {bundled.shown(one)} " for one in speeds[name[1]]]
            lines[number] = "|".join([*cells, ""])
    return "\n".join(lines)


def _data(name: str, options: argparse.Namespace) -> Arrays:
    """The inputs that a model is measured with."""
    if "mnist" in name:
        return [images(_DIGITS, bundled.outline(name).levels)]
    if name == "series":
        steps = np.random.default_rng(0).normal(0, 9, (_STEPS, _SERIES))
        return [steps.cumsum(axis=0).astype(np.int16)]
    if "bilevel" in name:
        return [pixels.astype(bool) for pixels in _pictures(options.pages, options.first)]
    if name.startswith("graphics"):
        grey = name.endswith("grey")
        return [_grey(one) if grey else one for one in _pictures(options.drawings, options.first)]
    pixels = _pictures(options.photographs, options.first)
    deep = name in ("universal-16", "universal-deep")
    return list(map(_deep, pixels)) if deep else pixels


def _pictures(folder: Path | None, first: int) -> Arrays:
    return [] if folder is None else [read_pixels(p) for p in picture_files(folder, first).values()]


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 1])


def _deep(pixels: NDArray[Any]) -> NDArray[Any]:
    """The brightness of a photograph in 12 bits, at half its size."""
    grey = pixels.sum(-1, dtype=np.uint16)
    grey = grey[: len(grey) // 2 * 2, : grey.shape[1] // 2 * 2]
    return np.asarray(grey[::2, ::2] + grey[1::2, ::2] + grey[::2, 1::2] + grey[1::2, 1::2])


def _measured(name: str, data: Arrays, repeats: int) -> tuple[float, float]:
    """Million samples a second, compressing and restoring."""
    samples = sum(array.size for array in data) / 1e6
    archives = [_compress(array, name) for array in data]
    for array, archive in zip(data, archives, strict=True):
        if not np.array_equal(_decompress(archive), array):
            raise SystemExit(f"{name} did not restore the arrays")
    encode = _least(lambda: [_compress(array, name) for array in data], repeats)
    return samples / encode, samples / _least(lambda: list(map(_decompress, archives)), repeats)


def _compress(array: NDArray[Any], name: str) -> bytes:
    file = io.BytesIO()
    bitsback.compress(array, file, model=name, threads=1)
    return file.getvalue()


def _decompress(archive: bytes) -> NDArray[Any]:
    array = bitsback.decompress(io.BytesIO(archive), threads=1)
    assert array is not None
    return array


def _least(work: Callable[[], object], repeats: int) -> float:
    """The least seconds of the processor."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
