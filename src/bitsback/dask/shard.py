"""Make one shard on a worker, unless it exists: the archive of a chunk of an array, or of some
pictures.
"""

import hashlib
import io
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.compress_options import CompressOptions
from bitsback.dask import shard_places
from bitsback.dask.manifest import Shard, ShardNote
from bitsback.dask.shard_places import ModelPlace
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.images.file_io import Location, name_of, open_file
from bitsback.images.file_lists import Listing
from bitsback.images.names import check
from bitsback.locks import Lock
from bitsback.models.model import Choice
from bitsback.reading.reader import Archive
from bitsback.restoring.output import Output, open_output
from bitsback.writing.writer import write_archive

_CHUNK = 1 << 20

Content = NDArray[Any] | Listing


@dataclass(frozen=True)
class Job:
    """The task to make a shard, without its content."""

    place: Location
    model: str | ModelPlace
    settings: dict[str, Any]
    """The settings on which the bytes of the archive depend, besides the content."""
    options: CompressOptions
    """All but the model."""
    known: Shard | None
    """Its record in an older manifest."""
    root: Path | None = None
    """The folder to which names of pictures are relative."""
    force: bool = False

    @property
    def note(self) -> Location:
        """The file beside it that describes it before it exists."""
        return shard_places.sibling(self.place, note_name(shard_places.base(self.place)))


@dataclass(frozen=True)
class Made:
    """The result of making a shard."""

    shard: Shard
    new: bool
    """Whether it did not exist before."""
    messages: list[str]
    """Warnings about anything that does not come back as it was."""


def note_name(file: str) -> str:
    return f"{file}.note.json"


def make(job: Job, content: Any) -> Made:
    """Makes a shard, unless an undamaged one of the same content and settings exists.

    Raises InputError if it cannot be made, or something else is in its place; ModelError.
    """
    content = content_of(content, job)
    source = digest(content)
    known = recorded_shard(job)
    ours = known is not None and known.input_sha256 == source
    if known is not None and ours and whole(job, known):
        return Made(known, False, [])
    if not ours and not job.force and shard_places.exists(job.place):
        raise InputError(
            f"{name_of(job.place)}: exists already, and is not what this input and these settings"
            " make; name another place, or use --force (force=True) to replace it"
        )
    model: Choice = job.model if isinstance(job.model, str) else job.model.load()
    # An existing file is replaced: it is damaged, or another worker has just made the same bytes.
    with collected_warnings() as messages, open_output(job.place, force=True) as output:
        summed = _Summed(output)
        options = replace(job.options, model=model)
        summary = write_archive(content, cast(BinaryIO, summed), options)
        shard = Shard(
            shard_places.base(job.place),
            summary.shape,
            summary.dtype,
            output.size,
            summed.sha256,
            source,
            summary.bytes_in,
        )
        # The note comes first: a shard without one would be taken for a foreign file.
        shard_places.write_bytes(job.note, ShardNote(shard, job.settings).pack())
    messages += [f"left out: {reason}" for reason in summary.bad.values()]
    return Made(shard, True, messages)


def kept(job: Job) -> Made | None:
    """The shard, if it exists undamaged; its input is assumed to be the same."""
    known = recorded_shard(job)
    return Made(known, False, []) if known is not None and whole(job, known) else None


def recorded_shard(job: Job) -> Shard | None:
    """The record of the shard made with these settings, whether or not the shard exists."""
    data = shard_places.read_bytes(job.note)
    if data is None:
        return job.known
    note = ShardNote.unpack(data)
    return note.shard if note is not None and note.settings == job.settings else None


def whole(job: Job, known: Shard) -> bool:
    """Whether the shard exists and is undamaged: it has the noted size, and its header, index and
    names match their checksums and the note. Its blocks are not read.
    """
    if not shard_places.exists(job.place):
        return False
    try:
        with Archive(job.place) as archive:
            check_same(archive, known)
            return not archive.problems
    except ArchiveError:
        return False


def check_same(archive: Archive, known: Shard) -> None:
    """Raises ArchiveError if an archive is not the recorded one."""
    shape = (len(archive),) if archive.kind == "folder" else archive.shape
    dtype = known.dtype if archive.kind == "folder" else archive.dtype.str
    if (archive.file_bytes, shape, dtype) != (known.bytes, known.shape, known.dtype):
        raise ArchiveError(
            f"{archive.name}: is not what its manifest describes: {archive.file_bytes} bytes of"
            f" {shape}"
            f" {dtype}, and not {known.bytes} of {known.shape} {known.dtype}; it was changed since"
        )


def content_of(content: Any, job: Job) -> Content:
    """The array or the pictures of a worker's task. Raises InputError."""
    if isinstance(content, np.ndarray):
        return content
    if not isinstance(content, Iterable):
        return np.asarray(content)
    given = list(content)
    name = name_of(job.place)
    if not given:
        raise InputError(f"{name}: a partition of the bag is empty; repartition it")
    if all(isinstance(each, str) for each in given):
        if job.root is None:
            raise InputError(
                f"{name}: a bag of paths needs root=FOLDER, which the names of the pictures are"
                " relative to"
            )
        return Listing(job.root, [_name_of(each, job.root) for each in given])
    if job.root is not None or not all(isinstance(each, np.ndarray) for each in given):
        raise InputError(
            f"{name}: a bag is one of arrays of one shape, or, with root=FOLDER, of paths of"
            f" pictures, not of {type(given[0]).__name__}; bag.map() makes one of the other"
        )
    kinds = {(each.shape, each.dtype.str) for each in given}
    if len(kinds) > 1:
        raise InputError(
            f"{name}: the arrays of a partition differ in shape or dtype: {sorted(kinds)[:2]}"
        )
    return np.stack(given)


def _name_of(path: str, root: Path) -> str:
    try:
        name = shard_places.absolute(path)
        found = Path(str(name)).relative_to(root).as_posix()
    except ValueError:
        raise InputError(f"{path}: is not in the folder {root}") from None
    check(found, path)
    return found


def digest(content: Content) -> str:
    """The SHA-256 of the input of a shard, in hexadecimal digits: of the dtype, the shape and the
    elements of an array in C order; of the name and the SHA-256 of each picture file.
    """
    found = hashlib.sha256()
    if isinstance(content, np.ndarray):
        found.update(f"{content.dtype.str} {content.shape}\n".encode())
        found.update(np.ascontiguousarray(content).reshape(-1).view(np.uint8).data)
        return found.hexdigest()
    for name in content.names:
        with open_file(content.path(name)) as file:
            found.update(
                f"{len(name)} {name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
            )
    return found.hexdigest()


class _Summed(io.RawIOBase):
    """Passes bytes on, and computes their digest."""

    def __init__(self, output: Output) -> None:
        self._output, self._digest = output, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        self._output.write(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


_lock = Lock()
_thread = threading.local()
_users = 0
_catching: Any = None


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collects the InputWarnings of this thread while other threads may do the same: all threads
    share the module `warnings`.
    """
    messages: list[str] = []
    _thread.messages = messages
    _enter()
    try:
        yield messages
    finally:
        _thread.messages = None
        _leave()


def _enter() -> None:
    global _users, _catching
    with _lock:
        _users += 1
        if _users > 1:
            return
        _catching = warnings.catch_warnings()
        _catching.__enter__()
        warnings.simplefilter("always", InputWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            messages = getattr(_thread, "messages", None)
            if messages is None or not issubclass(category, InputWarning):
                usual(message, category, *place)
            else:
                messages.append(str(message))

        warnings.showwarning = show  # type: ignore[assignment]


def _leave() -> None:
    global _users, _catching
    with _lock:
        _users -= 1
        if _users == 0:
            _catching.__exit__(None, None, None)
            _catching = None
