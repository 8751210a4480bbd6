"""Two threads against one, on an archive of 16 blocks or more, compressing and decompressing in
memory.

python benchmarks/bench_threads.py
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
from harness import arguments, compress, decompress, images, median_seconds, report

import bitsback


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="mnist-binary")
    parser.add_argument("--blocks", type=int, default=16)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    model = bitsback.load_model(options.model)
    data = images(options.images, model.levels)
    block = -(-len(data) // options.blocks)
    archives = set()
    rows: list[dict[str, Any]] = []
    for threads in options.threads:
        encode, archive = median_seconds(
            partial(compress, data, model, block, threads), options.repeats
        )
        decode, restored = median_seconds(partial(decompress, archive, threads), options.repeats)
        if not np.array_equal(restored, data):
            raise SystemExit("the images did not come back")
        archives.add(archive)
        row = {
            "threads": threads,
            "compress_MB/s": data.size / encode / 1e6,
            "decompress_MB/s": data.size / decode / 1e6,
        }
        first = rows[0] if rows else row
        for what in ("compress", "decompress"):
            row[f"{what}_speed-up"] = row[f"{what}_MB/s"] / first[f"{what}_MB/s"]
        rows.append(row)
    if len(archives) != 1:
        raise SystemExit("the archive depends on the number of threads")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    notes = [f"{cores} cores; median of {options.repeats}; the archives are the same bytes"]
    report(
        f"{len(data):,} images in {options.blocks} blocks, {model.name}", rows, notes, options.json
    )


if __name__ == "__main__":
    main()
