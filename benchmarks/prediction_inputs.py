"""Which pixels least squares should see: those that help least are left out in turn.

    python benchmarks/prediction_inputs.py PHOTOS
    python benchmarks/prediction_inputs.py PHOTOS --pictures astronaut.png coffee.png chelsea.png

PHOTOS is as for prediction_parts.py; every 16th patch of patches_00.webp is coded, and 256 rows and
400 columns of each picture. The measure is the bits per sub-pixel if the residual were coded by a
Laplace distribution whose width is chosen in hindsight for each channel and class of recent error,
relative to the inputs of an earlier `universal-fast`; the mean of patches and pictures. No network
is trained.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray

from bitsback import _core
from bitsback.images.picture_files import read_pixels
from bitsback_train.fit.items import Item, flat, patches
from bitsback_train.fit.pixels import make_predictor
from bitsback_train.fit.start_matrices import no_starts
from bitsback_train.network.pixel_predictor import (
    LinearPredictor,
    Offset,
    Places,
    PredictiveArchitecture,
)

EARLIER = LinearPredictor(Places.nearest(10, 5, 2), 8, (86, 72, 72))
FROM, TO = Places.nearest(12, 9, 4), 14
PLANES = ("own", "first", "second")
KEPT = {"own": ((0, -1), (-1, 0), (-1, -1), (-1, 1)), "first": ((0, 0),), "second": ((0, 0),)}
"""Inputs that are not left out."""
ROUNDING = 0.25  # levels that are added to a residual, which is never exactly 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of the photographs")
    parser.add_argument("--pictures", type=Path, nargs="+", default=[], help="in colour")
    parser.add_argument(
        "--decay", type=int, nargs=3, default=(80, 66, 66), help="default %(default)s"
    )
    parser.add_argument("--ridge", type=int, default=128, help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    photos = [_item(one) for one in patches(options.photos / "patches_00.webp")[3::16]]
    sets = [photos, *([_item(read_pixels(path)[:256, :400])] for path in options.pictures)]
    earlier = [bits((EARLIER,), items) for items in sets]

    def measured(one: LinearPredictor) -> dict[str, Any]:
        ratios = [bits((one,), items) / of for items, of in zip(sets, earlier, strict=True)]
        pictures = ratios[1:] or ratios
        return {"of_patches": ratios[0], "of_pictures": float(np.mean(pictures))}

    def score(row: dict[str, Any]) -> float:
        return float(row["of_patches"] + row["of_pictures"])

    a, b, c = options.decay
    chosen = LinearPredictor(FROM, EARLIER.cell, (a, b, c), options.ridge)
    rows = [
        {"inputs": 17, "left_out": "the nearest, with an earlier decay and ridge"}
        | measured(EARLIER),
        {"inputs": chosen.places.count(2), "left_out": "none"} | measured(chosen),
    ]
    while chosen.places.count(2) > TO:
        start = time.perf_counter()
        tried = [
            (score(found := measured(replace(chosen, places=places))), left_out, places, found)
            for left_out, places in _smaller(chosen.places)
        ]
        _, left_out, places, found = min(tried, key=lambda one: one[0])
        chosen = replace(chosen, places=places)
        rows.append({"inputs": places.count(2), "left_out": left_out} | found)
        report(f"{time.perf_counter() - start:.0f} seconds", rows[-1:], [str(places)], options.json)
    report("relative to the inputs that ship", rows, [], options.json)


def _item(picture: NDArray[np.uint8]) -> Item:
    return Item(np.ascontiguousarray(picture[..., :3])[np.newaxis], 256)


def _smaller(places: Places) -> Iterator[tuple[str, Places]]:
    """The places without one of them, and which that is."""
    for plane in PLANES:
        offsets: tuple[Offset, ...] = getattr(places, plane)
        for offset in offsets:
            if offset not in KEPT[plane]:
                rest = tuple(one for one in offsets if one != offset)
                yield f"{plane} {offset}", replace(places, **{plane: rest})


def bits(predictors: tuple[LinearPredictor, ...], items: list[Item]) -> float:
    """Bits per sub-pixel of items, for residuals many levels wide; classes are those of items in
    colour.
    """
    symbols = flat(items)
    core = core_of(predictors)
    _, predictions, units = core.contexts(symbols, [item.shape for item in items])
    residuals = np.abs(256 * symbols.astype(np.int64) - predictions) / 256 + ROUNDING
    classes = 3 * units.astype(np.int64) + np.arange(len(symbols)) % 3
    counts, sums = np.bincount(classes), np.bincount(classes, residuals)
    counts, sums = counts[counts > 0], sums[counts > 0]
    return float((counts * np.log2(2 * np.e * sums / counts)).sum() / len(symbols))


def core_of(predictors: tuple[LinearPredictor, ...]) -> _core.Predictor:
    """The core's predictor with these, whose network would see one pixel."""
    architecture = PredictiveArchitecture(predictors, Places.nearest(1, 0, 0))
    return make_predictor(architecture, no_starts(architecture))


if __name__ == "__main__":
    main()
