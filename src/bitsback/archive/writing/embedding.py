"""Embed the models of an archive's blocks, without decoding or changing the blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bitsback.archive.reader import ArchiveReader
from bitsback.archive.writing.generation import Generation
from bitsback.archive.writing.repairing import keep_parity
from bitsback.errors import ArchiveError, InputError
from bitsback.format.index import Place
from bitsback.format.layout import BLOCK, COLLECTION, MODEL, PARITY, open_section, section
from bitsback.format.parity import share_of
from bitsback.io.file_io import name_of
from bitsback.io.output import Destination, Output, open_output
from bitsback.io.remote.url import Options, Url, check_options, located
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.models.model import Choice
from bitsback.work import Progress


def embed(
    source: str | os.PathLike[str],
    destination: Destination | None = None,
    *,
    model: Choice | None = None,
    force: bool = False,
    progress: Progress | None = None,
    storage_options: Options | None = None,
) -> list[Model]:
    """Writes an archive again with all models of its blocks embedded. Returns the models.

    The new archive needs no other file for decoding. No block is decoded or changed, and every
    checksum is checked.

    source: a path or URL. destination: by default the archive itself, which is replaced once the
    new one is complete. model: a model that the archive needs, if it is neither embedded nor
    bundled. force, storage_options: as in `compress`. progress: called with the number of finished
    bytes of blocks, and of all.

    Raises InputError if a file cannot be read or written. Raises ArchiveError if the archive is
    damaged, or a model is missing.

    >>> import bitsback, numpy as np, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.bb")
    ...     steps = np.random.default_rng(0).integers(-3, 5, (2, 90)).cumsum(axis=1)
    ...     noise = np.random.default_rng(1).integers(0, 4, (90, 90))
    ...     image = (np.add.outer(*steps) + 100 + noise).astype(np.uint8)
    ...     summary = bitsback.compress(image, path, model="universal-fast")
    ...     [model.name for model in bitsback.embed(path)]
    ['universal-fast']
    """
    place = located(source, storage_options)
    target = place if destination is None else located(destination, storage_options)
    check_options(storage_options, place, target, located(model))
    if destination is None and isinstance(place, Url):
        raise InputError(f"{name_of(place)}: is at a URL; name an output")
    with (
        open_output(target, force or destination is None) as output,
        ArchiveReader(place, model=model, storage_options=storage_options) as archive,
    ):
        for problem in archive.problems:
            raise problem
        models = [archive.library.find(prefix) for prefix in _named(archive)]
        _write(archive, models, output, progress)
        keep_parity(output, share_of(archive.parity))
    return models


def _named(archive: ArchiveReader) -> Iterator[bytes]:
    """The first 16 bytes of the identity of each model that blocks name, without repetitions."""
    headers = map(archive.blocks.header, archive.blocks)
    return iter(dict.fromkeys(prefix for header in headers for prefix in header.models))


def _write(
    archive: ArchiveReader, models: list[Model], output: Output, progress: Progress | None
) -> None:
    assert archive.directory.index is not None, "there are no problems"
    blocks, sections = archive.blocks, archive.directory.index.sections
    others = [place for place in sections if place.kind not in (MODEL, PARITY)]
    written = Generation(output)
    for place in sorted(others, key=lambda place: place.kind != COLLECTION):
        written.add(_intact(archive, place))
    for model in models:
        written.add(section(MODEL, pack_model(model, bases=())))
    done, total = 0, sum(block.size for block in blocks)
    archive.file.expect(blocks)
    for block in blocks:
        payload = blocks.task(block).payload
        written.add_block(section(BLOCK, payload), block.first, block.items)
        done += block.size
        if progress is not None:
            progress(done, total)
    written.finish()


def _intact(archive: ArchiveReader, place: Place) -> bytes:
    """The bytes of a section. Raises ArchiveError if it is damaged."""
    data = archive.file.read_place(place)
    try:
        open_section(data, place.kind)
    except ArchiveError as error:
        raise archive.file.named(error) from None
    return data
