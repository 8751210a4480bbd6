"""Archives as lazy arrays."""

from __future__ import annotations

import os
import uuid

import dask.array as da
import numpy as np

from bitsback.archive.arrays.indexed import View
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError
from bitsback.io.remote.url import Options
from bitsback.models.model import Choice


def from_archive(
    url: str | os.PathLike[str],
    *,
    model: Choice | None = None,
    storage_options: Options | None = None,
) -> da.Array:
    """A lazy dask.array of an archive. Each block, or each tile of a large item, is a chunk.

    >>> import tempfile
    >>> import bitsback
    >>> from bitsback.dask import from_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = bitsback.compress(np.arange(100, dtype="u1"), folder + "/x.bb", block=25)
    ...     array = from_archive(folder + "/x.bb")
    ...     print(array.numblocks, int(array[40:60].sum().compute()))
    (4,) 990

    url: the path or the URL of the archive, which workers open too. model, storage_options: as of
    `bitsback.open`.

    Reads only the index of the archive. Raises InputError if the archive cannot be read, or
    contains files; ArchiveError if it is damaged. Tasks raise the same.
    """
    archive = ArchiveReader(url, model=model, storage_options=storage_options)
    archive.close_when_dropped()
    for problem in archive.problems:
        raise problem
    if archive.collection.kind is not None:
        raise InputError(
            f"{archive.name}: contains files, not one array; read them by dask.delayed"
            " (docs/clusters.md)"
        )
    return lazy(View(archive.array_source))


def lazy(array: View) -> da.Array:
    """A dask.array of an array in an open archive."""
    # A new name for each call: Dask takes equal names for equal arrays, and files change.
    name = f"bitsback-{uuid.uuid4().hex}"
    return da.from_array(array, chunks=array.chunks, name=name, meta=np.empty(0, array.dtype))
