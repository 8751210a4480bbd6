"""The cost of starting a chain, by its initial bits and its batch sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback import Message, Model, _core, load_model
from bitsback.coding import chain
from bitsback_lab.paper import style
from bitsback_lab.paper.coding import Symbols, as_symbols, length, rounded
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist

MODELS = ("mnist-binary-paper", "mnist-binary", "mnist-paper", "mnist")
COUNTS = (1, 3, 10, 30, 100, 300, 1000, 2000)
BLOCKS = 5
"""Chains to average over, evenly spaced in the test set."""
AT_ONCE = 100
DIGEST = 256


@dataclass(frozen=True)
class Scheme:
    """The start of a chain: its message, and the sizes of its batches."""

    name: str
    initial: Callable[[Symbols, int], Message]
    batches: Callable[[Model, int], list[tuple[int, int]]]
    digest_bits: int = 0
    """Bits of the start that the archive needs anyway, and that replace a later checksum."""


def _from_digest(x: Symbols, seed: int) -> Message:
    return chain.initial(chain.digest(b"", x.tobytes()), chain.lanes_for(x.size))


def _from_random(x: Symbols, seed: int) -> Message:
    """A random head. The words of the implicit tail, which a chain takes as needed, represent
    random words.
    """
    return Message(_core.splitmix64(seed, 0, 1) | np.uint64(1 << 32), (), 0)


def _one_by_one(model: Model, count: int) -> list[tuple[int, int]]:
    return [(1, count)]


def _many(model: Model, count: int) -> list[tuple[int, int]]:
    whole, rest = divmod(count, AT_ONCE)
    return [(AT_ONCE, whole)] * (whole > 0) + [(rest, 1)] * (rest > 0)


SCHEMES = (
    Scheme("random bits, one image after the other", _from_random, _one_by_one),
    Scheme(f"random bits, {AT_ONCE} images at once", _from_random, _many),
    Scheme("the digest, in growing batches (an archive)", _from_digest,
           lambda model, count: chain.schedule(count, model.growth, model.batch), DIGEST),
)  # fmt: skip


def measure(conditions: Conditions) -> Numbers:
    models = []
    for name in conditions.each(MODELS):
        model = load_model(name)
        x = as_symbols(mnist(model.levels))
        models.append({"model": name, "schemes": [_scheme(model, x, scheme) for scheme in SCHEMES]})
    return {"counts": list(COUNTS), "blocks": BLOCKS, "digest_bits": DIGEST, "models": models}


def _scheme(model: Model, x: Symbols, scheme: Scheme) -> Numbers:
    starts = []
    for count in COUNTS:
        coded = [
            code(model, x[first : first + count], scheme, seed)
            for seed, first in enumerate(_firsts(len(x), count))
        ]
        starts.append(rounded(np.mean([bits - information for bits, information in coded]), 1))
    return {"scheme": scheme.name, "start": starts}


def _firsts(images: int, count: int) -> list[int]:
    return [
        block * images // BLOCKS
        for block in range(BLOCKS)
        if block * images // BLOCKS + count <= images
    ]


def code(model: Model, x: Symbols, scheme: Scheme, seed: int) -> tuple[int, float]:
    """The bits of the message that holds x [n, pixels], and how many of them are information."""
    message = scheme.initial(x, seed)
    before = length(message)
    model.push(message, x, scheme.batches(model, len(x)))
    return 8 * len(message.to_bytes()), length(message) - before


def text(numbers: Numbers) -> str:
    head = ["images in the chain", *(f"{count:,}" for count in numbers["counts"])]
    parts = [
        "The first image pops its latents from initial bits, which stay in the message. The paper"
        " takes random bits. Coding many images at once, for speed, takes as many times more. An"
        " archive starts each block from the digest of its content, 256 bits that it stores anyway,"
        " and codes few images at once until the stack has enough bits. The table has the bits in"
        f" the message beyond the information of the images, the mean of {numbers['blocks']}"
        f" chains. In archives {numbers['digest_bits']} of them are the digest, which the others"
        " lack:"
    ]
    for model in numbers["models"]:
        rows = [
            [scheme["scheme"], *(fixed(bits, 0) for bits in scheme["start"])]
            for scheme in model["schemes"]
        ]
        parts.append(f"`{model['model']}`:")
        parts.append(table(head, rows))
    return "\n\n".join(parts)


@style.picture("start", 3.6, columns=2)
def draw(axes: Any, numbers: Numbers) -> None:
    shown = [model for model in numbers["models"] if model["model"].endswith("paper")]
    for panel, model in zip(axes, shown, strict=True):
        for scheme, line, marker in zip(model["schemes"], style.LINES, style.MARKERS, strict=False):
            panel.plot(
                numbers["counts"], scheme["start"], marker=marker, label=scheme["scheme"], **line
            )
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:,.0f}")
        panel.set_ylim(100, 100_000)
        panel.set_title(model["model"])
        panel.set_xlabel("images in the chain")
    axes[0].set_ylabel("bits beyond the information")
    style.legend_above(axes[0], 2)


EXHIBIT = Exhibit(measure, text, draw)
