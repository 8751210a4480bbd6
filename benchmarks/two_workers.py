"""Two Dask workers against one: digits on a disk become shards, on clusters of processes with one
thread each, which start before the clock; then the shards are read again.

python benchmarks/two_workers.py
"""

from __future__ import annotations

import logging
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster
from harness import arguments, images, median_seconds, report
from numpy.typing import NDArray

import bitsback
from bitsback.dask import Sharded, from_archive, to_archives
from bitsback.dask.sources import open_source


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="mnist-context")
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    data = images(options.images, bitsback.load_model(options.model).levels)
    rows: list[dict[str, Any]] = []
    digests = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "digits.npy", data)
        for workers in options.workers:
            with (
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                ) as cluster,
                Client(cluster),
            ):
                write = partial(compress, folder, options.model, -(-len(data) // options.shards))
                encode, done = median_seconds(write, options.repeats)
                decode, same = median_seconds(
                    partial(comes_back, done.manifest, data), options.repeats
                )
            if not same:
                raise SystemExit("the images did not come back")
            digests.add(Path(done.manifest).read_bytes())
            row = {
                "workers": workers,
                "compress_MB/s": data.nbytes / encode / 1e6,
                "decompress_MB/s": data.nbytes / decode / 1e6,
            }
            first = rows[0] if rows else row
            for what in ("compress", "decompress"):
                row[f"{what}_speed-up"] = row[f"{what}_MB/s"] / first[f"{what}_MB/s"]
            rows.append(row)
    if len(digests) != 1:
        raise SystemExit("the shards depend on the number of workers")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    notes = [
        f"{cores} cores; median of {options.repeats}; the shards are the same bytes",
        "the first run of each cluster, in which its workers load the model, does not count",
    ]
    report(
        f"{len(data):,} images in {options.shards} shards, {options.model}",
        rows,
        notes,
        options.json,
    )


def compress(folder: Path, model: str, shard: int) -> Sharded:
    """Compresses all shards anew, from a file that the workers read."""
    for file in folder.glob("shards/*"):
        file.unlink()
    source = open_source(str(folder / "digits.npy"), shard, False, False, None)
    return to_archives(source.content, folder / "shards", model=model, shard=shard)


def comes_back(manifest: str, data: NDArray[Any]) -> bool:
    """Whether the shards hold the images; the workers decode them and count what is lit."""
    lit = from_archive(manifest, chunks="archive").sum(axis=(1, 2), dtype=np.int64)
    return np.array_equal(lit.compute(), data.sum(axis=(1, 2), dtype=np.int64))


if __name__ == "__main__":
    main()
