"""Whether latents that are drawn with bits of earlier images cost more than latents that are drawn
with random bits.
"""

from __future__ import annotations

import numpy as np

from bitsback import Model, load_model
from bitsback_lab.paper.coding import (
    Bits,
    Symbols,
    as_symbols,
    code_lengths,
    growth,
    random_message,
    rounded,
)
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.figure3 import START_WORDS
from bitsback_lab.paper.sets import mnist

MODELS = ("mnist-binary-paper", "mnist-binary", "mnist-paper", "mnist")
REPEATS = 5


def measure(conditions: Conditions) -> Numbers:
    models = []
    for name in conditions.each(MODELS):
        model = load_model(name)
        x = as_symbols(mnist(model.levels))
        chained = np.mean([_chained(model, x, seed) for seed in range(REPEATS)], axis=0)
        fresh = np.mean(
            [
                code_lengths(model.prior, model.likelihood, model.posterior, x, seed)
                for seed in range(REPEATS)
            ],
            axis=0,
        )
        models.append({"model": name, **compared(chained, fresh)})
    return {"repeats": REPEATS, "models": models}


def _chained(model: Model, x: Symbols, seed: int) -> Bits:
    """Bits of each image, [n], in a chain that codes them in a random order."""
    order = np.random.RandomState(seed).permutation(len(x))
    bits = np.empty(len(x))
    bits[order] = growth(model, random_message(seed + 1, START_WORDS), x[order])
    return bits


def compared(chained: Bits, fresh: Bits) -> Numbers:
    """The means of both, in bits per image, and the mean difference, with its standard error."""
    difference = chained - fresh
    return {
        "chained": rounded(chained.mean(), 4),
        "fresh": rounded(fresh.mean(), 4),
        "difference": rounded(difference.mean(), 4),
        "standard_error": rounded(difference.std(ddof=1) / np.sqrt(len(difference)), 4),
    }


def text(numbers: Numbers) -> str:
    rows = [
        [
            f"`{model['model']}`",
            *(fixed(model[key], 3) for key in ("fresh", "chained")),
            f"{fixed(model['difference'], 3)} +- {fixed(model['standard_error'], 3)}",
            f"{100 * model['difference'] / model['fresh']:.3f} %",
        ]
        for model in numbers["models"]
    ]
    most = max(abs(model["difference"]) / model["standard_error"] for model in numbers["models"])
    verdict = f"The largest difference is {most:.1f} of its standard errors" + (
        ": none is more than chance." if most < 2 else "."
    )
    return (
        "In a chain, earlier images leave the bits that choose an image's latents. They are"
        " compressed data and not quite random: the aggregate of the posteriors is not the prior."
        f" The table has the mean of the test set in bits an image, measured {numbers['repeats']}"
        " times in chains of 10,000 and with fresh random bits for every image. The difference has"
        " its standard error:\n\n"
        + table(
            ["", "fresh random bits", "in a chain", "difference, bits an image", "of the rate"],
            rows,
        )
        + f"\n\n{verdict}"
    )


EXHIBIT = Exhibit(measure, text)
