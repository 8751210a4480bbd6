"""The cost of sending the model along, and the number of images from which that pays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from bitsback import load_model
from bitsback.models import bundled
from bitsback_lab.paper import compressors, style
from bitsback_lab.paper.coding import archive_size
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist
from bitsback_lab.peers.units import Images

PANELS = (
    ("binarised MNIST", 2, ("mnist-binary", "mnist-binary-paper", "mnist-binary-context")),
    ("MNIST", 256, ("mnist", "mnist-paper", "mnist-context", "mnist-context-small")),
)
COUNTS = (10, 30, 100, 300, 1000, 3000, 10_000)
PEERS = (("xz -9e", "stream"), ("JPEG XL e10", "mosaic"))


def measure(conditions: Conditions) -> Numbers:
    panels = []
    steps = sum(len(_shipped(names)) + len(PEERS) for _, _, names in PANELS)
    done = 0
    for title, levels, names in PANELS:
        images = mnist(levels)
        models, others = [], []
        for name in _shipped(names):
            conditions.progress(done, steps)
            models.append(_model(name, images))
            done += 1
        for peer in PEERS:
            conditions.progress(done, steps)
            others.append(_peer(peer, images, conditions))
            done += 1
        for model in models:
            model["pays_from"] = [
                (
                    None
                    if None in peer["bytes"]
                    else break_even(COUNTS, model["bytes_with_model"], peer["bytes"])
                )
                for peer in others
            ]
        panels.append({"title": title, "pixels": images[0].size, "models": models, "peers": others})
    return {"counts": list(COUNTS), "panels": panels}


def _shipped(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in bundled.names()]


def _model(name: str, images: Images) -> Numbers:
    model = load_model(name)
    sizes = [archive_size(images[:count], model) for count in COUNTS]
    added = archive_size(images[:1], model, embed=True) - archive_size(images[:1], model)
    return {
        "model": name,
        "model_bytes": added,
        "bytes": sizes,
        "bytes_with_model": [size + added for size in sizes],
    }


def _peer(key: compressors.Key, images: Images, conditions: Conditions) -> Numbers:
    """The peer's bytes for each count; None from the first failure on, with its reason."""
    sizes: list[int | None] = []
    problem = version = None
    for count in COUNTS:
        measure = partial(compressors.on, images[:count], conditions=conditions)
        row = compressors.pick((key,), measure)[0]
        sizes.append(row.get("bytes"))
        problem, version = problem or row["problem"], row.get("version")
    return {"name": key[0], "unit": key[1], "bytes": sizes, "problem": problem, "version": version}


def break_even(counts: Sequence[int], ours: Sequence[int], theirs: Sequence[int]) -> int | None:
    """The number of images from which ours, including the model, stays smaller; None if there is
    none.

    Between two counts, and beyond the last one, bytes are assumed to grow linearly.
    """
    ahead = [a - b for a, b in zip(ours, theirs, strict=True)]  # the bytes by which ours is larger
    last = next((i for i in reversed(range(len(ahead))) if ahead[i] >= 0), None)
    if last is None:
        return counts[0]
    if last == len(counts) - 1:
        if len(counts) < 2 or ahead[-1] >= ahead[-2]:
            return None
        last -= 1  # extrapolate from the last two
    step, change = counts[last + 1] - counts[last], ahead[last] - ahead[last + 1]
    return counts[last] + -(-ahead[last] * step // change)


def text(numbers: Numbers) -> str:
    counts = numbers["counts"]
    parts = [
        "A model that does not ship has to be in the archive. The first table of each set has bits"
        " per pixel of the first n test images, with the model, entropy-coded by the library's own"
        " codecs. The second has the number of images from which this is less than others take."
        " Numbers between the measured ones, and beyond the last, assume the same size for each"
        " further image:"
    ]
    for panel in numbers["panels"]:
        rows = []
        for model in panel["models"]:
            rates = [
                fixed(rate, 3)
                for rate in _rates(model["bytes_with_model"], counts, panel["pixels"])
            ]
            rows.append([f"`{model['model']}`, {model['model_bytes']:,} bytes of model", *rates])
        for model in panel["models"]:
            rates = [fixed(rate, 3) for rate in _rates(model["bytes"], counts, panel["pixels"])]
            rows.append([f"`{model['model']}`, model not counted", *rates])
        for peer in panel["peers"]:
            rates = [fixed(rate, 3) for rate in _rates(peer["bytes"], counts, panel["pixels"])]
            rows.append(
                [
                    f"{peer['name']}, {peer['unit']}"
                    + (f" ({peer['problem']})" if peer["problem"] else ""),
                    *rates,
                ]
            )
        parts.append(
            table([f"{panel['title']}, images", *(f"{count:,}" for count in counts)], rows)
        )
        names = [peer["name"] for peer in panel["peers"]]
        pays = [
            [
                f"`{model['model']}`",
                *(
                    "not measured" if peer["problem"] else _pays(point, counts[-1])
                    for point, peer in zip(model["pays_from"], panel["peers"], strict=True)
                ),
            ]
            for model in panel["models"]
        ]
        parts.append(table(["smaller than, model included, from", *names], pays))
    return "\n\n".join(parts)


def _pays(point: int | None, measured: int) -> str:
    if point is None:
        return "never"
    return f"{point:,} images" + (" (extrapolated)" if point > measured else "")


def _rates(sizes: Sequence[int | None], counts: Sequence[int], pixels: int) -> list[float | None]:
    return [
        None if size is None else 8 * size / (count * pixels)
        for size, count in zip(sizes, counts, strict=True)
    ]


@style.picture("model-cost", 3.6, columns=len(PANELS))
def draw(axes: Any, numbers: Numbers) -> None:
    for panel, part in zip(axes, numbers["panels"], strict=True):
        model = min(part["models"], key=lambda model: int(model["bytes_with_model"][-1]))
        curves = [
            ("model included", model["bytes_with_model"]),
            ("model not counted", model["bytes"]),
        ]
        curves += [(peer["name"], peer["bytes"]) for peer in part["peers"]]
        for (name, sizes), line, marker in zip(curves, style.LINES, style.MARKERS, strict=False):
            if None not in sizes:
                rates = _rates(sizes, numbers["counts"], part["pixels"])
                panel.plot(numbers["counts"], rates, marker=marker, label=name, **line)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.set_title(f"{part['title']}, {model['model']}")
        panel.set_xlabel("images")
    axes[0].set_ylabel("bits per pixel")
    style.legend_above(axes[0], 4)


EXHIBIT = Exhibit(measure, text, draw)
