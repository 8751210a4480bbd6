"""Archives as layers of napari (docs/readers.md), which finds this by `napari.yaml`.

It needs the extra `napari`, which brings Dask; napari itself has it.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bitsback.errors import InputError, MissingExtra
from bitsback.reading.indexed import Indexed
from bitsback.reading.reader import Archive
from bitsback.reading.stacked import Stack, arrays_in

try:
    import dask.array as da
except ImportError as error:
    raise MissingExtra("dask", "bitsback[napari]", ".[napari]") from error

Layer = tuple[Any, dict[str, Any], str]
Paths = str | Sequence[str]


def get_reader(path: Paths) -> Callable[[Paths], list[Layer]] | None:
    """The reader of archives; None for other files.

    >>> get_reader("x.tif")
    """
    paths = [path] if isinstance(path, str) else path
    return read if all(each.endswith(".bb") for each in paths) else None


def read(path: Paths) -> list[Layer]:
    """The layers of one archive or of several: arrays, stacks of pictures or pages of one shape,
    and other pictures. Their data are arrays of Dask, and a slice decodes the blocks that it needs.
    Raises InputError if there is nothing to show, and ArchiveError.
    """
    paths = [path] if isinstance(path, str) else path
    return [layer for each in paths for layer in _layers(Path(each))]


def _layers(path: Path) -> Iterator[Layer]:
    archive = Archive(path)
    # napari drops layers without closing anything.
    weakref.finalize(archive, archive._reader.close)
    shown = 0
    for name, array in arrays_in(archive).items():
        if array.ndim < 2 or 0 in array.shape:
            continue
        shown += 1
        options: dict[str, Any] = {
            "name": path.stem if name == "array" else f"{path.stem}: {name}",
            "rgb": array.dtype == np.uint8 and array.ndim > 2 and array.shape[-1] in (3, 4),
            "metadata": {"archive": str(path)},
        }
        if array.dtype == np.uint8:  # of others napari finds the limits, by some slices
            options["contrast_limits"] = (0, 255)
        if isinstance(array, Stack) and archive._files.named:
            options["metadata"]["names"] = [archive.names[number] for number in array.numbers]
        yield _lazy(array), options, "image"
    if not shown:
        raise InputError(f"{path}: holds no arrays of two axes or more, which napari could show")


def _lazy(array: Indexed) -> da.Array:
    name = f"bitsback-{uuid.uuid4().hex}"
    return da.from_array(array, chunks=array.chunks, name=name, meta=np.empty(0, array.dtype))
