"""Models with one layer of latents and with several, in Bit-Swap's order and in plain order.

    python benchmarks/layers.py --data MNIST mnist-binary MODEL.safetensors

For each model: the exact code length of the test set; the largest excess of popped over pushed bits
while an image is coded, which is the least start-up of a block; the fastest safe growth of the
chain; the actual start-up of blocks beyond the initial digest; and the speed of the core. Both
orders have the same weights: only the list of pops and pushes and the growth of the chain differ.
Needs bitsback[train].
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from code_length import code
from numpy.typing import NDArray

from bitsback import Message, Model, load_model
from bitsback.coding import chain
from bitsback.train.export.code_lengths import code_lengths, safe_growth
from bitsback.train.fit.vae_training import binarise, mnist_split
from bitsback_lab.paper import layer_costs
from bitsback_lab.paper.coding import as_symbols
from bitsback_lab.paper.sets import mnist

COUNTS = (1, 3, 10, 30, 100, 300, 1000, 2000)
BLOCKS = 20
LANES = 4
TIMED = 2_000  # images
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="bundled names or files")
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's IDX files")
    parser.add_argument("--samples", type=int, default=3, help="posterior samples an image")
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="to average start-up over")
    parser.add_argument("--json", type=Path, help="to write, with a picture beside it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    for name in options.models:
        model = load_model(name)
        found.append(of_model(model, options.data, options.samples, options.blocks))
        print(json.dumps(found[-1], indent=1), flush=True)
    if options.json:
        numbers = {"counts": list(COUNTS), "blocks": options.blocks, "models": found}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")
        layer_costs.draw(numbers, options.json.parent)


def of_model(model: Model, data: Path, samples: int, blocks: int) -> dict[str, Any]:
    """All figures of a model."""
    x = as_symbols(mnist(model.levels))
    grey = mnist_split(data).validation
    validation = binarise(grey, torch.Generator().manual_seed(1)) if model.levels == 2 else grey
    runs = [code_lengths(model, x, seed) for seed in range(samples)]
    widths = [v.channels for name, v in model.variables.items() if name != "x"]
    orders = {"one layer": model}
    if len(widths) > 1:
        orders = {"Bit-Swap": model, "plain": in_plain_order(model)}
    return {
        "model": model.name,
        "levels": model.levels,
        "layers": widths,
        "bytes": len(model.to_bytes()),
        "rate": round(float(np.mean([run.net.mean() for run in runs]) / model.pixels), 5),
        "orders": [
            {"order": order, **of_order(changed, x, validation.numpy().astype(np.uint8), blocks)}
            for order, changed in orders.items()
        ],
    }


def of_order(
    model: Model, x: NDArray[np.uint8], validation: NDArray[np.uint8], blocks: int
) -> dict[str, Any]:
    """The figures that depend on the order."""
    growth = safe_growth(code_lengths(model, validation, 1), model.batch)
    model = changed(model, growth=growth)
    start = []
    for count in COUNTS:
        firsts = [block * len(x) // blocks for block in range(blocks)]
        coded = [code(model, x[i : i + count], LANES) for i in firsts if i + count <= len(x)]
        start.append(round(float(np.mean([block.start_up for block in coded])), 1))
    push, pop = speeds(model, x[:TIMED])
    return {
        "popped": round(float(code_lengths(model, x, 0).popped.mean()), 1),
        "growth": growth,
        "start_up": start,
        "push_mb_s": round(push, 1),
        "pop_mb_s": round(pop, 1),
    }


def speeds(
    model: Model, x: NDArray[np.uint8], size: tuple[int, int] | None = None
) -> tuple[float, float]:
    """The speeds of pushing and popping x, of images of this size for a model of any size: the best
    of some rounds, in MB of symbols per second on one core.
    """
    batches = chain.schedule(len(x), model.growth, model.batch)
    best = [np.inf, np.inf]
    for _ in range(ROUNDS):
        message = Message([1 << 32] * LANES, depth=0)
        begin = process_time()
        model.push(message, x, batches, size)
        middle = process_time()
        model.pop(message, batches[::-1], size)
        best = [min(best[0], middle - begin), min(best[1], process_time() - middle)]
    return x.size / best[0] / 1e6, x.size / best[1] / 1e6


def in_plain_order(model: Model) -> Model:
    """The same model, popping all latents of an item before any push."""
    steps = sorted(map(str, model.code), key=lambda step: step.startswith("push"))
    return changed(model, code=steps)


def changed(model: Model, growth: int | None = None, code: list[str] | None = None) -> Model:
    """The same weights with another growth of the chain, or another list of pops and pushes."""
    description = json.loads(model.description)
    description["chain"]["growth"] = growth or model.growth
    description["code"] = code or description["code"]
    return Model.build(json.dumps(description), model.tensors)


if __name__ == "__main__":
    main()
