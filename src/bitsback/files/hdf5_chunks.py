"""Find the data sets in HDF5 and NetCDF-4 files by h5py. Restoring the files does not need it."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5d, h5t, h5z

from bitsback.files.data_sets import DataSet
from bitsback.format.grid import Shape

_COLOURS = 4  # elements at most of a last axis that are the channels of a pixel


_MEMORY, _SECONDS = 1 << 30, 20
"""The limits of the process that reads a file."""


def data_sets_in(file: BinaryIO) -> list[DataSet]:
    """The data sets in an HDF5 file whose elements are pixels without filters, or with shuffle and
    deflate. A damaged file may have fewer.

    A process with limits reads the file, since damage may make libhdf5 take all memory.
    """
    with ExitStack() as stack:
        path = getattr(file, "name", None)
        if not isinstance(path, str | os.PathLike) or not Path(path).is_file():
            spool = stack.enter_context(tempfile.NamedTemporaryFile())
            file.seek(0)
            shutil.copyfileobj(file, spool)
            spool.flush()
            path = spool.name
        command = [sys.executable, "-c", f"from {__name__} import show; show()", path]
        own = {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command, env=os.environ | own, capture_output=True, timeout=_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return []
    return [
        DataSet(np.dtype(d), tuple(row), element, chunk, shuffled, deflated, np.array(places))
        for d, row, element, chunk, shuffled, deflated, places in json.loads(done.stdout)
    ]


def show() -> None:
    """Prints the data sets of a file, whose path is an argument of this process."""
    with suppress(ImportError):  # on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    found = list[Any]()

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            with suppress(Exception):  # of a damaged header, or a type that h5py does not know
                found.extend(_chunks_of(item.id))

    with suppress(Exception), h5py.File(sys.argv[1], "r") as hdf5:
        hdf5.visititems(visit)
    print(json.dumps(found))


def _chunks_of(data: Any) -> Iterator[list[Any]]:
    """The fields of a `DataSet` for each set of filters."""
    layout, shape = data.get_create_plist(), data.shape
    dtype, tail = _elements_of(data.get_type())
    element = dtype.itemsize * math.prod(tail)
    if layout.get_layout() == h5d.CONTIGUOUS:
        place = data.get_offset()
        chunks = {(): [place]} if place is not None else {}
    elif layout.get_layout() == h5d.CHUNKED:
        shape, chunks = layout.get_chunk(), {}
        filters = [layout.get_filter(number)[0] for number in range(layout.get_nfilters())]

        def add(chunk: Any) -> None:
            used = [each for bit, each in enumerate(filters) if not chunk.filter_mask >> bit & 1]
            chunks.setdefault(tuple(used), []).append(chunk.byte_offset)

        data.chunk_iter(add)
    else:
        return
    size, row = math.prod(shape) * element, _row_of(shape, tail)
    for used, places in chunks.items():
        shuffled, deflated = h5z.FILTER_SHUFFLE in used, h5z.FILTER_DEFLATE in used
        known = [h5z.FILTER_SHUFFLE] * shuffled + [h5z.FILTER_DEFLATE] * deflated
        if list(used) == known:
            shuffled &= element > 1
            yield [dtype.str, row, element, size, shuffled, deflated, sorted(places)]


def _elements_of(kind: Any) -> tuple[np.dtype[Any], Shape]:
    """The dtype of elements; without one, that of bytes, and their number."""
    if isinstance(kind, h5t.TypeEnumID):
        kind = kind.get_super()
    size = kind.get_size()
    if isinstance(kind, h5t.TypeIntegerID | h5t.TypeFloatID) and size in (1, 2, 4, 8):
        letter = "f" if isinstance(kind, h5t.TypeFloatID) else "ui"[kind.get_sign()]
        if (letter, size) != ("f", 1):
            return np.dtype(f"{'>' if kind.get_order() else '<'}{letter}{size}"), ()
    return np.dtype("|u1"), (size,)


def _row_of(shape: Shape, tail: Shape) -> Shape:
    """The row of a picture with these elements; see `DataSet`."""
    axes = [size for size in shape if size > 1]
    if tail:
        return tail
    if len(axes) < 2:
        return (0,)
    return tuple(axes[-2:]) if len(axes) > 2 and axes[-1] <= _COLOURS else (axes[-1],)
