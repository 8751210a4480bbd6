"""The gain of each part of a size-agnostic model in rate and speed: least squares, the window, the
known planes, the network's width, the logistics.

    python benchmarks/prediction_parts.py PHOTOS
    python benchmarks/prediction_parts.py PHOTOS --steps 500 --only "as it ships" "MED alone"
    python benchmarks/prediction_parts.py PHOTOS --steps 40 --repeats 9          speed, sooner

PHOTOS holds patches_00.webp to patches_03.webp and val_00.webp, as for the recipe universal. Each
variant learns from the same pictures for the same number of steps, far fewer than the bundled
model, and is measured on the validation photographs as an integer model. Speeds are those of the
least seconds of the processor in several runs, relative to the first variant, which is timed again
beside each of the others, in turns; they hardly depend on the training. Needs bitsback[train].
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import report

from bitsback.message import Message
from bitsback.models import Model
from bitsback_train.export.exporter import Card
from bitsback_train.export.size_agnostic import export_predictive
from bitsback_train.fit.items import Item, flat, patches, turned_patches
from bitsback_train.fit.pixel_training import PixelTraining, Share, pixel_recipe
from bitsback_train.fit.pixels import Pixels, Starts, make_predictor, sample_pixels
from bitsback_train.fit.start_matrices import PSEUDO_COUNT, as_starts, no_starts, sum_products
from bitsback_train.network.pixel_predictor import (
    LinearPredictor,
    Places,
    PredictiveArchitecture,
    nearest,
)

SHIPPED = PredictiveArchitecture()
LARGE, SMALL = SHIPPED.predictors
# Its weights stay near zero, so its prediction is MED.
MED = LinearPredictor(Places.nearest(1, 0, 0), 32, (0, 0, 0), ridge=1 << 20)
SMALLEST = LinearPredictor(Places.nearest(10, 5, 2), 8, (86, 72, 72))
MORE_INPUTS = replace(SMALLEST, places=Places.nearest(14, 6, 2))
FAST = PredictiveArchitecture((SMALLEST,), Places.nearest(24, 15, 9), 64, 0, 3)
SMALL_WINDOW = Places.nearest(16, 10, 6)
# By prediction_inputs.py: of a known plane not the pixels below, but those where the plane itself
# has inputs, and the next one.
KNOWN = ((0, 0), (-1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1))
CHOSEN = LinearPredictor(
    Places((*nearest(9, True)[:6], (-2, 1), (-1, -2), (-1, 2)), KNOWN, KNOWN[:3]),
    8,
    (80, 66, 66),
    ridge=256,
)
NARROW = replace(FAST, window=Places.nearest(12, 9, 5), hidden=32)
VARIANTS = {
    "as it ships": SHIPPED,
    "fast": FAST,
    "fast, hidden layer of 48": replace(FAST, hidden=48),
    "fast, hidden layer of 80": replace(FAST, hidden=80),
    "fast, hidden layer of 96": replace(FAST, hidden=96),
    "fast, hidden layer of 128": replace(FAST, hidden=128),
    "fast, hidden layer of 48, a residual layer": replace(FAST, hidden=48, residuals=1),
    "fast, a residual layer": replace(FAST, residuals=1),
    "fast, hidden layer of 48, 14, 6 and 2 inputs": replace(
        FAST, predictors=(MORE_INPUTS,), hidden=48
    ),
    "fast, 14, 6 and 2 inputs": replace(FAST, predictors=(MORE_INPUTS,)),
    "fast, 14, 6 and 2 inputs in cells of 16": replace(
        FAST, predictors=(replace(MORE_INPUTS, cell=16),)
    ),
    "fast, 14, 6 and 2 inputs, a residual layer": replace(
        FAST, predictors=(MORE_INPUTS,), residuals=1
    ),
    "fast, 16, 9 and 5 inputs": replace(FAST, predictors=(LARGE,)),
    "fast, two predictors": replace(FAST, predictors=(SMALLEST, SMALL)),
    "fast, two predictors, a residual layer": replace(
        FAST, predictors=(SMALLEST, SMALL), residuals=1
    ),
    "fast, small window, hidden layer of 96": replace(FAST, window=SMALL_WINDOW, hidden=96),
    "fast, small window, hidden layer of 80": replace(FAST, window=SMALL_WINDOW, hidden=80),
    "fast, small window, hidden layer of 48, a residual layer": replace(
        FAST, window=SMALL_WINDOW, hidden=48, residuals=1
    ),
    "fast, small window, 14, 6 and 2 inputs": replace(
        FAST, window=SMALL_WINDOW, predictors=(MORE_INPUTS,)
    ),
    "fast, small window, two predictors, hidden layer of 48": replace(
        FAST, window=SMALL_WINDOW, predictors=(SMALLEST, SMALL), hidden=48
    ),
    "fast, chosen inputs": replace(FAST, predictors=(CHOSEN,)),
    "fast, chosen inputs, small window, hidden layer of 80": replace(
        FAST, predictors=(CHOSEN,), window=SMALL_WINDOW, hidden=80
    ),
    "fast, 5 logistics": replace(FAST, components=5),
    "fast, narrow": NARROW,
    "fast, narrow, the smaller predictor alone": replace(NARROW, predictors=(SMALL,)),
    "fast, narrow, a residual layer": replace(NARROW, residuals=1),
    "fast, narrow, a residual layer, two predictors": replace(
        NARROW, predictors=(SMALLEST, SMALL), residuals=1
    ),
    "MED alone": replace(SHIPPED, predictors=(MED,)),
    "the larger predictor alone": replace(SHIPPED, predictors=(LARGE,)),
    "the smaller predictor alone": replace(SHIPPED, predictors=(SMALL,)),
    "window of 12, 9 and 5": replace(SHIPPED, window=Places.nearest(12, 9, 5)),
    "window of 24, 13 and 5": replace(SHIPPED, window=Places.nearest(24, 13, 5)),
    "window of 80, 37 and 13": replace(SHIPPED, window=Places.nearest(80, 37, 13)),
    "no second known plane": replace(
        SHIPPED,
        predictors=(
            replace(LARGE, places=Places.nearest(16, 9, 0)),
            replace(SMALL, places=Places.nearest(6, 5, 0)),
        ),
        window=Places.nearest(44, 21, 0),
    ),
    "hidden layers of 48": replace(SHIPPED, hidden=48),
    "hidden layers of 192": replace(SHIPPED, hidden=192),
    "no residual layers": replace(SHIPPED, residuals=0),
    "one logistic": replace(SHIPPED, components=1),
    "3 logistics": replace(SHIPPED, components=3),
    "10 logistics": replace(SHIPPED, components=10),
}
TRAINED_ON = tuple(f"patches_{number:02}.webp" for number in range(1, 4))
PART = 0.3  # the share of their pixels
CARD = Card("part", "a variant of the universal model", "CC-BY-SA-4.0")
LANES = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of the photographs")
    parser.add_argument("--steps", type=int, default=3_000, help="default %(default)s")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--patches", type=int, default=128, help="coded (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    coded = items_of(options.photos / "val_00.webp")[:: 1024 // options.patches]
    rows: list[dict[str, Any]] = []
    first: Model | None = None
    for name in options.only:
        model, architecture = _trained(VARIANTS[name], options.photos, options.steps)
        first = first or model
        rows.append({"variant": name} | _measured(model, first, coded, options.repeats))
        rows[-1]["context_bytes"] = architecture.width
        rows[-1]["rate_over_first"] = rows[-1]["bits_per_sub-pixel"] / rows[0]["bits_per_sub-pixel"]
        report(f"{options.steps} steps, {len(coded)} patches", rows[-1:], [], options.json)
    report(f"all, {options.steps} steps, {len(coded)} patches", rows, [], options.json)


def items_of(path: Path) -> list[Item]:
    return [Item(one[np.newaxis], 256) for one in patches(path)]


def starts_of(architecture: PredictiveArchitecture, photos: Path) -> Starts:
    starts = no_starts(architecture)
    for _ in range(2):
        sums = sum_products(architecture, starts, items_of(photos / "patches_00.webp")[::4])
        starts = as_starts(sums.means(), PSEUDO_COUNT)
    return starts


def _trained(
    architecture: PredictiveArchitecture, photos: Path, steps: int
) -> tuple[Model, PredictiveArchitecture]:
    starts = starts_of(architecture, photos)
    predictor = make_predictor(architecture, starts)
    random = np.random.default_rng(1)
    pixels = [
        found
        for name in TRAINED_ON
        for found in sample_pixels(predictor, turned_patches(photos / name, random), PART, random)
    ]
    checked = sample_pixels(predictor, items_of(photos / "val_00.webp")[::8], 0.2, random)
    recipe = pixel_recipe(
        "part", architecture, steps, int(0.7 * steps), max(1, steps // 4), constant=0.2,
        warm_up=100, average=0.01, batch=4_096,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        training = PixelTraining(
            recipe,
            [Share(Pixels.joined(pixels), 1.0)],
            {"photos": Pixels.joined(checked)},
            Path(folder),
        )
        training.run()
        return export_predictive(training.best_module(), starts, CARD), architecture


def _measured(model: Model, first: Model, items: list[Item], repeats: int) -> dict[str, Any]:
    """Bits per sub-pixel of items that come back, 10^6 sub-pixels per second, and both speeds
    relative to those of the first model in the same minute.
    """
    both = _Timed(model, items), _Timed(first, items)
    for timed in both:  # to warm up
        timed.run()
    for _ in range(repeats):
        for timed in both:
            timed.run(keep=True)
    (push, pop), (first_push, first_pop) = (timed.speeds() for timed in both)
    return {
        "bits_per_sub-pixel": 8 * both[0].size / len(both[0].symbols),
        "push_MB/s": push,
        "pop_MB/s": pop,
        "push_over_first": push / first_push,
        "pop_over_first": pop / first_pop,
    }


class _Timed:
    """A model that codes the same items repeatedly."""

    def __init__(self, model: Model, items: list[Item]) -> None:
        self.model, self.size = model.bind([(1, item.shape) for item in items]), 0
        self.symbols = flat(items)
        self._seconds: list[tuple[float, float]] = []

    def run(self, keep: bool = False) -> None:
        """Pushes and pops them once. keep: whether the times count."""
        message = Message(np.full(LANES, 1 << 32, np.uint64))
        start = time.process_time()
        self.model.push(message, self.symbols)
        middle = time.process_time()
        self.size = len(message.to_bytes())
        popping = time.process_time()
        popped = self.model.pop(message)
        end = time.process_time()
        if not np.array_equal(popped, self.symbols):
            raise SystemExit("the patches were not restored")
        if keep:
            self._seconds.append((middle - start, end - popping))

    def speeds(self) -> tuple[float, float]:
        """10^6 sub-pixels a second of the processor at best, pushing and popping."""
        pushing, popping = (min(seconds) for seconds in zip(*self._seconds, strict=True))
        return len(self.symbols) / pushing / 1e6, len(self.symbols) / popping / 1e6


if __name__ == "__main__":
    main()
