"""HDF5 files compressed by bitsback, beside h5repack with shuffle and gzip 9, and xz -9: bytes.

    python benchmarks/compare_hdf5_files.py [FILE...]

By default the files are synthetic, from a seed: a CT series, a stack of a microscope with the noise
of its camera and its levels, smooth float fields as climate models write them, labels of cells, and
a table, as columns and as records. It needs .[hdf5], h5repack and xz.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

import bitsback

RNG = np.random.default_rng(1)
PACKED = {"shuffle": True, "compression": "gzip"}
Floats = NDArray[np.float64]


def smooth(shape: tuple[int, ...], *scales: float) -> Floats:
    """Noise of unit variance without its high frequencies."""
    spectrum = np.fft.rfftn(RNG.standard_normal(shape))
    for axis, (size, scale) in enumerate(zip(shape, scales, strict=True)):
        last = axis == len(shape) - 1
        frequencies = np.fft.rfftfreq(size) if last else np.fft.fftfreq(size)
        damping = np.exp(-20 * (frequencies * scale) ** 2)
        spectrum *= damping.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    made = np.fft.irfftn(spectrum, shape, range(len(shape)))
    return np.asarray(made / made.std())


def ct(file: h5py.File) -> None:
    shape = (24, 256, 256)
    _, y, x = np.mgrid[:24, :256, :256].astype(float)
    body = np.hypot((y - 128) / 100, (x - 128) / 120) < 1
    values = np.where(body, 40 + 20 * smooth(shape, 1, 6, 6), -1000)
    for centre in (80, 176):
        lung = np.hypot((y - 110) / 30, (x - centre) / 40) < 1
        values = np.where(lung, -850 + 60 * smooth(shape, 3, 3, 3), values)
    values = np.where(np.hypot(y - 190, x - 128) < 18, 700 + 100 * smooth(shape, 2, 2, 2), values)
    values += 12 * smooth(shape, 0, 1, 1)
    file.create_dataset("ct", data=np.round(values).astype("<i2"), chunks=(1, 256, 256), **PACKED)
    file["positions"] = np.arange(24) * 5.0


def stack(file: h5py.File) -> None:
    light = 200 * np.exp(smooth((20, 256, 256), 2, 4, 4)) + 100
    values = 2 * RNG.poisson(light) + RNG.normal(100, 3, light.shape)
    pixels = np.clip(values, 0, 65535).astype("<u2")
    for level in range(3):
        step = 1 << level
        file[f"s00/{level}"] = pixels[::step, ::step, ::step]


def fields(file: h5py.File) -> None:
    shape = (24, 128, 192)
    file["lat"], file["lon"] = np.linspace(-90, 90, 128), np.linspace(0, 359, 192)
    for name, mean, deviation in (("t2m", 280, 12), ("u10", 0, 6), ("msl", 101300, 900)):
        values = (mean + deviation * smooth(shape, 4, 6, 6)).astype("<f4")
        file.create_dataset(name, data=values, chunks=(1, 128, 192), **PACKED)
    rain = np.round(1000 * np.maximum(smooth(shape, 4, 4, 4) - 1, 0)).astype(">i2")
    file.create_dataset("tp", data=rain, chunks=(1, 128, 192), **PACKED)


def labels(file: h5py.File) -> None:
    z, y, x = np.mgrid[:24, :256, :256]
    cells, least = np.zeros(z.shape, "<u2"), np.full(z.shape, 1500.0)
    for number, (a, b, c) in enumerate(RNG.integers(0, [24, 256, 256], (150, 3)), 1):
        distance = (6 * (z - a)) ** 2 + (y - b) ** 2 + (x - c) ** 2
        distance = distance + 200 * smooth(z.shape, 4, 4, 4)
        nearer = distance < least
        cells[nearer], least[nearer] = number, distance[nearer]
    file.create_dataset("labels", data=cells, chunks=True, compression="gzip")
    file.create_dataset("mask", data=cells > 0, chunks=True, compression="gzip")


def columns() -> dict[str, NDArray[Any]]:
    rows = 60_000
    return {
        "time": 1_700_000_000_000 + np.cumsum(RNG.integers(900, 1100, rows)),
        "temperature": np.round(20 + np.cumsum(RNG.normal(0, 0.02, rows)), 2),
        "pressure": np.round(1013 + np.cumsum(RNG.normal(0, 0.05, rows)), 1).astype("<f4"),
        "station": RNG.integers(0, 12, rows).astype("<i4"),
        "count": RNG.poisson(30, rows).astype("<u2"),
        "noise": RNG.normal(0, 1, rows).astype("<f4"),
    }


def table(file: h5py.File) -> None:
    for name, values in columns().items():
        file.create_dataset(name, data=values, chunks=(16384,), **PACKED)


def records(file: h5py.File) -> None:
    found = columns()
    rows = np.zeros(60_000, [(name, values.dtype) for name, values in found.items()])
    for name, values in found.items():
        rows[name] = values
    file.create_dataset("table", data=rows, chunks=True, **PACKED)


KINDS = {
    "a CT series": ct,
    "a stack of 16 bits": stack,
    "float fields": fields,
    "labels": labels,
    "a table": table,
    "a table of records": records,
}


def compare(name: str, path: Path, folder: Path) -> None:
    """Prints the row of a file."""
    repacked, archive = folder / "repacked.h5", folder / "archive.bb"
    subprocess.run(["h5repack", "-f", "SHUF", "-f", "GZIP=9", path, repacked], check=True)
    xz = subprocess.run(["xz", "-9", "-c", path], check=True, capture_output=True).stdout
    made = bitsback.compress([path], archive, embed="never", force=True).bytes_out
    bitsback.decompress(archive, folder / "out", force=True)
    restored = folder / "out" / path.name
    if restored.read_bytes() != path.read_bytes():
        raise SystemExit(f"{path} is not restored byte for byte")
    sizes = (path.stat().st_size, repacked.stat().st_size, len(xz), made)
    print("|", name, "|", " | ".join(f"{size:,}" for size in sizes), "|", flush=True)


def main() -> None:
    print("| file | bytes | `h5repack -f SHUF -f GZIP=9` | `xz -9` | bitsback |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for path in map(Path, sys.argv[1:]):
            compare(path.name, path, folder)
        for name, make in {} if sys.argv[1:] else KINDS.items():
            path = folder / "x.h5"
            with h5py.File(path, "w") as file:
                make(file)
            compare(name, path, folder)


if __name__ == "__main__":
    main()
