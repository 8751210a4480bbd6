"""Table 1: the ledger of one image of the test set, coded on top of others."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bitsback import load_model
from bitsback.coding import chain
from bitsback_lab.paper import style
from bitsback_lab.paper.coding import as_symbols, growth, rounded
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.ledger import Ledger, enter
from bitsback_lab.paper.sets import mnist

MODELS = ("mnist-binary-paper", "mnist-paper")
IMAGE = 0
BEFORE = 100
"""Images already on the stack: those behind the shown one."""
DIGITS = 5


def measure(conditions: Conditions) -> Numbers:
    return {"models": [_one(name) for name in MODELS]}


def _one(name: str) -> Numbers:
    model = load_model(name)
    images = mnist(model.levels)[IMAGE : IMAGE + 1 + BEFORE]
    x = as_symbols(images)
    message = chain.initial(chain.digest(b"", x.tobytes()), lanes=1)
    growth(model, message, x[:0:-1])
    return {
        "model": name,
        "image": IMAGE,
        "before": BEFORE,
        **as_numbers(enter(model, model.whole_size(), message, x[:1])),
    }


def as_numbers(ledger: Ledger) -> Numbers:
    """A ledger as JSON holds it, in bits."""
    steps = [
        {"step": step.name}
        | {
            key: rounded(value, DIGITS)
            for key, value in asdict(step).items()
            if key not in ("name", "variable")
        }
        | {"change": rounded(step.change, DIGITS)}
        for step in ledger.steps
    ]
    return {
        "steps": steps,
        "change": rounded(ledger.change, DIGITS),
        "negative_elbo": rounded(ledger.negative_elbo, DIGITS),
        "bits_per_pixel": rounded(ledger.negative_elbo / ledger.pixels),
    }


def ledger_table(numbers: Numbers) -> str:
    """The ledger in Markdown."""
    rows = [
        [
            step["step"],
            *(fixed(step[key], 3) for key in ("before", "after", "change", "information")),
        ]
        for step in numbers["steps"]
    ]
    total = [fixed(numbers["change"], 3), fixed(numbers["negative_elbo"], 3)]
    rows.append(
        [
            "in all",
            fixed(numbers["steps"][0]["before"], 3),
            fixed(numbers["steps"][-1]["after"], 3),
            *total,
        ]
    )
    return table(["step", "message before, bits", "after", "change", "exact information"], rows)


def text(numbers: Numbers) -> str:
    first = numbers["models"][0]
    parts = [
        f"Image {first['image']} of the test set is pushed onto a message with the"
        f" {first['before']} images behind it, as in an archive. The message is one big number, and"
        " its length is its log2. The information of a step is the sum of -log2 of the symbols'"
        " exact probabilities, negative for a pop. The sum of all steps is a sample of the negative"
        " ELBO. The message grows by this sum, up to a few thousandths of a bit, since heads are"
        " finite."
    ]
    for model in numbers["models"]:
        parts.append(f"With `{model['model']}`, {model['bits_per_pixel']:.4f} bits per pixel:")
        parts.append(ledger_table(model))
    parts.append("The same for an image of your own: `bitsback explain IMAGE`.")
    return "\n\n".join(parts)


@style.picture("table1", 3.8, rows=len(MODELS))
def draw(axes: Any, numbers: Numbers) -> None:
    for panel, model in zip(axes, numbers["models"], strict=True):
        _panel(panel, model)
    axes[-1].set_xlabel("length of the message beyond what it was before the image, bits")


def _panel(axes: Any, model: Numbers) -> None:
    """A bar from the length before a step to the length after it."""
    steps = model["steps"]
    start = steps[0]["before"]
    ends = [step["after"] - start for step in steps]
    low, high = min(0, *ends), max(0, *ends)
    for row, (step, shade) in enumerate(
        zip(steps, (style.LIGHT, style.DARK, style.MIDDLE), strict=True)
    ):
        before, after = step["before"] - start, step["after"] - start
        axes.barh(
            row,
            after - before,
            left=before,
            height=0.6,
            color=shade,
            edgecolor=style.INK,
            linewidth=0.8,
        )
        axes.text(
            max(before, after) + 0.02 * (high - low), row, f"{step['change']:+,.1f}", va="center"
        )
        if row:
            axes.plot([before] * 2, [row - 0.7, row - 0.3], color=style.INK, linewidth=0.8)
    axes.axvline(0, color=style.INK, linewidth=0.8, linestyle=":")
    axes.set_xlim(low - 0.08 * (high - low), high + 0.16 * (high - low))
    axes.set_yticks(range(len(steps)), [step["step"] for step in steps])
    axes.invert_yaxis()
    axes.set_title(
        f"{model['model']}: {model['change']:+,.1f} bits in all, {model['bits_per_pixel']:.3f} a"
        " pixel"
    )


EXHIBIT = Exhibit(measure, text, draw)
