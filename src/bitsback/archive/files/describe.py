"""`Archive.info`: the description of an archive as JSON.

It reads the header, the index, the first bytes of each block, and the descriptions of embedded
models. It decodes nothing, and builds no model.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from bitsback.archive.container.source import at_block
from bitsback.archive.reader import ArchiveReader
from bitsback.coding.block import METHODS, STREAMS
from bitsback.coding.layouts import LAYOUTS
from bitsback.coding.streams import coder_of_block
from bitsback.errors import ArchiveError
from bitsback.format.array_part import BYTES, COPIES, ONE, VARIED, ArrayPart
from bitsback.format.layout import MODEL, STATS, VERSION
from bitsback.format.modes import mode_of
from bitsback.format.parity import share_of
from bitsback.format.parts import ARRAYS, FOLDER, Array, FileCollection, JoinedArray

_SHOWN = 100  # damaged blocks at most


def describe(archive: ArchiveReader) -> dict[str, Any]:
    """The description of the archive's content."""
    methods = dict.fromkeys(reversed(METHODS), 0)
    layouts = dict.fromkeys(LAYOUTS, 0)
    lanes: set[int] = set()
    multisets = 0
    models: dict[str, dict[str, Any]] = {}
    problems = archive.problems
    sizes: Counter[int] = Counter()
    jpeg: defaultdict[int, set[str]] = defaultdict(set)
    damaged = 0
    for block in archive.blocks:
        try:
            header = archive.blocks.header(block)
        except ArchiveError as error:
            damaged += 1
            if damaged <= _SHOWN:
                problems.append(at_block(archive, block.number, block.first, block.items, error))
            continue
        methods[METHODS[header.method.number]] += 1
        start, _ = archive.collection.part_of(block.first)
        sizes[start] += block.size
        if header.method.number == STREAMS:
            jpeg[start].add(coder_of_block(header.data))
        multisets += header.method.multiset
        if header.model is not None:
            lanes.update(header.data[:1])
            layouts[LAYOUTS[header.method.layout]] += 1
        for model in dict.fromkeys(header.models):
            models.setdefault(model.hex(), _describe_model(archive, model))["blocks"] += 1
    if damaged > _SHOWN:
        problems.append(ArchiveError(f"{archive.name}: {damaged - _SHOWN} more blocks are damaged"))
    collection = archive.collection
    if collection.kind is None:
        contents = _describe_array(collection)
    else:
        contents = _describe_files(collection, archive.visible_files, sizes, jpeg)
        if collection.kind == FOLDER:
            contents |= {"links": 0, "empty_folders": 0, "copies": _copies(archive, collection)}
        if archive.has_entries:
            with suppress(ArchiveError):  # if the names are damaged
                contents["links"] = len(archive.files.links)
                contents["empty_folders"] = len(archive.files.empty_folders)
    try:
        labels = _labels(archive)
    except ArchiveError as error:
        labels = None
        problems.append(error)
    windows = archive.parity
    return {
        "archive": archive.name,
        "version": VERSION,
        "bytes": archive.file_bytes,
        "kind": archive.kind,
        "unordered": archive.unordered,
        "labels": labels,
        **contents,
        "items": len(archive) if collection.kind is None else archive.visible_files,
        "tiles": collection.tiles,
        "elements": collection.elements,
        # None if blocks may be missing: the others do not represent the whole.
        "bits_per_dimension": 8 * archive.file_bytes / collection.elements
        if collection.elements and not problems
        else None,
        "array_bytes": collection.nbytes,
        "original_bytes": _original_bytes(archive),
        "blocks": len(archive.blocks),
        "block_tiles": max((block.items for block in archive.blocks), default=0),
        "block_bytes": sum(block.size for block in archive.blocks),
        "methods": methods,
        "layouts": layouts,
        "multisets": multisets,
        "lanes": sorted(lanes),
        "models": list(models.values()),
        "model_bytes": sum(place.size for place in archive.directory.places(MODEL)),
        # The share of parity in per cent, and the end of the bytes that it covers.
        "parity": share_of(windows) or None,
        "parity_end": max((window.end for window in windows), default=0),
        "problems": [str(problem) for problem in problems],
    }


def _original_bytes(archive: ArchiveReader) -> int | None:
    """The bytes of a folder's original files; None if they are unknown."""
    if archive.collection.kind != FOLDER or not archive.directory.places(STATS):
        return None
    with suppress(ArchiveError):  # if the names are damaged
        sizes = [archive.files.original_bytes(number) for number in range(len(archive.files))]
        return None if None in sizes else sum(size or 0 for size in sizes)
    return None


def _copies(archive: ArchiveReader, collection: FileCollection) -> dict[str, int]:
    """The number of files with the content of other files, and the bytes of these files."""
    if not any(part.axes == COPIES for part in collection.parts):
        return {"files": 0, "bytes": 0}
    with suppress(ArchiveError):  # if the names are damaged
        files = archive.files
        size = sum(files.original_bytes(number) or 0 for number in files.originals)
        return {"files": len(files.originals), "bytes": size}
    return {"files": 0, "bytes": 0}


def _labels(archive: ArchiveReader) -> dict[str, Any] | None:
    """The description of labels: the name of their array, or the number of classes."""
    pairs, classes = archive.pairs, archive.classes
    if pairs is not None and pairs.labels is not None:
        return {"array": archive.names[pairs.labels], "classes": None}
    return {"array": None, "classes": len(classes)} if classes else None


def _describe_array(array: Array) -> dict[str, Any]:
    common: dict[str, Any] = {"dtype": array.dtype.str, "shape": list(array.shape)}
    if isinstance(array, JoinedArray):
        cuts = {part.cut for part in array.parts}
        return {
            **common,
            "item_shape": list(array.shape[1:]),
            "whole": False,
            "stack": all(part.stack for part in array.parts),
            "joined": len(array.parts),
            "cut": list(cut) if len(cuts) == 1 and (cut := cuts.pop()) is not None else None,
        }
    return {
        **common,
        "item_shape": list(array.item_shape),
        "whole": array.axes == ONE,
        "stack": array.stack,
        "joined": 1,
        "cut": array.cut and list(array.cut),
    }


def _describe_files(
    files: FileCollection,
    visible: int,
    sizes: Mapping[int, int],
    jpeg: Mapping[int, Collection[str]],
) -> dict[str, Any]:
    """The description of files.

    sizes: the bytes of the blocks of each part, by its first tile. jpeg: the coders of JPEG streams
    of each part that has some, likewise.
    """
    return {
        "names": visible,
        "removed": files.files - visible if files.has_removed else 0,
        "parts": [
            _describe_part(part, files.kind)
            | {"jpeg": sorted(jpeg.get(start, ())), "block_bytes": sizes.get(start, 0)}
            for number, (start, part) in enumerate(zip(files.starts, files.parts, strict=False))
            if part.axes != COPIES and (number not in files.metadata_parts or not files.files)
        ],
        "metadata_bytes": sum(files.parts[number].elements for number in files.metadata_parts),
    }


def _describe_part(part: ArrayPart, kind: int) -> dict[str, Any]:
    varied, verbatim = part.axes == VARIED, part.axes == BYTES
    return {
        "dtype": part.dtype.str,
        "shape": None if varied else list(part.shape),
        "items": part.items if kind == ARRAYS else part.entries or 1,
        "held": verbatim,
        "mode": None if kind == ARRAYS or verbatim else mode_of(part.dtype, part.entry_shape),
        "stack": kind != ARRAYS and part.axes == ONE,
        "smallest": list(min((shape for _, shape in part.runs), key=math.prod)),
        "largest": list(max((shape for _, shape in part.runs), key=math.prod)),
        "cut": part.cut and list(part.cut),
    }


def _describe_model(archive: ArchiveReader, prefix: bytes) -> dict[str, Any]:
    return {
        "identity": prefix.hex(),
        "name": None,
        "about": None,
        "code": None,
        **(archive.library.describe(prefix) or {}),
        "blocks": 0,
    }
