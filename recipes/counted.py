"""Write the models of the codec `counted`. Nothing in them is learned: this file defines them
completely.

    python recipes/counted.py --out src/bitsback/models/bundled

The numbers were chosen by the sizes of scanned pages, those of leptonica among them, of graphics,
and of photographs.
"""

import argparse
from pathlib import Path
from typing import Any

from bitsback.models import file
from bitsback.models.item_choice import build_with_items

Site = tuple[int, int]


def nearest(count: int) -> list[Site]:
    """The nearest earlier pixels of a pixel, as offsets in rows down and columns to the right."""
    sites = [(r, q) for r in range(-9, 1) for q in range(-10, 11) if r < 0 or q < 0]
    return sorted(sites, key=lambda at: (at[0] ** 2 + at[1] ** 2, at))[:count]


def jbig() -> list[Site]:
    """The template of JBIG, in three rows."""
    rows = {-2: range(-2, 3), -1: range(-3, 4), 0: range(-4, 0)}
    return [(r, q) for r, columns in rows.items() for q in columns]


def regions(around: list[Site]) -> list[list[Site]]:
    """Those farther off in the row of a pixel, and to both sides of it in the two rows above."""
    sides = [
        (0, range(-15, 0)),
        (-1, range(-15, 1)),
        (-1, range(1, 16)),
        (-2, range(-15, 1)),
        (-2, range(1, 16)),
    ]
    return [[(r, q) for q in columns if (r, q) not in around] for r, columns in sides]


def flat(around: list[Site], limit: int) -> dict[str, Any]:
    """The field of that name."""

    def sites(of: list[Site]) -> list[list[int]]:
        return [[0, r, q] for r, q in sorted(of)]

    far = [sites(of) for of in regions(around)]
    return {"around": sites(around), "regions": far, "offset": 20, "limit": limit}


def context(sites: list[Site], limit: int) -> dict[str, Any]:
    """The fields of a context. Sorted by rows, so neighbouring pixels are looked up together."""
    return {"offset": 20, "limit": limit, "terms": [[0, r, q, 0] for r, q in sorted(sites)]}


def mixer(*known: int) -> dict[str, Any]:
    """A mixer chosen by how often these contexts have occurred."""
    return {"select": [{"known": c} for c in known], "start": 4096, "rates": [1000, 200]}


NAMED = {
    "": (0, 0), "W": (0, -1), "N": (-1, 0), "NW": (-1, -1), "NE": (-1, 1), "WW": (0, -2),
    "NN": (-2, 0), "NWW": (-1, -2), "NNE": (-2, 1), "NNW": (-2, -1), "NEE": (-1, 2),
    "NNN": (-3, 0), "WWW": (0, -3), "NNEE": (-2, 2), "NNWW": (-2, -2), "NEEE": (-1, 3),
    "NWWW": (-1, -3), "WWWW": (0, -4), "E": (0, 1), "S": (1, 0),
}  # fmt: skip
"""Neighbours of a pixel by their directions."""


def place(of: str) -> list[int]:
    """`NW1`: the pixel to the upper left in the plane before; `P1`: the one at the pixel."""
    name = of.rstrip("0123456789")
    return [int(of[len(name) :] or 0), *NAMED["" if name == "P" else name]]


def term(of: str) -> Any:
    """`N`, `P1/2` (without its two lowest bits), a sum such as `W+N-NW/1`, `=N` (whether it is the
    candidate), `C`, the candidate, or `prediction`, `unit` and `error` by what stands beside.
    """
    if of == "C":
        return {"place": "candidate", "shift": 0, "most": 256}
    if of.startswith("="):
        return {"equal": place(of[1:])}
    pixels, _, shift = of.partition("/")
    if pixels in ("prediction", "unit"):
        bits = int(shift or 0)
        return {
            "place": pixels,
            "shift": bits,
            "most": (255 if pixels == "prediction" else 15) >> bits,
        }
    if pixels == "error":
        return {"place": "unit", "shift": 2, "most": 15}
    if "+" not in pixels and "-" not in pixels:
        return [*place(pixels), int(shift or 0)]
    return {"sum": summands(pixels), "shift": int(shift or 0), "range": [-256, 511]}


def summands(of: str) -> list[list[int]]:
    """`2W-WW`: pixels with their weights."""
    sites = []
    for part in of.replace("-", "+-").split("+"):
        pixel = part.lstrip("-0123456789")
        weight = part[: len(part) - len(pixel)]
        sites.append([*place(pixel), int(weight + "1" if weight in ("", "-") else weight)])
    return sites


def predictor(of: str) -> dict[str, Any]:
    """A sum, without its lowest bits, within the values of a pixel."""
    pixels, _, shift = of.partition("/")
    return {"sum": summands(pixels), "shift": int(shift or 0), "range": [0, 255]}


def equal(one: str, other: str) -> Any:
    """Whether two pixels are equal, and otherwise which is greater."""
    return {"sum": [[*place(one), 1], [*place(other), -1]], "steps": [0, 1]}


CHANNEL = {"place": "channel", "shift": 0, "most": 2}
PATTERN = [equal("W", "NW"), equal("N", "NW"), equal("N", "NE")]
OF_COLOURS = [
    "P1 P2",
    "W N P1 P2",
    "P1/2 P2/2 W+P1-W1/2 N+P1-N1/2",
    "W+N-NW/1 P1-W1+W/1",
    "W P1 W1",
    "N P1 N1",
    "W N NW NE P1 P2",
    "W N NW NE WW NN P1 P2 W1 N1",
    "W N NW NE WW NN NWW NNE P1 P2 W1 N1",
    "W N NW NE WW NN NWW NNE NNW NEE NNN WWW P1 P2 W1 N1",
    "N+P1-N1 P2/3",
    "W+W-WW N+N-NN/2",
    "W+P2-W2 N+P2-N2/1",
    "W+NE-N NN/3",
    "P1 W1 N1 E1 S1 P2",
    "prediction unit",
    "prediction P1 P2/3",
    "prediction W/2 N/2",
    "C",
    "C P1",
]
PREDICTORS_OF_GREY = [
    "W", "N", "W+N-NW", "W+NE-N", "2W-WW", "2N-NN", "NE", "W+N/1", "N+NE-NNE",
]  # fmt: skip
PREDICTORS_OF_COLOURS = [
    *PREDICTORS_OF_GREY, "W+P1-W1", "N+P1-N1", "W+N-NW+P1-W1-N1+NW1", "W+P2-W2", "N+P2-N2",
    "W+N+2P1-W1-N1/1", "NE+P1-NE1",
]  # fmt: skip
OF_GREY = [
    "W", "N", "W+N-NW", "W+NE-N", "2W-WW", "2N-NN", "NE", "W+N/1", "N+NE-NNE",
]  # fmt: skip
PREDICTORS_OF_COLOURS = [
    *PREDICTORS_OF_GREY, "W+P1-W1", "N+P1-N1", "W+N-NW+P1-W1-N1+NW1", "W+P2-W2", "N+P2-N2",
    "W+N+2P1-W1-N1/1", "NE+P1-NE1",
]  # fmt: skip
BESIDE = [
    "P1 P2",
    "W N P1 P2",
    "W P1 W1",
    "W N NW NE P1 P2",
    "N+P1-N1 P2/3",
    "P1/2 P2/2 W+P1-W1/2 N+P1-N1/2",
    "W N NW NE WW NN NWW NNE P1 P2 W1 N1",
    "W N NW NE WW NN NWW NNE NNW NEE NNN WWW P1 P2 W1 N1",
]
"""The contexts beside a network."""
OF_GREY = [
    "W N",
    "N NE",
    "W N NW NE",
    "W NW WW",
    "W N NW NE WW NN",
    "W N NW NE WW NN NWW NNE NNW NEE",
    "W N NW NE WW NN NWW NNE NNW NEE NNN WWW NNEE NNWW",
    "W N NW NE WW NN NWW NNE NNW NEE NNN WWW NNEE NNWW NEEE NWWW WWWW",
    "C",
    "C W",
    "C W N",
]
# Of the decision whether a pixel is as its candidate. The first one remembers candidates.
EQUAL = "=W =N =NW =NE =WW =NN"
FIRST_OF_COLOURS = [*(OF_COLOURS[c] for c in (9, 8, 7, 1, 0)), f"{EQUAL} P1 P2", EQUAL]
FIRST_OF_GREY = [*(OF_GREY[c] for c in (7, 6, 5, 2, 0)), f"{EQUAL} =NNE =WWW", EQUAL]


def several(contexts: list[str], limit: int = 127) -> list[dict[str, Any]]:
    return [
        {"offset": 20, "limit": limit, "terms": [CHANNEL, *map(term, of.split())]}
        for of in contexts
    ]


def mixers(*selects: list[Any], start: int = 3277, least: int = 900) -> list[dict[str, Any]]:
    return [{"select": of, "start": start, "rates": [2047, least]} for of in selects]


def graphics(
    first: list[str],
    contexts: list[str],
    large: int,
    predictors: list[str],
    lag: int,
    limit: int,
) -> dict[str, Any]:
    """first: of candidates. large: the number of a context that measures how much is known. limit:
    of the counts of contexts, except those of candidates.
    """
    found = several([*contexts, "W+N-NW/2"], limit)
    found[-1]["terms"][1:1] = PATTERN
    return {
        "precision": 24,
        "lag": lag,
        "queues": 16,
        "table": 19,
        "slot": [16, 7],
        "trust": 30,
        "contexts": found,
        "predictors": list(map(predictor, predictors)),
        "maps": [1, 255],
        "mixers": mixers(
            ["odds", CHANNEL],
            [*PATTERN, term("unit/1")],
            ["depth", {"known": large}],
            start=2048,
            least=750,
        ),
        "candidate": {
            "table": 18,
            "memory": 0,
            "sure": 6,
            "maps": [1, 255],
            "contexts": several(first),
            "mixers": mixers(
                ["failures", CHANNEL],
                [{"known": 0}, {"known": 2}],
                [*map(term, EQUAL.split())],
            ),
        },
    }


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
            "lag": 256,
            "queues": 16,
            "table": 20,
            "slot": [18, 8],
            "trust": 30,
            "contexts": [
                context(jbig(), 255),
                *(context(nearest(count), 255) for count in (10, 22, 32, 44, 60)),
            ],
            "mixers": [mixer(3, 4), mixer(1, 2, 5)],
            "flat": flat(nearest(60), 255),
        },
    ),
    described(
        "graphics",
        "Drawings and screenshots in colour of any size, learned as they come",
        256,
        graphics(FIRST_OF_COLOURS, OF_COLOURS, 9, PREDICTORS_OF_COLOURS, 96, 40),
    ),
    described(
        "graphics-grey",
        "Grey drawings and palettes of any size, learned as they come",
        256,
        graphics(FIRST_OF_GREY, OF_GREY, 7, PREDICTORS_OF_GREY, 256, 127),
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
