"""Read a single file of pages as the input of an archive.

Its pages become pictures of parts, and its container metadata the last part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.groups import Groups
from bitsback.archive.inputs.jpeg_streams import joined_reason, streams_in
from bitsback.archive.inputs.request import Bonds, FilesOnDisk, Input, Request
from bitsback.archive.inputs.unordered import by_size
from bitsback.archive.inputs.warn import warn_of_losses
from bitsback.files import formats
from bitsback.files.bands import BandItems, Bands
from bitsback.files.drawing import pack
from bitsback.files.npy import Items
from bitsback.files.picture_files import (
    VERBATIM,
    identified,
    pixel_bands,
    refusal,
)
from bitsback.files.pictures import Header, header_of, named, reading_picture
from bitsback.format.array_part import BYTES, ArrayPart
from bitsback.format.members import Files, part_by_part
from bitsback.format.parts import PAGES, FileCollection
from bitsback.io.file_io import Reader
from bitsback.planner.cutting import cut_for
from bitsback.summary import NOT_REPRODUCIBLE, SMALLER, VerbatimFiles

if TYPE_CHECKING:
    from PIL import Image

_CHUNK = 1 << 20


def pages_input(file: BinaryIO, name: str, request: Request) -> Input:
    """The pages of a file, sorted into parts, and its metadata; or the file verbatim.

    Raises InputError for a damaged file.
    """
    size = Reader(file).size
    with reading_picture(name):
        found = formats.PAGES.codec().split_pages(file, request.exact)
    pages, metadata = ([], None) if found is None else found
    if name in request.verbatim:
        metadata = None
    parts: list[tuple[Items, ArrayPart]] = []
    groups = Groups(request.knows, request.policy.folder_bytes)
    if metadata is not None:
        for page in pages:
            groups.add(Header(page.dtype, page.shape, ()))
        for group in groups:
            members = [named(pages[member], name) for member in group.members]
            items = BandItems(name, group.part, members.__getitem__, peeks=True)
            parts.append((items, request.arranged(group.part, items)))
        packed = pack(metadata)
        parts.append(_bytes_part(request, name, len(packed), lambda: iter([packed])))
        disk, bonds = FilesOnDisk(size, inexact=[] if metadata.exact else [name]), Bonds()
    else:
        streams = streams_in(file, size)
        streams.log(name)
        cut = streams.large or not streams.coded
        chunks = partial(_file_after, VERBATIM, file)
        parts.append(_bytes_part(request, name, 1 + size, chunks, cut))
        bonds = Bonds(jpeg_tables={0: streams.tables})
        reason = SMALLER if name in request.verbatim else refusal(file)
        if pages and request.exact and name not in request.verbatim:
            reason = f"{NOT_REPRODUCIBLE}: {reason}"
        stored = (
            {}
            if streams.coded
            else {joined_reason(streams, reason): VerbatimFiles().more(name, size)}
        )
        disk = FilesOnDisk(size, stored=stored)
    files = FileCollection(PAGES, tuple(part for _, part in parts))
    return Input(files, parts, name, Files(files, [], groups.runs), bonds=bonds, disk=disk)


def pages_set(file: BinaryIO, name: str, request: Request) -> Input:
    """The pixels of all pages of a file as a set, without their order."""
    with reading_picture(name):
        image = identified(file)
    headers = list(_headers(image, name))
    order = by_size(headers)
    groups = Groups(request.knows, request.policy.folder_bytes)
    for page in order:
        groups.add(headers[page])
    warn_of_losses(groups.losses, "page")
    parts: list[tuple[Items, ArrayPart]] = []
    for group in groups:
        members = [
            _page(image, name, order[member], headers[order[member]]) for member in group.members
        ]
        pages = BandItems(name, group.part, members.__getitem__, peeks=True)
        parts.append((pages, request.arranged(group.part, pages)))
    files = FileCollection(PAGES, tuple(part for _, part in parts))
    bonds = Bonds(frozenset(range(len(parts))))
    return Input(files, parts, name, Files(files, [], part_by_part(files)), bonds=bonds)


def _headers(image: Image.Image, name: str) -> Iterator[Header]:
    """The headers of the pages of an open file.

    Raises InputError for a page that archives cannot store.
    """
    with reading_picture(name):
        pages = getattr(image, "n_frames", 1)
    for page in range(pages):
        with reading_picture(f"{name}: page {page}"):
            image.seek(page)
            header = header_of(image, f"{name}: page {page}")
        yield header


def _page(image: Image.Image, name: str, page: int, header: Header) -> Bands:
    """A page of an open file. Reading it raises InputError, which names the page."""
    shown = f"{name}: page {page}"

    def read() -> Iterator[NDArray[Any]]:
        with reading_picture(shown):
            image.seek(page)
            picture = pixel_bands(image, shown)
        yield from named(picture, shown)

    return Bands(header.dtype, header.shape, read)


def _bytes_part(
    request: Request, name: str, size: int, chunks: Callable[[], Iterator[bytes]], cut: bool = True
) -> tuple[Items, ArrayPart]:
    from bitsback.archive.inputs.folders import ByteItems

    part = ArrayPart(np.dtype("|u1"), (0, size), BYTES)
    part = replace(part, cut=cut_for(part, None, request.policy) if cut else None)
    return ByteItems(name, part, chunks), part


def _file_after(kind: int, file: BinaryIO) -> Iterator[bytes]:
    yield bytes([kind])
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk
