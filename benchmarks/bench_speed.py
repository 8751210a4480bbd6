"""Speed and rate on one core, from memory to memory, beside other compressors in the same run.

    python benchmarks/bench_speed.py
    python benchmarks/bench_speed.py --levels 256
    python benchmarks/bench_speed.py --model mnist-binary --repeats 9

Peers that are not installed are named at the end. craystack's example is not run: it needs its own
weights and an old PyTorch. Its figures are constants, measured earlier on this kind of machine.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from harness import (
    arguments_of_models,
    compress,
    decompress,
    digit_models,
    images,
    median_seconds,
    pin,
    report,
)

import bitsback
from bitsback_lab.peers.catalogue import all_peers
from bitsback_lab.peers.measure import measure
from bitsback_lab.peers.units import Images

# craystack's VAE example at batch 10, binarised MNIST, one core of an AMD EPYC with AVX-512,
# measured earlier: MB/s, a pixel counted as a byte. Its rate with the random bits it starts from
# was 0.2330 bits per pixel.
CRAYSTACK_ENCODE = 6.3
CRAYSTACK_DECODE = 7.4
CRAYSTACK_RATE = 0.2330

EACH_STRIDE = 10  # peers that write a file for each image get a tenth of the images


def main() -> None:
    parser = arguments_of_models(__doc__)
    parser.add_argument(
        "--levels", type=int, default=2, choices=(2, 256), help="binarised images, or as they are"
    )
    parser.add_argument("--no-peers", action="store_true", help="measure bitsback only")
    options = parser.parse_args()
    pinned = pin()
    data = images(options.images, options.levels)
    models = map(bitsback.load_model, options.model or digit_models())

    rows: list[dict[str, Any]] = []
    for model in models:
        if model.levels == options.levels:
            rows.append(_bitsback(model, data, options.block, options.repeats))
    if options.levels == 2:
        rows.append(
            _row(
                "craystack, batch 10 (constant)", CRAYSTACK_RATE, CRAYSTACK_ENCODE, CRAYSTACK_DECODE
            )
        )
    notes = [f"{pinned}; median of {options.repeats}; MB/s counts a pixel as a byte"]
    if not options.no_peers:
        peers, missing = all_peers()
        for peer in peers:
            if not peer.takes(data):
                continue
            m = measure(peer, data[::EACH_STRIDE] if peer.unit == "each" else data)
            rows.append(_row(f"{m.name}, {m.unit}", m.rate, m.encode_speed, m.decode_speed))
        notes += ["peers: one run each", *missing]
    first = rows[0]
    for row in rows:
        row["ours_is_x_faster_in"] = first["compress_MB/s"] / row["compress_MB/s"]
        row["and_out"] = first["decompress_MB/s"] / row["decompress_MB/s"]
        row["size_of_ours_over_it"] = first["bits_per_pixel"] / row["bits_per_pixel"]
    report(
        f"{len(data):,} MNIST test images of {options.levels} levels, one core",
        rows,
        notes,
        options.json,
    )


def _row(name: str, rate: float, encode: float, decode: float, **more: float) -> dict[str, Any]:
    return {
        "compressor": name,
        "bits_per_pixel": rate,
        "compress_MB/s": encode,
        "decompress_MB/s": decode,
        **more,
    }


def _bitsback(
    model: bitsback.Model, data: Images, block: int | None, repeats: int
) -> dict[str, Any]:
    encode, archive = median_seconds(partial(compress, data, model, block, 1), repeats)
    decode, restored = median_seconds(partial(decompress, archive, 1), repeats)
    if not np.array_equal(restored, data):
        raise SystemExit(f"{model.name} did not restore the images")
    megabytes = data.size / 1e6
    return _row(
        f"bitsback {model.name}",
        8 * len(archive) / data.size,
        megabytes / encode,
        megabytes / decode,
    )


if __name__ == "__main__":
    main()
