"""Training material for the network of a size-agnostic model: the base model, its start matrices,
and pixels with their contexts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bitsback.models import Model, file, load_model
from bitsback.work import ordered_map
from bitsback_train.export.size_agnostic import rebuild
from bitsback_train.fit.items import Item, together
from bitsback_train.fit.pixel_training import mean_bits
from bitsback_train.fit.pixels import GROUP, Pixels, Starts, make_predictor, sample_pixels
from bitsback_train.fit.start_matrices import PSEUDO_COUNT, Sums, adapted, no_starts, sum_products
from bitsback_train.job.image_set import ImageSet
from bitsback_train.network.pixel_predictor import PredictiveArchitecture, PredictiveModule

UNIVERSAL = "universal-16"
NONE = "none"
MOST_PIXELS = 6_000_000  # for training, a hundred bytes each
PSEUDO_COUNTS = (PSEUDO_COUNT, 4 * PSEUDO_COUNT, 16 * PSEUDO_COUNT, 64 * PSEUDO_COUNT)
"""The pseudo-counts to try for start matrices, of which the best is taken."""

KEPT = 0.0  # instead of a pseudo-count: the matrices of the base
MOST_SUMMED = 1 << 19  # symbols for learning start matrices
MOST_CHOSEN_BY = 1 << 16  # pixels of validation for choosing among them
MOST_VALIDATED = 1 << 18  # pixels for choosing among weights

Symbols = int


@dataclass(frozen=True, eq=False)
class Base:
    """A module, in floats, and its start matrices. model: None if nothing has been learned yet."""

    model: Model | None
    module: PredictiveModule
    starts: Starts

    @property
    def architecture(self) -> PredictiveArchitecture:
        return self.module.architecture


def load_base(name: str) -> Base:
    """A size-agnostic model by its name, a model file, or `none`. Raises ModelError if it is
    missing, InputError if training cannot start from it.
    """
    if name == NONE:
        architecture = PredictiveArchitecture()
        return Base(None, PredictiveModule(architecture), no_starts(architecture))
    model = load_model(name)
    module, starts = rebuild(*file.read(model.to_bytes()), name)
    return Base(model, module, starts)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The training material. symbols: the number of symbols from which pixels were taken."""

    starts: Starts
    train: Pixels
    validation: Pixels
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


def choose_starts(
    base: Base, images: ImageSet, amounts: Amounts, seed: int
) -> tuple[Starts, float]:
    """The start matrices with which the untrained base is best on validation images."""
    validation = _some(images.items(images.validation), amounts.chosen_by, seed)
    module = base.module
    module.quantise()
    found: list[tuple[float, float, Starts]] = []
    sums = _sums(base, images, amounts, seed)
    choices: list[tuple[float, Starts]] = [
        (float(pseudo_count), adapted(sums, base.starts, pseudo_count))
        for pseudo_count in PSEUDO_COUNTS
    ]
    if base.model is not None:
        choices.insert(0, (KEPT, base.starts))
    for pseudo_count, starts in choices:
        predictor = make_predictor(base.architecture, starts)
        pixels = Pixels.joined(sample_pixels(predictor, validation, 1, np.random.default_rng(seed)))
        found.append((mean_bits(module, pixels), pseudo_count, starts))
    module.quantise(False)
    _, pseudo_count, starts = min(found, key=lambda one: one[0])
    return starts, pseudo_count


def starts_of_count(
    base: Base, images: ImageSet, amounts: Amounts, pseudo_count: float, seed: int
) -> Starts:
    """The same for a known pseudo-count."""
    if pseudo_count == KEPT:
        return base.starts
    return adapted(_sums(base, images, amounts, seed), base.starts, pseudo_count)


def _sums(base: Base, images: ImageSet, amounts: Amounts, seed: int) -> Sums:
    some = _some(images.items(images.train), amounts.summed, seed)
    return sum_products(base.architecture, base.starts, some)


def prepare(
    base: Base,
    images: ImageSet,
    starts: Starts,
    amounts: Amounts,
    seed: int,
    threads: int,
    enough: Callable[[Symbols], bool],
) -> Prepared:
    """Reads the images in random order until `enough` is true for the symbols so far, or to the
    end.

    The same symbols give the same pixels for any number of threads.
    """
    predictor = make_predictor(base.architecture, starts)
    validation = _some(images.items(images.validation), amounts.validated, seed)
    of_validation = sample_pixels(predictor, validation, 1, np.random.default_rng(seed))
    items = images.items(images.train)
    order = np.random.default_rng(seed).permutation(len(items))
    groups = list(together([items[number] for number in order], GROUP))
    part = min(1.0, MOST_PIXELS / sum(item.symbols.size for item in items))

    def look(number: int) -> list[Pixels]:
        random = np.random.default_rng((seed, number))
        return sample_pixels(predictor, groups[number], part, random)

    train: list[Pixels] = []
    symbols = 0
    made = ordered_map(look, range(len(groups)), threads)
    for group, pixels in zip(groups, made, strict=True):
        train += pixels
        symbols += sum(item.symbols.size for item in group)
        if enough(symbols):
            break
    made.close()
    return Prepared(starts, Pixels.joined(train), Pixels.joined(of_validation), symbols)


def _some(items: list[Item], symbols: int, seed: int) -> list[Item]:
    """Random items, or bands of large ones, with about `symbols` symbols in total."""
    random = np.random.default_rng(seed)
    found: list[Item] = []
    left = symbols
    for number in random.permutation(len(items)):
        item = items[number]
        size = item.symbols.size
        if size > 2 * left:
            item = _band(item, left, random)
        found.append(item)
        left -= item.symbols.size
        if left <= 0:
            break
    return found


def _band(item: Item, symbols: int, random: np.random.Generator) -> Item:
    """Some rows of an item, and fewer slices if even a few rows are too many."""
    slices, rows, columns, channels = item.symbols.shape
    fewest = min(rows, 16)
    count = max(1, min(slices, symbols // (fewest * columns * channels)))
    first = int(random.integers(0, slices - count + 1))
    height = max(1, min(rows, symbols // (count * columns * channels)))
    row = int(random.integers(0, rows - height + 1))
    return Item(item.symbols[first : first + count, row : row + height], item.levels)
