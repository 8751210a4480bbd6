"""Plan and code a single array without an archive around it.

A trial decides which model codes the array, and what the axes of the array mean to the model.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import layouts
from bitsback.coding.block_coding import Coding, coding_of_digits
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.encoding import smallest_coding
from bitsback.coding.number_digits import cut_of, is_noise
from bitsback.coding.plan import NO_MODEL, Plan
from bitsback.errors import InputError
from bitsback.format.array_part import MOST_COLOUR_CHANNELS
from bitsback.format.grid import Shape
from bitsback.format.tiles import Tiles
from bitsback.format.value_list import ValueList
from bitsback.format.value_range import is_narrow
from bitsback.models.named import NamedModel
from bitsback.models.outline import Outline
from bitsback.planner.candidates import Candidate, candidates_for, outlines_of, undominated
from bitsback.planner.planner import Planner
from bitsback.planner.policy import DEFAULT
from bitsback.planner.sampling import SAMPLE_SLICES, boxes_at

Axes = Literal["auto", "yx", "yxc", "zyx", "zyxc"]
"""The meaning of the last axes of an array.

"yx" are rows and columns of an image, "yxc" adds its channels. "zyx" and "zyxc" have the slices of
a stack before them. "auto" takes whichever codes best. All axes before these count items.
"""

AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True)
class AxesMeaning:
    """The meaning of an array's last axes to a model."""

    axes: int
    """The number of axes of an item."""
    layout: int
    """The layout, for a size-agnostic model."""


_VIEWS = {
    "yx": AxesMeaning(2, layouts.PICTURES),
    "yxc": AxesMeaning(3, layouts.PICTURES),
    "zyx": AxesMeaning(3, layouts.STACKS),
    "zyxc": AxesMeaning(4, layouts.STACKS),
}


def check_axes(axes: str, shape: Shape | None = None) -> None:
    """Raises InputError unless `axes` is one of Axes and the shape has that many axes."""
    if axes not in get_args(Axes):
        raise InputError(f"axes={axes!r}: it must be one of {', '.join(map(repr, get_args(Axes)))}")
    if axes != AUTO and shape is not None and len(shape) < _VIEWS[axes].axes:
        raise InputError(f"axes={axes!r}: an array or chunk of the shape {shape} has too few axes")


def auto_models(dtype: np.dtype[Any], shape: Shape) -> list[NamedModel]:
    """The bundled models that a trial may choose from for arrays of this dtype and shape, or for
    parts of such arrays. An axis may still have length 0.
    """
    if len(shape) < 2:
        return []
    two, byte = dtype.kind == "b", dtype.str == "|u1"
    found = [
        outline
        for outline in _outlines()
        if (outline.levels == 2 if two else outline.any_shape or byte)
        and (outline.any_shape or _fixed_axes(outline, shape, flat=False))
    ]
    return [NamedModel.bundled(outline.name) for outline in found]


def _outlines() -> list[Outline]:
    found = [outline for outline in outlines_of(None) if not outline.serial]
    return undominated(found, DEFAULT, colours=False)


def auto_names() -> tuple[str, ...]:
    """The names of all models that "auto" may choose."""
    return tuple(outline.name for outline in _outlines())


def codable(model: Outline, dtype: np.dtype[Any], shape: Shape, axes: str) -> bool:
    """Whether a model may code arrays of this dtype and shape."""
    return any(_views(model, dtype, shape, axes))


def choose_coding(
    array: NDArray[Any], models: Sequence[NamedModel], axes: str
) -> tuple[int, Coding]:
    """The number of axes of an item, and the smallest coding that was found for the array.

    array: C-contiguous, of a dtype that archives can store. Raises ModelError if a needed model is
    missing.
    """
    whole = Tiles.stacked(array[np.newaxis])
    outlines = [outline for model in models if not (outline := model.outline()).serial]
    planner = Planner(DEFAULT.for_array(array.size))
    plan = _plan(planner, array, outlines, axes)
    default = _default_axes(array.shape, axes)
    plans = [(one.axes or default, one) for one in (plan, *plan.rivals)]
    # Tiles cache the output of general compressors, so equal tiles are compressed once.
    tiles = {count: _reshaped(whole, array.shape, count) for count, _ in plans}
    codings = [(count, smallest_coding(tiles[count], one, "lzma").coding) for count, one in plans]
    many = array.ndim > 1 and not is_narrow(array.dtype)
    if plan.model is not None and many:
        listed = whole.value_range
        many = isinstance(listed, ValueList) and planner.long_list(listed, whole)
    if many and whole.elements.size and whole.two_values is None:
        codings += _by_digits(planner, array, outlines, axes)
    return min(codings, key=lambda pair: pair[1].cost)


def _by_digits(
    planner: Planner, array: NDArray[Any], outlines: Sequence[Outline], axes: str
) -> Iterator[tuple[int, Coding]]:
    """Codings by the method digits. The highest digit decides what the axes mean."""
    whole = Tiles.stacked(array[np.newaxis])
    cut, digits = cut_of(whole.elements)
    codings: list[Coding] = []
    count = 0
    for digit, bits in zip(digits, cut.bits, strict=True):
        noise = is_noise(digit, bits, planner.policy.worthwhile)
        digit = digit.reshape(array.shape)
        plan = NO_MODEL if noise else _plan(planner, digit, outlines, axes, count)
        count = count or plan.axes
        if not count:
            return
        tiles = _reshaped(Tiles.stacked(digit[np.newaxis]), array.shape, count)
        codings.append(smallest_coding(tiles, plan, "lzma", digits=True).coding)
    yield count, coding_of_digits(_reshaped(whole, array.shape, count), cut, codings)


def _plan(
    planner: Planner, array: NDArray[Any], outlines: Sequence[Outline], axes: str, wanted: int = 0
) -> Plan:
    """The plan for an array. wanted: the number of axes of an item, if it is known."""
    whole = Tiles.stacked(array[np.newaxis])
    if not whole.elements.size:
        return NO_MODEL
    views = {
        outline.name: [
            view
            for view in _views(outline, array.dtype, array.shape, axes)
            if wanted in (0, view.axes)
        ]
        for outline in outlines
    }
    outlines = [outline for outline in outlines if views[outline.name]]
    candidates = list(candidates_for(outlines, whole))
    sample, above = _sample(planner, array, candidates, views)

    def plans(candidate: Candidate) -> Iterator[BlockPlan]:
        for view in views[candidate.outline.name]:
            before = _tiles(above, view.axes) if above else None
            items = _reshaped(whole, array.shape, view.axes)
            yield candidate.plan(_tiles(sample, view.axes), items, view.layout, before)

    default = wanted or _default_axes(array.shape, axes)
    return planner.choose(whole, _tiles(sample, default), candidates, plans, array.size)[1]


def _views(model: Outline, dtype: np.dtype[Any], shape: Shape, axes: str) -> Iterator[AxesMeaning]:
    if model.serial:
        return
    if model.any_shape:
        yield from _any_views(dtype, shape, axes)
        return
    count = _fixed_axes(model, shape, flat=True)
    if count and (axes == AUTO or _VIEWS[axes].axes == count):
        yield AxesMeaning(count, layouts.PICTURES)


def _any_views(dtype: np.dtype[Any], shape: Shape, axes: str) -> Iterator[AxesMeaning]:
    for name, view in _VIEWS.items():
        if len(shape) < view.axes or axes not in (AUTO, name):
            continue
        if axes == AUTO and not _likely(name, view, shape):
            continue
        if view.layout in layouts.layouts_for(dtype, shape[len(shape) - view.axes :]):
            yield view


def _likely(name: str, view: AxesMeaning, shape: Shape) -> bool:
    """Whether the last axes may have the meaning `name`. A short last axis has channels."""
    if view.layout == layouts.STACKS and shape[-view.axes] == 1:
        return False
    if name.endswith("c"):
        return shape[-1] <= layouts.MOST_CHANNELS
    return len(shape) == 2 or shape[-1] > MOST_COLOUR_CHANNELS


def _fixed_axes(model: Outline, shape: Shape, flat: bool) -> int:
    """The number of last axes that form an item of a fixed-size model; 0 if none do."""
    for count in (2, 3, 1) if flat else (2, 3):
        if count <= len(shape) and model.size_of(shape[len(shape) - count :]) is not None:
            return count
    return 0


def _default_axes(shape: Shape, axes: str) -> int:
    if axes != AUTO:
        return _VIEWS[axes].axes
    colours = len(shape) > 2 and shape[-1] <= MOST_COLOUR_CHANNELS
    return min(len(shape), 3 if colours else 2)


def _sample(
    planner: Planner,
    array: NDArray[Any],
    candidates: Sequence[Candidate],
    views: dict[str, list[AxesMeaning]],
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Parts of an array for trials, and the rows above them, from which a model may learn."""
    sized = [each.outline.name for each in candidates if not each.outline.any_shape]
    if sized:
        return [_some_items(array, max(view.axes for name in sized for view in views[name]))], []
    if not candidates or array.ndim < 2:
        return [array], []
    channels = array.ndim > 2 and array.shape[-1] <= layouts.MOST_CHANNELS
    most = planner.policy.sample_elements
    slices = array.reshape(-1, *array.shape[array.ndim - 2 - channels :])
    length = min(len(slices), SAMPLE_SLICES)
    groups = min(most // (length * slices[0].size), len(slices) // (2 * length))
    most //= max(groups, 1)
    sample, before = [], []
    for number in range(max(groups, 1)):
        end = (number + 1) * len(slices) // max(groups, 1)
        group = slices[end - length : end]
        pairs = boxes_at(group.shape, 1, most, most)
        sample += [group[box] for _, box in pairs]
        before += [group[rows] for rows, _ in pairs]
        before += [slices[end - 2 * length : end - length]] if groups else []
    return sample, [part for part in before if part.size]


def _some_items(array: NDArray[Any], axes: int) -> NDArray[Any]:
    """Some consecutive items, such as the slices of a stack."""
    items = _reshaped(Tiles.stacked(array[np.newaxis]), array.shape, axes).stack
    start = max((len(items) - SAMPLE_SLICES) // 2, 0)
    return items[start : start + SAMPLE_SLICES]


def _tiles(parts: list[NDArray[Any]], axes: int) -> Tiles:
    """The parts as items of this number of axes, which may exceed their own."""
    return Tiles.from_arrays(
        (
            item
            for part in parts
            for item in _reshaped(Tiles.stacked(part.copy()[np.newaxis]), part.shape, axes)
        ),
        parts[0].dtype,
    )


def _reshaped(whole: Tiles, shape: Shape, axes: int) -> Tiles:
    """Tiles of an array of this shape, from the same array as one tile."""
    shape = (1,) * (axes - len(shape)) + shape
    at = len(shape) - axes
    return whole.reshaped(((math.prod(shape[:at]), shape[at:]),))
