"""Whether an archive holds, byte for byte, what files on the disk do: both are read once more."""

from __future__ import annotations

import os
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bitsback.archive.asked import Asked
from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.inputs import open_input
from bitsback.archive.members import pack_files
from bitsback.archive.parts import FOLDER, NPZ, FileList
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import check_threads, ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.summary import Progress
from bitsback.archive.taking import PieceReader
from bitsback.archive.targets import target_of
from bitsback.errors import InputError
from bitsback.images.folder import Listing, PictureItems
from bitsback.images.npy import Items


def restored_names(archive: Archive) -> list[str]:
    """Under which names the files of a folder are restored, in their order."""
    return [target_of(archive.files, number)[0] for number in range(len(archive.files))]


def compare(
    archive: Archive,
    place: Path,
    names: Sequence[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Raises InputError, naming what differs, unless every element, shape, dtype and name of the
    archive is that of the file `place`, or of the pictures `names` in the folder `place`; and
    ArchiveError for damage.

    names: of the pictures of an archive of a folder, in its order. The metadata of pictures are not
    compared.
    """
    collection = archive.collection
    parts = collection.parts if isinstance(collection, FileList) else (collection,)
    starts = collection.starts if isinstance(collection, FileList) else [0]

    def work(task: Task) -> tuple[Task, Pieces]:
        return task, decode(archive, task)

    with (
        _items(archive, place, names) as items,
        closing(ordered_map(work, archive.tasks(), check_threads(threads))) as blocks,
    ):
        readers = [PieceReader(each, part) for each, part in zip(items, parts, strict=True)]
        for task, pieces in blocks:
            number = bisect_right(starts, task.first, hi=len(parts)) - 1
            there = readers[number].read(task.first - starts[number], task.items)
            if there.shapes != pieces.shapes or there.bytes != pieces.bytes:
                where = collection.where(task.first, task.items)
                raise InputError(
                    f"{archive.name}: {where} differ from what {os.fspath(place)} holds now"
                )
            if progress is not None:
                progress(task.first + task.items, collection.pieces)
        for each in items:
            each.finish()


@contextmanager
def _items(archive: Archive, place: Path, names: Sequence[str]) -> Iterator[list[Items]]:
    """What the parts of the archive should hold."""
    collection = archive.collection
    if isinstance(collection, FileList) and collection.kind == FOLDER:
        members = map(list, archive.files.by_part())
        yield [
            _part_items(archive, Listing(place, list(names)), number, part, numbers)
            for number, (part, numbers) in enumerate(zip(collection.parts, members, strict=True))
        ]
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whoever made the archive was warned
        with open_input(place, Asked(stack=False)) as taken:
            parts = collection.parts if isinstance(collection, FileList) else (collection,)
            found = [items for items, _ in taken.parts]
            alike = [(part.dtype, part.shape) for part in parts] == [
                (items.dtype, items.shape) for items in found
            ]
            if isinstance(collection, FileList) and collection.kind == NPZ:
                alike = alike and taken.names == pack_files(NPZ, [], archive.names)
            if not alike:
                raise InputError(
                    f"{archive.name}: its shapes, dtypes or names differ from those that"
                    f" {os.fspath(place)} has now"
                )
            yield found


def _part_items(
    archive: Archive, listing: Listing, number: int, part: Collection, members: list[int]
) -> Items:
    """What a part of a folder should hold; notes are not compared."""
    from bitsback.archive.folders import ByteItems, chunks_of

    files = archive.files
    if part.axes == BYTES and not part.entries:
        notes = archive.bytes_of(number, 0, part.elements)
        return ByteItems(str(listing.root), part, lambda: iter([notes]))
    if part.axes == BYTES:
        assert files.facts is not None, "they were read"
        chunks = chunks_of(listing, listing.names, members, files.facts)
        return ByteItems(str(listing.root), part, chunks)
    as_stored = target_of(files, members[0])[1] is None
    return PictureItems(listing, listing.names, members, part, as_stored)
