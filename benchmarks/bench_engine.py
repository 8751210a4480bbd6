"""Each engine of the integer networks against NumPy's float32 product of the same shape (sgemm),
on one core and in one run, with the inputs of seven bits, of eight, and of one.

On AVX2 the inputs matter: those of eight bits are widened to 16 before multiplication, those of
seven are multiplied as bytes, and the fewer bits, or the smaller the weights, the more products are
summed before widening. All figures include the cost of a call from Python.

python benchmarks/bench_engine.py
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from harness import arguments, pin, report
from numpy.typing import NDArray

from bitsback import _core

SHAPES = [(128, 128, 240), (96, 96, 240), (96, 96, 30), (64, 24, 240), (64, 8, 240), (784, 256, 64)]
"""Inputs, outputs, rows."""
BITS = (7, 8, 1)
WEIGHT = 30
"""The standard deviation of weights, as in the bundled models' hidden layers, where the largest of
an output is 127.
"""


def layer(
    rng: np.random.Generator, inputs: int, outputs: int, top: int, engine: str
) -> _core.Linear:
    """A hidden layer with inputs up to `top`, on an engine."""
    weight = rng.normal(0, WEIGHT, (outputs, inputs)).round().clip(-127, 127).astype(np.int8)
    bias = np.full(outputs, 1000, np.int32)
    multiplier = np.full(outputs, 2**36 // (WEIGHT * 2 * int(inputs**0.5)), np.int32)
    _core.set_simd(engine)
    return _core.Linear(weight, bias, multiplier, 36, 0, 127, top)


def medians(work: dict[str, Callable[[], Any]], repeats: int, products: int) -> dict[str, float]:
    """Median seconds per call. The contestants take turns, so other load affects all alike."""
    calls = max(1, 5_000_000 // products)
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, run in work.items():
            start = time.perf_counter()
            for _ in range(calls):
                run()
            seconds[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(times) for name, times in seconds.items()}


def compare(
    inputs: int, outputs: int, rows: int, bits: int, repeats: int
) -> tuple[dict[str, float], float]:
    """Seconds per call of each engine and of sgemm."""
    rng = np.random.default_rng(0)
    top = 2**bits - 1
    x: NDArray[np.uint8] = rng.integers(0, top + 1, (rows, inputs), np.uint8)
    floats, matrix = x.astype(np.float32), rng.normal(size=(inputs, outputs)).astype(np.float32)
    work: dict[str, Callable[[], Any]] = {"sgemm": lambda: floats @ matrix}
    for engine in _core.simd_paths():
        built = layer(np.random.default_rng(1), inputs, outputs, top, engine)
        work[engine] = partial(built, x)
    seconds = medians(work, repeats, inputs * outputs * rows)
    return seconds, seconds.pop("sgemm")


def main() -> None:
    options = arguments(__doc__, repeats=15).parse_args()
    pinned = pin()
    chosen = _core.simd()
    table: list[dict[str, Any]] = []
    for inputs, outputs, rows in SHAPES:
        by_bits = {bits: compare(inputs, outputs, rows, bits, options.repeats) for bits in BITS}
        giga = inputs * outputs * rows / 1e9
        for engine in _core.simd_paths():
            row: dict[str, Any] = {
                "layer": f"{inputs} to {outputs}, {rows} rows",
                "engine": engine,
            }
            for bits, (seconds, _) in by_bits.items():
                row[f"{bits}_bits_GMAC/s"] = giga / seconds[engine]
            for bits, (seconds, sgemm) in by_bits.items():
                row[f"{bits}_bits_by_sgemm"] = sgemm / seconds[engine]
            row["7_by_8_bits"] = by_bits[8][0][engine] / by_bits[7][0][engine]
            table.append(row)
    _core.set_simd(chosen)
    notes = [f"{pinned}; median of {options.repeats} turns; by sgemm: how often as fast as that"]
    report("Integer linear layers", table, notes, options.json)


if __name__ == "__main__":
    main()
