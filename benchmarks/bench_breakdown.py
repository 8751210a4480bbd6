"""The time of each step of bits back on one core, networks alone and with their coding, and of the
whole.

    python benchmarks/bench_breakdown.py

The steps run on batches of the model's largest size. The whole runs them in one call to the core,
block by block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from harness import arguments, compress, decompress, images, median_seconds, pin, report, symbols
from numpy.typing import NDArray

import bitsback
from bitsback.coding.block_plan import BlockPlan
from bitsback.format.tiles import Tiles
from bitsback_lab.peers.units import Images


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="mnist-binary")
    options = parser.parse_args()
    pinned = pin()
    model = bitsback.load_model(options.model)
    data = images(options.images, model.levels)
    archive = compress(data, model, None, 1)
    work: dict[str, Callable[[], object]] = {
        **steps(model, symbols(data)),
        "levels found, symbols": partial(find_symbols, data, model),
        "SHA-256 of the items": lambda: hashlib.sha256(data.tobytes()).digest(),
        "compress, the whole": partial(compress, data, model, None, 1),
        "decompress, the whole": partial(decompress, archive, 1),
    }
    rows: list[dict[str, Any]] = []
    for name, function in work.items():
        seconds, _ = median_seconds(function, options.repeats)
        rows.append({"step": name, "microseconds_an_image": 1e6 * seconds / len(data)})
    report(
        f"{len(data):,} images, {model.name}",
        rows,
        [f"{pinned}; median of {options.repeats}"],
        options.json,
    )


def find_symbols(data: Images, model: bitsback.Model) -> object:
    plan = BlockPlan.for_model(model, Tiles.stacked(data))
    return plan and plan.symbols


def steps(model: bitsback.Model, x: NDArray[np.uint8]) -> dict[str, Callable[[], object]]:
    """The steps of coding x [n, pixels], each for all batches of x, with prepared inputs."""
    random = np.random.default_rng(0)
    batches = [x[i : i + model.batch] for i in range(0, len(x), model.batch)]
    heads = random.integers(2**32, 2**64, 8, dtype=np.uint64)
    source = bitsback.Message(
        heads, random.integers(0, 2**32, len(x) * model.latents, dtype=np.uint32)
    )
    posteriors = [model.posterior(batch) for batch in batches]
    priors = [model.prior(len(batch)) for batch in batches]
    full = source.copy()
    z = [posterior.pop(full) for posterior in posteriors]
    likelihoods = [model.likelihood(latents) for latents in z]

    def popped() -> None:
        message = source.copy()
        for posterior in posteriors:
            posterior.pop(message)

    def pushed(codecs: list[Any], all_symbols: list[Any]) -> None:
        message = bitsback.Message(heads, ())
        for codec, batch in zip(codecs, all_symbols, strict=True):
            codec.push(message, batch)

    return {
        "posterior network": lambda: [model.posterior_parameters(batch) for batch in batches],
        "pop z under the posterior, with its network": popped,
        "likelihood network": lambda: [model.likelihood_parameters(latents) for latents in z],
        "push x under the likelihood, with its network": partial(pushed, likelihoods, batches),
        "push z under the prior": partial(pushed, priors, z),
    }


if __name__ == "__main__":
    main()
