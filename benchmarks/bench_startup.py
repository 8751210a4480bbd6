"""The start-up of a block: the bits of its message beyond the initial digest and the exact code
length.

    python benchmarks/bench_startup.py

    start-up = 8 * bytes of the message - 256 (digest) - (information pushed - information popped)

By number of lanes, by size of the block, and by the model's largest batch, which must not matter.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from code_length import code
from harness import arguments, images, report, symbols

import bitsback


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="mnist-binary")
    parser.add_argument(
        "--blocks", type=int, default=4, help="blocks to average over (default %(default)s)"
    )
    options = parser.parse_args()
    model = bitsback.load_model(options.model)
    data = symbols(images(options.images, model.levels))
    cases = [(lanes, 1000, model.batch) for lanes in (1, 2, 4, 8, 16)]
    cases += [(4, size, model.batch) for size in (1, 10, 100, 500, 2000)]
    cases += [(4, 1000, batch) for batch in (1, 16, 64, 256, 1024)]
    rows: list[dict[str, Any]] = []
    for lanes, size, batch in cases:
        size = min(size, len(data))
        changed = with_batch(model, batch)
        starts = range(0, min(options.blocks * size, len(data) - size + 1), size)
        coded = [code(changed, data[i : i + size], lanes) for i in starts]
        start_up = [block.start_up for block in coded]
        rows.append(
            {
                "lanes": lanes,
                "images_a_block": size,
                "largest_batch": batch,
                "start-up_bits": float(np.mean(start_up)),
                "least": min(start_up),
                "most": max(start_up),
                "message_bytes": float(np.mean([block.message_bytes for block in coded])),
            }
        )
    report(f"start-up of a block, {model.name}", rows, [], options.json)


def with_batch(model: bitsback.Model, batch: int) -> bitsback.Model:
    """The same model with another largest batch (and so another identity)."""
    description = json.loads(model.description)
    description["chain"]["batch"] = batch
    return bitsback.Model.build(json.dumps(description), model.tensors)


if __name__ == "__main__":
    main()
