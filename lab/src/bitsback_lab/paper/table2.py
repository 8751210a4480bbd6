"""Table 2: compression rates of the MNIST test set, binarised and grey, beside other
compressors.
"""

from __future__ import annotations

from typing import Any

from bitsback_lab.paper import compressors, style
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist

LEVELS = (2, 256)
SETS = {"2": "binarised MNIST", "256": "MNIST"}

FAMILIES = (
    ("the paper's networks", ("mnist-binary-paper", "mnist-paper")),
    ("the default models", ("mnist-binary", "mnist")),
    ("models with context", ("mnist-binary-context", "mnist-context")),
)
"""Models by name: for two levels, and for all. Models that do not ship are left out."""

OF_PAPER: dict[compressors.Key, tuple[float, float]] = {
    ("bz2 -9", "stream"): (0.25, 1.42),
    ("gzip -9", "stream"): (0.33, 1.64),
    ("PNG", "each"): (0.78, 2.79),
    ("WebP m6", "each"): (0.44, 2.10),
}
RAW = (1.0, 8.0)
ELBO_OF_PAPER = (0.19, 1.39)
BB_ANS_OF_PAPER = (0.19, 1.41)

UNITS = {
    "stream": "one stream",
    "each": "a file an image",
    "mosaic": "one mosaic",
    "mosaics": "mosaics of 2,000",
    "strip": "one strip",
}


def measure(conditions: Conditions) -> Numbers:
    found, missing = compressors.available()
    keys = [*OF_PAPER, *(key for key in found if key not in OF_PAPER)]
    steps = len(LEVELS) * (len(keys) + sum(len(names) for _, names in FAMILIES) // len(LEVELS))
    done = 0
    models: list[Numbers] = []
    rows: list[Numbers] = [{"name": name, "unit": unit} for name, unit in keys]
    for column, levels in enumerate(LEVELS):
        images = mnist(levels)
        for family, names in FAMILIES:
            model = compressors.shipped(names[column])
            if model is not None:
                models.append(
                    {"family": family, "levels": levels, **compressors.rates(model, images)}
                )
            conditions.progress(done := done + 1, steps)
        for key, row in zip(keys, rows, strict=True):
            peer = found.get(key)
            if peer is None:
                row[str(levels)] = {"problem": "not installed"}
            elif peer.takes(images):
                answer = compressors.on(images, peer, conditions)
                size = answer["bytes"]
                row[str(levels)] = answer | {
                    "rate": None if size is None else round(8 * size / images.size, 6)
                }
            conditions.progress(done := done + 1, steps)
    measured = [row for row in rows if any(str(levels) in row for levels in LEVELS)]
    return {"models": models, "peers": measured, "missing": missing}


def text(numbers: Numbers) -> str:
    parts = [
        (
            "Bits per pixel of the 10,000 test images, here and in the paper. The images are"
            " binarised once by `np.random.RandomState(0).random_sample(x.shape) < x / 255`, as in"
            ' the paper\'s code. "Negative ELBO" is the exact code length of the integer model,'
            ' and "net" the growth of one long chain by the images. "Archive" is the whole file'
            " with header, index, digests and start-up, without the bundled model."
        ),
        table(
            [
                "",
                "",
                *(name for title in SETS.values() for name in (f"{title}, here", "the paper")),
            ],
            _first(numbers),
            2,
        ),
        (
            "PNG and WebP files of binarised digits are smaller in the paper than files of the same"
            " images by today's Pillow. The next table has compressors that the paper left out,"
            " with the effort in the name. Streams have bilevel pixels packed into bits; a mosaic"
            " has all images in one picture of 2800 x 2800:"
        ),
        table(["", "", "version", *SETS.values()], _second(numbers), 3),
    ]
    problems = [
        f"{row['name']}, {UNITS[row['unit']]}, {title}: {row[levels]['problem']}"
        for row in numbers["peers"]
        for levels, title in SETS.items()
        if row.get(levels, {}).get("problem")
    ]
    notes = [f"- not measured: {line}" for line in (*problems, *numbers["missing"])]
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _first(numbers: Numbers) -> list[list[str]]:
    """The rows of the paper's table."""

    def row(
        name: str, unit: str, here: list[float | None], paper: tuple[float, float] | None
    ) -> list[str]:
        cells = [fixed(paper[i], 2) if paper else "-" for i in range(2)]
        return [name, unit, fixed(here[0], 4), cells[0], fixed(here[1], 4), cells[1]]

    rows = [["raw", "", "1", "1", "8", "8"]]
    for position, (family, _) in enumerate(FAMILIES):
        if not any(model["family"] == family for model in numbers["models"]):
            continue
        first = position == 0
        rows.append(
            row(
                f"negative ELBO, {family}",
                "",
                _ours(numbers, family, "negative_elbo"),
                ELBO_OF_PAPER if first else None,
            )
        )
        rows.append(row("bits back, net", "one chain", _ours(numbers, family, "net"), None))
        rows.append(
            row(
                "**bits back, archive**",
                "one archive",
                _ours(numbers, family, "archive"),
                BB_ANS_OF_PAPER if first else None,
            )
        )
    for peer in numbers["peers"]:
        key = (peer["name"], peer["unit"])
        if key in OF_PAPER:
            rows.append(row(peer["name"], UNITS[peer["unit"]], _theirs(peer), OF_PAPER[key]))
    return rows


def _second(numbers: Numbers) -> list[list[str]]:
    """The rows that the paper's table lacks, the smallest on grey digits first."""
    others = [peer for peer in numbers["peers"] if (peer["name"], peer["unit"]) not in OF_PAPER]
    others.sort(
        key=lambda peer: next((rate for rate in reversed(_theirs(peer)) if rate is not None), 9.0)
    )
    return [
        [
            peer["name"],
            UNITS[peer["unit"]],
            next((peer[levels].get("version", "") for levels in SETS if levels in peer), ""),
            *(fixed(rate, 4) for rate in _theirs(peer)),
        ]
        for peer in others
    ]


def _ours(numbers: Numbers, family: str, what: str) -> list[float | None]:
    found = {
        model["levels"]: model[what] for model in numbers["models"] if model["family"] == family
    }
    return [found.get(levels) for levels in LEVELS]


def _theirs(peer: Numbers) -> list[float | None]:
    return [peer.get(levels, {}).get("rate") for levels in SETS]


_TICKS = ((0.2, 0.5, 1, 2), (1, 1.5, 2, 3))


@style.picture("table2", 5.6, columns=2)
def draw(axes: Any, numbers: Numbers) -> None:
    """A dot for each compressor, the smallest on top; ours are black."""
    for panel, (position, title) in zip(axes, enumerate(SETS.values()), strict=True):
        dots = [
            (model["archive"], f"bitsback {model['model']}", True)
            for model in numbers["models"]
            if model["levels"] == LEVELS[position]
        ]
        dots += [
            (rate, f"{peer['name']}, {UNITS[peer['unit']]}", False)
            for peer in numbers["peers"]
            if (rate := _theirs(peer)[position]) is not None
        ]
        dots.sort()
        for row, (rate, _, own) in enumerate(dots):
            panel.axhline(row, color=style.LIGHT, linewidth=0.6, zorder=0)
            panel.plot([rate], [row], "o" if own else "s", color=style.INK if own else style.MIDDLE)
            panel.annotate(
                fixed(rate, 3), (rate, row), xytext=(6, 0), textcoords="offset points", va="center",
                fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            )  # fmt: skip
        panel.set_yticks(range(len(dots)), [name for _, name, _ in dots], fontsize=8)
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        panel.margins(y=0.04)
        panel.invert_yaxis()
        panel.set_xscale("log")
        rates = [rate for rate, _, _ in dots]
        panel.set_xticks(_TICKS[position], [f"{tick:g}" for tick in _TICKS[position]])
        panel.minorticks_off()
        panel.set_xlim(0.85 * min(rates), 2.5 * max(rates))
        panel.set_title(title)
        panel.set_xlabel("bits per pixel")


EXHIBIT = Exhibit(measure, text, draw)
