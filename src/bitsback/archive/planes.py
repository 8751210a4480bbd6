"""The method planes: pieces of any size, coded in one call by a model that is free of sizes
(docs/format.md, `B`, a block).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive import chain
from bitsback.archive.collection import MOST_COLOURS
from bitsback.archive.grid import Shape
from bitsback.archive.levels import Levels, find_levels, from_symbols, to_symbols
from bitsback.archive.pieces import Pieces
from bitsback.archive.runs import Run
from bitsback.archive.values import Values, find_values, has_values
from bitsback.errors import ArchiveError
from bitsback.message import Message
from bitsback.models import Model
from bitsback.models.planes import PlaneShape

PICTURES, STACKS, SERIES = 0, 1, 2
LAYOUTS = ("pictures", "stacks", "series")
"""Layouts: a piece is [rows, columns] or [rows, columns, channels], or that with slices before; or
it is a number or [channels], and those of a run follow one another in time.
"""

WORK_OF_A_STEP = 1 << 15
"""Multiply-adds, in the time that it takes to begin an array."""

MOST_CHANNELS = 16  # of the slices of a stack
MOST_COLUMNS = 64  # of a series


def layouts_for(dtype: np.dtype[Any], shape: Shape) -> tuple[int, ...]:
    """The layouts that suit pieces of this dtype and shape, if a free model of images codes them at
    all.
    """
    if not has_values(dtype) or 0 in shape or not 2 <= len(shape) <= 4:
        return ()
    if len(shape) == 4:
        return (STACKS,) if shape[-1] <= MOST_CHANNELS else ()
    if len(shape) == 2 or shape[-1] <= MOST_COLOURS:
        return (PICTURES,)
    return (PICTURES, STACKS) if shape[-1] <= MOST_CHANNELS else (STACKS,)


def is_step(dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether pieces of this dtype and shape are what a step of a series has."""
    return has_values(dtype) and (
        shape == () or (len(shape) == 1 and 1 <= shape[0] <= MOST_COLUMNS)
    )


def find_map(
    pieces: Pieces, invert: bool = False, layout: int = PICTURES
) -> Levels | Values | None:
    """What the symbols of these pieces, whose dtype has values, are to stand for. invert: the
    greater of two levels is symbol 0.
    """
    levels = find_levels(pieces.elements)
    if levels is None:
        return find_values(pieces.elements, near=layout == SERIES)
    return levels[::-1] if invert else levels


def count_levels(dtype: np.dtype[Any], levels: Levels | Values | None) -> int:
    """Of symbols that stand for this."""
    if isinstance(levels, Values):
        return levels.levels
    return len(levels) if levels is not None else 1 << 8 * dtype.itemsize


def plane_shapes(runs: Sequence[Run], layout: int) -> list[PlaneShape]:
    """Raises ArchiveError for what no free model codes."""
    found: list[PlaneShape] = []
    for run in runs:
        if run.levels is None and run.dtype.str not in ("|u1", "<u2"):
            raise ArchiveError(f"its elements, of {run.dtype}, are no symbols")
        levels = count_levels(run.dtype, run.levels)
        if layout == SERIES:
            found.append(PlaneShape(1, run.items, 1, _channels(run), levels))
            continue
        shape = run.shape if layout == STACKS else (1, *run.shape)
        if len(shape) not in (3, 4) or 0 in shape:
            raise ArchiveError(f"its pieces, of the shape {run.shape}, are not what planes are of")
        slices, rows, columns, *channels = shape
        plane = PlaneShape(slices, rows, columns, channels[0] if channels else 1, levels)
        found += [plane] * run.items
    return found


def _channels(run: Run) -> int:
    """Of a series, whose steps are the items of a run."""
    if len(run.shape) > 1 or 0 in run.shape or run.elements > 1 << 26:
        raise ArchiveError(f"its pieces, of the shape {run.shape}, are no steps of a series")
    return run.shape[0] if run.shape else 1


def to_planes(pieces: Pieces, levels: Levels | Values | None) -> NDArray[Any]:
    """The symbols of all elements, flat."""
    if levels is None:
        return pieces.elements.astype(f"u{pieces.dtype.itemsize}", copy=False)
    if isinstance(levels, Values):
        return levels.to_symbols(pieces.elements)
    return to_symbols(pieces.elements, levels)


def encode(
    model: Model,
    runs: Sequence[Run],
    layout: int,
    symbols: NDArray[Any],
    content: bytes,
    lanes: int,
) -> bytes:
    """The bytes of the message that holds the symbols of the runs; `content` is the digest."""
    message = chain.initial(content, lanes)
    model.push_planes(message, symbols, plane_shapes(runs, layout))
    return message.to_bytes()


def decode(
    model: Model, message: Message, runs: Sequence[Run], shapes: Sequence[PlaneShape]
) -> NDArray[Any]:
    """The elements, flat. The message ends up as the initial one, if all is well."""
    return from_planes(pop(model, message, shapes), runs)


def pop(model: Model, message: Message, shapes: Sequence[PlaneShape]) -> NDArray[Any]:
    """The symbols of all elements, flat."""
    most = max(shape.levels for shape in shapes)
    return model.pop_planes(message, shapes, np.dtype(np.uint8 if most <= 256 else np.uint16))


def from_planes(symbols: NDArray[Any], runs: Sequence[Run]) -> NDArray[Any]:
    """The elements, flat, that symbols of these runs stand for."""
    parts, at = [], 0
    for run in runs:
        part = symbols[at : at + run.elements]
        at += run.elements
        if isinstance(run.levels, Values):
            parts.append(run.levels.from_symbols(part))
        elif run.levels is not None:
            parts.append(from_symbols(part.astype(np.uint8, copy=False), run.levels, run.dtype))
        else:
            parts.append(part.astype(run.dtype, copy=False))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, dtype=runs[0].dtype)


def affordable(
    model: Model, shapes: Sequence[PlaneShape], data_size: int, batches: int = 1
) -> bool:
    """Whether decoding these, in so many batches, from so many bytes takes no more memory and time
    than a few bytes may ask for.
    """
    room = model.plane_room(shapes)
    work = model.plane_work(shapes) + batches * model.plane_steps(shapes) * WORK_OF_A_STEP
    return bearable(room, work, data_size)


def bearable(room: int, work: int, data_size: int) -> bool:
    """Whether so many bytes of memory, and multiply-adds, are no more than the data of a block may
    ask for. A block has 32 bytes beside its data, so an archive, be it merged of others, asks for
    at most 2^26 multiply-adds for each of its bytes.
    """
    return room <= (1 << 26) + (data_size << 10) and work <= (1 << 31) + (data_size << 25)
