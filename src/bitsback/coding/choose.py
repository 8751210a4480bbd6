"""Choose the model that codes an archive, and which of two values is its symbol 1."""

import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, cast, get_args

import numpy as np

from bitsback.coding import layouts
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.fallback import Coder, encode_fallback
from bitsback.coding.number_digits import cut_of, is_noise
from bitsback.coding.sampling import learned_before, sample_of, series_sample
from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.format.tiles import Tiles
from bitsback.format.two_values import symbol_dtype
from bitsback.format.value_list import ValueList
from bitsback.format.value_range import is_narrow
from bitsback.models import Model, bundled, load_model
from bitsback.models.model import Choice, model_of
from bitsback.models.outline import Outline
from bitsback.remote.url import Options

_log = logging.getLogger(__name__)

Effort = Literal["auto", "fast", "best"]
"""How to choose a bundled model. "fast": one that is not autoregressive, or, for images of any
size, `universal-fast`. "best": the one that makes the archive smallest. "auto": the same, where
that takes seconds; for large jobs one that is not autoregressive, unless it is far worse than the
best, and for more than two levels one that counts only if it is far better.
"""

# The size of a job from which "auto" goes for speed: some 10 s of an autoregressive model, at 2
# MB/s with one thread. It does not depend on the number of threads, so archives do not either.
_LARGE = 20_000_000  # elements
HURRIED = 1 << 62
"""The number of elements of a job in which nothing may take long, so that no model counts more than
two levels.
"""
_SECONDS = 1 << 21  # elements that a model that counts codes in some seconds
_NEAR = 1.15  # times as many bytes of a sample, which a model that counts may make up for
_FAR_WORSE = 1.5  # times as many bytes
_FAR_BETTER = 0.9
_SIDE = 16  # rows and columns at least of a picture of wide numbers
_SLENDER = 4  # times as many rows as columns make a table of an array
# A general compressor is tried beside a model that does not beat it by so much on a sample, which
# gives it less to learn from than a block does.
_CONTESTED = 1.1
_DISAPPOINTING = 1.25  # times as many bytes
_GRAPHIC = 1.4  # times as many bytes as a model, by deflate, of what is no photograph
_NOISE = 0.9  # times as many bytes as elements have, by deflate, of what is only noise
_LITTLE = 1 << 16  # elements
_MUCH, _SOME = 0.4, 0.8  # times as many bytes by deflate as by frequencies alone
_ALONE = 80  # bytes that a block takes for being one
LONG_LIST = 16
"""Elements a value of a list, below which digits may be better."""
_GREY = "graphics-grey"  # which sees no colours


@dataclass(frozen=True)
class Chosen:
    """A model, if any fits, and whether the greater of two values is symbol 0."""

    model: Model | None
    invert: bool = False
    rate: float = 0.0
    """Bytes an element in the trial."""
    contested: bool = True
    """Whether a general compressor may be as good as the model."""
    layout: int = layouts.PICTURES
    """The meaning of the tiles' axes to the model."""
    rival: "Chosen | None" = None
    """Another one that may be better on a block, so that each block is coded with both."""
    digits: "tuple[Chosen, ...]" = ()
    """The choice for each digit of the elements, the highest first, if they are to be cut."""

    @property
    def models(self) -> "list[Model]":
        """All of them, those of digits included."""
        own = [] if self.model is None else [self.model]
        return own + [digit.model for digit in self.digits if digit.model is not None]

    def of_frames(self) -> "Chosen":
        """The choice for frames, from that for stacks of them."""
        layout = layouts.FRAMES if self.layout == layouts.STACKS else self.layout
        rival = None if self.rival is None else self.rival.of_frames()
        digits = tuple(digit.of_frames() for digit in self.digits)
        return replace(self, layout=layout, rival=rival, digits=digits)

    def disappoints(self, size: int, elements: int) -> bool:
        """Whether a block of `size` bytes is far larger than the trial promised."""
        return size > _DISAPPOINTING * self.rate * elements + _ALONE


class UnfitError(InputError):
    """A model was given that does not code the values of the items."""


def given_model(choice: Choice, storage_options: Options | None = None) -> Model | None:
    """The model that a choice names; None for "auto". Raises ModelError if it is missing."""
    if (given := model_of(choice)) is not None:
        return given
    return None if choice == "auto" else load_model(cast(str, choice), storage_options)


def read_choice(
    choice: Choice, storage_options: Options | None = None
) -> tuple[Model | None, Effort]:
    """The model that a choice names, if it names one, and otherwise how to choose. Raises
    ModelError if the model is missing.
    """
    if isinstance(choice, str) and choice in get_args(Effort):
        return None, cast(Effort, choice)
    return given_model(choice, storage_options), "auto"


def item_axes(shape: Shape, dtype: np.dtype[Any], model: Model | None) -> int:
    """0 if an array of this shape is one item of a model's shape, or one picture to a model of
    images of any shape; 1 if its first axis counts the items.
    """
    if not shape:
        return 0
    if len(shape) == 1:
        return 1
    outlines = _outlines(model)
    if any(_is_item(outline, shape) for outline in outlines if not outline.any_shape):
        return 0
    if any(fits(outline, shape[1:]) for outline in outlines if not outline.any_shape):
        return 1
    if any(outline.serial for outline in outlines) and _is_table(dtype, shape):
        return 1
    picture = layouts.layouts_for(dtype, shape) == (layouts.PICTURES,)
    picture = picture and (is_narrow(dtype) or min(shape[:2]) >= _SIDE)
    return 0 if picture and any(o.any_shape and not o.serial for o in outlines) else 1


def _is_table(dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether an array is rather a series of rows, of a few columns, than a picture."""
    few = len(shape) == 2 and dtype.kind != "b" and layouts.is_step(dtype, shape[1:])
    return few and shape[0] >= _SLENDER * shape[1]


def fits(model: Outline, item_shape: Shape) -> bool:
    """Whether items of this shape are what a model with a size, or with channels, knows."""
    return model.size_of(item_shape) is not None


def codes(model: Outline, dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether the model can code items, or tiles of them, of this dtype and shape."""
    return bool(layouts.layouts_of(model, dtype, shape))


def any_fits(given: Model | None, item_shape: Shape) -> bool:
    """Whether there is a model that knows items of this shape, the given one or else one that is
    bundled.
    """
    return any(fits(outline, item_shape) for outline in _outlines(given))


def any_codes(given: Model | None, dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether the given model, or else any bundled one, can code items of this dtype and shape."""
    return any(codes(outline, dtype, shape) for outline in _outlines(given))


def check_fit(model: Model, dtype: np.dtype[Any], item_shape: Shape, name: str) -> None:
    """Raises InputError unless the model can code items of this dtype and shape; `name` is that of
    the input.
    """
    if not codes(model, dtype, item_shape):
        what = model.items_in_words
        if model.any_shape:
            kinds = "series of a few columns" if model.serial else "pictures and stacks"
            what = f"{kinds} of at most 65,536 values"
        raise InputError(
            f"{name}: its items have the shape {item_shape} and the dtype {dtype}, and the model"
            f" {model.name} codes {what}; take another model, or leave the choice to 'auto'"
        )


def choose(
    given: Model | None,
    tiles: Tiles,
    name: str,
    effort: Effort = "auto",
    job: int = 0,
    before: Tiles | None = None,
) -> Chosen:
    """The model for a block of these tiles, found by a trial on some of what they have.

    name: of the input, for error messages. Without a `given` model it is a bundled one that fits,
    or none. job: the elements of all that is to be coded. before: what stands before the tiles,
    from which a model may learn, if they are but a sample. Raises UnfitError if the tiles have
    values that a given one does not code.
    """
    dtype, shape = tiles.dtype, tiles.shapes[0][1]
    outlines = [
        outline
        for outline in _outlines(given)
        if codes(outline, dtype, shape)
        and (outline.any_shape or all(fits(outline, one) for _, one in tiles.shapes))
        and (given is not None or (_suits(outline, effort) and not _misfits(outline, shape)))
    ]
    one_shape = any(not outline.any_shape for outline in outlines)
    # Items of a model's size are no series.
    outlines = [outline for outline in outlines if not (outline.serial and one_shape)]
    if not outlines:
        _log.info("%s: no model codes items of %s %s", name or "a block", shape, dtype)
        return Chosen(None)
    serial = any(outline.serial for outline in outlines)
    sample = series_sample(tiles) if serial else sample_of(tiles, whole=one_shape)
    large = given is None and effort == "auto" and job > _LARGE
    known = tiles if before is None else Tiles.of([*before, *tiles], dtype)
    found = list(able(outlines, known))

    def plans(wanted: Callable[[Outline], bool]) -> list[BlockPlan]:
        return [
            plan
            for outline, invert in found
            if wanted(outline)
            for plan in trial_plans(outline, known, sample, invert, before)
        ]

    trials = plans(lambda outline: not outline.counted)
    if any(outline.counted for outline, _ in found):
        best = min((trial.cost for trial in trials), default=None)
        thorough = given is not None or effort == "best"
        worth = Countable.ALL if thorough else countable(known, sample, best, job >= HURRIED)
        if worth is not Countable.NONE:
            slower = plans(worth.has)
            if large and best is not None and known.two_values is None:
                slower = [trial for trial in slower if trial.cost < _FAR_BETTER * best]
            trials += slower
    if trials:
        picked = _pick(trials, large)
        if given is None and effort == "fast" and not one_shape and _is_beaten(picked):
            _log.info("%s: no model, since deflate is better on a sample", name or "a block")
            return Chosen(None)
        # One for items of this very shape that was asked for is taken, unless they are smaller as
        # they are.
        contested = (given is None or picked.model.any_shape) and _contested(
            picked, coder_for(effort, job)
        )
        rate = picked.cost / sample.elements.size
        _tell(name, picked, trials, contested)
        small = effort == "best" or (effort == "auto" and job <= _SECONDS)
        rival = _rival_of(picked, trials, contested) if given is None and small else None
        listed = picked.value_map.levels if isinstance(picked.value_map, ValueList) else 0
        if listed:
            _log.info("%s: %d values of %s, which are listed", name or "a block", listed, dtype)
        if rival is None and given is None and LONG_LIST * listed > known.elements.size:
            rival = _by_digits(sample, effort, job)
        return Chosen(picked.model, picked.invert, rate, contested, picked.layout, rival)
    if given is None and (by_digits := _by_digits(sample, effort, job)) is not None:
        _log.info(
            "%s: %s has too many values for a model: their highest digits are coded by %s",
            name or "a block",
            dtype,
            " and ".join(dict.fromkeys(model.name for model in by_digits.models)),
        )
        return by_digits
    if given is not None and tiles.elements.size:
        allowed = (
            "two values"
            if given.levels == 2
            else f"the values 0 to {given.levels - 1} as {np.dtype(symbol_dtype(given)).name}"
        )
        raise UnfitError(
            f"{name}: its items have other values than the model {given.name} codes, {allowed};"
            " convert them first, or leave the choice to 'auto'"
        )
    return Chosen(given)


def _by_digits(sample: Tiles, effort: Effort, job: int) -> Chosen | None:
    """The models for the digits of the elements; None if no model codes any of them. sample: some
    tiles of a block.
    """
    if is_narrow(sample.dtype) or not sample.elements.size or sample.two_values is not None:
        return None
    cut, digits = cut_of(sample.elements)
    found = tuple(
        Chosen(None)
        if is_noise(digit, bits)
        else choose(None, Tiles(digit, sample.shapes), "a digit", effort, job)
        for digit, bits in zip(digits, cut.bits, strict=True)
    )
    rate = sum(one.rate if one.model is not None else 1.0 for one in found)
    return (
        None if all(one.model is None for one in found) else Chosen(None, rate=rate, digits=found)
    )


def able(outlines: list[Outline], tiles: Tiles) -> Iterator[tuple[Outline, bool]]:
    """The models that code the values of these tiles, and whether two levels are exchanged: of
    those with a size, of those without one, and of those that count, the ones for the fewest
    levels, which know them best.
    """
    for any_shape, counted in ((False, False), (True, False), (True, True)):
        found = [
            outline
            for outline in outlines
            if (outline.any_shape, outline.counted) == (any_shape, counted)
            and layouts.map_fits(outline, tiles, layouts.map_for(outline, tiles, _layout(outline)))
        ]
        least = min((outline.levels for outline in found), default=0)
        for outline in found:
            if outline.levels == least:
                if counted and tiles.two_values is not None:  # 0 is the more frequent value
                    yield outline, _mostly_greater(tiles)
                    continue
                yield outline, False
                if (least == 2 or any_shape) and tiles.two_values is not None:
                    yield outline, True


def _misfits(outline: Outline, shape: Shape) -> bool:
    """Whether a bundled model sees no colours, and tiles of this shape have some."""
    return outline.name == _GREY and len(shape) == 3 and shape[2] in (3, 4)


def _mostly_greater(tiles: Tiles) -> bool:
    """Whether more of the elements, which have two values, have the greater one."""
    elements = tiles.elements
    return bool(2 * np.count_nonzero(elements != elements.min(initial=0)) > elements.size)


def _layout(model: Outline) -> int:
    return layouts.SERIES if model.serial else layouts.PICTURES


def trial_plans(
    model: Outline,
    tiles: Tiles,
    sample: Tiles,
    invert: bool = False,
    before: Tiles | None = None,
) -> Iterator[BlockPlan]:
    """A sample of tiles as the model may see them, with symbols that stand for the values of all
    of them. before: what stands before them.
    """
    if not model.counted:
        before = None
    elif before is None:
        before = learned_before(tiles, sample)
    for layout in layouts.layouts_of(model, tiles.dtype, tiles.shapes[0][1]):
        value_map = layouts.map_for(model, tiles, layout, invert)
        yield BlockPlan(sample, _load(model), value_map, layout, invert, before)


def picture_models(given: Model | None, effort: Effort) -> list[Outline]:
    """The models to choose from for pictures of any shape, but for those that count, which take
    long to try.
    """
    return [
        outline
        for outline in _outlines(given)
        if outline.any_shape
        and not outline.serial
        and not (given is None and outline.counted)
        and (given is not None or _suits(outline, effort))
    ]


def plans_of(outlines: list[Outline], tiles: Tiles) -> list[BlockPlan]:
    """The tiles as those of the models see them that code them, levels not exchanged."""
    return [
        plan
        for outline, invert in able(outlines, tiles)
        if not invert
        for plan in trial_plans(outline, tiles, tiles)
    ]


def is_bundled(model: Model) -> bool:
    return model.name in bundled.names() and bundled.identity(model.name) == model.identity


class Countable(Enum):
    """Which models that count may be better than those that were tried."""

    NONE = "none"
    NETWORKED = "those with a network"
    ALL = "all"

    def has(self, outline: Outline) -> bool:
        """Whether a model is one of these."""
        return outline.counted and (
            self is Countable.ALL or (self is Countable.NETWORKED and outline.predictive)
        )


def countable(tiles: Tiles, sample: Tiles, best: float | None, hurried: bool = False) -> Countable:
    """The models that count that may be better: all for two levels; and for more, where they take
    far longer than others, if much occurs again or a general compressor is better, and those with a
    network, where there is more to learn from, if it is not far worse. best: the bytes of the
    sample by the models that were tried, if any was.
    """
    if tiles.two_values is not None:
        return Countable.ALL
    if hurried or best is None:
        return Countable.NONE
    again = _repetition(sample)
    if again < _MUCH:
        return Countable.ALL
    if tiles.elements.size < _LITTLE and again > _SOME:
        return Countable.NONE
    limit = min(_GRAPHIC * best, _NOISE * sample.elements.nbytes)
    general = encode_fallback(sample, "deflate", limit)
    if general is None or len(general) >= limit:
        return Countable.NONE
    return Countable.ALL if len(general) < best else Countable.NETWORKED


def _repetition(tiles: Tiles) -> float:
    """How many times the bytes deflate leaves that the frequencies of values alone would leave: few
    where much occurs again.
    """
    frequencies = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    size = len(frequencies.compress(tiles.bytes)) + len(frequencies.flush())
    return len(zlib.compress(tiles.bytes)) / size


def _contested(picked: BlockPlan, coder: Coder) -> bool:
    """Whether a general compressor may be as good on a block as the model that was picked. Models
    that count are like one, and a sample does not tell how soon each of them learns; nor does it
    tell what a list of values takes.
    """
    if picked.model.counted or not is_narrow(picked.tiles.dtype):
        return True
    limit = _CONTESTED * picked.cost
    general = encode_fallback(picked.tiles, coder, limit)
    return general is not None and len(general) < limit


def _is_beaten(picked: BlockPlan) -> bool:
    """Whether deflate makes a sample smaller than an autoregressive model: then blocks need not be
    coded by both, as a block gives deflate more to learn from.
    """
    if not picked.model.autoregressive:
        return False
    general = encode_fallback(picked.tiles, "deflate", picked.cost)
    return general is not None and len(general) < picked.cost


def _rival_of(picked: BlockPlan, trials: list[BlockPlan], contested: bool) -> Chosen | None:
    """The next best model after one that counts, if it is near: a sample does not tell how much
    each of them will learn from a block. One that has a network learns beyond those that do not
    count.
    """
    others = [
        trial
        for trial in trials
        if trial.model is not picked.model and (trial.model.counted or not picked.model.predictive)
    ]
    if not picked.model.counted or not others:
        return None
    next_best = min(others, key=lambda trial: trial.cost)
    if next_best.cost > _NEAR * picked.cost + _ALONE:
        return None
    rate = next_best.cost / picked.tiles.elements.size
    return Chosen(next_best.model, next_best.invert, rate, contested, next_best.layout)


def coder_for(effort: Effort, elements: int) -> Coder:
    """The general compressor for a job of `elements` elements: the better one unless it takes
    long.
    """
    small = elements <= _LARGE if effort == "auto" else effort == "best"
    return "lzma" if small else "deflate"


def _pick(trials: list[BlockPlan], large: bool) -> BlockPlan:
    """The cheapest, the first of equals; of a large job the cheapest fast one, unless that is far
    worse.
    """
    picked = min(trials, key=lambda trial: trial.cost)
    fast = [trial for trial in trials if not trial.model.autoregressive]
    if large and fast:
        cheapest_fast = min(fast, key=lambda trial: trial.cost)
        if cheapest_fast.cost <= _FAR_WORSE * picked.cost:
            picked = cheapest_fast
    return picked


def _tell(name: str, picked: BlockPlan, trials: list[BlockPlan], contested: bool) -> None:
    """Logs the choice and its reason."""
    elements = picked.tiles.elements
    for trial in trials:
        _log.debug(
            "trial: %s%s makes %d bytes of %d",
            trial.model.name,
            ", levels exchanged," if trial.invert else "",
            trial.cost,
            elements.nbytes,
        )
    smallest = min(trial.cost for trial in trials)
    _log.info(
        "%s: the model %s, %s of %d trials on %d elements%s",
        name or "a block",
        picked.model.name,
        "the smallest" if picked.cost == smallest else "a fast one near the smallest",
        len(trials),
        elements.size,
        "; a general compressor may be as good, and is tried" if contested else "",
    )


def _outlines(given: Model | None) -> list[Outline]:
    """The outlines of the models to choose from. Bundled models are not loaded for this, which
    would take long.
    """
    return [given] if given is not None else [bundled.outline(name) for name in bundled.names()]


def _suits(outline: Outline, effort: Effort) -> bool:
    """Whether a bundled model is one of those to choose from with this effort."""
    if outline.name == bundled.FAST:
        return effort == "fast"
    return effort != "fast" or not outline.autoregressive


def _load(outline: Outline) -> Model:
    return outline if isinstance(outline, Model) else bundled.load(outline.name)


def _is_item(model: Outline, shape: Shape) -> bool:
    return shape == model.item_shape or (model.size is None and fits(model, shape))
