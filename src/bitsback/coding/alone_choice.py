"""Choose how to code a block alone: which model, and what the axes of the array are to it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import layouts
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.block_writer import Way, find_way
from bitsback.coding.choose import Chosen
from bitsback.coding.fallback import encode_fallback
from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.format.tiles import Tiles
from bitsback.format.value_range import is_mappable
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
_TRIAL_ITEMS = 8
_SAMPLE = 1 << 14  # elements
_RIVAL = 1.3  # times as many bytes by deflate, which the best that there is may make up for

# What `auto` stands for, of those that fit. Metadata name them, so that it may be others tomorrow.
_SIZED = ("mnist-binary-context", "mnist-context", "fashion-mnist-context")
_ANY_SHAPE = ("universal", "universal-bilevel")
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
    if not is_mappable(dtype) or len(shape) < 2:
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
    whole = Tiles.stacked(array[np.newaxis])
    plans = _plans(array, whole, _choices(whole, array.shape, models, axes))
    best = min(plans, key=lambda plan: plan.cost) if len(plans) > 1 else next(iter(plans), None)
    if best is None:
        count, chosen = _default_view(array.shape, axes).axes, Chosen(None)
    else:
        count = len(best.tiles.shapes[0][1])
        chosen = Chosen(best.model, best.invert, layout=best.layout)
    tiles = whole.seen_as(_tiles(array, count).shapes)
    way, _ = find_way(tiles, chosen, "lzma", lambda way: _rivalled(way, tiles))
    return count, way


@dataclass(frozen=True)
class _Choice:
    model: NamedModel
    outline: Outline
    view: View
    invert: bool = False


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
    choices = [
        _Choice(model, outline, view)
        for model in models
        for outline in [model.outline()]
        for view in _views(outline, whole.dtype, shape, axes)
        if outline.any_shape
        or layouts.map_fits(outline, whole, layouts.map_for(outline, whole, view.layout))
    ]
    if whole.two_values is None:
        return [choice for choice in choices if choice.outline.levels > 2]
    # Where models of two levels will do, those of more are not worth a trial.
    two = [choice for choice in choices if choice.outline.levels == 2]
    return [
        replace(choice, invert=invert)
        for choice in two or choices
        for invert in (False, True)
        if not invert or choice.outline.any_shape or choice.outline.levels == 2
    ]


def _plans(array: NDArray[Any], whole: Tiles, choices: list[_Choice]) -> list[BlockPlan]:
    """For each choice, its plan for a sample of the array."""
    if not choices:
        return []
    axes = max((one.view.axes for one in choices if not one.outline.any_shape), default=0)
    part = _some_items(array, axes) if axes else _middle(array)
    plans = []
    for choice in choices:
        sample, layout = _tiles(part, choice.view.axes), choice.view.layout
        of = sample if whole.two_values is None else whole
        value_map = layouts.map_for(choice.outline, of, layout, choice.invert)
        plans.append(BlockPlan(sample, choice.model.load(), value_map, layout, choice.invert))
    return plans


def _tiles(array: NDArray[Any], axes: int) -> Tiles:
    """The array as items of this number of axes, which may exceed its own."""
    shape = (1,) * (axes - array.ndim) + array.shape
    items = shape[len(shape) - axes :]
    count = math.prod(shape[: len(shape) - axes])
    return Tiles.stacked(array.reshape(count, *items))


def _some_items(array: NDArray[Any], axes: int) -> NDArray[Any]:
    """Some items that follow one another, as slices do."""
    items = _tiles(array, axes).stack
    start = max((len(items) - _TRIAL_ITEMS) // 2, 0)
    return items[start : start + _TRIAL_ITEMS]


def _middle(array: NDArray[Any]) -> NDArray[Any]:
    """A few slices of what is in the middle of an array."""
    shape = array.shape
    channels = 1 if len(shape) > 2 and shape[-1] <= layouts.MOST_CHANNELS else 0
    rows = len(shape) - 2 - channels
    sides = [1] * len(shape)
    if channels:
        sides[-1] = shape[-1]
    if rows:
        sides[rows - 1] = min(shape[rows - 1], _TRIAL_ITEMS)
    for axis in (rows, rows + 1):
        left = _TRIAL // math.prod(sides)
        sides[axis] = min(shape[axis], max(math.isqrt(left) if axis == rows else left, 1))
    starts = [(size - side) // 2 for size, side in zip(shape, sides, strict=True)]
    box = tuple(slice(at, at + side) for at, side in zip(starts, sides, strict=True))
    return np.ascontiguousarray(array[box])


def _rivalled(way: Way, tiles: Tiles) -> bool:
    """Whether a general compressor may match the model. The fast compressor decides, on some of the
    tiles.
    """
    items = tiles.stack
    size = items[0].size
    if size > _SAMPLE and items.ndim > 2:
        rows = max(_SAMPLE * len(items[0]) // size, 1)
        start = (len(items[0]) - rows) // 2
        sample = items[len(items) // 2 :][:1, start : start + rows]
    else:
        sample = items[: max(_SAMPLE // size, 1)]
    some = Tiles.stacked(np.ascontiguousarray(sample))
    by_fallback = encode_fallback(some, "deflate")
    if by_fallback is None:
        return False
    return len(by_fallback) * tiles.elements.size < _RIVAL * way.cost * some.elements.size
