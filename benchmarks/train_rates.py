"""`bitsback train` on images that no bundled model knows: the rate of held-out images beside other
compressors.

    BITSBACK_DATA=FOLDER python benchmarks/train_rates.py                    the four sets below
    BITSBACK_DATA=FOLDER python benchmarks/train_rates.py --only digits      those with this in
    their names python benchmarks/train_rates.py --minutes 2 faces.npy                   your own

The sets are 10,000 images of Fashion-MNIST's training set, unchanged, binarised, and cut to an odd
size; and the 1,797 digits of 8x8 pixels of scikit-learn, if it is installed. Fashion-MNIST comes
from FOLDER, or is downloaded. Needs bitsback[train] and, for JPEG XL, bitsback[bench].
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback_lab.digits import binarise
from bitsback_train.downloads import TRAIN_IMAGES, find
from bitsback_train.export.exporter import Card
from bitsback_train.fit.vae_training import read_idx_images
from bitsback_train.job.evaluation import break_even
from bitsback_train.job.image_set import ImageSet
from bitsback_train.job.job import Settings, train
from bitsback_train.job.one_shape import one_shape, read_one_shape
from bitsback_train.job.vae_job import VaeJob

IMAGES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", nargs="*", help="what 'bitsback train' takes (default: the four sets above)"
    )
    parser.add_argument(
        "--only",
        metavar="TEXT",
        default="",
        help="of the four sets, those with this in their names",
    )
    parser.add_argument(
        "--minutes", type=float, default=10, help="to train each model (default %(default)s)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the numbers as JSON instead of a table"
    )
    options = parser.parse_args()
    notes: list[str] = []
    collections = (
        (read_one_shape(name, 1) for name in options.data)
        if options.data
        else _standard(options.only, notes)
    )
    rows = [row for collection in collections for row in _rows(collection, options.minutes)]
    if rows:
        report(f"bitsback train, {options.minutes:g} minutes each", rows, notes, options.json)
    else:
        print("\n".join(notes))


def _standard(only: str, notes: list[str]) -> Iterator[ImageSet]:
    sets: dict[str, Callable[[], NDArray[Any]]] = {
        "Fashion-MNIST": _clothes,
        "Fashion-MNIST, bilevel": lambda: binarise(_clothes()),
        "Fashion-MNIST, 19x27": lambda: _clothes()[:, 4:23, :27],
        "scikit-learn's digits": _digits,
    }
    for name, images in sets.items():
        if only not in name:
            continue
        try:
            yield one_shape(np.ascontiguousarray(images()), name, 1)
        except (InputError, ImportError) as error:
            notes.append(f"{name}: {error}")


def _clothes() -> NDArray[np.uint8]:
    return read_idx_images(find("fashion-mnist", None) / TRAIN_IMAGES)[:IMAGES]


def _digits() -> NDArray[np.uint8]:
    digits: NDArray[Any] = import_module("sklearn.datasets").load_digits().images
    return digits.astype(np.uint8)


def _rows(collection: ImageSet, minutes: float) -> Iterator[dict[str, Any]]:
    job = VaeJob(collection)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder) / "model.safetensors", minutes, seed=1)
        card = Card("benchmark", "trained by a benchmark", "unspecified", job.item_shape)
        outcome = train(job, card, settings, lambda done, total, rate: None)
    seconds = time.perf_counter() - start
    result = job.evaluate(replace(outcome, seconds=seconds))
    for row in (result.ours, *result.peers):
        ours = row is result.ours
        yield {
            "images": collection.name,
            "compressor": f"{row.name}, {row.unit}",
            "bits_per_pixel": row.rate,
            "over_ours": row.bytes / result.ours.bytes,
            "model_pays_from": None
            if ours
            else break_even(result.ours, row, result.model_bytes) or "never",
            "model_bytes": result.model_bytes if ours else None,
            "training_seconds": seconds if ours else None,
        }


if __name__ == "__main__":
    main()
