"""Read archives as lazy arrays and bags."""

import os
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitsback.dask import shard_places
from bitsback.dask.manifest import Manifest, Shard, read_manifest
from bitsback.dask.shard import check_same
from bitsback.dask.shard_places import ModelPlace, model_place
from bitsback.errors import ArchiveError, InputError
from bitsback.format.layout import Shape
from bitsback.format.parts import FileList
from bitsback.images.file_io import Location, name_of
from bitsback.models.model import Choice
from bitsback.reading.contents import block_numbers
from bitsback.reading.reader import Archive
from bitsback.remote.url import Options, check_options
from bitsback.work import ordered_map

Chunks = Literal["block", "archive"]
_Lengths = tuple[tuple[int, ...], ...]

_OPENED_AT_ONCE = 16  # threads that mostly wait for a network


@dataclass(frozen=True)
class _Part:
    """An archive that workers open."""

    place: Location
    model: ModelPlace | None
    known: Shard | None
    """Its record in a manifest."""
    shape: Shape = ()
    """The shape of its array."""
    dtype: str = ""

    @contextmanager
    def opened(self) -> Iterator[Archive]:
        """Opens it. Raises ArchiveError if it does not match the manifest."""
        model = None if self.model is None else self.model.load()
        with Archive(self.place, model=model) as archive:
            if self.known is not None:
                check_same(archive, self.known)
            yield archive


@dataclass(frozen=True)
class _Region:
    part: _Part
    where: tuple[slice, ...]


@dataclass(frozen=True)
class _Some:
    part: _Part
    files: Sequence[int] | None
    """Their numbers; None for all."""


def from_archive(
    urls: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    model: Choice | None = None,
    chunks: Chunks = "block",
    storage_options: Options | None = None,
) -> Any:
    """A lazy dask.array of an archive, or of several, one after the other along the first axis; of
    archives of files a dask.bag of (name, array).

    >>> import tempfile
    >>> import bitsback
    >>> from bitsback.dask import from_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = bitsback.compress(np.arange(100, dtype="u1"), folder + "/x.bb", block=25)
    ...     array = from_archive([folder + "/x.bb", folder + "/x.bb"])
    ...     print(array.numblocks, int(array[90:110].sum().compute()))
    (8,) 990

    urls: paths or URLs of archives, or of the manifest that `to_archives` has written; workers must
    be able to open them. model: the name, the path or the URL of a model that the archives may
    need; a manifest names the model of its shards. chunks: "block": a chunk for each block of an
    archive, or for each tile of a large item, which needs the indexes here; "archive": one for each
    archive, which needs nothing but a manifest. storage_options: for the filesystem of URLs.

    A partition of a bag has the files that begin in a block; the names of pages of a TIFF file are
    their numbers.

    Raises InputError if an archive cannot be read, or does not match the others; ArchiveError if
    one is damaged. Tasks raise the same.
    """
    if chunks not in ("block", "archive"):
        raise InputError(f"chunks={chunks!r}: it is 'block' or 'archive'")
    given = [urls] if isinstance(urls, str | os.PathLike) else list(urls)
    if not given:
        raise InputError("a list of no archives was given")
    where = [shard_places.absolute(url, storage_options) for url in given]
    check_options(storage_options, *where)
    asked = None if model is None else model_place(model, storage_options)
    parts: list[_Part] = []
    kinds: set[str] = set()
    for place in where:
        if shard_places.base(place).endswith(".json"):
            manifest = read_manifest(place)
            if manifest is None:
                raise InputError(f"{name_of(place)}: there is no such manifest")
            kinds.add(manifest.kind)
            parts += _shards(manifest, place, asked)
        else:
            parts.append(_Part(place, asked, None))
    if chunks == "archive" and all(part.known is not None for part in parts) and len(kinds) == 1:
        if kinds == {"files"}:
            return _bag([_Some(part, None) for part in parts])
        return _array([(part, tuple((size,) for size in part.shape)) for part in parts])
    opened = list(ordered_map(_looked_into, parts, _OPENED_AT_ONCE))
    arrays = [found for found in opened if isinstance(found, tuple)]
    files = [found for found in opened if isinstance(found, list)]
    if arrays and files:
        raise InputError(
            f"{name_of(where[0])}: holds other things than the archives beside it, an array or"
            " files; read them on their own"
        )
    if chunks == "archive":
        arrays = [(part, tuple((size,) for size in part.shape)) for part, _ in arrays]
        files = [[_Some(some[0].part, None)] for some in files if some]
    return _array(arrays) if arrays else _bag([some for found in files for some in found])


def _shards(manifest: Manifest, place: Location, model: ModelPlace | None) -> Iterator[_Part]:
    model = manifest.model_place(place) or model
    for shard in manifest.shards:
        file = shard_places.sibling(place, shard.file)
        yield _Part(file, model, shard, shard.shape, shard.dtype)


def _looked_into(part: _Part) -> tuple[_Part, _Lengths] | list[_Some]:
    """The chunks of an array, or the files in each block."""
    with part.opened() as archive:
        for problem in archive.problems:
            raise problem
        if isinstance(archive._collection, FileList):
            return _files_in_blocks(part, archive)
        part = _Part(part.place, part.model, part.known, archive.shape, archive.dtype.str)
        return part, archive.chunks


def _files_in_blocks(part: _Part, archive: Archive) -> list[_Some]:
    found: dict[int, list[int]] = defaultdict(list)
    for number, block in enumerate(block_numbers(archive) if len(archive._files) else ()):
        found[int(block)].append(number)
    return [_Some(part, numbers) for _, numbers in sorted(found.items())]


def _array(parts: Sequence[tuple[_Part, _Lengths]]) -> Any:
    import dask.array as da

    first, lengths = parts[0]
    for part, _ in parts:
        if (part.shape[1:], part.dtype) != (first.shape[1:], first.dtype) or (
            len(parts) > 1 and not part.shape
        ):
            raise InputError(
                f"{name_of(part.place)}: has the shape {part.shape} and the dtype {part.dtype}, and"
                f" {name_of(first.place)} {first.shape} and {first.dtype}: they do not follow one"
                " another along the first axis"
            )
    # Each call makes a new name: the file at a place may change, and Dask takes equal names for
    # equal arrays.
    name = f"from-archive-{uuid.uuid4().hex}"
    dtype = np.dtype(first.dtype)
    if not first.shape:
        return da.Array({(name,): (_read_region, _Region(first, ()))}, name, (), dtype=dtype)
    inner = lengths[1:]
    if any(each[1:] != inner for _, each in parts):  # they are cut differently
        inner = tuple((size,) for size in first.shape[1:])
    columns = [list(enumerate(_slices(sizes))) for sizes in inner]
    graph: dict[Any, Any] = {}
    outer: list[int] = []
    for part, each in parts:
        for rows in _slices(each[0]):
            for cell in product(*columns):
                key = (name, len(outer), *(number for number, _ in cell))
                region = _Region(part, (rows, *(where for _, where in cell)))
                graph[key] = (_read_region, region)
            outer.append(rows.stop - rows.start)
    return da.Array(graph, name, (tuple(outer), *inner), dtype=dtype)


def _slices(lengths: tuple[int, ...]) -> list[slice]:
    """The slices of chunks of these lengths."""
    return [slice(start, end) for start, end in pairwise(accumulate(lengths, initial=0))]


def _bag(parts: Sequence[_Some]) -> Any:
    import dask.bag as db

    if not parts:
        raise InputError("there are no files in these archives")
    name = f"from-archive-{uuid.uuid4().hex}"
    graph = {(name, number): (_read_files, some) for number, some in enumerate(parts)}
    return db.Bag(graph, name, len(parts))


def _read_region(region: _Region) -> NDArray[Any]:
    part = region.part
    with part.opened() as archive:
        if (archive.shape, archive.dtype.str) != (part.shape, part.dtype):
            raise ArchiveError(
                f"{archive.name}: holds {archive.shape} {archive.dtype.str} now, and held"
                f" {part.shape} {part.dtype} before; call from_archive again"
            )
        return np.asarray(archive[region.where])


def _read_files(some: _Some) -> list[tuple[str, NDArray[Any]]]:
    with some.part.opened() as archive:
        names = archive.names
        numbers = range(len(archive)) if some.files is None else some.files
        return [
            (names[number] if names else str(number), np.asarray(archive[number]))
            for number in numbers
        ]
