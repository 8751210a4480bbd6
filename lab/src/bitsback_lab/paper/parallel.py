"""Speed by threads, by lanes and by the number of images that the networks process at once,
measured on this machine.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import bitsback
from bitsback import Model, load_model
from bitsback.coding import chain
from bitsback.work import check_threads
from bitsback_lab.bench.process import processor
from bitsback_lab.paper import style
from bitsback_lab.paper.coding import Symbols, as_symbols
from bitsback_lab.paper.exhibits import TIMED, Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist
from bitsback_lab.peers.units import Images

MODELS = ("mnist-binary", "mnist")
BLOCKS = 16
MOST_THREADS = 8
LANES = (1, 2, 4, 8, 16)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
IMAGES = 2000
"""The images of a block, for lanes and batches."""
REPEATS = 5


def measure(conditions: Conditions) -> Numbers:
    models = []
    for name in conditions.each(MODELS):
        model = load_model(name)
        images = mnist(model.levels)
        x = as_symbols(images[:IMAGES])
        models.append(
            {
                "model": name,
                "threads": _threads(model, images),
                "lanes": _lanes(model, x),
                "batches": _batches(model, x),
            }
        )
    return {TIMED: {"processor": processor(), "cores": check_threads(None), "models": models}}


def _threads(model: Model, images: Images) -> list[Numbers]:
    block = -(-len(images) // BLOCKS)
    rows = []
    threads = 1
    while threads <= min(check_threads(None), MOST_THREADS):
        rows.append({"threads": threads, **_archive(model, images, block, threads)})
        threads *= 2
    return rows


def _archive(model: Model, images: Images, block: int, threads: int) -> Numbers:
    def compress() -> io.BytesIO:
        buffer = io.BytesIO()
        bitsback.compress(images, buffer, model=model, block=block, threads=threads)
        return buffer

    archive = compress().getvalue()
    return {
        "compress": _speed(images.size, compress, time.perf_counter),
        "decompress": _speed(
            images.size,
            lambda: bitsback.decompress(io.BytesIO(archive), threads=threads),
            time.perf_counter,
        ),
    }


def _lanes(model: Model, x: Symbols) -> list[Numbers]:
    """The speeds of a block in growing batches, as an archive has them."""
    return [
        {
            "lanes": lanes,
            **_chain(model, x, lanes, chain.schedule(len(x), model.growth, model.batch)),
        }
        for lanes in LANES
    ]


def _batches(model: Model, x: Symbols) -> list[Numbers]:
    """The speeds of a block in 4 lanes with batches of one size."""
    return [
        {
            "batch": batch,
            **_chain(model, x, 4, _of_one_size(len(x), batch)),
        }
        for batch in BATCHES
    ]


def _of_one_size(items: int, batch: int) -> list[tuple[int, int]]:
    whole, rest = divmod(items, batch)
    return [(batch, whole)] * (whole > 0) + [(rest, 1)] * (rest > 0)


def _chain(model: Model, x: Symbols, lanes: int, batches: list[tuple[int, int]]) -> Numbers:
    """Speeds of the chain alone, without the container."""
    start = chain.initial(bytes(range(32)), lanes)
    full = start.copy()
    model.push(full, x, batches)
    return {
        "push": _speed(x.size, lambda: model.push(start.copy(), x, batches), time.process_time),
        "pop": _speed(x.size, lambda: model.pop(full.copy(), batches[::-1]), time.process_time),
    }


def _speed(pixels: int, work: Callable[[], object], clock: Callable[[], float]) -> float:
    """10^6 pixels per second in the fastest of some runs, which other load on the machine has
    disturbed least.
    """
    seconds = []
    for _ in range(REPEATS):
        start = clock()
        work()
        seconds.append(clock() - start)
    return pixels / min(seconds) / 1e6


def text(numbers: Numbers) -> str:
    timed = numbers[TIMED]
    parts = [
        "Blocks are independent, so threads share them. Within a block the lanes of the message let"
        " the processor overlap its steps, and the networks process a batch of images at once. The"
        f" tables have millions of pixels a second on this machine ({timed['processor']},"
        f" {timed['cores']} cores), the best of {REPEATS} runs. Threads are measured by the clock,"
        " lanes and batches in processor time:"
    ]
    for model in timed["models"]:
        threads, lanes, batches = model["threads"], model["lanes"], model["batches"]
        rows = [
            [what, *(fixed(row[what], 0) for row in threads)] for what in ("compress", "decompress")
        ]
        parts.append(
            table(
                [
                    f"`{model['model']}`, {BLOCKS} blocks, threads",
                    *(str(row["threads"]) for row in threads),
                ],
                rows,
            )
        )
        rows = [[what, *(fixed(row[what], 0) for row in lanes)] for what in ("push", "pop")]
        parts.append(
            table(
                [f"`{model['model']}`, one thread, lanes", *(str(row["lanes"]) for row in lanes)],
                rows,
            )
        )
        rows = [[what, *(fixed(row[what], 0) for row in batches)] for what in ("push", "pop")]
        parts.append(
            table(
                [f"`{model['model']}`, one thread, batch", *(str(row["batch"]) for row in batches)],
                rows,
            )
        )
    return "\n\n".join(parts)


# What a panel shows: its rows, their key on the horizontal axis, its label, and the two speeds.
_PANELS = (
    ("threads", "threads", "threads, 16 blocks", ("compress", "decompress")),
    ("lanes", "lanes", "lanes", ("push", "pop")),
    ("batches", "batch", "images at once", ("push", "pop")),
)


@style.picture("parallel", 3.2, columns=len(_PANELS))
def draw(axes: Any, numbers: Numbers) -> None:
    models = numbers[TIMED]["models"]
    for panel, (part, key, label, ways) in zip(axes, _PANELS, strict=True):
        lines = zip(style.LINES, style.MARKERS, strict=True)
        for model in models:
            for way, short in zip(ways, ("in", "out"), strict=True):
                line, marker = next(lines)
                points = [(row[key], row[way]) for row in model[part]]
                panel.plot(
                    *zip(*points, strict=True),
                    marker=marker,
                    label=f"{model['model']}, {short}",
                    **line,
                )
        ticks = [row[key] for row in models[0][part]]
        ticks = ticks[::2] if len(ticks) > 5 else ticks
        panel.set_xscale("log", base=2)
        panel.set_xticks(ticks, [str(tick) for tick in ticks])
        panel.minorticks_off()
        panel.set_ylim(0, None)
        panel.set_xlabel(label)
    axes[0].set_ylabel("10^6 pixels a second")
    style.legend_above(axes[0], 4)


EXHIBIT = Exhibit(measure, text, draw)
