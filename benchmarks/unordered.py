"""The bytes of the order of items: archives with all items in one block, with and without their
order.

    python benchmarks/unordered.py
    python benchmarks/unordered.py --images 1000 --model mnist-binary
    python benchmarks/unordered.py --file images.npy --model universal

The test images of MNIST, or the items of a file. The archive of a set is restored and compared.
"""

from __future__ import annotations

import io
from math import lgamma, log
from typing import Any

import numpy as np
from harness import arguments, compress, digit_models, images, report

import bitsback
from bitsback_lab.peers.units import Images


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--model", action="append", help="a bundled model or a file (default: all of digits)"
    )
    parser.add_argument("--file", help="an array of items, in place of the test images")
    options = parser.parse_args()
    rows = []
    for name in options.model or digit_models():
        model = bitsback.load_model(name)
        if options.file:
            data = np.load(options.file)[: options.images]
        else:
            data = images(options.images, model.levels)
        rows.append(_row(model, data))
    report(f"{len(data):,} items", rows, [], options.json)


def _row(model: bitsback.Model, data: Images) -> dict[str, Any]:
    ordered = len(compress(data, model, len(data), 1))
    stream = io.BytesIO()
    bitsback.compress(data, stream, model=model, unordered=True, embed="never", threads=1)
    back = bitsback.decompress(stream, threads=1)
    assert sorted(item.tobytes() for item in data) == [item.tobytes() for item in back]
    unordered = len(stream.getvalue())
    return {
        "model": model.name,
        "ordered_bytes": ordered,
        "rate": 8 * ordered / data.size,
        "unordered_bytes": unordered,
        "rate_(unordered)": 8 * unordered / data.size,
        "saved_bits_an_item": 8 * (ordered - unordered) / len(data),
        "log2(n!)/n": lgamma(len(data) + 1) / log(2) / len(data),
    }


if __name__ == "__main__":
    main()
