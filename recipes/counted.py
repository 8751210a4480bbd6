"""The models that count contexts, of which nothing is learned beforehand: what stands here is all.

    python recipes/counted.py --out src/bitsback/models/bundled

The numbers were chosen by the sizes of scanned pages, those of leptonica among them.
"""

import argparse
from pathlib import Path
from typing import Any

from bitsback.models import file
from bitsback.models.item_choice import build_with_items

Site = tuple[int, int]


def nearest(count: int) -> list[Site]:
    """So many pixels before a pixel that are nearest to it, as rows below and columns to the
    right.
    """
    sites = [(r, q) for r in range(-9, 1) for q in range(-10, 11) if r < 0 or q < 0]
    return sorted(sites, key=lambda at: (at[0] ** 2 + at[1] ** 2, at))[:count]


def jbig() -> list[Site]:
    """The template of JBIG, in three rows."""
    rows = {-2: range(-2, 3), -1: range(-3, 4), 0: range(-4, 0)}
    return [(r, q) for r, columns in rows.items() for q in columns]


def context(sites: list[Site], limit: int) -> dict[str, Any]:
    """Row by row, so that pixels that lie next to one another are looked up at once."""
    return {"offset": 20, "limit": limit, "terms": [[0, r, q, 0] for r, q in sorted(sites)]}


def mixer(*known: int) -> dict[str, Any]:
    """One that is chosen by how often these contexts came before."""
    return {"select": [{"known": c} for c in known], "start": 16384, "rates": [1000, 200]}


def described(name: str, about: str, levels: int, of: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": "bitsback-model",
        "version": 1,
        "name": name,
        "about": about,
        "licence": "CC0-1.0",
        "variables": {"x": {"planes": "any", "levels": levels}},
        "networks": {},
        "distributions": {"p(x)": {"codec": "counted", **of}},
        "code": ["push x ~ p(x)"],
        "chain": {"growth": 256, "batch": 1},
        "test": {"seed": 1, "count": 1, "size": [1, 1], "sha256": {}},
    }


DESCRIPTIONS = [
    described(
        "bilevel",
        "Pages and drawings of two levels and any size, learned as they come",
        2,
        {
            "precision": 24,
            "lag": 1024,
            "queues": 16,
            "table": 20,
            "slot": [18, 8],
            "trust": 30,
            "contexts": [
                context(jbig(), 255),
                *(context(nearest(count), 255) for count in (10, 22, 32, 44, 60)),
            ],
            "mixers": [mixer(3, 4), mixer(1, 2, 5)],
        },
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder where the models go")
    folder = parser.parse_args().out
    for description in DESCRIPTIONS:
        model = build_with_items(description, {})
        path = folder / f"{model.name}.safetensors"
        path.write_bytes(file.write(model.description, model.tensors))


if __name__ == "__main__":
    main()
