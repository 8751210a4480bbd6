"""All exhibits on one page: in Markdown with separate pictures, and in self-contained HTML."""

from __future__ import annotations

import base64
import html
import json
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bitsback.errors import InputError, MissingExtra
from bitsback_lab.paper.exhibits import NAMES, Entry, Numbers, find, table

FOLDER = "paper"
"""The folder of the pictures and numbers, beside the page."""
FLOAT_DECODING = "float_decoding.json"
"""The file of `benchmarks/float_decoding.py` about the failures of decoders that compute with
floats.
"""

_TITLE = "The paper, reproduced"
_LEAD = (
    "[Townsend, Bird and Barber, *Practical Lossless Compression with Latent Variables using Bits"
    " Back Coding*](https://arxiv.org/abs/1901.04866) (ICLR 2019) has three tables and five"
    " figures. Here they are with the models and the test set that ship with bitsback, and after"
    " them what the paper analyses, measured. `bitsback reproduce all` makes this page; the command"
    " under each heading makes that part of it, with its numbers as JSON. Figure 2 is the model: z"
    " with its prior p(z), x with its likelihood p(x|z), and the posterior q(z|x), which are the"
    " methods `prior`, `likelihood` and `posterior` of `bitsback.Model`."
)


def check() -> None:
    """Raises MissingExtra without what turns Markdown into HTML."""
    if find_spec("markdown") is None:
        raise MissingExtra("markdown", "bitsback-lab[paper]", "./lab[paper]")


def markdown(results: dict[str, Numbers], folder: Path) -> str:
    """The page. results: the numbers of exhibits by name. folder: where their pictures are.

    Raises InputError if the folder has a damaged FLOAT_DECODING.
    """
    parts = [f"# {_TITLE}", _LEAD]
    for name in NAMES:
        if name in results:
            entry, exhibit = find(name)
            parts += [f"## {entry.title}", command(entry)]
            if (folder / f"{name}.png").exists():
                parts.append(f"![{entry.about}]({FOLDER}/{name}.png)")
            parts.append(exhibit.text(results[name]))
    parts += float_decoding(folder)
    return "\n\n".join(parts) + "\n"


def command(entry: Entry) -> str:
    return f"    bitsback reproduce {entry.name}"


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
        "    python benchmarks/float_decoding.py",
        (
            "A decoder has to compute the very probabilities that the encoder had. What becomes of"
            " images that are decoded after something about the machine has changed, by a coder"
            " whose network computes with floats, and by bitsback:"
        ),
        table(["change before decoding", "floats", "bitsback"], cells, 3),
    ]


def to_html(text: str, folder: Path) -> str:
    """The Markdown page as one self-contained HTML file, with pictures as SVG if possible.

    Raises MissingExtra as `check`.
    """
    check()
    convert: Any = import_module("markdown")
    body: str = convert.markdown(text, extensions=["tables", "fenced_code"])
    body = re.sub(
        r'src="([^"]+)"', lambda found: f'src="{_data_uri(folder.parent / found[1])}"', body
    )
    return _HTML.format(title=html.escape(_TITLE), body=body)


def _data_uri(path: Path) -> str:
    vector = path.with_suffix(".svg")
    path, kind = (vector, "svg+xml") if vector.exists() else (path, "png")
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


_HTML = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
html {{ color: #111; background: #fff }}
body {{ max-width: 56rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 sans-serif }}
img {{ max-width: 100%; height: auto }}
table {{ border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; display: block;
  overflow-x: auto }}
th, td {{ padding: 0.2rem 0.7rem; border-bottom: 1px solid #ccc; text-align: left }}
pre {{ background: #f4f4f4; padding: 0.7rem; overflow-x: auto; font-size: 0.85rem }}
</style>
{body}
</html>
"""
