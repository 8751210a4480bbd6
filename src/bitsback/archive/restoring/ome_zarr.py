"""Export the images of an archive as OME-Zarr, version 0.5 on Zarr 3 (docs/zarr.md).

The metadata has the axes, spacing, units and channels that their files state. It needs the extra
`zarr`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import accumulate, chain, pairwise
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from bitsback.archive.arrays.indexed import View
from bitsback.archive.files.stacked import arrays_in
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError, MissingExtra
from bitsback.files.axes import FRAME, C, T, X, Y, Z
from bitsback.io.names import printable
from bitsback.work import Progress

try:
    import zarr
except ImportError as error:
    raise MissingExtra("zarr", ".[zarr]") from error

_VERSION = "0.5"
_TYPES = {T: "time", C: "channel", Z: "space", Y: "space", X: "space"}
"""The axes of OME-Zarr in its order, and their types."""
_UNITS = {
    "m": "meter", "mm": "millimeter", "µm": "micrometer", "nm": "nanometer",
    "s": "second", "ms": "millisecond", "µs": "microsecond",
}  # fmt: skip
_UNSTATED = {2: (Y, X), 3: (Z, Y, X), 4: (Z, Y, X, C), 5: (T, Z, Y, X, C)}
"""The axes of an array whose file states none, by their number."""
_SIDE = 1024  # rows and columns of a chunk


def export(
    archive: ArchiveReader, folder: Path, force: bool = False, progress: Progress | None = None
) -> tuple[int, int]:
    """Writes the images of an archive into a new folder, which appears when it is complete.

    Several images get numbers as names, in the layout of bioformats2raw. Returns the number of
    images and the bytes of their elements.

    force: replace an existing folder, if it is Zarr. progress: called with the number of finished
    elements, and of all. Raises InputError if there are no images, or the folder exists or cannot
    be written. Raises ArchiveError for damage.
    """
    shown = printable(os.fspath(folder))
    images = {
        name: array
        for name, array in arrays_in(archive).items()
        if array.ndim >= 2 and array.size and array.dtype.kind in "biuf"
    }
    if not images:
        raise InputError(f"{archive.name}: has no images to write as OME-Zarr")
    if folder.exists() and not (force and (folder / "zarr.json").is_file()):
        raise InputError(f"{shown}: exists already; replace it with --force, if it is Zarr")
    axes = {name: _axes(name, array) for name, array in images.items()}
    done, total = 0, sum(array.size for array in images.values())
    try:
        made = folder.with_name(f".{folder.name}-{os.getpid()}")
        made.mkdir()
        try:
            root = zarr.open_group(made, mode="w", zarr_format=3)
            if len(images) > 1:
                root.attrs["ome"] = {"version": _VERSION, "bioformats2raw.layout": 3}
            for number, (name, array) in enumerate(images.items()):
                group = root if len(images) == 1 else root.create_group(str(number))
                group.attrs["ome"] = _metadata(name, array, axes[name])
                for elements in _write(group, array, axes[name]):
                    done += elements
                    if progress is not None:
                        progress(done, total)
            if folder.exists():
                rmtree(folder)
            made.rename(folder)
        finally:
            rmtree(made, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{shown}: cannot be written: {error.strerror}") from error
    return len(images), sum(array.nbytes for array in images.values())


def _axes(name: str, array: View) -> tuple[str, ...]:
    """The names of an array's axes in OME-Zarr. Raises InputError if OME-Zarr has no such axes."""
    dims = array.dims or _UNSTATED.get(array.ndim, ())
    if not array.dims and array.ndim == 3 and array.shape[-1] <= 4:
        dims = (Y, X, C)
    found = list(dims)
    for place, axis in enumerate(dims):
        if axis not in _TYPES:  # consecutive files or frames
            free = [one for one in ((T, Z) if axis == FRAME else (Z, T)) if one not in found]
            found[place] = free[0] if free else axis
    if len(set(found)) != len(found) or not {Y, X} <= set(found) <= set(_TYPES):
        raise InputError(
            f"{name}: has the axes {' '.join(dims) or array.ndim}, and OME-Zarr has t, c, z, y, x"
        )
    return tuple(found)


def _metadata(name: str, array: View, axes: tuple[str, ...]) -> dict[str, Any]:
    attrs = array.attrs
    # The properties of an axis have the axis name of the file, not of OME-Zarr.
    own = dict(zip(axes, array.dims or axes, strict=True))
    ordered = [axis for axis in _TYPES if axis in axes]
    units = {axis: _UNITS.get(attrs.get("units", {}).get(own[axis]), "") for axis in ordered}
    spacing = [float(attrs.get("spacing", {}).get(own[axis], 1.0)) for axis in ordered]
    multiscale = {
        "name": name,
        "axes": [
            {"name": axis, "type": _TYPES[axis]} | ({"unit": units[axis]} if units[axis] else {})
            for axis in ordered
        ],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": spacing}]}
        ],
    }
    return {"version": _VERSION, "multiscales": [multiscale]} | _shown(array, axes)


def _shown(array: View, axes: tuple[str, ...]) -> dict[str, Any]:
    """The display of channels: their names and the window, as far as a file states them."""
    count = array.shape[axes.index(C)] if C in axes else 1
    names, window = array.attrs.get("channels", []), array.attrs.get("window")
    if window is None and len(names) == count and array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        window = limits.min, limits.max
    if window is None:
        return {}
    low, high = map(float, window)
    channel = {
        "active": True,
        "color": "FFFFFF",
        "window": {"min": low, "max": high, "start": low, "end": high},
    }
    labels = [{"label": name} for name in names] if len(names) == count else [{}] * count
    return {"omero": {"channels": [channel | label for label in labels]}}


def _write(group: Any, array: View, axes: tuple[str, ...]) -> Iterator[int]:
    """Writes the elements, some chunks along the first axis at a time. Yields their numbers."""
    order = [axes.index(axis) for axis in _TYPES if axis in axes]
    shape = tuple(array.shape[axis] for axis in order)
    ordered = [axes[axis] for axis in order]
    chunks = tuple(
        min(size, _SIDE) if axis in (Y, X) else 1 for size, axis in zip(shape, ordered, strict=True)
    )
    target = group.create_array(
        "0", shape=shape, chunks=chunks, dtype=array.dtype.newbyteorder("="),
        dimension_names=ordered,
    )  # fmt: skip
    for start, stop in pairwise(accumulate(chain([0], array.chunks[0]))):
        some = np.asarray(array[start:stop])
        where = [slice(None)] * array.ndim
        where[order.index(0)] = slice(start, stop)
        target[tuple(where)] = some.transpose(order)
        yield some.size
