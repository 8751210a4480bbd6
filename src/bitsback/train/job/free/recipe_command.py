"""What the scripts in recipes/ run that make free models: prepare pixels, train, export."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bitsback.train.export.exporter import Card
from bitsback.train.export.size_agnostic import export_predictive
from bitsback.train.fit.items import Item, Kind, crops, patches, turned_patches
from bitsback.train.fit.machine import keep_freed_memory
from bitsback.train.fit.pixel_training import CURVE, FreeRecipe, FreeTraining, Share
from bitsback.train.fit.pixels import Pixels, Starts, make_predictor, sample_pixels
from bitsback.train.fit.start_matrices import WORTH, as_starts, no_starts, sum_products
from bitsback.train.twins.pixel_predictor import PredictiveArchitecture

START_ROUNDS = 2  # the second sees what the first one's predictors make of the images


@dataclass(frozen=True)
class Sampled:
    """Kinds of images, of which crops are taken, and of each crop at most so many pixels and at
    most this part. rounds: how often all of it is done.
    """

    kinds: tuple[Kind, ...]
    pixels: int
    part: float = 1.0
    rounds: int = 1


@dataclass(frozen=True)
class Material:
    """What a free model is trained on: photographs, in pictures of patches, and other images."""

    photos: tuple[str, ...]
    """Names of pictures of patches; of their pixels `photo_part` are taken."""
    photo_part: float
    photo_share: float
    """Of each batch."""
    others: tuple[Sampled, ...]
    start_photos: str
    """Every fourth patch of it, and `start_others`, tell what planes start from."""
    start_others: tuple[Kind, ...]
    validation_photos: str
    validation_part: float
    validation: dict[str, Sampled]
    """By what the curve calls them."""


def run_free(
    recipes: Sequence[FreeRecipe],
    architecture: PredictiveArchitecture,
    material: Material,
    card: Card,
) -> None:
    """Train by one recipe after the other, as the command line says, and write the model.

    Each goes on from the average of the one before it. Run again, it goes on from its checkpoints.
    """
    parser = argparse.ArgumentParser(description=f"Train {card.name}: {card.about}.")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the photographs")
    parser.add_argument(
        "--images", type=Path, required=True, help="folder with train/KIND/*.npy and val/KIND/*.npy"
    )
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
    keep_freed_memory()
    folders = Folders(arguments.photos, arguments.images, material, architecture)
    starts = folders.learn_starts()
    shares = folders.shares(starts)
    validation = folders.validation(starts)
    training = run_parts(recipes, architecture, shares, validation, arguments.out, arguments.device)
    export(training, starts, card, arguments.out)


def run_parts(
    recipes: Sequence[FreeRecipe],
    architecture: PredictiveArchitecture,
    shares: list[Share],
    validation: dict[str, Pixels],
    out: Path,
    device: str,
) -> FreeTraining:
    """One recipe after the other, each from the average of the one before it; the last training."""
    training = None
    for recipe in recipes:
        learned = None if training is None else training.last_twin().state_dict()
        training = FreeTraining(
            recipe, architecture, shares, validation, out / recipe.name,
            learned=learned, device=device,
        )  # fmt: skip
        while training.step < recipe.steps:
            training.run(training.step + recipe.validate_every)
            print(training.rows[-1], flush=True)
        print(f"the curve is in {training.folder / CURVE}")
    assert training is not None
    return training


def export(training: FreeTraining, starts: Starts, card: Card, out: Path) -> None:
    """Writes the model of the best weights."""
    model = export_predictive(training.best_twin(), starts, card)
    path = out / f"{card.name}.safetensors"
    path.write_bytes(model.to_bytes())
    print(f"wrote {path}")


@dataclass(frozen=True)
class Folders:
    """Material where it lies. All that is drawn is drawn by fixed seeds."""

    photos: Path
    images: Path
    material: Material
    architecture: PredictiveArchitecture

    def learn_starts(self) -> Starts:
        """From photographs and from other images, which count alike."""
        m = self.material
        random = np.random.default_rng(0)
        photos = [Item(one[np.newaxis], 256) for one in patches(self.photos / m.start_photos)[::4]]
        others = self._crops("train", m.start_others, random)
        starts = no_starts(self.architecture)
        for _ in range(START_ROUNDS):
            both = [
                sum_products(self.architecture, starts, items).means() for items in (photos, others)
            ]
            means = [(one + other) / 2 for one, other in zip(*both, strict=True)]
            starts = as_starts(means, WORTH)
        return starts

    def shares(self, starts: Starts) -> list[Share]:
        m = self.material
        predictor = make_predictor(self.architecture, starts)
        photos: list[Pixels] = []
        for number, name in enumerate(m.photos, 1):
            random = np.random.default_rng(number)
            items = turned_patches(self.photos / name, random)
            photos += sample_pixels(predictor, items, m.photo_part, random)
        others: list[Pixels] = []
        seed = 1_000
        for sampled in m.others:
            for _ in range(sampled.rounds):
                others += self._sample("train", sampled, starts, seed)
                seed += 1
        return [
            Share(Pixels.joined(photos), m.photo_share),
            Share(Pixels.joined(others), 1 - m.photo_share),
        ]

    def validation(self, starts: Starts) -> dict[str, Pixels]:
        m = self.material
        random = np.random.default_rng(5)
        predictor = make_predictor(self.architecture, starts)
        photos = [Item(one[np.newaxis], 256) for one in patches(self.photos / m.validation_photos)]
        found = {
            "photos": Pixels.joined(sample_pixels(predictor, photos, m.validation_part, random))
        }
        for name, sampled in m.validation.items():
            found[name] = Pixels.joined(self._sample("val", sampled, starts, 5))
        return found

    def _crops(
        self, split: str, kinds: tuple[Kind, ...], random: np.random.Generator
    ) -> list[Item]:
        return [item for kind in kinds for item in crops(self.images / split, kind, random)]

    def _sample(self, split: str, sampled: Sampled, starts: Starts, seed: int) -> list[Pixels]:
        random = np.random.default_rng(seed)
        predictor = make_predictor(self.architecture, starts)
        found: list[Pixels] = []
        for item in self._crops(split, sampled.kinds, random):
            part = min(sampled.part, sampled.pixels / item.symbols.size)
            found += sample_pixels(predictor, [item], part, random)
        return found
