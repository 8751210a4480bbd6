"""Compress lazy arrays and files to shards, each an archive that a worker makes, and merge them.

The name of a shard has a digest of its input and its options. A shard that exists under this name
is complete, since files appear when they are complete.
"""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import dask
import dask.array as da
import numpy as np
from dask.base import get_scheduler
from dask.callbacks import Callback
from dask.delayed import Delayed
from numpy.typing import NDArray

from bitsback.archive.inputs.request import Request
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.writing.merging import merge
from bitsback.archive.writing.writer import write_archive
from bitsback.compress_options import CompressKeywords, CompressOptions
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.files.file_lists import Listing, list_files, list_folder, mode_of
from bitsback.files.npy import check_dtype
from bitsback.io.file_io import Location, name_of, open_file, reading
from bitsback.io.output import naming
from bitsback.io.remote.files import exists
from bitsback.io.remote.url import Url, located
from bitsback.models import Model
from bitsback.planner.candidates import item_axes, read_choice
from bitsback.work import Progress, begin

Place: TypeAlias = str | os.PathLike[str]
Source: TypeAlias = da.Array | Place | Sequence[Place]

SHARD_BYTES = 1 << 27
"""The bytes of an array in a shard, by default."""
SHARD_FILES = 1000
"""The files in a shard, by default."""
_OF_ONE_ARCHIVE = (
    "dtype", "keep_names", "labels", "parity", "resume", "shape", "skip_bad", "unordered",
)  # fmt: skip
"""Options that shards do not have."""


def to_archive(
    source: Source,
    destination: Place,
    *,
    shard: int | None = None,
    **options: Unpack[CompressKeywords],
) -> None:
    """Compresses a Dask array or files into one archive.

    It runs on the cluster of the current client, or else on threads of this process.

    >>> import tempfile
    >>> import bitsback
    >>> import dask.array as da
    >>> from bitsback.dask import to_archive
    >>> digits = da.zeros((100, 28, 28), dtype=bool, chunks=(20, 28, 28))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_archive(digits, folder + "/digits.bb", shard=40, model="mnist-binary")
    ...     bitsback.decompress(folder + "/digits.bb").shape
    (100, 28, 28)

    The arguments are those of `to_shards`. Workers write shards to the folder `DESTINATION.shards`;
    this process merges them and removes them. force: replaces an existing archive. progress: is
    also called while they are merged.

    Raises InputError, ModelError and ArchiveError as `to_shards` and `bitsback.merge`; InputError
    for an array that is one picture, which has to be compressed as a whole.
    """
    request = CompressOptions(**options)
    place = located(destination, request.storage_options)
    if not request.force and _exists(place):
        raise InputError(
            f"{name_of(place)}: exists already; name another output, or use --force (force=True)"
            " to replace it"
        )
    if isinstance(source, da.Array):
        _check_items(source, shard, request)
    folder = f"{os.fspath(destination)}.shards"
    shards = to_shards(source, folder, shard=shard, **options)
    at_url = request.storage_options if isinstance(place, Url) else None
    merge(
        shards,
        destination,
        force=request.force,
        progress=request.progress,
        storage_options=at_url,
    )
    _remove([located(each, at_url) for each in shards])
    with suppress(OSError):  # it contains shards of another run, or is at a URL
        Path(folder).rmdir()


def to_shards(
    source: Source, folder: Place, *, shard: int | None = None, **options: Unpack[CompressKeywords]
) -> list[str]:
    """Compresses a Dask array or files into archives, each made by a worker.

    Returns their paths or URLs, in order.

    >>> import tempfile
    >>> import dask.array as da
    >>> from bitsback.dask import to_shards
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shards = to_shards(da.arange(100, chunks=10, dtype="u1"), folder, shard=25)
    ...     again = to_shards(da.arange(100, chunks=10, dtype="u1"), folder, shard=25)
    >>> len(shards), shards == again
    (4, True)

    source: a dask.array, the path of a folder, or a list of paths or URLs of pictures. folder: the
    path or the URL of the folder of the shards. All workers need access to the files and the
    folder. shard: the number of entries along the first axis, or of files, in a shard. By default
    an array is cut into about 128 MiB, and files into thousands. options: the fields of
    `bitsback.CompressOptions`, except those for one archive: dtype, keep_names, labels, parity,
    resume, shape, skip_bad, unordered. threads: of each task, by default one. progress: called in
    this process with the number of finished shards, and of all.

    An existing shard of the same input and options is not made again. Raises InputError if the
    input cannot be used or the output cannot be written, ModelError if the model cannot be used.
    The worker warns with InputWarning of properties that will not be restored.
    """
    request = CompressOptions(**options)
    usual = CompressOptions()
    for name in _OF_ONE_ARCHIVE:
        if getattr(request, name) != getattr(usual, name):
            raise InputError(f"{name} does not go with shards; compress one archive")
    if shard is not None and shard < 1:
        raise InputError(f"shard={shard}: it must be at least 1")
    place = located(folder, request.storage_options)
    if isinstance(source, da.Array):
        chunks = list(_rows(source, shard).to_delayed().ravel())
    else:
        chunks = [
            dask.delayed(each, pure=False, traverse=False)
            for each in _groups(_listed(source, request), shard or SHARD_FILES)
        ]
    requested, policy = read_choice(request.model, request.storage_options)
    job = dask.delayed(
        _Job.for_folder(place, requested or policy.name, request), pure=False, traverse=False
    )
    make = dask.delayed(_make, pure=False)
    digits = len(str(len(chunks) - 1))
    tasks: list[Delayed] = [
        make(job, f"{number:0{digits}d}", chunk) for number, chunk in enumerate(chunks)
    ]
    begin(request.progress, "compressing")
    return _results(tasks, request.progress or (lambda done, total: None))


def _results(tasks: Sequence[Delayed], progress: Progress) -> list[str]:
    """The results of tasks, in order. progress: called after each task.

    A cluster hands over each result when it is there. The results of a worker that dies later are
    then not lost, and their tasks need not run again.
    """
    keys, done = {task.key for task in tasks}, count(1)

    def report(key: str, *_: object) -> None:
        if key in keys:
            progress(next(done), len(keys))

    client: Any = getattr(get_scheduler(collections=tasks), "__self__", None)
    if not hasattr(client, "compute"):  # threads of this process, or another scheduler
        with Callback(posttask=report):
            return list(dask.compute(*tasks))

    from distributed import as_completed, secede  # takes half a second to import

    with suppress(ValueError):  # outside of a task
        secede()  # other tasks need this thread
    results: dict[str, str] = {}
    futures = client.compute(tasks)
    try:
        for future, result in as_completed(futures, loop=client.loop, with_results=True):
            results[future.key] = result
            future.release()
            report(future.key)
    finally:
        for future in futures:
            future.release()
    return [results[task.key] for task in tasks]


@dataclass(frozen=True)
class _Job:
    """The properties that all shards share."""

    folder: Location
    options: CompressOptions
    settings: str
    """The options on which the bytes of an archive depend."""

    @classmethod
    def for_folder(cls, folder: Location, model: Model | str, request: CompressOptions) -> _Job:
        if not isinstance(folder, Url):
            folder = Path(folder).absolute()
        options = replace(
            request,
            model=model,
            threads=request.threads or 1,
            force=True,  # another worker may make the same shard
            progress=None,
            storage_options=None,  # they are in the URLs
        )
        identity = model if isinstance(model, str) else model.identity.hex()
        return cls(folder, options, repr(replace(options, model=identity, threads=None)))

    def place(self, name: str) -> Location:
        if isinstance(self.folder, Url):
            return Url(f"{self.folder.text.rstrip('/')}/{name}", self.folder.options)
        return Path(self.folder) / name


def _make(job: _Job, number: str, content: NDArray[Any] | Listing) -> str:
    """Makes a shard, unless it exists undamaged. Returns its path or its URL."""
    if not isinstance(content, Listing):
        content = np.asarray(content)
    place = job.place(f"{number}-{_digest(content, job.settings)}.bb")
    if not _whole(place):
        try:
            write_archive(content, place, job.options)
        except InputError:
            if not _whole(place):  # or another worker has made the same shard since
                raise
    return place.text if isinstance(place, Url) else os.fspath(place)


def _whole(place: Location) -> bool:
    """Whether a shard exists, and its header, index and names match their checksums."""
    if not _exists(place):
        return False
    try:
        with ArchiveReader(place) as archive:
            return not archive.problems
    except ArchiveError:
        return False


def _digest(content: NDArray[Any] | Listing, settings: str) -> str:
    """The first digits of the SHA-256 of the options, and of an array's dtype, shape and elements,
    or of folders, links, and the files' names, modes, times and bytes.
    """
    found = hashlib.sha256(settings.encode())
    if isinstance(content, Listing):
        found.update(f"\n{content.folders} {content.links}".encode())
        for name in content.names:
            place = content.path(name)
            with open_file(place) as file:
                found.update(f"\n{name}\n{_stamp(place)}\n".encode())
                found.update(hashlib.file_digest(file, "sha256").digest())
    else:
        found.update(f"\n{content.dtype.str} {content.shape}\n".encode())
        found.update(np.ascontiguousarray(content).reshape(-1).view(np.uint8).data)
    return found.hexdigest()[:32]


def _stamp(place: Location) -> object:
    """The mode and the time of a file, or the description of an open file at a URL."""
    if isinstance(place, Url):
        return place.described
    status = Path(place).stat()
    return mode_of(status), status.st_mtime_ns


def _rows(array: da.Array, shard: int | None) -> da.Array:
    """The array in a chunk for each shard. Raises InputError if it cannot be cut."""
    check_dtype(array.dtype, "the array")
    if not array.ndim:
        raise InputError("the array: is one number, which has no first axis to cut")
    if any(math.isnan(size) for sizes in array.chunks for size in sizes):
        raise InputError("the array: its shape is not known; call its compute_chunk_sizes()")
    row = math.prod(array.shape[1:]) * array.dtype.itemsize
    length = shard or max(SHARD_BYTES // max(row, 1), 1)
    return array.rechunk({0: length, **dict.fromkeys(range(1, array.ndim), -1)})


def _check_items(array: da.Array, shard: int | None, request: CompressOptions) -> None:
    """Raises InputError if the shards of an array could not be merged."""
    rows = _rows(array, shard)
    choice = read_choice(request.model, request.storage_options)
    shapes = {(length, *array.shape[1:]) for length in rows.chunks[0]}
    if rows.numblocks[0] > 1 and any(
        item_axes(shape, array.dtype, *choice) == 0 for shape in shapes
    ):
        raise InputError(
            "the array: is one picture, or one item, of which shards cannot be joined; give it to"
            " bitsback.compress, which reads it chunk by chunk"
        )


def _listed(source: Place | Sequence[Place], request: CompressOptions) -> Listing:
    """The files of a folder or of a list. Raises InputError."""
    if not isinstance(source, str | os.PathLike):
        return list_files([located(each, request.storage_options) for each in source])
    root = located(source)
    if isinstance(root, Url) or not Path(root).is_dir():
        raise InputError(
            f"{name_of(root)}: is no folder on a disk; give a dask.array, a folder, or a list of"
            " files"
        )
    endings = Request.from_options(request).endings
    listing = list_folder(Path(root).absolute(), endings=endings, follow=request.unordered)
    for kind, names in listing.skipped.items():
        message = f"left out: {kind}: {', '.join(names[:3])}{', ...' * (len(names) > 3)}"
        warnings.warn(message, InputWarning, stacklevel=3)
    return listing


def _groups(listing: Listing, files: int) -> list[Listing]:
    """Parts of a listing with so many files each, the first of which has the folders and links."""
    return [
        Listing(
            listing.root,
            names := listing.names[first : first + files],
            urls={name: listing.urls[name] for name in names if name in listing.urls},
            folders=() if first else listing.folders,
            links=() if first else listing.links,
        )
        for first in range(0, len(listing.names), files)
    ]


def _exists(place: Location) -> bool:
    """Whether there is such a file. Raises InputError."""
    with reading(name_of(place)):
        return exists(place) if isinstance(place, Url) else Path(place).exists()


def _remove(places: Sequence[Location]) -> None:
    """Removes files. Raises InputError."""
    for place in places:
        with naming(name_of(place)):
            if not isinstance(place, Url):
                Path(place).unlink()
                continue
            fs, path = place.connect()
            with place.as_os_error():
                fs.rm_file(path)
