"""The cost of finite precision: probabilities rounded to few bits, and ANS heads of finite size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import Model, load_model
from bitsback.codecs import Bernoulli, BernoulliTable, CdfTable, GaussianBuckets
from bitsback.codecs.categorical import starts_of
from bitsback_lab.paper import style, vae_codecs
from bitsback_lab.paper.coding import Symbols, as_symbols, length, mean_net, random_message, rounded
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist

MODELS = ("mnist-binary-paper", "mnist-paper")
POSTERIOR = range(12, 25, 2)
LIKELIHOOD = {2: range(6, 17, 2), 256: range(12, 25, 2)}
"""Precisions, in bits, by the model's levels."""

HEAD_IMAGES = 1000
HEAD_FLOORS = (16, 17, 18, 20, 24, 32)
"""Heads lie in [2^floor, 2^(floor + 32)); those of the library in [2^32, 2^64)."""
LANES = 4
SAMPLES = 3


def measure(conditions: Conditions) -> Numbers:
    models = []
    for position, name in enumerate(MODELS):
        conditions.progress(position, len(MODELS) + 1)
        model = load_model(name)
        x = as_symbols(mnist(model.levels))
        models.append({"model": name, **rounding(model, x), **_library(model, x)})
    conditions.progress(len(MODELS), len(MODELS) + 1)
    model = load_model(MODELS[0])
    return {"models": models, "heads": heads(model, as_symbols(mnist(model.levels)))}


def rounding(model: Model, x: Symbols) -> Numbers:
    """Bits per pixel with the probabilities of the posterior, or of the likelihood, rounded to
    other precisions.
    """

    def rate(
        likelihood: Callable[[NDArray[Any]], Any], posterior: Callable[[Symbols], Any]
    ) -> float:
        return rounded(mean_net(model.prior, likelihood, posterior, x, SAMPLES) / model.pixels)

    def posterior(precision: int) -> Callable[[Symbols], GaussianBuckets]:
        return lambda items: replace(vae_codecs.posterior(model, items), precision=precision)

    def likelihood(precision: int) -> Callable[[NDArray[Any]], Any]:
        # The model's own tables, rounded once; they do not depend on the latents.
        some = vae_codecs.likelihood(model, np.zeros((1, model.latents), np.uint16))
        table = coarse_table(some, precision)
        return lambda z: with_table(vae_codecs.likelihood(model, z), table, precision)

    return {
        "posterior_precision": list(POSTERIOR),
        "posterior_rate": [rate(model.likelihood, posterior(precision)) for precision in POSTERIOR],
        "likelihood_precision": list(LIKELIHOOD[model.levels]),
        "likelihood_rate": [
            rate(likelihood(precision), model.posterior) for precision in LIKELIHOOD[model.levels]
        ],
    }


def coarse_table(codec: Any, precision: int) -> NDArray[np.uint32]:
    """The table of a pixel codec in units of 2^-precision, no more than what it has."""
    if isinstance(codec, BernoulliTable):
        half = 1 << codec.precision - precision >> 1
        total = 1 << precision
        return (
            ((codec.table + np.uint32(half)) >> (codec.precision - precision))
            .clip(1, total - 1)
            .astype(np.uint32)
        )
    return starts_of(cumulative_of(codec), precision)


def cumulative_of(codec: CdfTable) -> NDArray[np.uint64]:
    """The cumulative probabilities, in units of 2^-16, from which `starts_of` made the codec's
    rows.
    """
    levels = codec.starts.shape[-1] - 1
    spread = codec.starts[..., :-1].astype(np.uint64) - np.arange(levels, dtype=np.uint64)
    free = np.uint64((1 << codec.precision) - levels)
    return ((spread << np.uint64(16)) + free - np.uint64(1)) // free


def with_table(codec: Any, table: NDArray[np.uint32], precision: int) -> Any:
    """A pixel codec with another table in place of its own."""
    if isinstance(codec, BernoulliTable):
        return replace(codec, table=table, precision=precision)
    return replace(codec, starts=table, precision=precision)


def _library(model: Model, x: Symbols) -> Numbers:
    """The bits per image by which the message grows beyond the information of the pushes and
    pops.
    """
    message = random_message(1, 4096, LANES)
    excess = 0.0
    batch = 100
    for start in range(0, len(x), batch):
        items = x[start : start + batch]
        before = length(message)
        posterior, prior = model.posterior(items), model.prior(len(items))
        z = posterior.pop(message)
        likelihood = model.likelihood(z)
        likelihood.push(message, items)
        prior.push(message, z)
        information = likelihood.bits(items).sum() + prior.bits(z).sum() - posterior.bits(z).sum()
        excess += length(message) - before - float(information)
    return {"library_excess": rounded(excess / len(x), 5)}


def heads(model: Model, x: Symbols) -> Numbers:
    """The same for coders with smaller heads, which push the pixels of some images under the
    likelihood.
    """
    items = x[:HEAD_IMAGES]
    z = model.posterior(items).pop(random_message(1, HEAD_IMAGES * 64, 8))
    codec = vae_codecs.likelihood(model, z)
    assert isinstance(codec, BernoulliTable)
    ones = codec.table[codec.index].reshape(items.shape)
    information = float(Bernoulli(ones, codec.precision).bits(items).sum())
    intervals = bernoulli_intervals(ones, items, codec.precision)
    excess = [coded_bits(intervals, codec.precision, floor) - information for floor in HEAD_FLOORS]
    return {
        "model": model.name,
        "images": HEAD_IMAGES,
        "precision": codec.precision,
        "floor": list(HEAD_FLOORS),
        "excess": [rounded(bits / HEAD_IMAGES, 5) for bits in excess],
        "information": rounded(information / HEAD_IMAGES, 3),
    }


def bernoulli_intervals(ones: NDArray[Any], x: Symbols, precision: int) -> list[tuple[int, int]]:
    """(start, freq) of each symbol, as docs/format.md has them."""
    total = 1 << precision
    start = np.where(x == 1, total - ones, 0).reshape(-1)
    freq = np.where(x == 1, ones, total - ones).reshape(-1)
    return list(zip(start.tolist(), freq.tolist(), strict=True))


def coded_bits(intervals: list[tuple[int, int]], precision: int, floor: int) -> float:
    """The bits that the symbols add to a message whose head lies in [2^floor, 2^(floor + 32))."""
    head, words = 1 << floor, 0
    for start, freq in intervals:
        if head >> (floor + 32 - precision) >= freq:
            head, words = head >> 32, words + 1
        head = (head // freq << precision) + head % freq + start
    return log2(head) + 32 * words - floor


def text(numbers: Numbers) -> str:
    parts = [
        "Probabilities are integers out of 2^precision, and each symbol has at least one. The"
        " tables have bits per pixel of the test set with coarser probabilities than the models"
        f" have (exact code lengths, {SAMPLES} samples an image). They are for the posterior and"
        " for the likelihood. The grey likelihood gains a little from coarser ones, which leave"
        " more to the least likely pixels:"
    ]
    for model in numbers["models"]:
        for which in ("posterior", "likelihood"):
            head = [f"`{model['model']}`, {which}", *map(str, model[f"{which}_precision"])]
            parts.append(
                table(
                    head, [["bits per pixel", *(fixed(rate, 4) for rate in model[f"{which}_rate"])]]
                )
            )
    excess = " and ".join(
        f"{model['library_excess']:.4f} with `{model['model']}`" for model in numbers["models"]
    )
    few = numbers["heads"]
    rows = [
        ["beyond the information, bits an image", *(fixed(value, 3) for value in few["excess"])]
    ]
    parts += [
        (
            "The coder also rounds once a symbol, since its heads are finite. The library's heads,"
            f" from 2^32 to 2^64, have no measurable cost. In {LANES} lanes the message grows"
            f" beyond the pushed information by {excess} bits an image. The table has coders with"
            " smaller heads, from 2^floor to 2^(floor + 32). They push the pixels of"
            f" {few['images']:,} images under the likelihood of `{few['model']}`,"
            f" {few['information']:.1f} bits an image at precision {few['precision']}:"
        ),
        table(["floor", *map(str, few["floor"])], rows),
    ]
    return "\n\n".join(parts)


@style.picture("precision", 3.6)
def draw(axes: Any, numbers: Numbers) -> None:
    lines = zip(style.LINES, style.MARKERS, strict=True)
    for model in numbers["models"]:
        for which in ("posterior", "likelihood"):
            line, marker = next(lines)
            rates, precision = model[f"{which}_rate"], model[f"{which}_precision"]
            over = [100 * (rate / rates[-1] - 1) for rate in rates]
            axes.plot(precision, over, marker=marker, label=f"{which}, {model['model']}", **line)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_yticks([-0.1, 0, 0.1, 1, 10], ["-0.1 %", "0", "0.1 %", "1 %", "10 %"])
    axes.axhline(0, color=style.INK, linewidth=0.8, linestyle=":")
    axes.set_xticks(range(min(LIKELIHOOD[2]), 25, 2))
    axes.set_xlabel("precision of the probabilities, bits")
    axes.set_ylabel("rate above that of the finest")
    style.legend_above(axes, 2)


EXHIBIT = Exhibit(measure, text, draw)
