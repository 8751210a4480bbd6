"""Convert the tiles of a block to items of a model and back (docs/format.md, `B`, a block).

A layout gives the meaning of the tiles' axes, and with it the shapes of items. A value map gives
the symbols of elements.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.format.array_part import MOST_COLOUR_CHANNELS
from bitsback.format.grid import Shape
from bitsback.format.runs import Run
from bitsback.format.tiles import Tiles
from bitsback.format.two_values import from_symbols, symbol_dtype, to_symbols
from bitsback.format.value_range import JpegColours, Ordered, ValueMap, ValueRange
from bitsback.models.item_shape import ItemShape
from bitsback.models.outline import Outline

PICTURES, STACKS, SERIES, FRAMES = 0, 1, 2, 3
LAYOUTS = ("pictures", "stacks", "series", "frames")
"""The layouts, which are numbers in the format.

pictures: a tile is [rows, columns] or [rows, columns, channels].
stacks: a tile is [slices, rows, columns] or [slices, rows, columns, channels].
series: a tile is a number or [channels], and the tiles of a run follow one another in time.
frames: a tile is a picture, and the tiles of a run are the slices of a stack.
"""

MOST_CHANNELS = 16  # the limit for the slices of a stack
MOST_BANDS = 256  # the limit for pictures of spectra
MOST_SLICES = 32  # the limit for a tile of a stack
MOST_COLUMNS = 64  # the limit of a series


def layouts_for(dtype: np.dtype[Any], shape: Shape) -> tuple[int, ...]:
    """The layouts in which size-agnostic models may code tiles of this dtype and shape."""
    if 0 in shape or not 2 <= len(shape) <= 4:
        return ()
    if len(shape) == 4:
        return (STACKS,) if shape[-1] <= MOST_CHANNELS else ()
    if len(shape) == 2 or shape[-1] <= MOST_COLOUR_CHANNELS:
        return (PICTURES,)
    pictures = shape[-1] <= MOST_CHANNELS or may_be_spectra(shape)
    return (PICTURES, STACKS) if pictures else (STACKS,)


def may_be_spectra(shape: Shape) -> bool:
    """Whether the last axis of a tile may count the channels of spectra.

    A tile of a stack has fewer slices than such an axis.
    """
    if len(shape) != 3 or not MOST_COLOUR_CHANNELS < shape[2] <= MOST_BANDS:
        return False
    return shape[0] > MOST_SLICES and shape[2] <= 4 * min(shape[:2])


def is_step(dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether tiles of this dtype and shape can be steps of a series."""
    return shape == () or (len(shape) == 1 and 1 <= shape[0] <= MOST_COLUMNS)


def layouts_of(model: Outline, dtype: np.dtype[Any], shape: Shape) -> tuple[int, ...]:
    """The layouts in which a model codes tiles of this dtype and shape; empty if there are none."""
    if model.serial:
        return (SERIES,) if is_step(dtype, shape) else ()
    if model.any_shape:
        return layouts_for(dtype, shape)
    return () if model.size_of(shape) is None else (PICTURES,)


def suits(model: Outline, dtype: np.dtype[Any], shape: Shape, layout: int) -> bool:
    """Whether the model codes tiles of this dtype and shape in this layout."""
    found = layouts_of(model, dtype, shape)
    if layout == FRAMES:
        return model.any_shape and PICTURES in found
    return layout in found


def as_stacks(tiles: Tiles) -> Tiles:
    """Tiles that are frames, regrouped as tiles that are stacks of several frames."""
    shapes: list[tuple[int, Shape]] = []
    for count, shape in tiles.shapes:
        whole, rest = divmod(count, MOST_SLICES)
        shapes += [(whole, (MOST_SLICES, *shape)), (1, (rest, *shape))]
    return tiles.reshaped(tuple((count, shape) for count, shape in shapes if count and shape[0]))


def find_map(tiles: Tiles, invert: bool = False, layout: int = PICTURES) -> ValueMap | None:
    """The value map for these tiles; None if elements are symbols, or have too many values.

    invert: the greater of two values is symbol 0.
    """
    pair = tiles.two_values
    if pair is None:
        return tiles.range_of_series if layout == SERIES else tiles.value_range
    return pair[::-1] if invert else pair


def map_for(
    model: Outline, tiles: Tiles, layout: int = PICTURES, invert: bool = False
) -> ValueMap | None:
    """The value map for these tiles and this model; None if it codes elements without a map."""
    if model.any_shape:
        found = find_map(tiles, invert, layout)
        ranks = isinstance(found, ValueRange) and found.occurring is not None
        if model.wavefront and not (ranks or tiles.two_values) and tiles.has_jpeg_colours:
            return JpegColours()
        return found
    if model.levels > 2 or tiles.two_values is None:
        return None
    return tiles.two_values[::-1] if invert else tiles.two_values


def map_fits(model: Outline, tiles: Tiles, value_map: ValueMap | None) -> bool:
    """Whether the model codes the symbols of this value map."""
    if model.any_shape or value_map is not None:
        return count_levels(tiles.dtype, value_map) <= model.levels
    elements = tiles.elements
    return elements.dtype.str == symbol_dtype(model) and int(elements.max(initial=0)) < model.levels


def count_levels(dtype: np.dtype[Any], value_map: ValueMap | None) -> int:
    """The number of levels of a value map's symbols."""
    if isinstance(value_map, Ordered):
        return value_map.levels
    return len(value_map) if isinstance(value_map, tuple) else 1 << 8 * dtype.itemsize


def item_shapes(model: Outline, runs: Sequence[Run], layout: int) -> list[tuple[int, ItemShape]]:
    """The items of a block as pairs (count, shape). Raises ArchiveError if the model does not code
    them.
    """
    for run in runs:
        levels = count_levels(run.dtype, run.value_map)
        symbols = ("|u1", "<u2") if model.any_shape else (symbol_dtype(model),)
        if run.value_map is None and run.dtype.str not in symbols:
            raise ArchiveError(
                f"its elements, of {run.dtype}, are not symbols of its model {model.name}"
            )
        if isinstance(run.value_map, JpegColours) and not model.wavefront:
            raise ArchiveError(
                f"its colours are those of JPEG, which its model {model.name} does not code"
            )
        if levels > model.levels and (model.any_shape or run.value_map is not None):
            raise ArchiveError(
                f"its elements have {levels} levels, more than its model {model.name} codes,"
                f" {model.levels}"
            )
    if model.any_shape:
        return shapes_in_layout(runs, layout)
    found = []
    for run in runs:
        size = model.size_of(run.shape)
        if size is None or layout != PICTURES:
            raise ArchiveError(
                f"its items have the shape {run.shape}, and its model {model.name} codes"
                f" {model.items_in_words}"
            )
        found.append((run.items, model.shape_of(size)))
    return found


def shapes_in_layout(runs: Sequence[Run], layout: int) -> list[tuple[int, ItemShape]]:
    """The items of runs as pairs (number of consecutive items, shape).

    Raises ArchiveError for items that no model codes.
    """
    found: list[tuple[int, ItemShape]] = []
    for run in runs:
        levels = count_levels(run.dtype, run.value_map)
        if layout == SERIES:
            found.append((1, ItemShape(1, run.items, 1, _channels(run), levels)))
            continue
        items, shape = run.items, run.shape
        if layout == PICTURES:
            shape = (1, *shape)
        elif layout == FRAMES:
            items, shape = 1, (items, *shape)
        if len(shape) not in (3, 4) or 0 in shape:
            raise ArchiveError(f"its tiles, of the shape {run.shape}, cannot be planes")
        slices, rows, columns, *channels = shape
        jpeg = isinstance(run.value_map, JpegColours)
        if jpeg and (channels != [3] or run.dtype != np.uint8):
            raise ArchiveError(f"its tiles, of the shape {run.shape}, have no colours of JPEG")
        one = ItemShape(slices, rows, columns, channels[0] if channels else 1, levels, jpeg)
        found.append((items, one))
    return found


def shape_of_each(runs: Sequence[Run], layout: int) -> list[ItemShape]:
    """The shape of each item."""
    return [shape for count, shape in shapes_in_layout(runs, layout) for _ in range(count)]


def _channels(run: Run) -> int:
    """The number of channels of a run that is a series. Raises ArchiveError."""
    if len(run.shape) > 1 or 0 in run.shape or run.elements > 1 << 26:
        raise ArchiveError(f"its tiles, of the shape {run.shape}, cannot be steps of a series")
    return run.shape[0] if run.shape else 1


def symbols_of(tiles: Tiles, value_map: ValueMap | None) -> NDArray[Any]:
    """The symbols of all elements, flat."""
    if isinstance(value_map, Ordered):
        return value_map.to_symbols(tiles.elements)
    if isinstance(value_map, tuple):
        return to_symbols(tiles.elements, value_map)
    return tiles.elements.astype(f"u{tiles.dtype.itemsize}", copy=False)


def elements_of(symbols: NDArray[Any], runs: Sequence[Run]) -> NDArray[Any]:
    """The elements, flat, of symbols of these runs. The symbols may be cut short.

    Raises ArchiveError for a symbol that has no element.
    """
    parts, at = [], 0
    for run in runs:
        part = symbols[at : at + run.elements]
        at += run.elements
        if isinstance(run.value_map, tuple | Ordered):
            if int(part.max(initial=0)) >= count_levels(run.dtype, run.value_map):
                raise ArchiveError("it has symbols without an element")
            if isinstance(run.value_map, Ordered):
                part = run.value_map.from_symbols(part)
            else:
                part = from_symbols(part.astype(np.uint8, copy=False), run.value_map, run.dtype)
        parts.append(part.astype(run.dtype, copy=False))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, dtype=runs[0].dtype)
