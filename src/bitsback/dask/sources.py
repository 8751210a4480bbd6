"""Inputs of `compress --scheduler`: files that all workers see, as Dask arrays and bags."""

import math
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.dask import shard_places
from bitsback.dask.sharding import SHARD_BYTES
from bitsback.errors import InputError, MissingExtra
from bitsback.format.layout import Shape
from bitsback.images.file_io import Location, name_of, one_line, open_anywhere, open_file, reading
from bitsback.images.formats import OTHER_PICTURES, PICTURES
from bitsback.images.npy import read_header
from bitsback.remote.url import Options, Url

_ZARR = ("zarr.json", ".zarray", ".zgroup")
_FOLDER_BYTES = 1 << 26  # the size of a shard's files


@dataclass(frozen=True)
class Opened:
    """An input for `to_archives`."""

    content: Any
    root: Path | None = None
    """The folder to which names of pictures are relative."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """The names of what was left out of a folder, by kind."""
    noted: dict[str, list[str]] = field(default_factory=dict)
    """The names of hidden files, and of links that come back as files."""


def open_source(
    source: str,
    shard: int | None,
    pictures_only: bool,
    skip_bad: bool,
    options: Options | None,
) -> Opened:
    """A .npy or .npz file, a Zarr array, or a folder of files, at a path or a URL. shard: the most
    items in a shard. Raises InputError.
    """
    place = shard_places.absolute(source, options)
    ending = os.path.splitext(shard_places.base(place))[1].lower()  # noqa: PTH122 - of URLs too
    if not isinstance(place, Url) and Path(place).is_dir():
        if not any((Path(place) / name).exists() for name in _ZARR):
            return _files(Path(place), pictures_only, skip_bad)
    elif ending == ".npy":
        return Opened(_npy(place, shard))
    elif ending == ".npz":
        return Opened(_npz(place, shard))
    elif not isinstance(place, Url):
        if not Path(place).exists():
            raise InputError(f"{source}: there is no such file")
        raise InputError(
            f"{source}: only .npy and .npz files, Zarr arrays, and folders of files are"
            " compressed on a cluster; compress it without --scheduler"
        )
    return Opened(_zarr(place))


@dataclass(frozen=True)
class _Npy:
    """The elements of an array in a file."""

    place: Location
    start: int
    dtype: np.dtype[Any]
    shape: Shape
    fortran: bool

    def read(self, first: int, end: int) -> NDArray[Any]:
        name = name_of(self.place)
        if self.fortran:
            with reading(name):
                whole = np.memmap(str(self.place), self.dtype, "r", self.start, self.shape, "F")
                return np.ascontiguousarray(whole[first:end])
        shape = (end - first, *self.shape[1:])
        row = math.prod(shape[1:]) * self.dtype.itemsize
        reader = open_anywhere(self.place)
        try:
            with reading(name):
                data = reader.read(self.start + first * row, (end - first) * row)
        finally:
            reader.close()
        if len(data) != (end - first) * row:
            raise InputError(f"{name}: was cut short since it was opened")
        return np.frombuffer(data, self.dtype).reshape(shape)


def _npy(place: Location, shard: int | None) -> Any:
    import dask.array as da

    name = name_of(place)
    with open_file(place) as file:
        dtype, fortran, shape = read_header(file, name)
        with reading(name):
            start, end = file.tell(), file.seek(0, os.SEEK_END)
    if end - start != math.prod(shape) * dtype.itemsize:
        raise InputError(f"{name}: has {end - start} bytes of data, and its header says otherwise")
    if fortran and isinstance(place, Url):
        raise InputError(
            f"{name}: is in Fortran order, in which its items lie all over it; save it in C order"
        )
    if not shape:
        raise InputError(f"{name}: is one number; compress it without --scheduler")
    array = _Npy(place, start, dtype, shape, fortran and len(shape) > 1 and 0 not in shape)
    rows = _rows(dtype, shape, shard)
    key = f"npy-{uuid.uuid4().hex}"
    lengths = [min(rows, shape[0] - first) for first in range(0, shape[0], rows)] or [0]
    graph = {
        (key, number, *(0 for _ in shape[1:])): (array.read, number * rows, number * rows + length)
        for number, length in enumerate(lengths)
    }
    chunks = (tuple(lengths), *((size,) for size in shape[1:]))
    return da.Array(graph, key, chunks, dtype=dtype)


def _rows(dtype: np.dtype[Any], shape: Shape, shard: int | None) -> int:
    row = math.prod(shape[1:]) * dtype.itemsize
    return max(SHARD_BYTES // max(row, 1), 1) if shard is None else max(shard, 1)


def _npz(place: Location, shard: int | None) -> Any:
    """The only array of the file, which one worker reads as a whole."""
    import dask.array as da
    from dask import delayed

    from bitsback.images.formats import ARRAYS

    name = name_of(place)
    with open_file(place) as file, ARRAYS.codec().open_arrays(file, name) as arrays:
        if len(arrays) != 1:
            raise InputError(
                f"{name}: has {len(arrays)} arrays, and a set of shards is of one; save it as .npy,"
                " or compress the file without --scheduler"
            )
        [items] = arrays.values()
        dtype, shape = items.dtype, items.shape
    if not shape:
        raise InputError(f"{name}: is one number; compress it without --scheduler")
    whole = da.from_delayed(delayed(_read_npz, pure=False)(place), shape, dtype)
    return whole.rechunk({0: _rows(dtype, shape, shard)})


def _read_npz(place: Location) -> NDArray[Any]:
    from bitsback.images.formats import ARRAYS

    with open_file(place) as file, ARRAYS.codec().open_arrays(file, name_of(place)) as arrays:
        [items] = arrays.values()
        return items.read(items.shape[0], 1)


def _zarr(place: Location) -> Any:
    import dask.array as da

    name = name_of(place)
    if find_spec("zarr") is None:
        raise MissingExtra("zarr", "bitsback[zarr]", ".[zarr]")
    try:
        if isinstance(place, Url):
            return da.from_zarr(place.text, storage_options=place.options)
        return da.from_zarr(str(place))
    except Exception as error:  # Zarr, its stores and Dask may raise any error
        raise InputError(
            f"{name}: is no Zarr array that can be read: {one_line(error)}; of a group name one"
            " array"
        ) from error


def _files(folder: Path, pictures_only: bool, skip_bad: bool) -> Opened:
    import dask.bag as db

    from bitsback.images.file_lists import list_folder

    endings = PICTURES | OTHER_PICTURES if pictures_only else None
    listing = list_folder(folder, skip_bad, endings)
    key = f"files-{uuid.uuid4().hex}"
    partitions = list(_by_bytes([str(listing.path(name)) for name in listing.names]))
    graph = {(key, number): paths for number, paths in enumerate(partitions)}
    return Opened(db.Bag(graph, key, len(partitions)), folder, listing.skipped, listing.noted)


def _by_bytes(paths: list[str]) -> Iterator[list[str]]:
    """Adjacent files, in groups of about the bytes of a shard."""
    found: list[str] = []
    total = 0
    for path in paths:
        with reading(path):
            size = Path(path).stat().st_size
        if found and total + size > _FOLDER_BYTES:
            yield found
            found, total = [], 0
        found.append(path)
        total += size
    yield found
