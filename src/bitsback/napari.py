"""A plugin of napari that shows archives as layers (docs/readers.md). `napari.yaml` declares it.

It needs the extra `napari`, which installs Dask. napari itself has Dask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bitsback.archive.arrays.indexed import View
from bitsback.archive.files.stacked import Stack, arrays_in
from bitsback.archive.reader import ArchiveReader
from bitsback.dask.reading import lazy
from bitsback.errors import ArchiveError, InputError
from bitsback.files.axes import C, X, Y
from bitsback.format.grid import Shape

Layer = tuple[Any, dict[str, Any], str]
Paths = str | Sequence[str]


def get_reader(path: Paths) -> Callable[[Paths], list[Layer]] | None:
    """The reader of archives; None for other files.

    >>> get_reader("x.tif")
    """
    paths = [path] if isinstance(path, str) else path
    return read if all(each.endswith(".bb") for each in paths) else None


def read(path: Paths) -> list[Layer]:
    """The layers of one archive or of several.

    They are arrays, stacks of pictures of one shape, and other pictures. Their data are
    arrays of Dask, and a slice decodes only the blocks that it needs. Raises InputError if there is
    nothing to show, and ArchiveError.
    """
    paths = [path] if isinstance(path, str) else path
    return [layer for each in paths for layer in _layers(Path(each))]


def _layers(path: Path) -> Iterator[Layer]:
    archive = ArchiveReader(path)
    archive.close_when_dropped()
    shown = 0
    for name, array in arrays_in(archive).items():
        if array.ndim < 2 or 0 in array.shape:
            continue
        shown += 1
        of_colours = array.dtype.kind == "u" and array.dtype.itemsize <= 2
        rgb = of_colours and array.ndim > 2 and array.shape[-1] in (3, 4)
        rgb = rgb and array.dims[-1:] in ((), (C,))
        options: dict[str, Any] = {
            "name": path.stem if name == "array" else f"{path.stem}: {name}",
            "rgb": rgb,
            "metadata": {"archive": str(path)},
        }
        options |= _axes_of(array, rgb, options["name"])
        if (limits := _limits(array, array.shape[: -3 if rgb else -2])) is not None:
            options["contrast_limits"] = limits
        if isinstance(array, Stack) and archive.files.named:
            options["metadata"]["names"] = [archive.names[number] for number in array.numbers]
        levels = [lazy(level) for level in array.levels if _frames(level) == _frames(array)]
        yield levels if len(levels) > 1 else levels[0], options, "image"
    if not shown:
        raise InputError(f"{path}: contains no arrays of two or more axes for napari to show")


def _frames(array: View) -> list[tuple[str, int]]:
    """The axes that all levels of a pyramid have in common, and their lengths."""
    named = zip(array.dims, array.shape, strict=False)
    return [(axis, length) for axis, length in named if axis not in (Y, X)]


def _axes_of(array: View, rgb: bool, name: str) -> dict[str, Any]:
    """The options of a layer from the axes of its array.

    They give one layer for each channel, the spacing and the units, as far as the file states them.
    """
    dims = array.dims[: -1 if rgb else None]
    if not dims:
        return {}
    options: dict[str, Any] = {}
    if C in dims:
        options["channel_axis"] = dims.index(C)
        dims = tuple(axis for axis in dims if axis != C)
        channels = array.attrs.get("channels", [])
        if len(channels) == array.shape[options["channel_axis"]]:
            options["name"] = [f"{name}: {channel}" for channel in channels]
    spacing, units = array.attrs.get("spacing", {}), array.attrs.get("units", {})
    options["axis_labels"] = dims
    if spacing:
        options["scale"] = [spacing.get(axis, 1.0) for axis in dims]
        options["units"] = [units.get(axis, "pixel") for axis in dims]
    return options


def _limits(array: View, stacked: Shape) -> tuple[float, float] | None:
    """The contrast limits: those of the file, or those of the middle slice, which napari shows
    first.

    None where napari finds the same limits. In a stack it would take the first slice, which is
    often empty. stacked: the lengths of the axes with a slider.
    """
    if "window" in array.attrs:
        low, high = array.attrs["window"]
        return low, high
    if array.dtype == np.uint8:
        return 0, 255
    if not stacked or array.dtype.kind not in "iuf":
        return None
    try:
        middle = array[tuple((length - 1) // 2 for length in stacked)]
    except ArchiveError:  # it is raised again when the slice is shown
        return None
    finite = middle[np.isfinite(middle)]
    if not finite.size or finite.min() == finite.max():
        return None
    return float(finite.min()), float(finite.max())
