"""A backend of xarray that opens archives as datasets (docs/readers.md).

`xarray.open_dataset("x.bb")` finds it by the ending, or with `engine="bitsback"`. It needs the
extra `xarray`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import View
from bitsback.archive.files.stacked import Stack, arrays_in
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError, MissingExtra
from bitsback.files.axes import C
from bitsback.io.remote.url import Options
from bitsback.models.model import Choice

try:
    from xarray import Dataset, Variable
    from xarray.backends import BackendArray, BackendEntrypoint
    from xarray.core import indexing
except ImportError as error:
    raise MissingExtra("xarray", ".[xarray]") from error

Dims = Sequence[str] | Mapping[str, Sequence[str]]


class LazyArray(BackendArray):
    """An array in an archive. An index decodes only the blocks that it needs."""

    __slots__ = ("array", "dtype", "shape")

    def __init__(self, array: View) -> None:
        self.array, self.shape = array, array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        support = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._take)

    def _take(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """The elements of an index.

        key: a number, a slice or an array of numbers for each axis. For an array on another axis
        than the first, all elements from its least to its greatest number are decoded.
        """
        within, chosen = list(key), list[tuple[int, Any]]()
        for axis, part in enumerate(key[1:], 1):
            if isinstance(part, np.ndarray):
                low, high = (int(part.min()), int(part.max()) + 1) if part.size else (0, 0)
                within[axis] = slice(low, high)
                scalars = sum(np.isscalar(each) for each in key[:axis])
                chosen.append((axis - scalars, part - low))
        found = np.asarray(self.array[tuple(within)] if key else self.array[...])
        for axis, places in chosen:
            found = found.take(places, axis)
        return found


class BitsbackBackend(BackendEntrypoint):
    """Opens archives lazily.

    >>> import os, tempfile
    >>> import bitsback
    >>> import xarray
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.bb")
    ...     summary = bitsback.compress(np.zeros((50, 9, 8), np.uint8), path)
    ...     with xarray.open_dataset(path, engine=BitsbackBackend, dims="zyx") as dataset:
    ...         int(dataset["array"][20:30, 3].sum()), dataset["array"].dims
    (0, ('z', 'y', 'x'))
    """

    description = "Archives of bitsback (.bb)"
    open_dataset_parameters = (
        "filename_or_obj",
        "drop_variables",
        "dims",
        "model",
        "storage_options",
    )

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        dims: Dims | None = None,
        model: Choice | None = None,
        storage_options: Options | None = None,
    ) -> Dataset:
        """Opens an archive as a dataset.

        filename_or_obj: a path, a URL, or a seekable binary file. dims: the names of the axes, for
        all arrays, or a mapping by the name of each array; "zyx" are three names. By default they
        are those of the file, such as `t`, `z`, `y`, `x`, or else `dim_0`, `dim_1`, ... If arrays
        differ in them, they get the prefix `NAME_`. model, storage_options: as for `bitsback.open`.

        The variables are "array", the arrays of an npz file, or pictures. Pictures of one
        shape are one variable, whose coordinate `name` has the names of files. Axes have
        coordinates if the file states their spacing or channels. Blocks are the preferred chunks,
        `chunks={}`. Raises InputError and ArchiveError.
        """
        archive = ArchiveReader(filename_or_obj, model=model, storage_options=storage_options)
        try:
            left_out = (
                {drop_variables} if isinstance(drop_variables, str) else {*(drop_variables or ())}
            )
            arrays = {
                name: array for name, array in arrays_in(archive).items() if name not in left_out
            }
            named = _dims_of(arrays, dims)
            dataset = Dataset()
            for name, array in arrays.items():
                axes = named[name]
                chunks = dict(zip(axes, array.chunks, strict=True))
                lazy = indexing.LazilyIndexedArray(LazyArray(array))
                window = {"window": list(array.attrs["window"])} if "window" in array.attrs else {}
                dataset[name] = Variable(axes, lazy, window, {"preferred_chunks": chunks})
                dataset = dataset.assign_coords(_coordinates(array, axes))
                if isinstance(array, Stack) and archive.files.named:
                    names = [archive.names[number] for number in array.numbers]
                    label = f"{name}_name" if axes[0].startswith(f"{name}_") else "name"
                    dataset = dataset.assign_coords({label: (axes[0], names)})
        except BaseException:
            archive.close()
            raise
        dataset.attrs["kind"] = archive.kind
        dataset.set_close(archive.close)
        return dataset

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        return isinstance(filename_or_obj, str | os.PathLike) and (
            os.fspath(filename_or_obj).endswith(".bb")
        )


def _dims_of(arrays: Mapping[str, View], dims: Dims | None) -> dict[str, tuple[str, ...]]:
    """The names of the axes of each array.

    Raises InputError if there are too few or too many names for the axes of an array.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, array in arrays.items():
        given = dims.get(name) if isinstance(dims, Mapping) else dims
        if given is not None:
            found[name] = tuple(given)
            if len(found[name]) != array.ndim:
                raise InputError(
                    f"dims={dims!r}: {name} has {array.ndim} axes, and {len(found[name])} names;"
                    " give one for each axis"
                )
    others = {name: array for name, array in arrays.items() if name not in found}
    named = {name: _names_of(array) for name, array in others.items()}
    kinds: dict[str, list[Any]] = {}
    for name, array in others.items():
        for axis, own in enumerate(named[name]):
            kinds.setdefault(own, []).append((array.shape[axis], *_facts(array, axis)))
    shared = all(kind == several[0] for several in kinds.values() for kind in several)
    for name, axes in named.items():
        found[name] = axes if shared else tuple(f"{name}_{axis}" for axis in axes)
    return found


def _names_of(array: View) -> tuple[str, ...]:
    """The names of an array's axes, by default `dim_0`, `dim_1`, ..."""
    return array.dims or tuple(f"dim_{axis}" for axis in range(array.ndim))


def _facts(array: View, axis: int) -> tuple[float | None, str, list[str]]:
    """The spacing along an axis, its unit, and the names of its channels, if the file has them."""
    attrs, name = array.attrs, _names_of(array)[axis]
    channels = attrs.get("channels", []) if name == C else []
    unit = attrs.get("units", {}).get(name, "")
    return (
        attrs.get("spacing", {}).get(name),
        unit,
        channels if len(channels) == array.shape[axis] else [],
    )


def _coordinates(array: View, axes: tuple[str, ...]) -> dict[str, Variable]:
    """The coordinates along the axes of an array. axes: their names."""
    found: dict[str, Variable] = {}
    for axis, name in enumerate(axes):
        spacing, unit, channels = _facts(array, axis)
        if spacing is not None:
            places = np.arange(array.shape[axis]) * spacing
            found[name] = Variable(name, places, {"units": unit} if unit else {})
        elif channels:
            found[name] = Variable(name, channels)
    return found
