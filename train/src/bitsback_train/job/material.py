"""Training material for the networks of a model of the codec `wavefront`: the base model, its start
matrices, and pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from bitsback import _core
from bitsback.errors import InputError
from bitsback.models import Model, load_model
from bitsback.models.distributions.wavefront import WavefrontDistribution
from bitsback.work import ordered_map
from bitsback_train.export.exporter import Card
from bitsback_train.export.wavefronts import distribution_of, new_model, restored
from bitsback_train.fit.items import Item, together
from bitsback_train.fit.pixel_training import mean_bits
from bitsback_train.fit.pixels import MOST_REFERENCES, Pixels, count_pixels, sample_pixels
from bitsback_train.fit.start_matrices import (
    PSEUDO_COUNT,
    Start,
    Sums,
    adapted,
    no_start,
    sum_products,
)
from bitsback_train.job.image_set import ImageSet
from bitsback_train.network.wavefront import PixelNetwork

UNIVERSAL, UNIVERSAL_DEEP = "universal", "universal-16"
"""The models to start from for up to 256 levels, and for more."""
NONE = "none"
HIDDEN, RESIDUAL = 96, 2
"""The sizes of networks without a model to start from: those of `universal`."""
GROUP = 1 << 18  # symbols of the items that are processed together, unless one has more
MOST_PIXELS = 6_000_000  # for training, sixty bytes each
PSEUDO_COUNTS = (PSEUDO_COUNT, 4 * PSEUDO_COUNT, 16 * PSEUDO_COUNT, 64 * PSEUDO_COUNT)
"""The pseudo-counts to try for start matrices. The best one is used."""

KEPT = 0.0  # instead of a pseudo-count: the matrices of the base
MOST_SUMMED = 1 << 19  # symbols for learning start matrices
MOST_CHOSEN_BY = 1 << 16  # symbols of validation images for choosing among start matrices
MOST_VALIDATED = 1 << 18  # symbols of validation images for choosing among weights

Symbols = int
ByReferences = dict[int, Pixels]
"""Pixels by the number of references of their plane; numbers that do not occur are left out."""


@dataclass(frozen=True, eq=False)
class Base:
    """The model to start from. learned: whether its weights were trained, not drawn at random."""

    model: Model
    distribution: WavefrontDistribution
    networks: tuple[PixelNetwork, ...]
    """Their weights are rounded."""
    learned: bool

    def settings(self, start: Start) -> _core.Wavefront:
        """The settings of the codec with other start matrices."""
        return replace(self.distribution, start=start).settings

    def pixels(self, start: Start, items: list[Item]) -> ByReferences:
        """All pixels of the items."""
        settings, random = self.settings(start), np.random.default_rng(0)
        return _joined([_sample(settings, group, 1, random) for group in together(items, GROUP)])

    def bits(self, pixels: ByReferences) -> dict[int, float]:
        """Bits per pixel of each network."""
        return {r: mean_bits(self.networks[r], own) for r, own in pixels.items()}


def weighted(pixels: ByReferences, bits: dict[int, float]) -> float:
    """The mean bits of all pixels, from the mean for each number of references."""
    return sum(len(own) * bits[r] for r, own in pixels.items()) / sum(map(len, pixels.values()))


def load_base(name: str | None, levels: int, seed: int) -> Base:
    """A model by its name, a model file, `none`, or the bundled one for so many levels. seed: of
    random weights. Raises ModelError if it is missing, InputError if training cannot start from
    it.
    """
    learned = name != NONE
    if learned:
        name = name or (UNIVERSAL if levels <= 256 else UNIVERSAL_DEEP)
        model = load_model(name)
        distribution = distribution_of(model, name)
        networks = restored(distribution)
    else:
        torch.manual_seed(seed)
        networks = tuple(PixelNetwork(r, HIDDEN, RESIDUAL) for r in range(MOST_REFERENCES + 1))
        most = 256 if levels <= 256 else 65_536
        model = new_model(Card(NONE, "", ""), most, networks, no_start())
        distribution = distribution_of(model, NONE)
    if model.levels < levels:
        raise InputError(
            f"{name}: is for up to {model.levels:,} levels, and the images have {levels:,}; start"
            f" from {UNIVERSAL_DEEP}"
        )
    for network in networks:
        network.quantise()
    return Base(model, distribution, networks, learned)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The training material. symbols: the number of symbols from which pixels were taken."""

    start: Start
    train: ByReferences
    validation: ByReferences
    symbols: Symbols


@dataclass(frozen=True)
class Amounts:
    """The numbers of symbols to process: see MOST_SUMMED, MOST_CHOSEN_BY and MOST_VALIDATED."""

    summed: Symbols
    chosen_by: Symbols
    validated: Symbols

    @classmethod
    def within(cls, seconds: float) -> "Amounts":
        """The amounts that leave most of the time for training."""
        return cls(
            min(MOST_SUMMED, int(10_000 * seconds)),
            min(MOST_CHOSEN_BY, int(1_000 * seconds)),
            min(MOST_VALIDATED, int(3_000 * seconds)),
        )


def choose_start(base: Base, images: ImageSet, amounts: Amounts, seed: int) -> tuple[Start, float]:
    """The start matrices with which the untrained base is best on validation images."""
    validation = _draw(images.items(images.validation), amounts.chosen_by, seed)
    sums = _sums(base, images, amounts, seed)
    choices: list[tuple[float, Start]] = [
        (float(pseudo_count), adapted(sums, base.distribution.start, pseudo_count))
        for pseudo_count in PSEUDO_COUNTS
    ]
    if base.learned:
        choices.insert(0, (KEPT, base.distribution.start))
    found: list[tuple[float, float, Start]] = []
    for pseudo_count, start in choices:
        pixels = base.pixels(start, validation)
        found.append((weighted(pixels, base.bits(pixels)), pseudo_count, start))
    _, pseudo_count, start = min(found, key=lambda choice: choice[0])
    return start, pseudo_count


def start_of_count(
    base: Base, images: ImageSet, amounts: Amounts, pseudo_count: float, seed: int
) -> Start:
    """The start matrices of `choose_start` for a known pseudo-count."""
    if pseudo_count == KEPT:
        return base.distribution.start
    return adapted(_sums(base, images, amounts, seed), base.distribution.start, pseudo_count)


def _sums(base: Base, images: ImageSet, amounts: Amounts, seed: int) -> Sums:
    items = _draw(images.items(images.train), amounts.summed, seed)
    return sum_products(base.settings(base.distribution.start), items)


def prepare(
    base: Base,
    images: ImageSet,
    start: Start,
    amounts: Amounts,
    seed: int,
    threads: int,
    enough: Callable[[Symbols], bool],
) -> Prepared:
    """Reads the images in random order until `enough` is true for the symbols so far, or to the
    end.

    The same symbols give the same pixels for any number of threads.
    """
    settings = base.settings(start)
    validation = base.pixels(start, _draw(images.items(images.validation), amounts.validated, seed))
    items = images.items(images.train)
    order = np.random.default_rng(seed).permutation(len(items))
    groups = list(together([items[number] for number in order], GROUP))
    part = min(1.0, MOST_PIXELS / sum(item.symbols.size for item in items))

    def sample(number: int) -> ByReferences:
        return _sample(settings, groups[number], part, np.random.default_rng((seed, number)))

    train: list[ByReferences] = []
    symbols = 0
    samples = ordered_map(sample, range(len(groups)), threads)
    for group, pixels in zip(groups, samples, strict=True):
        train.append(pixels)
        symbols += sum(item.symbols.size for item in group)
        if enough(symbols):
            break
    samples.close()
    return Prepared(start, _joined(train), validation, symbols)


def _sample(
    settings: _core.Wavefront, items: list[Item], part: float, random: np.random.Generator
) -> ByReferences:
    return {
        references: sample_pixels(settings, items, references, part, random)
        for references in range(MOST_REFERENCES + 1)
        if count_pixels(items, references)
    }


def _joined(parts: list[ByReferences]) -> ByReferences:
    return {
        references: Pixels.joined([part[references] for part in parts if references in part])
        for references in sorted({references for part in parts for references in part})
    }


def _draw(items: list[Item], symbols: int, seed: int) -> list[Item]:
    """Random items, or bands of large ones, with about `symbols` symbols in total."""
    random = np.random.default_rng(seed)
    drawn: list[Item] = []
    left = symbols
    for number in random.permutation(len(items)):
        item = items[number]
        size = item.symbols.size
        if size > 2 * left:
            item = _band(item, left, random)
        drawn.append(item)
        left -= item.symbols.size
        if left <= 0:
            break
    return drawn


def _band(item: Item, symbols: int, random: np.random.Generator) -> Item:
    """Some rows of an item, and fewer slices if even a few rows are too many."""
    slices, rows, columns, channels = item.symbols.shape
    fewest = min(rows, 16)
    count = max(1, min(slices, symbols // (fewest * columns * channels)))
    first = int(random.integers(0, slices - count + 1))
    height = max(1, min(rows, symbols // (count * columns * channels)))
    row = int(random.integers(0, rows - height + 1))
    return Item(item.symbols[first : first + count, row : row + height], item.levels)
