"""Figure 3: the rate along one long chain, which stays at the negative ELBO for any length."""

from __future__ import annotations

from typing import Any

import numpy as np

from bitsback import load_model
from bitsback_lab.paper import style
from bitsback_lab.paper.coding import (
    Bits,
    Symbols,
    as_symbols,
    growth,
    negative_elbo,
    random_message,
    rounded,
)
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist
from bitsback_lab.paper.table2 import BB_ANS_OF_PAPER

PANELS = (
    ("binarised MNIST", 2, ("mnist-binary-paper", "mnist-binary")),
    ("MNIST", 256, ("mnist-paper", "mnist")),
)
COPIES = 3
WINDOW = 2000
EVERY = 250
"""Images from one point of the curve to the next."""
START_WORDS = 200
"""Random words that the chain starts from, more than the first image pops."""


def measure(conditions: Conditions) -> Numbers:
    panels = []
    for title, levels, names in PANELS:
        x = as_symbols(mnist(levels))
        panels.append({"title": title, "models": [_one(name, x) for name in names]})
    return {"copies": COPIES, "window": WINDOW, "every": EVERY, "panels": panels}


def _one(name: str, x: Symbols) -> Numbers:
    model = load_model(name)
    bits = growth(model, random_message(1, START_WORDS), shuffled(x, COPIES)) / model.pixels
    return {
        "model": name,
        "negative_elbo": rounded(negative_elbo(model, x)),
        "rate": rounded(bits.mean()),
        "moving_average": [rounded(value) for value in moving_average(bits, WINDOW)[::EVERY]],
    }


def shuffled(x: Symbols, copies: int) -> Symbols:
    """Copies of x, each in its own order; the orders are the same in every run."""
    return np.concatenate(
        [x[np.random.RandomState(copy).permutation(len(x))] for copy in range(copies)]
    )


def moving_average(values: Bits, window: int) -> Bits:
    """The means of each `window` values in a row, [n - window + 1]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    averages: Bits = (sums[window:] - sums[:-window]) / window
    return averages


def text(numbers: Numbers) -> str:
    rows = [
        [
            panel["title"],
            f"`{model['model']}`",
            fixed(model["rate"], 4),
            fixed(model["negative_elbo"], 4),
            fixed(BB_ANS_OF_PAPER[position] if model["model"].endswith("-paper") else None, 2),
        ]
        for position, panel in enumerate(numbers["panels"])
        for model in panel["models"]
    ]
    return (
        f"{numbers['copies']} copies of the test set, each in another order, are pushed to one"
        f" message, image by image. The lines are the averages of the last {numbers['window']:,}"
        " images. The dotted lines are the negative ELBO of the models on the test set (exact code"
        " lengths, the mean of ten samples an image). The rate does not change along the chain.\n\n"
        + table(
            ["", "model", "rate of the chain, bits per pixel", "negative ELBO", "the paper's rate"],
            rows,
            2,
        )
    )


@style.picture("figure3", 3.2, columns=len(PANELS))
def draw(axes: Any, numbers: Numbers) -> None:
    for panel, part in zip(axes, numbers["panels"], strict=True):
        values: list[float] = []
        for model, line in zip(part["models"], style.LINES, strict=False):
            average = model["moving_average"]
            images = numbers["window"] + numbers["every"] * np.arange(len(average))
            panel.plot(images, average, color=line["color"], linewidth=1.2)
            panel.axhline(model["negative_elbo"], color=style.INK, linestyle=":", linewidth=1)
            panel.annotate(
                model["model"],
                (images[-1], max(average)),
                xytext=(0, 3),
                textcoords="offset points",
                ha="right",
            )
            values += average
        low, high = min(values), max(values)
        panel.set_ylim(low - 0.1 * (high - low), high + 0.2 * (high - low))
        panel.set_xlim(0, None)
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.set_title(part["title"] + ", dotted: negative ELBO")
        panel.set_xlabel("images in the chain")
    axes[0].set_ylabel("bits per pixel")


EXHIBIT = Exhibit(measure, text, draw)
