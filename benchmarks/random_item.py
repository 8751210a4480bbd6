"""Reading one random digit from an archive for random access, beside a PNG file of it.

    python benchmarks/random_item.py

The archive is open, and caches no decoded blocks; files are read from a warm disk; one core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from harness import arguments, images, pin, report
from numpy.typing import NDArray
from PIL import Image

import bitsback

MODELS = {
    2: ("mnist-binary", "mnist-binary-context"),
    256: ("mnist", "mnist-context"),
}


def main() -> None:
    parser = arguments(__doc__, repeats=1000)
    options = parser.parse_args()
    pinned = pin()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for levels, models in MODELS.items():
            data = images(options.images, levels)
            order = np.random.default_rng(0).integers(0, len(data), options.repeats)
            for model in models:
                rows.append(_ours(data, model, order, Path(folder, f"{model}.bb")))
            rows.append(_png(data, order, Path(folder, f"{levels}")))
    report(
        f"one random digit of {options.images:,}",
        rows,
        [f"{pinned}; median of {options.repeats} reads. More bytes: than in blocks for storage."],
        options.json,
    )


def _ours(data: NDArray[Any], model: str, order: NDArray[Any], path: Path) -> dict[str, Any]:
    storage = bitsback.compress(data, path, model=model)
    made = bitsback.compress(data, path, model=model, purpose="random-access", force=True)
    with bitsback.open(path, cache=0) as archive:
        ms = _median_ms(lambda number: archive[number], data, order)
    more = made.bytes_out / storage.bytes_out - 1
    return {"read": model, "ms": ms, "bytes": made.bytes_out, "more_bytes_%": 100 * more}


def _png(data: NDArray[Any], order: NDArray[Any], folder: Path) -> dict[str, Any]:
    folder.mkdir()
    for number, image in enumerate(data):
        Image.fromarray(image).save(folder / f"{number}.png", optimize=True)

    def read(number: int) -> NDArray[Any]:
        with Image.open(folder / f"{number}.png") as image:
            return np.asarray(image)

    size = sum(path.stat().st_size for path in folder.iterdir())
    kind = "bilevel" if data.dtype == np.bool_ else "grey"
    return {
        "read": f"PNG file, {kind}", "ms": _median_ms(read, data, order), "bytes": size,
        "more_bytes_%": None,
    }  # fmt: skip


def _median_ms(
    read: Callable[[int], NDArray[Any]], data: NDArray[Any], order: NDArray[Any]
) -> float:
    read(0)
    times = []
    for number in order.tolist():
        start = perf_counter()
        found = read(number)
        times.append(1000 * (perf_counter() - start))
        if not np.array_equal(found, data[number]):
            raise SystemExit("an item was not restored")
    return median(times)


if __name__ == "__main__":
    main()
