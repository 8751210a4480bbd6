"""One predictor of least squares or two, of which inputs, and in cells of which size.

    python benchmarks/prediction_predictors.py PHOTOS IMAGES

PHOTOS and IMAGES are as for the recipe universal. Every 32nd patch of patches_00.webp is coded,
two parts of a mosaic of patches, and crops of other images. The measure is that of
prediction_inputs.py, relative to the predictor of `universal-fast`; the microseconds, of
a sub-pixel of the mosaic, are those of predictions and errors. No network is trained.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from PIL import Image
from prediction_inputs import bits, core_of
from prediction_parts import CHOSEN, KNOWN, LARGE, SMALL

from bitsback_train.fit.items import VOLUME, Crop, Item, Kind, crops, flat, patches
from bitsback_train.network.pixel_predictor import LinearPredictor, Places, nearest

NEAREST = nearest(10, True)
OF_KNOWN = (*KNOWN, (1, 0))


def predictor(
    own: tuple[tuple[int, int], ...], first: int, second: int, cell: int, *decay: int
) -> LinearPredictor:
    above, left, right = decay
    return LinearPredictor(
        Places(own, OF_KNOWN[:first], OF_KNOWN[:second]), cell, (above, left, right), 256
    )


FOUR = predictor(NEAREST[:4], 3, 1, 4, 70, 62, 62)
TWELVE = (*NEAREST, (0, -3), (-1, -3))
SETS: dict[str, tuple[LinearPredictor, ...]] = {
    "9, 6 and 3 in cells of 8 (universal-fast)": (CHOSEN,),
    "16, 9 and 5 in cells of 8; 6, 5 and 1 in cells of 4 (universal)": (LARGE, SMALL),
    "16, 9 and 5 in cells of 8": (LARGE,),
    "12, 7 and 4 in cells of 8": (predictor(TWELVE, 7, 4, 8, 80, 66, 66),),
    "9, 6 and 3 in cells of 8; 6, 5 and 1 in cells of 4": (CHOSEN, SMALL),
    "9, 6 and 3 in cells of 8; 4, 3 and 1 in cells of 4": (CHOSEN, FOUR),
    "9, 6 and 3 in cells of 8; 2, 1 and 1 in cells of 4": (
        CHOSEN,
        predictor(NEAREST[:2], 1, 1, 4, 70, 62, 62),
    ),
    "14, 7 and 4 in cells of 16; 4, 3 and 1 in cells of 4": (
        predictor(nearest(14, True), 7, 4, 16, 83, 69, 69),
        FOUR,
    ),
    "12, 7 and 4 in cells of 16; 4, 3 and 1 in cells of 8": (
        predictor(TWELVE, 7, 4, 16, 82, 66, 66),
        predictor(NEAREST[:4], 3, 1, 8, 60, 54, 54),
    ),
    "10, 6 and 3 in cells of 16; 4, 1 and 1 in cells of 8": (
        predictor(NEAREST, 6, 3, 16, 82, 66, 66),
        predictor(NEAREST[:4], 1, 1, 8, 60, 54, 54),
    ),
    "9, 6 and 3 in cells of 16": (predictor(CHOSEN.places.own, 6, 3, 16, 78, 62, 62),),
}
KINDS = "med16", "grey8", VOLUME, "multi", "aerial"
CROPS = 24  # of each kind
MOSAIC = "mosaic"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of the photographs")
    parser.add_argument("images", type=Path, help="folder of other images")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    sets = _items(options.photos, options.images)
    symbols = sum(item.symbols.size for item in sets[MOSAIC])
    rows: list[dict[str, Any]] = []
    first: dict[str, float] = {}
    for name, predictors in SETS.items():
        found = {kind: bits(predictors, items) for kind, items in sets.items()}
        first = first or found
        microseconds = min(_seconds(predictors, sets[MOSAIC]) for _ in range(5)) / symbols * 1e6
        relative = {kind: of / first[kind] for kind, of in found.items()}
        rows.append({"predictors": name} | relative | {"us": microseconds})
    report("relative to the first", rows, [], options.json)


def _seconds(predictors: tuple[LinearPredictor, ...], items: list[Item]) -> float:
    """Those of the processor."""
    core, symbols, shapes = core_of(predictors), flat(items), [item.shape for item in items]
    start = time.process_time()
    core.contexts(symbols, shapes)
    return time.process_time() - start


def _items(photos: Path, images: Path) -> dict[str, list[Item]]:
    random = np.random.default_rng(1)
    sets: dict[str, list[Item]] = {
        "patches": [
            Item(one[np.newaxis], 256) for one in patches(photos / "patches_00.webp")[3::32]
        ]
    }
    mosaic = np.asarray(Image.open(photos / "patches_05.webp").convert("RGB"))
    parts = mosaic[:256, :400], mosaic[1024:1280, 512:912]
    sets[MOSAIC] = [Item(np.ascontiguousarray(part)[np.newaxis], 256) for part in parts]
    for kind in KINDS:
        found = list(crops(images / "train", Kind(kind, 1, Crop(6, 128)), random))
        sets[kind] = found[:: max(1, len(found) // CROPS)][:CROPS]
    return sets


if __name__ == "__main__":
    main()
