"""Layers of latents, in Bit-Swap's order and in plain order: a section with numbers from
benchmarks/layers.py, since the models are not bundled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bitsback.errors import InputError
from bitsback_lab.paper import style
from bitsback_lab.paper.exhibits import Numbers, fixed, measured_by, table

FILE = "layers.json"
"""The file that `benchmarks/layers.py` writes."""
_COMMAND = "python benchmarks/layers.py --data MNIST --json docs/paper/layers.json MODEL ..."
_HEAD = [
    "model", "latents, from the image up", "exact code length", "order",
    "popped beyond what is pushed", "start-up, 1 image", "30 images", "2,000 images", "growth",
    "push", "pop",
]  # fmt: skip


def read(folder: Path) -> Numbers | None:
    """The numbers, if they are in the folder. Raises InputError if they are damaged."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        numbers: Numbers = json.loads(path.read_text(encoding="utf-8"))
        _all_rows(numbers)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: damaged ({error}); make it again with  python benchmarks/layers.py"
        ) from None
    return numbers


def section(folder: Path) -> list[str]:
    """The section, if its numbers are in the folder. Raises InputError if they are damaged."""
    numbers = read(folder)
    if numbers is None:
        return []
    return [
        "## Layers of latents",
        measured_by(_COMMAND),
        f"![start-up by order]({Path(FILE).stem}.png)",
        (
            "With several layers of latents, Bit-Swap (Kingma, Abbeel, Ho 2019) pops each layer"
            " once what depends on the one below it has been pushed, so that only the latents next"
            " to the image have to come from bits that are there already. Here are dense models of"
            " MNIST with one layer of latents, as they ship, and with several, on a fixed grid"
            " below the top, these in both orders of the same weights. In bits per pixel of the"
            " test set, bits of an image or a block, and MB of pixels a second of a processor"
            " that had nothing else to do. What is popped beyond what is pushed, when that is"
            " most, is what a block has to cost beyond the information of its images; start-up is"
            " what blocks of so many images do cost, beyond the digest that they start from."
            " Growth is how fast batches grow, out of 256, so that a block digs no deeper than its"
            " first images do:"
        ),
        table(_HEAD, _all_rows(numbers), 2),
    ]


def _all_rows(numbers: Numbers) -> list[list[str]]:
    return [row for model in numbers["models"] for row in _rows(numbers, model)]


def _rows(numbers: Numbers, model: Numbers) -> list[list[str]]:
    rows = []
    for order in model["orders"]:
        start = dict(zip(numbers["counts"], order["start_up"], strict=True))
        rows.append(
            [
                f"`{model['model']}`",
                ", ".join(map(str, model["layers"])),
                fixed(model["rate"], 4),
                order["order"],
                fixed(order["popped"], 0),
                *(fixed(start[count], 0) for count in (1, 30, 2000)),
                str(order["growth"]),
                *(f"{order[key]:.0f} MB/s" for key in ("push_mb_s", "pop_mb_s")),
            ]
        )
    return rows


def _label(model: Numbers, order: Numbers) -> str:
    layers = len(model["layers"])
    return str(order["order"]) if layers == 1 else f"{layers} layers, {order['order']}"


@style.picture("layers", 3.2, columns=2)
def draw(axes: Any, numbers: Numbers) -> None:
    """Start-up by the number of images, of two levels on the left, of 256 on the right."""
    for panel, levels in zip(axes, (2, 256), strict=True):
        lines = [
            (_label(model, order), order["start_up"])
            for model in numbers["models"]
            if model["levels"] == levels
            for order in model["orders"]
        ]
        for (label, start), line, marker in zip(lines, style.LINES, style.MARKERS, strict=False):
            panel.plot(numbers["counts"], start, marker=marker, label=label, **line)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.set_ylim(0)
        panel.set_title("two levels" if levels == 2 else "256 levels")
        panel.set_xlabel("images in the block")
    axes[0].set_ylabel("bits beyond the information")
    style.legend_above(axes[0], 3)
