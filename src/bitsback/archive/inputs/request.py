"""The options for an input, and the properties that were detected in it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.copies import Copies, StoredFiles
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError
from bitsback.files.data_sets import DataSet
from bitsback.files.file_lists import Listing
from bitsback.files.formats import OTHER_PICTURES, PICTURES
from bitsback.files.npy import Items
from bitsback.files.picture_files import PictureItems
from bitsback.format.array_part import BYTES, ONE, VARIED, ArrayPart
from bitsback.format.digests import FileSums
from bitsback.format.grid import Shape
from bitsback.format.members import Files
from bitsback.format.parts import Content, FileCollection
from bitsback.format.tiles import Tiles
from bitsback.io.remote.url import Url
from bitsback.models import Model
from bitsback.planner.candidates import any_fits, read_choice
from bitsback.planner.cutting import cut_for, slices_in_memory
from bitsback.planner.planner import Planner
from bitsback.planner.policy import DEFAULT, Policy
from bitsback.planner.stacks import Peek, as_stack, frames_stack, is_stack, stackable
from bitsback.summary import Saving, VerbatimFiles

_SMALL_TILE = 64  # rows and columns


@dataclass(frozen=True)
class FilesOnDisk:
    """The input files, for the summary."""

    size: int
    """The bytes of all files."""
    stored: dict[str, VerbatimFiles] = field(default_factory=dict)
    """The verbatim files by the reason."""
    inexact: list[str] = field(default_factory=list)
    """The names of the files that are restored with other bytes."""
    saving: Saving = field(default_factory=Saving)
    copies: Saving = field(default_factory=Saving)
    """The files that have the bytes of others."""

    @property
    def stored_by_size(self) -> dict[str, VerbatimFiles]:
        """The verbatim files, those that have the most bytes first."""
        return dict(sorted(self.stored.items(), key=lambda each: -each[1].bytes))


@dataclass(frozen=True)
class FolderFiles:
    """The files of a folder that is restored as files."""

    coded: dict[str, int]
    """The sizes in bytes of coded picture files, by name."""
    parts: list[list[str]]
    """The names of the pictures of each part; empty for parts of bytes."""
    metadata: BinaryIO
    """A temporary file with the container metadata of pictures."""
    sums: FileSums
    """The content digests of the files, as far as they were read."""
    copies: Copies

    def outgrown(
        self, collection: FileCollection, index: Sequence[tuple[int, int]]
    ) -> frozenset[str]:
        """The names of the pictures whose pixels take more bytes than their files.

        Empty if all pictures together take fewer bytes; see `Input.outgrown`.
        """
        costs: Counter[str] = Counter()
        total = tile = 0
        for tiles, size in index:
            first, part = collection.part_of(tile)
            number = collection.starts.index(first)
            at, tile = tile - first, tile + tiles
            if part.axes == BYTES:
                total += size if number in collection.metadata_parts else 0
                continue
            total += size
            before, end = part.elements_before(at), part.elements_before(at + tiles)
            for entry, low, high in _shares(part, at, tiles):
                costs[self.parts[number][entry]] += size * (high - low) // (end - before)
        if total <= sum(self.coded.values()):
            return frozenset()
        grown = frozenset(name for name, cost in costs.items() if cost > self.coded[name])
        return grown or frozenset(self.coded)


def _shares(part: ArrayPart, first: int, tiles: int) -> Iterator[tuple[int, int, int]]:
    """The pictures with the tiles of a part: (number, first element, end of elements) of each.

    A tile of a stack is divided evenly among its slices.
    """
    for tile in range(first, first + tiles) if part.axes == ONE else ():
        slices, *_ = part.grid(0).region(tile)
        low, high = part.elements_before(tile), part.elements_before(tile + 1)
        each = (high - low) // (slices.stop - slices.start)
        for at, entry in enumerate(range(slices.start, slices.stop)):
            yield entry, low + at * each, low + (at + 1) * each
    if part.axes == ONE:
        return
    before, end = part.elements_before(first), part.elements_before(first + tiles)
    for item in range(part.item_of(first)[0], part.item_of(first + tiles - 1)[0] + 1):
        low = max(before, part.elements_before(part.first_tile(item)))
        yield item, low, min(end, part.elements_before(part.first_tile(item + 1)))


@dataclass(frozen=True)
class Bonds:
    """The relations between parts: sets, their records, and labels."""

    sets: frozenset[int] = frozenset()
    """The numbers of the parts whose items have no order."""
    ties: Mapping[int, Sequence[NDArray[Any]]] = field(default_factory=dict)
    """Arrays with a record for each item of such a part. Equal items are ordered by them."""
    follows: Mapping[int, tuple[int, NDArray[Any]]] = field(default_factory=dict)
    """Parts that take the order of an earlier part: the number of that part, and the array."""
    records: frozenset[int] = frozenset()
    """The numbers of the parts with labels or other small records."""
    frames: frozenset[int] = frozenset()
    """The numbers of the parts whose tiles are frames, each similar to the one before."""
    jpeg_tables: Mapping[int, bytes] = field(default_factory=dict)
    """The tables of abbreviated JPEG streams in large files, by the number of the part."""
    tried: Mapping[int, Tiles] = field(default_factory=dict)
    """The samples of the trials of pictures that are a part alone, by the number of the part."""
    data_sets: Mapping[int, Sequence[DataSet]] = field(default_factory=dict)
    """The data sets in the bytes of parts, by the number of the part."""


Settle = Callable[[Sequence[NDArray[np.intp]]], Files]
"""Makes the files of an input from the order of the items.

Its argument has, for each part, the original numbers of the items in their new order.
"""


@dataclass(frozen=True)
class Input:
    """The content for an archive."""

    collection: Content
    parts: list[tuple[Items, ArrayPart]]
    """The arrays and their descriptions, in the order in which they are stored."""
    name: str
    """The name for error messages."""
    files: Files | None = None
    """The names and stats of files, unless `settle` makes them."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """The names of left-out files and folders, by kind."""
    bad: dict[str, str] = field(default_factory=dict)
    """The files that were left out since they cannot be used, and the reasons."""
    listing: Listing | None = None
    kept: FolderFiles | None = None
    """The properties of a folder that is restored as files."""
    settle: Settle | None = None
    """Makes `files` when the order of the items of each part is known. None if it is known before.
    """
    bonds: Bonds = Bonds()
    labels: bytes = b""
    """The `L` section, if the items have labels."""
    disk: FilesOnDisk | None = None
    """The properties of the files of a folder or a list."""

    @property
    def may_outgrow(self) -> bool:
        """Whether it has picture files that may be stored verbatim instead."""
        return self.kept is not None

    def outgrown(self, index: Sequence[tuple[int, int]]) -> frozenset[str]:
        """The names of the files to store verbatim, since the archive is larger than the input.

        index: for each block its number of tiles and the size of its section.
        """
        if self.kept is None or self.collection.kind is None:
            return frozenset()
        return self.kept.outgrown(self.collection, index)

    def close(self) -> None:
        if self.kept is not None:
            self.kept.metadata.close()

    def check_output(self, destination: object) -> None:
        """Raises InputError if the output is one of the input files."""
        if self.listing is not None and destination in self.listing.urls.values():
            raise InputError(f"{destination}: is one of the files too; name another output")
        if self.listing is not None and isinstance(destination, str | os.PathLike):
            path = Path(os.path.realpath(destination))
            files = map(self.listing.path, self.listing.names)
            if path.exists() and any(_is_file(path, file) for file in files):
                raise InputError(
                    f"{os.fspath(destination)}: is one of the files too; name another output"
                )


def _is_file(path: Path, file: Path | Url) -> bool:
    if isinstance(file, Url):
        return False
    with suppress(OSError):  # a link may have no target
        return path.samefile(file)
    return False


@dataclass(frozen=True)
class Request:
    """The options for an input, and the model that they name."""

    requested: Model | None = None
    """The model that the options name; None for the bundled ones."""
    options: CompressOptions = field(default_factory=CompressOptions)
    policy: Policy = DEFAULT
    """The policy that chooses models and other codings to try."""
    as_files: bool = False
    """Whether pictures are restored as their files.

    Otherwise only their pixels are stored, in the colours that they show.
    """
    verbatim: frozenset[str] = frozenset()
    """The names of files to store verbatim in any case."""
    archive: StoredFiles | None = None
    """The files of the archive to which the input is added."""

    @classmethod
    def from_options(cls, options: CompressOptions) -> "Request":
        """The request for these options. Raises ModelError if the model is missing."""
        requested, policy = read_choice(options.model, options.storage_options)
        policy = policy.for_random_access if options.quick else policy
        return cls(requested, options, policy, as_files=True)

    @property
    def planner(self) -> Planner:
        return Planner(self.policy, self.requested)

    @property
    def exact(self) -> bool:
        """Whether files are restored byte for byte."""
        return self.options.files == "exact"

    @property
    def tile(self) -> int | None:
        """The rows and columns of a tile at most; None for the default."""
        small = self.options.quick or (self.requested is not None and self.requested.wants_small)
        return _SMALL_TILE if self.options.tile is None and small else self.options.tile

    @property
    def stack(self) -> bool | None:
        """Whether arrays are stacks; None: a trial decides."""
        if self.options.unordered:
            return False
        # A slice of a stack needs the slices before it, which takes long.
        return bool(self.options.stack) if self.options.quick else self.options.stack

    @property
    def endings(self) -> frozenset[str] | None:
        """The endings of the files of a folder to read; None for all."""
        if not self.as_files or self.options.unordered:
            return PICTURES
        return PICTURES | OTHER_PICTURES if self.options.pictures_only else None

    def knows(self, shape: Shape) -> bool:
        """Whether a model is for exactly these items, which are then neither cut nor stacked."""
        return any_fits(self.requested, shape)

    def arranged(self, part: ArrayPart, items: Items) -> ArrayPart:
        """The description of an array, as a stack if it is one, and cut into tiles."""
        stack = self._is_stack(part, items.peek, self.policy.block_elements)
        return self.cut(as_stack(part) if stack else part)

    def arranged_pictures(
        self, part: ArrayPart, items: PictureItems, frames: int = 0
    ) -> tuple[ArrayPart, bool]:
        """The description of pictures of a folder, as a stack if they are one, and cut into tiles;
        and whether the tiles are frames.

        Tiles are limited so that few pictures are in memory at a time. frames: the number of frames
        of each picture, for slices of a series and for pictures that consist of frames.
        """
        several = self._frames(part, frames) if frames else None
        if several is None or frames > 1 or self.stack:
            slices = slices_in_memory(part, self.policy) if stackable(part) else 0
            few = slices < self.policy.stack_slices and not self.stack
            if not few and self._is_stack(part, items.peek, self.policy.folder_elements):
                cut = cut_for(as_stack(part), self.tile, self.policy, max(slices, 1))
                return replace(as_stack(part), cut=cut), False
        if several is not None:
            peek, block = items.frames(frames).peek, self.policy.folder_elements
            if self._is_stack(several, peek, block, likely=True):
                return replace(part, cut=several.entry_shape if frames > 1 else None), True
        return self.cut(part), False

    def _frames(self, part: ArrayPart, frames: int) -> ArrayPart | None:
        """The description of pictures cut into frames; None if a tile cannot be a frame.

        frames: the number of frames of each picture.
        """
        rows, *others = part.item_shape
        frame = (rows // frames, *others)
        several = ArrayPart.of_items(part.dtype.str, frame, part.entries * frames)
        side = self.policy.tile_side if self.tile is None else self.tile
        return several if max(frame[:2]) <= side and frames_stack(several) else None

    def _is_stack(self, part: ArrayPart, peek: Peek, block: int, likely: bool = False) -> bool:
        if self.stack is False or not stackable(part):
            return False
        if self.stack is None:
            known = self.knows(part.item_shape)
            return not known and is_stack(part, peek, self.planner, block, likely)
        return True

    def cut(self, part: ArrayPart) -> ArrayPart:
        known = part.axes != VARIED and self.knows(part.item_shape)
        known &= self.requested is None or not self.requested.wants_small
        return part if known else replace(part, cut=cut_for(part, self.tile, self.policy))
