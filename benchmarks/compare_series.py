"""Series and tables beside FLAC, xz and zstd.

    python benchmarks/compare_series.py                  what other packages have, and our own
    python benchmarks/compare_series.py SERIES.npy ...   and others: [steps] or [steps, columns]

The data: monthly sunspots in tenths (statsmodels), digits and iris (sklearn) as tables of 64 and 4
columns, and tones of a synthetic instrument; with --ecg the file scipy/misc/ecg.dat, which scipy
had before 1.12, and with --speech the file arctic_a0007.wav of the sources of pysptk. FLAC, by
soundfile, is only for arrays of 16 bits and up to 8 columns. Missing packages are named. All get
the same little-endian numbers, and xz also their differences in time.
"""

from __future__ import annotations

import argparse
import io
import lzma
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray

import bitsback


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="*", help=".npy files")
    parser.add_argument("--ecg", type=Path, help="scipy's ecg.dat")
    parser.add_argument("--speech", type=Path, help="pysptk's arctic_a0007.wav")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    missing: list[str] = []
    makers: dict[str, Callable[[], NDArray[Any]]] = {
        "tones": tones,
        "tones, stereo": lambda: tones(2),
        "sunspots": sunspots,
        "digits": lambda: import_module("sklearn.datasets").load_digits().data.astype(np.uint8),
        "iris": lambda: np.rint(import_module("sklearn.datasets").load_iris().data * 10).astype(
            np.uint8
        ),
    }
    if options.ecg:
        makers["ECG"] = lambda: np.load(options.ecg)["ecg"].astype(np.int16)
    if options.speech:
        makers["speech"] = lambda: import_module("soundfile").read(options.speech, dtype="int16")[0]
    for path in options.data:
        makers[path.stem] = partial(np.load, path)
    for name, make in makers.items():
        try:
            array = make()
        except (ImportError, FileNotFoundError) as error:
            missing.append(f"{name}: {error}")
            continue
        rows.append(compare(name, array, missing))
    report("series and tables, bytes", rows, sorted(set(missing)), options.json)


def compare(name: str, array: NDArray[Any], missing: list[str]) -> dict[str, Any]:
    """Size in bytes by each compressor."""
    raw = array.tobytes()
    steps = array.astype(np.int64)
    deltas = np.diff(steps, axis=0, prepend=np.zeros_like(steps[:1])).astype(array.dtype)
    archive = io.BytesIO()
    bitsback.compress(array, archive, embed="never")
    assert np.array_equal(bitsback.decompress(archive), array)
    row: dict[str, Any] = {
        "data": name,
        "shape": " x ".join(map(str, array.shape)),
        "dtype": array.dtype.name,
        "raw": len(raw),
        "bitsback": len(archive.getvalue()),
        "FLAC": None,
        "xz -9e": len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)),
        "xz, deltas": len(lzma.compress(deltas.tobytes(), preset=9 | lzma.PRESET_EXTREME)),
        "zstd -19": None,
    }
    try:
        row["zstd -19"] = len(import_module("zstandard").compress(raw, 19))
        row["FLAC"] = flac(array)
    except ImportError as error:
        missing.append(str(error))
    return row


def flac(array: NDArray[Any]) -> int | None:
    """Size in bytes at the highest level."""
    if array.dtype != np.int16 or (array.ndim == 2 and array.shape[1] > 8):
        return None
    stream = io.BytesIO()
    import_module("soundfile").write(
        stream, array, 44_100, format="FLAC", subtype="PCM_16", compression_level=1.0
    )
    return len(stream.getvalue())


def tones(channels: int = 1) -> NDArray[np.int16]:
    """Four seconds of an instrument: decaying partials of one note after the other, with noise."""
    rng = np.random.default_rng(0)
    time = np.arange(4 * 44_100) / 44_100
    within = time % 0.5
    note = 220 * 2 ** (rng.integers(0, 12, 8)[(time // 0.5).astype(int)] / 12)
    sound = sum(
        np.exp(-within * (3 + partial)) * np.sin(2 * np.pi * note * partial * within) / partial
        for partial in range(1, 9)
    )
    parts = [
        6_000 * sound * (1 - 0.3 * number) + rng.normal(0, 12, len(time))
        for number in range(channels)
    ]
    whole = np.stack(parts, -1) if channels > 1 else parts[0]
    found: NDArray[np.int16] = np.rint(whole).astype(np.int16)
    return found


def sunspots() -> NDArray[np.int16]:
    """The sunspot number of each month, in tenths."""
    text = (files("statsmodels.datasets.sunspots") / "src" / "sunspots_monthly.dat").read_text()
    lines = [line.split() for line in text.splitlines() if line[:4].strip().isdigit()]
    return np.rint(
        np.array([month for line in lines for month in line[1:]], np.float64) * 10
    ).astype(np.int16)


if __name__ == "__main__":
    main()
