"""Layers of latents on grids, for tiles of pictures: the bits of the tiles and of each layer, the
popped bits and the start of a block in Bit-Swap's order and in plain order, and the speed on one
core.

    python benchmarks/grids.py PICTURES MODEL ...

PICTURES is a folder, MODEL a file made by the recipe photographs-layers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from code_length import code
from layers import changed, in_plain_order, speeds
from numpy.typing import NDArray
from pictures import picture_files

from bitsback import Message, Model, load_model
from bitsback.images.picture_files import read_pixels
from bitsback.train.export.code_lengths import code_lengths, safe_growth
from bitsback_lab.paper.ledger import enter

SIDE = 64
SIZE = (SIDE, SIDE)
TILES = 384  # at random
LEDGERS = 24
BLOCK = 96
LANES = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="folder")
    parser.add_argument("models", nargs="+", help="files")
    options = parser.parse_args()
    x = tiles(options.pictures)
    for path in options.models:
        print(json.dumps(of_model(load_model(path), x), indent=1), flush=True)


def tiles(folder: Path) -> NDArray[np.uint8]:
    """Some of the whole tiles of all pictures, [TILES, 64 * 64 * 3]."""
    found = []
    for path in picture_files(folder, None).values():
        pixels = np.asarray(read_pixels(path))
        rows, columns = (size // SIDE for size in pixels.shape[:2])
        cut = pixels[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE, 3)
        found.append(cut.swapaxes(1, 2).reshape(rows * columns, -1))
    every = np.concatenate(found)
    return every[np.random.default_rng(0).permutation(len(every))[:TILES]]


def of_model(model: Model, x: NDArray[np.uint8]) -> dict[str, Any]:
    lengths = code_lengths(model, x, 0, SIZE)
    random = np.random.default_rng(0)
    costs: dict[str, float] = {}
    for tile in x[:: len(x) // LEDGERS]:
        message = Message([2**40], random.integers(0, 2**32, 40_000, np.uint32), 0)
        for name, bits in enter(model, SIZE, message, tile[np.newaxis]).layers.items():
            costs[name] = costs.get(name, 0.0) + bits / (LEDGERS * tile.size)
    push, pop = speeds(model, x[:BLOCK], SIZE)
    orders = {"Bit-Swap": model}
    if len(model.code) > 3:
        orders["plain"] = in_plain_order(model)
    return {
        "model": model.name,
        "layers": {n: v.channels for n, v in model.variables.items() if n != "x"},
        "bytes": len(model.to_bytes()),
        "multiply_adds_a_pixel": round(
            sum(of.multiply_adds(SIZE) for of in model.networks.values()) / SIDE**2
        ),
        "rate": round(float(lengths.net.mean()) / x.shape[1], 4),
        "of_it_latents": {name: round(bits, 4) for name, bits in costs.items()},
        "push_mb_s": round(push, 1),
        "pop_mb_s": round(pop, 1),
        "orders": [{"order": order, **of_order(one, x)} for order, one in orders.items()],
    }


def of_order(model: Model, x: NDArray[np.uint8]) -> dict[str, Any]:
    """The figures that depend on the order of pops and pushes."""
    lengths = code_lengths(model, x, 0, SIZE)
    growth = safe_growth(lengths, model.batch)
    coded = code(changed(model, growth=growth), x[:BLOCK], LANES, SIZE)
    return {
        "popped": round(float(lengths.popped.mean())),
        "growth": growth,
        "start_up": round(coded.start_up),
        "popped_of_the_first": round(float(lengths.popped[BLOCK - 1])),
    }


if __name__ == "__main__":
    main()
