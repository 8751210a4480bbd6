"""Compress lazy arrays and bags to sets of shards, each made by a worker, with a model and a
manifest beside them.
"""

import math
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from bitsback.compress_options import CompressKeywords, CompressOptions
from bitsback.dask import manifest as manifests
from bitsback.dask import shard_places
from bitsback.dask.cluster import results
from bitsback.dask.manifest import Manifest
from bitsback.dask.shard import Job, Made, kept, make, note_name
from bitsback.dask.shard_places import ModelPlace, Pattern, model_file
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.images.file_io import Location, name_of
from bitsback.images.npy import check_dtype
from bitsback.models import Model
from bitsback.planner.candidates import is_bundled, read_choice
from bitsback.remote.url import Url, check_options
from bitsback.work import Progress

SHARD_BYTES = 1 << 27
"""The least bytes of a shard's elements: smaller chunks are combined."""
_OF_ONE_ARCHIVE = (
    "dtype", "embed", "hashes", "keep_names", "labels", "parity", "previews", "resume", "shape",
    "unordered",
)  # fmt: skip
"""Options that sets of shards do not have."""
_NO_SETTINGS = (
    "force", "model", "pictures_only", "progress", "skip_bad", "storage_options", "threads",
)  # fmt: skip
"""Options that decide how shards are made or which files are in them, but do not change the archive
of a given input; the manifest has the identity of the model.
"""
_SETTINGS = [
    field.name
    for field in fields(CompressOptions)
    if field.name not in (*_OF_ONE_ARCHIVE, *_NO_SETTINGS)
]


@dataclass(frozen=True)
class Sharded:
    """The result of compressing an array or a bag.

    >>> import tempfile
    >>> import dask.array as da
    >>> from bitsback.dask import to_archives
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = to_archives(da.arange(100, chunks=10, dtype="u1"), folder)
    >>> print(done.shards, done.new, done.shape, done.bytes_in)
    1 1 (100,) 100
    """

    manifest: str
    """Its path, or its URL."""
    shape: tuple[int, ...]
    """The shape of the array; for files, their number."""
    shards: int
    new: int
    """The number of newly made shards."""
    bytes_in: int
    """The bytes of the arrays."""
    bytes_out: int
    """The bytes of the archives."""


def to_archives(
    source: Any,
    pattern: str | os.PathLike[str],
    *,
    shard: int | None = None,
    root: str | os.PathLike[str] | None = None,
    assume_unchanged: bool = False,
    **options: Unpack[CompressKeywords],
) -> Sharded:
    """Compresses a Dask array or bag into archives, each made by a worker, on the cluster of the
    current client, or on threads of this process.

    >>> import tempfile
    >>> import dask.array as da
    >>> from bitsback.dask import to_archives
    >>> digits = da.zeros((100, 28, 28), dtype=bool, chunks=(20, 28, 28))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pattern = folder + "/part-{i}.bb"
    ...     print(to_archives(digits, pattern, shard=40, model="mnist-binary").new)
    ...     print(to_archives(digits, pattern, shard=40, model="mnist-binary").new)
    3
    0

    source: a dask.array, whose chunks along the first axis are combined to shards; or a dask.bag,
        each partition of which is a shard, of arrays of one shape, or of paths of pictures that all
        workers see. pattern: the place of the shards, as "s3://bucket/part-{i}.bb", or a folder.
    shard: the most items of an array in a shard; by default chunks are combined up to 128 MiB, and
        none is split. root: the folder to which the names of files are relative.
    assume_unchanged: assume that the input of an existing, undamaged shard is the same, without
        reading it.
    options: the fields of `bitsback.CompressOptions`, by their names, except those for a single
        archive (dtype, embed, hashes, keep_names, labels, resume, shape, unordered). A model that
        is not bundled is written once beside the shards, which do not embed it. threads: of each
        worker's task, by default one. force: replace other files. progress: called with the number
        of finished shards, and of all.

    `manifest.json` is written last, beside the shards; `from_archive` reads it. An existing
    undamaged shard of the same input and settings is not made again, so an interrupted run is
    simply started again. Undamaged means: of the size that was noted when it was made, and with a
    header and an index that match their checksums. The same input means: with the same SHA-256,
    which needs reading it.

    Raises InputError if the input cannot be used, the output cannot be written, or other files are
    in its place; ModelError if the model cannot be used. Warns with InputWarning about anything
    that does not come back as it was.
    """
    return make_shards(source, pattern, CompressOptions(**options), shard, root, assume_unchanged)


def make_shards(
    source: Any,
    pattern: str | os.PathLike[str],
    options: CompressOptions,
    shard: int | None,
    root: str | os.PathLike[str] | None,
    assume_unchanged: bool,
) -> Sharded:
    """The same, with the options made before."""
    _check(options)
    place = Pattern(pattern, options.storage_options)
    target = place.beside(manifests.NAME)
    check_options(options.storage_options, target)
    given, policy = read_choice(options.model)
    settings = {"model": policy.name if given is None else given.identity.hex()}
    settings |= {name: getattr(options, name) for name in _SETTINGS}
    chunks = _chunks(source, shard)
    force = options.force
    before = _manifest_before(target, force)
    archives = [place.shard(number, len(chunks)) for number in range(len(chunks))]
    names = [shard_places.base(archive) for archive in archives]
    if before is not None and not force and {shard.file for shard in before.shards} != set(names):
        raise InputError(
            f"{name_of(target)}: is of other shards; name another folder, or use --force"
            " (force=True) to replace it"
        )
    known = {}
    if before is not None and before.settings == settings:
        known = {shard.file: shard for shard in before.shards}
    shard_places.make_folder(target)
    job = Job(
        target,
        policy.name if given is None else _put_model(given, place),
        settings,
        replace(
            options,
            model="auto",  # each worker loads the model itself
            threads=1 if options.threads is None else options.threads,
            embed="never",
            force=False,
            progress=None,
            storage_options=None,
        ),
        None,
        None if root is None else Path(os.path.abspath(root)),  # noqa: PTH100 - links stay
        force,
    )
    jobs = [
        replace(job, place=archive, known=known.get(name))
        for archive, name in zip(archives, names, strict=True)
    ]
    made = _make(jobs, chunks, assume_unchanged, options.progress)
    for message, count in Counter(one for each in made for one in each.messages).items():
        times = f" (in {count} shards)" if count > 1 else ""
        warnings.warn(message + times, InputWarning, stacklevel=2)
    done = Manifest(
        "array" if root is None else "files",
        tuple(each.shard for each in made),
        settings,
        None if given is None else given.identity.hex(),
        isinstance(job.model, ModelPlace) and job.model.place is not None,
    )
    shard_places.write_bytes(target, done.pack())
    # From now on the manifest has this information.
    shard_places.remove([place.beside(note_name(name)) for name in names])
    return Sharded(
        target.text if isinstance(target, Url) else os.fspath(target),
        done.shape,
        len(made),
        sum(each.new for each in made),
        sum(each.shard.input_bytes for each in made),
        sum(each.shard.bytes for each in made),
    )


def _check(options: CompressOptions) -> None:
    """Raises InputError for an option that sets of shards do not have."""
    usual = CompressOptions()
    for name in _OF_ONE_ARCHIVE:
        if getattr(options, name) != getattr(usual, name):
            raise InputError(f"{name} does not go with sets of shards; compress one archive")


def _manifest_before(place: Location, force: bool) -> Manifest | None:
    """The existing manifest, if any. Raises ArchiveError if it is damaged and must not be
    replaced.
    """
    try:
        return manifests.read_manifest(place)
    except ArchiveError:
        if not force:
            raise
        return None


def _chunks(source: Any, shard: int | None) -> list[Any]:
    """The inputs of the shards, as delayed objects. Raises InputError."""
    import dask.array as da
    import dask.bag as db

    if isinstance(source, db.Bag):
        if shard is not None:
            raise InputError("a bag has a shard for each partition; repartition it")
        return list(source.to_delayed())
    if not isinstance(source, da.Array):
        raise InputError(
            f"a dask.array or a dask.bag is needed, not {type(source).__name__}; dask.array's"
            " from_array and from_zarr make one, and xarray's DataArray has one as its .data"
        )
    check_dtype(source.dtype, "the array")
    if not source.ndim:
        raise InputError("the array: is one number, which has no first axis to cut")
    if any(math.isnan(size) for sizes in source.chunks for size in sizes):
        raise InputError("the array: its shape is not known; call its compute_chunk_sizes()")
    if shard is not None and shard < 1:
        raise InputError(f"shard={shard}: a shard has one item at least")
    row = math.prod(source.shape[1:]) * source.dtype.itemsize
    lengths = _together(source.chunks[0], row) if shard is None else shard
    whole = dict.fromkeys(range(1, source.ndim), -1)
    return list(source.rechunk({0: lengths, **whole}).to_delayed().ravel())


def _together(lengths: tuple[int, ...], row: int) -> tuple[int, ...]:
    """Combines consecutive chunks up to SHARD_BYTES. row: bytes of an item."""
    found: list[int] = []
    for length in lengths:
        if found and (found[-1] + length) * row <= SHARD_BYTES:
            found[-1] += length
        else:
            found.append(length)
    return tuple(found)


def _put_model(model: Model, place: Pattern) -> ModelPlace:
    """Writes a model beside the shards, unless it is bundled or already there."""
    if is_bundled(model):
        return ModelPlace(model.identity.hex(), None)
    found = ModelPlace(model.identity.hex(), place.beside(model_file(model.identity.hex())))
    assert found.place is not None
    shard_places.make_folder(found.place)
    data = model.to_bytes()
    if shard_places.read_bytes(found.place) != data:
        shard_places.write_bytes(found.place, data)
    return found


def _make(
    jobs: Sequence[Job], chunks: Sequence[Any], assume_unchanged: bool, progress: Progress | None
) -> list[Made]:
    """Each shard, made or found."""
    from dask import delayed

    found: list[Made | None] = [None] * len(jobs)
    if assume_unchanged:
        found = results([delayed(partial(kept, job), pure=False)() for job in jobs], None)
    missing = [number for number, each in enumerate(found) if each is None]
    tasks = [delayed(partial(make, jobs[number]), pure=False)(chunks[number]) for number in missing]
    for number, each in zip(missing, results(tasks, progress), strict=True):
        found[number] = each
    return [each for each in found if each is not None]
