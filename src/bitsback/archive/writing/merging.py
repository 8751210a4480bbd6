"""Merge archives without decoding their blocks, except those with removed files.

Only the number of a block's first tile changes (docs/format.md, `B`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path

from bitsback.archive.files.verifying import verify as verify_archive
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.writing.erasing import Eraser
from bitsback.archive.writing.generation import Generation
from bitsback.archive.writing.merge_content import (
    Merged,
    Shard,
    blocks_of,
    look,
    merge_arrays,
    merge_files,
    models_of,
    previews_of,
)
from bitsback.archive.writing.repairing import keep_parity
from bitsback.errors import ArchiveError, InputError
from bitsback.format.layout import (
    DESCRIBED,
    FILES,
    HASHED,
    MODEL,
    PREVIEWS,
    REMOVED,
    UNORDERED,
    section,
)
from bitsback.io.file_io import Location, is_same, name_of
from bitsback.io.output import Destination, Output, open_output
from bitsback.io.remote.files import matching
from bitsback.io.remote.url import Options, Url, check_options, located
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.summary import Summary
from bitsback.work import Progress, begin


def merge(
    sources: Sequence[str | os.PathLike[str]],
    destination: Destination,
    *,
    force: bool = False,
    verify: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
    storage_options: Options | None = None,
) -> Summary:
    """Merges archives into one, in their order.

    Arrays are joined along their first axis, whether they are items or stacks. The files of folders
    and npz archives follow one another. Models that several archives embed are in the new archive
    once. Every checksum is checked. No block is coded again, except those that contain removed
    files (see `remove`), whose content is erased. If an archive has parity, the new one has the
    greatest share of them, or warns with InputWarning if it is no file.

    sources: paths or URLs. `*` in a URL stands for all that match, sorted by the numbers in them.
    destination, force, threads, storage_options: as in `compress`. verify: decode the new archive,
    if it is a file, before it appears. progress: called with the number of finished tiles, and of
    all.

    Memory is bounded by a block, and by the names and the indexes. Raises InputError if the
    archives cannot be joined. These are arrays of different dtypes or items, or of one picture
    each, and two files of one name. Raises ArchiveError if an
    archive is damaged, the model of a block with removed files is missing, or the new archive
    cannot be verified.

    >>> import bitsback, numpy as np, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, f"part-{number}.bb") for number in range(3)]
    ...     for number, path in enumerate(paths):
    ...         summary = bitsback.compress(np.full((10, 4, 4), number), path)
    ...     summary = bitsback.merge(paths, os.path.join(folder, "all.bb"))
    ...     bitsback.decompress(os.path.join(folder, "all.bb")).shape
    (30, 4, 4)
    """
    destination = located(destination, storage_options)
    places = [place for source in sources for place in _places(source, storage_options)]
    check_options(storage_options, destination, places)
    if not places:
        raise InputError("no archives to merge: name at least one")
    for place in places:
        if is_same(place, destination):
            raise InputError(f"{name_of(place)}: is one of the inputs too; name another output")
    shards = [look(place) for place in places]
    first = shards[0].content
    merged = merge_arrays(shards) if first.kind is None else merge_files(shards, first.kind)
    with open_output(destination, force) as output:
        begin(progress, "merging")
        summary = _write(shards, merged, output, progress)
        keep_parity(output, max(shard.parity for shard in shards))
        summary = replace(summary, bytes_out=output.size)
        if verify and output.place is not None:
            begin(progress, "verifying")
            _verify(output.place, output.name, threads, progress)
        return summary


def _verify(place: Path, name: str, threads: int | None, progress: Progress | None) -> None:
    """Raises ArchiveError if the new archive is damaged. name: its name for messages."""
    with ArchiveReader(place) as archive:
        archive.file.name = name
        for _, problem in verify_archive(archive, threads, progress):
            raise ArchiveError(
                f"{problem}; nothing was written. 'bitsback verify' checks each of the archives,"
                " and --no-verify (verify=False) merges them as they are"
            )


def _places(source: str | os.PathLike[str], options: Options | None) -> list[Location]:
    place: Location = located(source, options)
    return list(matching(place)) if isinstance(place, Url) else [place]


def _write(
    shards: Sequence[Shard], merged: Merged, output: Output, progress: Progress | None
) -> Summary:
    content = merged.content
    features = FILES * merged.with_stats | UNORDERED * any(shard.unordered for shard in shards)
    features |= (
        HASHED * merged.with_digests | DESCRIBED * merged.with_entries | content.features & REMOVED
    )
    written, done = Generation(output), 0
    written.add(replace(content, features=features).pack() + merged.names)
    embedded, models = _write_models(shards, written), dict[bytes, Model]()
    for number, members in groupby(chain.from_iterable(merged.parts), lambda member: member[0]):
        with shards[number].opened() as archive:
            eraser = Eraser(archive)
            for _, part in members:
                for first, tiles, block in blocks_of(archive, eraser, part, done):
                    written.add_block(block, first, tiles)
                    if progress is not None:
                        progress(first + tiles, content.tiles)
                done += shards[number].parts[part].tiles
            models |= eraser.models
    assert done == content.tiles, "they have all parts"
    for identity, model in models.items() if embedded else ():
        if identity not in embedded:
            written.add(section(MODEL, pack_model(model, bases=())))
    _write_previews(shards, written)
    written.finish()
    return Summary(
        shape=content.shape,
        dtype=content.dtype_name,
        items=content.items if merged.files is None else merged.files,
        elements=content.elements,
        blocks=len(written.blocks),
        bytes_in=sum(shard.size for shard in shards),
        bytes_out=output.size,
        files=merged.files,
        noun=content.noun,
    )


def _write_previews(shards: Sequence[Shard], output: Generation) -> None:
    """Writes the previews of all archives, with the new numbers of their files."""
    before = 0
    for shard in shards:
        if PREVIEWS in shard.kinds:
            with shard.opened() as archive:
                for previews in previews_of(archive):
                    output.add(replace(previews, first=previews.first + before).pack())
        before += len(shard.names)


def _write_models(shards: Sequence[Shard], output: Generation) -> set[bytes]:
    """Writes the models of all archives, each once. Returns the first 16 bytes of each identity."""
    written: set[bytes] = set()
    for shard in shards:
        if written.issuperset(shard.models):
            continue
        with shard.opened() as archive:
            for identity, payload in models_of(archive):
                if identity not in written:
                    output.add(section(MODEL, payload))
                    written.add(identity)
    return written
