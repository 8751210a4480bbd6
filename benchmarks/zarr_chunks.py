"""Bytes and speed of chunks of Zarr: digits beside the same items in an archive, a volume of 16
bits beside Blosc.

    python benchmarks/zarr_chunks.py
    python benchmarks/zarr_chunks.py volume.npy --chunk 64 --shard 256

By default the volume is synthetic, smooth with noise: it compares the codecs, but does not predict
their results for your data. Everything is in memory; Zarr uses as many threads as it likes. Needs
.[zarr].
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from harness import images, median_seconds, pin, report
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

import bitsback
from bitsback.zarr import BitsbackCodec

ITEMS = 64
"""Digits in a chunk."""
Options = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("volume", nargs="?", type=Path, help="a .npy file of three dimensions")
    parser.add_argument("--chunk", type=int, default=64, help="sides of a chunk of the volume")
    parser.add_argument("--shard", type=int, help="sides of a shard (default: none)")
    parser.add_argument("--images", type=int, default=640, help="digits")
    parser.add_argument("--cores", type=int, default=1, help="to keep to")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    pinned = pin(options.cores)
    rows = [row for levels in (2, 256) for row in digits(images(options.images, levels))]
    report(f"chunks of {ITEMS} digits beside blocks of as many", rows, [], options.json)
    volume = synthetic() if options.volume is None else np.load(options.volume, mmap_mode="r")
    array = np.ascontiguousarray(volume)
    report(
        f"a volume of {array.shape} {array.dtype} in chunks of {options.chunk}",
        beside_blosc(array, options.chunk, options.shard, options.repeats),
        [pinned],
        options.json,
    )


def digits(data: NDArray[Any]) -> list[Options]:
    """For each model, and for a trial of all: the bytes of chunks over those of blocks, and of the
    whole store over the whole archive.
    """
    names = ("auto", "mnist-binary") if data.dtype == np.bool_ else ("auto", "mnist")
    rows = []
    for name in names:
        file = io.BytesIO()
        bitsback.compress(data, file, model=name, block=ITEMS)
        with bitsback.open(file) as archive:
            blocks = sum(block.size for block in archive.reader.blocks)
        store = write(data, (ITEMS, 28, 28), serializer=BitsbackCodec(model=name))
        chunks = chunk_bytes(store)
        rows.append(
            {
                "digits": data.dtype.name,
                "model": name,
                "chunks": chunks,
                "blocks": blocks,
                "ratio": chunks / blocks,
                "ratio_of_files": sum(map(len, store.values())) / len(file.getvalue()),
            }
        )
    return rows


def beside_blosc(volume: NDArray[Any], side: int, shard: int | None, repeats: int) -> list[Options]:
    chunks = tuple(min(side, size) for size in volume.shape)
    shards = None if shard is None else tuple(shard // side * size for size in chunks)
    ways: dict[str, Options] = {
        "bitsback": {"serializer": BitsbackCodec()},
        "bitsback, axes='yx'": {"serializer": BitsbackCodec(axes="yx")},
        "blosc-zstd 9, bitshuffle": {
            "compressors": BloscCodec(cname="zstd", clevel=9, shuffle="bitshuffle")
        },
        "blosc-zstd 5, shuffle": {
            "compressors": BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")
        },
        "zstd, as Zarr has it": {"compressors": "auto"},
    }
    rows = []
    for name, way in ways.items():
        make: Callable[[], Any] = partial(write, volume, chunks, shards=shards, **way)
        writing, store = median_seconds(make, repeats)
        reading, found = median_seconds(partial(read, store), repeats)
        if not np.array_equal(found, volume):
            raise SystemExit(f"{name} did not restore the volume")
        size = chunk_bytes(store)
        rows.append(
            {
                "codec": name,
                "bytes": size,
                "share": size / volume.nbytes,
                "write_mb_s": volume.nbytes / 1e6 / writing,
                "read_mb_s": volume.nbytes / 1e6 / reading,
            }
        )
    return rows


def write(data: NDArray[Any], chunks: tuple[int, ...], **options: Any) -> dict[str, Any]:
    store: dict[str, Any] = {}
    array = zarr.create_array(
        store,
        shape=data.shape,
        dtype=data.dtype,
        chunks=chunks,
        **{"compressors": None} | options,
    )
    array[...] = data
    return store


def read(store: dict[str, Any]) -> NDArray[Any]:
    return np.asarray(zarr.open_array(store, mode="r")[...])


def chunk_bytes(store: dict[str, Any]) -> int:
    return sum(len(data) for key, data in store.items() if not key.endswith("zarr.json"))


def synthetic(side: int = 128) -> NDArray[np.uint16]:
    """Blobs in a cube, with the noise of a camera."""
    rng = np.random.default_rng(0)
    z, y, x = np.meshgrid(*[np.arange(side)] * 3, indexing="ij", sparse=True)
    signal = np.full((side,) * 3, 90.0)
    for place in rng.uniform(0, side, (40, 3)):
        distance = (z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2
        signal += rng.uniform(200, 2000) * np.exp(-distance / rng.uniform(20, 300))
    return rng.poisson(signal).astype(np.uint16)


if __name__ == "__main__":
    main()
