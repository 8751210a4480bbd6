"""Sizes: the archive rate of every bundled model, the archive over the exact code length, and one
image as an archive.

    python benchmarks/bench_rate.py

The archive rate is the bits of the whole file, including header and index but not the bundled
model, over the number of pixels. The exact code length is that of the integer model (bits pushed
minus bits popped), without digests, start-up, headers and index.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from code_length import code
from harness import arguments_of_models, compress, digit_models, images, report, symbols

import bitsback
from bitsback_lab.peers.units import Images

CODE_LENGTH_BLOCK = (
    1250  # the information of a block hardly depends on its size, so one size is enough
)


def main() -> None:
    parser = arguments_of_models(__doc__)
    options = parser.parse_args()
    rows = []
    for name in options.model or digit_models():
        model = bitsback.load_model(name)
        rows.append(_row(model, images(options.images, model.levels), options.block))
    report(
        f"{options.images:,} MNIST test images, binarised for the models of two levels",
        rows,
        [],
        options.json,
    )


def _row(model: bitsback.Model, data: Images, block: int | None) -> dict[str, Any]:
    whole = len(compress(data, model, block, 1))
    singles = [
        len(compress(data[i : i + 1], model, None, 1))
        for i in range(0, len(data), max(len(data) // 100, 1))
    ]
    information = 0.0
    for start in range(0, len(data), CODE_LENGTH_BLOCK):
        part = data[start : start + CODE_LENGTH_BLOCK]
        information += code(model, symbols(part), 4).information
    return {
        "model": model.name,
        "archive_bytes": whole,
        "archive_rate": 8 * whole / data.size,
        "exact_code_length": information / data.size,
        "archive_over_it_%": 100 * (8 * whole / information - 1),
        "single_image_bytes_(median)": int(np.median(singles)),
        "(most)": max(singles),
    }


if __name__ == "__main__":
    main()
