"""The page of all exhibits, in Markdown, with its pictures beside it."""

from __future__ import annotations

import json
from pathlib import Path

from bitsback.errors import InputError
from bitsback_lab.paper.exhibits import NAMES, Numbers, find, measured_by, table

FOLDER = "paper"
"""The folder of the page, its pictures and its numbers."""
FLOAT_DECODING = "float_decoding.json"
"""The file of `benchmarks/float_decoding.py` about the failures of decoders that compute with
floats.
"""

PAGE = "README.md"
"""The page, in that folder."""

_TITLE = "The paper, reproduced"
_LEAD = (
    "[Townsend, Bird and Barber, *Practical Lossless Compression with Latent Variables using Bits"
    " Back Coding*](https://arxiv.org/abs/1901.04866) (ICLR 2019) has three tables and five"
    " figures. This page reproduces them with the bundled models and test set, and compares the"
    " numbers with those of the paper. Further sections measure what the paper analyses. Figure 2"
    " is the model: z with its prior p(z), x with its likelihood p(x|z), and the posterior q(z|x)."
    " They are the methods `prior`, `likelihood` and `posterior` of `bitsback.Model`.\n\nThe"
    " command under each heading measures that section again. `bitsback reproduce all -o docs`"
    " measures everything, and writes this page, its pictures and its numbers (JSON files)."
    " `bitsback reproduce page -o docs` makes the page and the pictures from the JSON files."
)


def markdown(results: dict[str, Numbers], folder: Path) -> str:
    """The page. results: the numbers of exhibits by name. folder: where their pictures are.

    Raises InputError if the folder has a damaged FLOAT_DECODING.
    """
    parts = [f"# {_TITLE}", _LEAD]
    for name in NAMES:
        if name in results:
            entry, exhibit = find(name)
            parts += [f"## {entry.title}", measured_by(f"bitsback reproduce {name}")]
            if entry.in_paper is not None:
                parts.append(f"*In the paper:* {entry.in_paper}")
            if (folder / f"{name}.png").exists():
                parts.append(f"![{entry.about}]({name}.png)")
            parts.append(exhibit.text(results[name]))
    parts += float_decoding(folder)
    return "\n\n".join(parts) + "\n"


def float_decoding(folder: Path) -> list[str]:
    """The section on exactness, if its numbers are there."""
    path = folder / FLOAT_DECODING
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        cells = [[row["change"], row["float"], row["bitsback"]] for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: damaged ({error}); make it again with  python benchmarks/float_decoding.py"
        ) from None
    return [
        "## Exactness matters",
        measured_by("python benchmarks/float_decoding.py"),
        (
            "A decoder has to compute the same probabilities as the encoder. The table shows what"
            " happens to images if something about the machine changes before decoding. It compares"
            " a coder whose network computes with floats, and bitsback:"
        ),
        table(["change before decoding", "floats", "bitsback"], cells, 3),
    ]
