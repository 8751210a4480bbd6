"""Chunks of HDF5 beside the filters that detectors and microscopes use: bytes, and CPU seconds to
write and to read.

    python benchmarks/compare_hdf5.py
    python benchmarks/compare_hdf5.py stack.npy --chunk 1 512 512

By default the arrays are synthetic, from seeds: frames of a photon-counting detector (32-bit
counts, mostly zero, with rings, peaks and masked gaps), a stack of a microscope with the noise of
its camera (16 bits), and a smooth map of floats with noise in the low bits. They compare the
filters, but do not predict their results for your data. Needs .[hdf5] and hdf5plugin.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from harness import pin, report
from numpy.typing import NDArray

import bitsback.hdf5

Options = dict[str, Any]
FILTERS: dict[str, Options] = {
    "bitsback": {**bitsback.hdf5.Bitsback()},
    "bitsback, universal-16": {**bitsback.hdf5.Bitsback("universal-16")},
    "bitshuffle+LZ4": {**hdf5plugin.Bitshuffle()},
    "bitshuffle+zstd 9": {**hdf5plugin.Bitshuffle(cname="zstd", clevel=9)},
    "Blosc2 zstd 9, bitshuffle": {
        **hdf5plugin.Blosc2("zstd", clevel=9, filters=hdf5plugin.Blosc2.BITSHUFFLE)
    },
    "shuffle+zstd 9": {"shuffle": True, **hdf5plugin.Zstd(clevel=9)},
    "shuffle+gzip 9": {"shuffle": True, "compression": "gzip", "compression_opts": 9},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="*", help=".npy files")
    parser.add_argument("--chunk", type=int, nargs="+", help="its dimensions")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    pinned = pin()
    cases: dict[str, tuple[NDArray[Any], tuple[int, ...]]] = {
        "counts of a detector": (detector(), (1, 514, 1030)),
        "a stack of a microscope": (micrographs(), (8, 256, 256)),
        "a map of floats": (heights(), (512, 512)),
    }
    if options.data:
        arrays = {path.stem: np.load(path) for path in options.data}
        cases = {
            name: (array, tuple(options.chunk or array.shape)) for name, array in arrays.items()
        }
    for name, (array, chunks) in cases.items():
        rows = [measure(title, array, chunks, way) for title, way in FILTERS.items()]
        for row in rows:
            row["bytes_/_bitsback"] = row["bytes"] / rows[0]["bytes"]
        title = f"{name}, {array.shape} {array.dtype}, chunks {chunks}, raw {array.nbytes:,}"
        report(title, rows, [pinned], options.json)


def measure(title: str, array: NDArray[Any], chunks: tuple[int, ...], way: Options) -> Options:
    # Without a cache of chunks, which would hold what is read.
    with h5py.File("memory", "w", driver="core", backing_store=False, rdcc_nbytes=0) as file:
        start = time.process_time()
        data = file.create_dataset("x", data=array, chunks=chunks, **way)
        file.flush()
        middle = time.process_time()
        found = data[...]
        end = time.process_time()
        if found.tobytes() != array.tobytes():
            raise SystemExit(f"{title} did not restore the array")
        return {
            "filter": title,
            "bytes": data.id.get_storage_size(),
            "write_s": middle - start,
            "read_s": end - middle,
        }


def detector(frames: int = 8, height: int = 514, width: int = 1030) -> NDArray[np.uint32]:
    """Poisson counts of rings and peaks around the beam, with gaps and dead pixels of 2^32 - 1."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(y - height / 2, x - width / 2)
    rings = 0.05 + 2 * np.exp(-radius / 90)
    for place in (120, 205, 260, 340, 430):
        rings += 1.5 * np.exp(-(((radius - place) / 3) ** 2))
    dead = rng.random((height, width)) < 2e-4
    dead |= (abs(y - height / 2) < 10) | (x % 256 < 2) | (radius < 14)
    out = np.empty((frames, height, width), np.uint32)
    for frame in out:
        rate = rings.copy()
        for py, px in rng.uniform((8, 8), (height - 8, width - 8), (90, 2)):
            box = slice(int(py) - 6, int(py) + 7), slice(int(px) - 6, int(px) + 7)
            far = (y[box] - py) ** 2 + (x[box] - px) ** 2
            rate[box] += rng.exponential(400) * np.exp(-far / 3)
        frame[...] = rng.poisson(rate)
    out[:, dead] = 2**32 - 1
    return out


def micrographs(slices: int = 16, side: int = 512) -> NDArray[np.uint16]:
    """Blobs that change slowly from slice to slice, with photon noise and an offset."""
    rng = np.random.default_rng(1)
    z, y, x = np.ogrid[:slices, :side, :side]
    signal = np.full((slices, side, side), 60.0)
    for place in rng.uniform(0, 1, (120, 3)) * (slices, side, side):
        far = 9 * (z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2
        signal += rng.uniform(100, 1500) * np.exp(-far / rng.uniform(50, 900))
    return (100 + rng.poisson(signal) * 0.46 + rng.normal(0, 1.6, signal.shape)).astype(np.uint16)


def heights(side: int = 1024) -> NDArray[np.float32]:
    """Noise that is stronger the longer its waves are, as heights of a landscape in metres."""
    rng = np.random.default_rng(2)
    waves = np.fft.rfft2(rng.normal(size=(side, side)))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
    frequency[0, 0] = 1
    smooth = np.fft.irfft2(waves / frequency**2, s=(side, side))
    return np.asarray(900 + 250 * smooth / smooth.std(), np.float32)


if __name__ == "__main__":
    main()
