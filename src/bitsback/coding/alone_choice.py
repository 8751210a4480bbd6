"""Choose how to code a block alone: which model, and what the axes of the array are to it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import layouts
from bitsback.coding.block import FALLBACK
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.block_writer import Way, find_way, way_of_digits
from bitsback.coding.choose import Chosen, Countable, able, countable
from bitsback.coding.fallback import encode_fallback
from bitsback.coding.number_digits import cut_of, is_noise
from bitsback.coding.sampling import boxes_at
from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.format.tiles import Tiles
from bitsback.format.value_range import is_narrow
from bitsback.models import bundled
from bitsback.models.named import NamedModel
from bitsback.models.outline import Outline

Axes = Literal["auto", "yx", "yxc", "zyx", "zyxc"]
"""The meaning of the last axes of an array: rows and columns of an image (yx), then its channels
(yxc), or slices of a stack before them (zyx, zyxc); "auto": whichever codes best. All axes before
them count items.
"""

AUTO: Literal["auto"] = "auto"
_COLOURS = 4
_TRIAL = 1 << 14  # elements
_ABOVE = 1 << 15  # elements above the sample at most, from which a model may learn, and
_SHARE = 16  # one of so many
_WORTH = 0.97  # times as many bytes of a sample, for which a slow model is taken
_TRIAL_ITEMS = 8
_SAMPLE = 1 << 14  # elements
_FAR_LESS = 4  # a share of the bytes, below which digits are not tried
_RIVAL = 1.3  # times as many bytes by deflate, which the best that there is may make up for

# The candidates of `auto`; those that fit are tried. The metadata name the chosen one, so this list
# may change.
_SIZED = ("mnist-binary-context", "mnist-context", "fashion-mnist-context")
_ANY_SHAPE = (
    "universal",
    "universal-bilevel",
    "bilevel",
    "graphics",
    "graphics-grey",
    "universal-mixed",
    "universal-deep",
)
AUTO_MODELS = _SIZED + _ANY_SHAPE


@dataclass(frozen=True)
class View:
    """The meaning of an array's last axes to a model."""

    axes: int
    """The number of axes of an item."""
    layout: int
    """The layout, for a size-agnostic model."""


_VIEWS = {
    "yx": View(2, layouts.PICTURES),
    "yxc": View(3, layouts.PICTURES),
    "zyx": View(3, layouts.STACKS),
    "zyxc": View(4, layouts.STACKS),
}


def check_axes(axes: str, shape: Shape | None = None) -> None:
    """Raises InputError unless `axes` is one of Axes, and an array of this shape has them."""
    if axes not in get_args(Axes):
        raise InputError(f"axes={axes!r}: it is one of {', '.join(map(repr, get_args(Axes)))}")
    if axes != AUTO and shape is not None and len(shape) < _VIEWS[axes].axes:
        raise InputError(f"axes={axes!r}: an array, or a chunk, of the shape {shape} has not these")


def auto_models(dtype: np.dtype[Any], shape: Shape) -> list[NamedModel]:
    """The models that ship and may code arrays, or parts of arrays, of this dtype and shape. A
    trial decides which of them does. An axis may still be empty.
    """
    if len(shape) < 2:
        return []
    two, byte = dtype.kind == "b", dtype.str == "|u1"
    one_shape = [
        name
        for name in _SIZED
        for outline in [bundled.outline(name)]
        if (byte or (two and outline.levels == 2)) and _fixed_axes(outline, shape, flat=False)
    ]
    any_shape = [name for name in _ANY_SHAPE if not two or bundled.outline(name).levels == 2]
    return list(map(NamedModel.bundled, one_shape + any_shape))


def codable(model: Outline, dtype: np.dtype[Any], shape: Shape, axes: str) -> bool:
    """Whether a model may code arrays of this dtype and shape."""
    return any(_views(model, dtype, shape, axes))


def choose_way(array: NDArray[Any], models: Sequence[NamedModel], axes: str) -> tuple[int, Way]:
    """The way to store an array, C-contiguous and of a dtype that archives hold: the number of axes
    of an item, and the smallest way that was found. Raises ModelError if a model that is needed is
    missing.
    """
    count, way = _way_of_all(array, models, axes)
    if is_narrow(array.dtype) or way.cost < array.nbytes // _FAR_LESS or array.ndim < 2:
        return count, way
    whole = Tiles.stacked(array[np.newaxis])
    if not models or not whole.elements.size or whole.two_values is not None:
        return count, way
    cut, digits = cut_of(whole.elements)
    first, *others = (digit.reshape(array.shape) for digit in digits)
    seen, best = _way_of_all(first, models, axes)
    if best.model is None:
        return count, way
    ways = [best]
    for digit, bits in zip(others, cut.bits[1:], strict=True):
        noise = is_noise(digit.reshape(-1), bits)
        ways.append(_way_of_all(digit, [] if noise else models, axes, seen)[1])
    by_digits = way_of_digits(_seen(whole, array.shape, seen), cut, ways)
    return min((count, way), (seen, by_digits), key=lambda pair: pair[1].cost)


def _way_of_all(
    array: NDArray[Any], models: Sequence[NamedModel], axes: str, wanted: int | None = None
) -> tuple[int, Way]:
    """The same without digits. wanted: the number of axes of an item, if it is known."""
    whole = Tiles.stacked(array[np.newaxis])
    choices = [
        choice
        for choice in _choices(whole, array.shape, models, axes)
        if wanted in (None, choice.view.axes)
    ]
    sample, above = _sample(array, choices)

    def plans(wanted: Callable[[Outline], bool]) -> list[BlockPlan]:
        return [_plan(choice, sample, above, whole) for choice in choices if wanted(choice.outline)]

    found = plans(lambda outline: not outline.counted)
    later = any(choice.outline.counted for choice in choices)
    if later and (whole.two_values is not None or not found):
        found, later = found + plans(Countable.ALL.has), False
    if not found:
        count = _default_view(array.shape, axes).axes if wanted is None else wanted
        return count, _coded(_seen(whole, array.shape, count), Chosen(None))
    best = min(found, key=lambda plan: plan.cost) if len(found) > 1 else found[0]
    count, way = _coded_as(best, whole, array.shape)
    worth = _countable(best, way, whole) if later else Countable.NONE
    slower = plans(worth.has)
    counted = min(slower, key=lambda plan: plan.cost, default=best)
    if counted.cost > _WORTH * best.cost:
        return count, way
    other = _coded_as(counted, whole, array.shape)
    return min((count, way), other, key=lambda pair: pair[1].cost)


def _coded_as(plan: BlockPlan, whole: Tiles, shape: Shape) -> tuple[int, Way]:
    """All of an array as the plan for a sample codes it, and the number of axes of an item."""
    count = len(plan.tiles.shapes[0][1])
    chosen = Chosen(plan.model, plan.invert, layout=plan.layout)
    return count, _coded(_seen(whole, shape, count), chosen)


def _coded(tiles: Tiles, chosen: Chosen) -> Way:
    way, _ = find_way(tiles, chosen, "lzma", lambda way: _rivalled(way, tiles))
    return way


@dataclass(frozen=True)
class _Choice:
    model: NamedModel
    outline: Outline
    view: View
    invert: bool


def _views(model: Outline, dtype: np.dtype[Any], shape: Shape, axes: str) -> Iterator[View]:
    if model.serial:
        return
    if model.any_shape:
        yield from _any_views(dtype, shape, axes)
        return
    count = _fixed_axes(model, shape, flat=True)
    if count and (axes == AUTO or _VIEWS[axes].axes == count):
        yield View(count, layouts.PICTURES)


def _any_views(dtype: np.dtype[Any], shape: Shape, axes: str) -> Iterator[View]:
    for name, view in _VIEWS.items():
        if len(shape) < view.axes or axes not in (AUTO, name):
            continue
        if axes == AUTO and not _likely(name, view, shape):
            continue
        if view.layout in layouts.layouts_for(dtype, shape[len(shape) - view.axes :]):
            yield view


def _likely(name: str, view: View, shape: Shape) -> bool:
    """Whether the last axes may be what `name` says, and are not to another view what they are to
    this one.
    """
    if view.layout == layouts.STACKS and shape[-view.axes] == 1:
        return False
    if name.endswith("c"):
        return shape[-1] <= layouts.MOST_CHANNELS
    return len(shape) == 2 or shape[-1] > _COLOURS


def _fixed_axes(model: Outline, shape: Shape, flat: bool) -> int:
    """The number of last axes that are an item of a model for one shape; 0 if none are."""
    for count in (2, 3, 1) if flat else (2, 3):
        if count <= len(shape) and model.size_of(shape[len(shape) - count :]) is not None:
            return count
    return 0


def _default_view(shape: Shape, axes: str) -> View:
    if axes != AUTO:
        return _VIEWS[axes]
    colours = len(shape) > 2 and shape[-1] <= _COLOURS
    return View(min(len(shape), 3 if colours else 2), layouts.PICTURES)


def _choices(whole: Tiles, shape: Shape, models: Sequence[NamedModel], axes: str) -> list[_Choice]:
    """The models that can code these values, and all ways to see the array as theirs."""
    if not whole.elements.size:
        return []
    outlines = [model.outline() for model in models]
    named = {id(outline): model for outline, model in zip(outlines, models, strict=True)}
    fitting = [outline for outline in outlines if codable(outline, whole.dtype, shape, axes)]
    return [
        _Choice(named[id(outline)], outline, view, invert)
        for outline, invert in able(fitting, whole)
        for view in _views(outline, whole.dtype, shape, axes)
    ]


def _sample(
    array: NDArray[Any], choices: list[_Choice]
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Parts of an array for trials, and what is above them, from which a model may learn."""
    axes = max((one.view.axes for one in choices if not one.outline.any_shape), default=0)
    if axes:
        return [_some_items(array, axes)], []
    if not choices or array.ndim < 2:
        return [array], []
    channels = array.ndim > 2 and array.shape[-1] <= layouts.MOST_CHANNELS
    above = min(_ABOVE, array.size // _SHARE)
    pairs = boxes_at(array.shape, array.ndim - 2 - channels, _TRIAL, above)
    before = [array[rows] for rows, _ in pairs]
    return [array[box] for _, box in pairs], [part for part in before if part.size]


def _some_items(array: NDArray[Any], axes: int) -> NDArray[Any]:
    """Some items that follow one another, as slices do."""
    items = _seen(Tiles.stacked(array[np.newaxis]), array.shape, axes).stack
    start = max((len(items) - _TRIAL_ITEMS) // 2, 0)
    return items[start : start + _TRIAL_ITEMS]


def _plan(
    choice: _Choice, sample: list[NDArray[Any]], above: list[NDArray[Any]], whole: Tiles
) -> BlockPlan:
    """The plan of a choice for a sample."""
    model, axes, layout = choice.model.load(), choice.view.axes, choice.view.layout
    value_map = layouts.map_for(choice.outline, whole, layout, choice.invert)
    before = _tiles(above, axes) if choice.outline.counted and above else None
    return BlockPlan(_tiles(sample, axes), model, value_map, layout, choice.invert, before)


def _tiles(parts: list[NDArray[Any]], axes: int) -> Tiles:
    """The parts as items of this number of axes, which may exceed their own."""
    return Tiles.of(
        (
            item
            for part in parts
            for item in _seen(Tiles.stacked(part.copy()[np.newaxis]), part.shape, axes)
        ),
        parts[0].dtype,
    )


def _seen(whole: Tiles, shape: Shape, axes: int) -> Tiles:
    """The same of an array of this shape that is one tile."""
    shape = (1,) * (axes - len(shape)) + shape
    at = len(shape) - axes
    return whole.seen_as(((math.prod(shape[:at]), shape[at:]),))


def _rivalled(way: Way, tiles: Tiles) -> bool:
    """Whether a general compressor may match the model. The fast compressor decides, on some of the
    tiles. Models that count are like one.
    """
    if (way.model is not None and way.model.counted) or not is_narrow(tiles.dtype):
        return True
    some = _some(tiles)
    by_fallback = encode_fallback(some, "deflate")
    if by_fallback is None:
        return False
    return len(by_fallback) * tiles.elements.size < _RIVAL * way.cost * some.elements.size


def _countable(best: BlockPlan, way: Way, whole: Tiles) -> Countable:
    """The models that count that may be better than the best plan of the others for a sample, by
    which the way for all of an array was found.
    """
    if way.model is None:
        return Countable.ALL if way.method.number == FALLBACK else Countable.NONE
    all_of_it = best.tiles.elements.size == whole.elements.size
    return countable(whole, best.tiles, way.cost if all_of_it else best.cost)


def _some(tiles: Tiles) -> Tiles:
    """Some of the tiles, or rows of one."""
    items = tiles.stack
    size = items[0].size
    if size > _SAMPLE and items.ndim > 2:
        rows = max(_SAMPLE * len(items[0]) // size, 1)
        start = (len(items[0]) - rows) // 2
        sample = items[len(items) // 2 :][:1, start : start + rows]
    else:
        sample = items[: max(_SAMPLE // size, 1)]
    return tiles if sample.size == items.size else Tiles.stacked(np.ascontiguousarray(sample))
