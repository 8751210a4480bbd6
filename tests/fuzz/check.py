"""Runs everything that reads an archive or a model on arbitrary bytes."""

import io
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import bitsback
from bitsback.models import vectors
from bitsback.models.item_shape import ItemShape
from bundled_models import spec_models
from in_memory import Pipe
from reference import archive as spec
from reference.container_metadata import restore as restore_metadata

from .seeds import content, split

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # in memory, not on a disk
MOST_ITEMS = 50  # of more claimed items, this many are requested
MOST_SPECIFIED = 100_000  # bytes of an array that the specification, which is slow, decodes, too


def read_archive(data: bytes, sources: Sequence[Sequence[bytes]] | None) -> bool:
    """Reads it in every way. Returns whether it is undamaged.

    Each way may raise BitsbackError. Otherwise it must give the items that `sources`, the original
    archives of the bytes, have in this place. If `sources` is None, the bytes were forged, and
    readers must agree with each other, and with the specification.
    """
    if holds_files(data):
        return read_files(data, sources)
    seen: dict[int, bytes] = {}

    def take(items: Sequence[bytes], first: int = 0) -> None:
        for number, item in enumerate(items, first):
            if sources is not None:
                assert any(number < len(source) and source[number] == item for source in sources), (
                    f"item {number}"
                )
            assert seen.setdefault(number, item) == item, f"two readers differ about item {number}"

    whole = [
        refused(lambda: take(all_items(bitsback.decompress(io.BytesIO(data), threads=1)))),
        refused(lambda: take(all_items(bitsback.decompress(Pipe(data, 1 << 20), threads=1)))),
    ]
    assert whole[0] == whole[1], "a file and a stream do not agree"
    if not whole[0] and sources is None:
        conform(data)
    refused(lambda: bitsback.decompress(io.BytesIO(data), io.BytesIO(), threads=1, verify=False))
    rescue(data, whole[0], sources)
    try:
        archive = bitsback.open(io.BytesIO(data))
    except bitsback.BitsbackError:
        assert all(whole), "open refuses what decompress takes"
        return False
    archive.info()
    problems = archive.verify(threads=1)
    assert bool(problems) == whole[0], "verify and decompress do not agree"
    for block in itertools.islice(archive.reader.blocks, MOST_ITEMS):
        if any(not part.plain or not part.axes for part in archive.reader.array.parts):
            some = min(MOST_ITEMS, len(archive))
            refused(lambda: take(list(split(archive.reader.array_source.entries(0, some)))))  # noqa: B023
            break
        end = min(block.first + block.items, block.first + MOST_ITEMS, len(archive))
        if end <= block.first:
            continue
        for verify in (True, False):
            items = partial(archive.reader.array_source.entries, block.first, end, verify=verify)
            refused(lambda: take(list(split(items())), block.first))  # noqa: B023
        refused(lambda: archive[block.first])  # noqa: B023
    return not whole[0]


def same(data: bytes) -> None:
    """Checks that nothing differs from itself."""
    one, other, found = io.BytesIO(data), io.BytesIO(data), list[object]()
    refused(lambda: found.append(bitsback.diff(one, other, threads=1)))
    assert not any(found), found


def rescue(data: bytes, damaged: bool, sources: Sequence[Sequence[bytes]] | None) -> None:
    """Checks that all items of an array that come back are intact."""
    file = io.BytesIO()
    try:
        summary = bitsback.decompress(io.BytesIO(data), file, keep_going=True, threads=1)
    except bitsback.BitsbackError as error:
        assert damaged and "\n" not in str(error)
        return
    assert bool(summary.problems) == damaged
    if sources is None or not file.getvalue().startswith(b"\x93NUMPY"):
        return
    array = np.load(io.BytesIO(file.getvalue()))
    if array.ndim and len(array) and all(len(s[0]) == array[0].nbytes for s in sources if s):
        for item in itertools.islice(split(array), MOST_ITEMS):
            assert any(item in source for source in sources)


def holds_files(data: bytes) -> bool:
    try:
        return bitsback.open(io.BytesIO(data)).kind in ("folder", "npz", "tiff")
    except bitsback.BitsbackError:
        return False


def read_files(data: bytes, sources: Sequence[Sequence[bytes]] | None) -> bool:
    """Reads an archive of files, which is restored whole or not at all."""
    archive = bitsback.open(io.BytesIO(data))
    archive.info()
    restored: dict[str, bytes] = {}
    with TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        restore = partial(bitsback.decompress, io.BytesIO(data), folder / "out", threads=1)
        whole = not refused(restore)
        found = [path for path in folder.rglob("*") if not path.is_dir()]
        if not whole:
            assert not list(folder.iterdir()), "something is left"
        elif archive.kind == "folder":
            assert len(found) == len(archive)
            if archive.reader.collection.nbytes < MOST_SPECIFIED:
                restored = {
                    path.relative_to(folder / "out").as_posix(): path.read_bytes() for path in found
                }
        assert all(path.is_relative_to(folder / "out") for path in found)
        target = folder / "rescued"
        restore = partial(bitsback.decompress, io.BytesIO(data), target, keep_going=True, threads=1)
        if refused(restore):
            assert not whole and not target.exists()
        elif archive.kind == "folder" and whole:
            assert {path.name for path in target.rglob("*")} == {
                path.name for path in (folder / "out").rglob("*")
            }
    same(data)
    problems = archive.verify(threads=1)
    assert bool(problems) != whole, "verify and decompress do not agree"
    assert not problems or all("\n" not in name for name in archive.lost(problems))
    assert all("\n" not in str(problem) for _, problem in problems)
    refused(lambda: archive.names)
    assert refused(lambda: archive.labels) <= (not whole)
    items: dict[int, bytes] = {}

    def take(number: int) -> None:
        items[number] = content(archive[number])

    for number in range(min(len(archive), MOST_ITEMS)):
        refused(partial(take, number))
        if number in items and sources is not None:
            assert of_sources(number, items[number], archive, sources)
    if whole:
        assert len(items) == min(len(archive), MOST_ITEMS)
        if sources is None and archive.reader.collection.nbytes < MOST_SPECIFIED:
            models = spec_models(data)
            files = spec.decode_files(data, models)
            assert [file.array.tobytes() for file in files[:MOST_ITEMS]] == list(items.values())
            for file in files:
                made = restore_metadata(file.array, file.metadata) if file.metadata else None
                assert made is None or restored[str(file.name)] == made
            assert [file.name for file in files if file.name is not None] == [*archive.names]
            assert spec.decode_labels(data, models) == labels_of(archive)
    return whole


def of_sources(
    number: int, item: bytes, archive: bitsback.Archive, sources: Sequence[Sequence[bytes]]
) -> bool:
    """Whether it is at this place in a source; for an array of an npz file whether each row is,
    since its blocks may be undamaged and come from two archives.
    """
    there = [source[number] for source in sources if number < len(source)]
    if archive.kind != "npz":
        return item in there
    size = len(item) // max(len(archive[number]), 1) if archive[number].ndim else len(item)
    return all(
        any(item[at : at + size] == source[at : at + size] for source in there)
        for at in range(0, len(item), max(size, 1))
    )


def labels_of(archive: bitsback.Archive) -> list[Any] | None:
    """The labels in the specification's form: for pictures, the folders."""
    labels = archive.labels
    if labels is None or archive.kind == "npz":
        return None if labels is None else labels.tolist()
    return [archive.classes[label] for label in labels]


def conform(data: bytes) -> None:
    """Checks that the specification accepts what bitsback accepts, and decodes it to the same."""
    array = bitsback.decompress(io.BytesIO(data), threads=1)
    if array.nbytes < MOST_SPECIFIED:
        decoded = spec.decode(data, spec_models(data))
        assert (decoded.dtype.str, decoded.shape) == (array.dtype.str, array.shape)
        assert decoded.tobytes() == array.tobytes()


def all_items(array: np.ndarray[Any, Any]) -> list[bytes]:
    return (
        [array.tobytes()] if array.ndim == 0 else list(itertools.islice(split(array), MOST_ITEMS))
    )


class Anything(list[str]):
    """A list of digests that equals every other, so that a model's stored digests match."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def read_model(data: bytes, repaired: bool = False) -> bool:
    """Loads and runs a model. Returns whether it is valid. repaired: as if its test vectors were
    corrected.
    """
    compute = vectors.digest_outputs
    if repaired:
        vectors.digest_outputs = lambda *one, **other: Anything(compute(*one, **other))
    try:
        model = bitsback.load_model(data)
    except bitsback.ModelError as error:
        assert "\n" not in str(error), "an error of several lines"
        return False
    finally:
        vectors.digest_outputs = compute
    if model.any_shape:
        shape, batches = ItemShape(1, 5, 7, 1, model.levels), [(2, 1)]
    else:
        shape, batches = model.shape_of(), [(1, 2)]
    bound = model.bind([(2, shape)])
    x = np.zeros(2 * shape.elements, np.uint8 if shape.levels <= 256 else np.uint16)
    message = bitsback.Message([2**40], depth=0)
    before = message.copy()
    bound.push(message, x, batches)
    assert (bound.pop(message, batches) == x).all()
    assert message == before
    return True


def refused(read: Callable[[], object]) -> bool:
    try:
        read()
    except bitsback.BitsbackError as error:
        assert str(error), "an error without a message"
        assert "\n" not in str(error), "an error of several lines"
        return True
    return False
