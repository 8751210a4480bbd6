"""The rate as a function of the number of buckets of a latent.

Whatever the number, the integer network computes the parameters of the posterior. The likelihood
gets the median of a bucket under the prior, on the model's training grid.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import BitsbackError, Model, load_model
from bitsback.codecs import GaussianBuckets, Uniform
from bitsback.tables import normal_quantile
from bitsback_lab.paper import style, vae_codecs
from bitsback_lab.paper.coding import Symbols, as_symbols, mean_net, rounded
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist

MODELS = ("mnist-binary-paper", "mnist-binary", "mnist-paper", "mnist")
BITS = range(1, 13)
SAMPLES = 3
TABLES = ("likelihood.z_value.table", "likelihood.value.table")
"""The names of the table of medians, in newer and in older models."""
_GRID, _ZERO, _TOP = 21, 64, 127  # a latent in the bundled models: round(21 z) + 64


def measure(conditions: Conditions) -> Numbers:
    models = []
    for name in conditions.each(MODELS):
        model = load_model(name)
        x = as_symbols(mnist(model.levels))
        models.append(
            {"model": name, "own_bits": model.bits, "rate": [rate(model, x, bits) for bits in BITS]}
        )
    return {"bits": list(BITS), "samples": SAMPLES, "models": models}


def rate(model: Model, x: Symbols, bits: int) -> float:
    """Bits per pixel of x [n, pixels] if each latent has 2^bits buckets."""
    likelihood = with_buckets(model, bits)

    def posterior(items: Symbols) -> GaussianBuckets:
        return replace(vae_codecs.posterior(model, items), bucket_bits=bits)

    def prior(size: int) -> Uniform:
        return Uniform(1 << bits, (size, model.latents))

    return rounded(mean_net(prior, likelihood, posterior, x, SAMPLES) / model.pixels)


def with_buckets(model: Model, bits: int) -> Callable[[NDArray[Any]], Any]:
    """The likelihood of a model with 2^bits buckets a latent: from buckets [n, latents] to the
    codec of the pixels.

    Raises BitsbackError for a model whose likelihood does not begin with the bundled models' table
    of medians.
    """
    table_name = next((name for name in TABLES if name in model.tensors), None)
    if table_name is None or not np.array_equal(model.tensors[table_name], medians(model.bits)):
        raise BitsbackError(
            f"the model {model.name} sees its latents in another way than the bundled ones"
        )
    description = json.loads(model.description)
    description["variables"][model.latent.name]["bits"] = bits
    tensors = {**model.tensors, table_name: medians(bits)}
    return Model.build(json.dumps(description), tensors, tested=False).likelihood


def medians(bits: int) -> NDArray[np.uint8]:
    """The points of the grid nearest to the medians of the 2^bits buckets of N(0, 1), uint8
    [2^bits].
    """
    quantile = normal_quantile().astype(np.int64)
    middles = quantile[((2 * np.arange(1 << bits) + 1) << 12) >> bits]  # in units of 2^-16
    nearest: NDArray[np.int64] = ((middles * _GRID + (1 << 15)) >> 16) + _ZERO
    return nearest.clip(0, _TOP).astype(np.uint8)


def text(numbers: Numbers) -> str:
    names = [f"`{model['model']}`" for model in numbers["models"]]
    rows = [
        [f"{bits}", f"{2**bits:,}", *(fixed(model["rate"][i], 4) for model in numbers["models"])]
        for i, bits in enumerate(numbers["bits"])
    ]
    return (
        "A posterior determines only the bucket of a latent, and the prior charges for each bucket,"
        " so wide buckets cost bits. Narrow ones cost nothing: the posterior returns what the prior"
        " charges. The bundled models have 8 bits, since fewer popped bits make a cheaper start."
        " The table has exact code lengths of the test set in bits per pixel, with"
        f" {numbers['samples']} samples an image, so the last digit is chance.\n\n"
        + table(["bits", "buckets", *names], rows)
    )


@style.picture("latent-bits", 3.4)
def draw(axes: Any, numbers: Numbers) -> None:
    for model, line, marker in zip(numbers["models"], style.LINES, style.MARKERS, strict=False):
        best = min(model["rate"])
        above = [100 * (rate / best - 1) for rate in model["rate"]]
        axes.plot(numbers["bits"], above, marker=marker, label=model["model"], **line)
    own = numbers["models"][0]["own_bits"]
    axes.axvline(own, color=style.INK, linewidth=0.8, linestyle=":")
    axes.annotate("the bundled models", (own, 30), xytext=(4, 0), textcoords="offset points")
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_yticks([0, 0.1, 1, 10, 100], ["0", "0.1 %", "1 %", "10 %", "100 %"])
    axes.set_ylim(-0.01, 200)
    axes.set_xticks(numbers["bits"])
    axes.set_xlabel("bits of a latent (log2 of its buckets)")
    axes.set_ylabel("rate above the best")
    style.legend_above(axes, 4)


EXHIBIT = Exhibit(measure, text, draw)
