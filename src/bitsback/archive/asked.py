"""How a source is to be seen, and what is found in it."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bitsback.archive.choose import Effort, any_fits
from bitsback.archive.collection import VARIED, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.grid import Shape
from bitsback.archive.parts import Content
from bitsback.archive.stacks import as_stack, is_stack, stackable
from bitsback.archive.summary import Held, Progress
from bitsback.errors import InputError
from bitsback.images.file_lists import Listing
from bitsback.images.formats import OTHER_PICTURES, PICTURES
from bitsback.images.npy import Items
from bitsback.models import Model
from bitsback.remote.url import Url


@dataclass(frozen=True)
class Keeping:
    """How files of a folder are kept, beyond their pixels."""

    exact: bool = False
    """The very bytes of each."""
    others: bool = True
    """Those that are no pictures, or damaged ones, too."""
    stored: frozenset[str] = frozenset()
    """Those to hold bit for bit, whatever they are."""
    threads: int = 1
    progress: Progress | None = None
    """Called with the number of files that were looked at, and of all."""


@dataclass(frozen=True)
class Kept:
    """What is known of the files of a folder that comes back as files."""

    size: int
    """Bytes of all files."""
    stored: dict[str, Held]
    """Files that are held bit for bit, by the reason."""
    coded: dict[str, int]
    """The bytes of the files of pictures that are coded by their pixels, by name."""
    parts: list[list[str]]
    """The names of the pictures of each part; none of parts of bytes."""
    notes: BinaryIO
    """Where the notes of pictures wait."""


@dataclass(frozen=True)
class Bonds:
    """What is to be known of parts whose order does not matter, and of labels."""

    sets: frozenset[int] = frozenset()
    """The numbers of the parts whose order does not matter."""
    ties: Mapping[int, Sequence[NDArray[Any]]] = field(default_factory=dict)
    """Arrays of what belongs to the items of these, by which equal ones are ordered."""
    follows: Mapping[int, tuple[int, NDArray[Any]]] = field(default_factory=dict)
    """Parts that are put into the order of another part, before them: its number, and the array."""
    records: frozenset[int] = frozenset()
    """The numbers of the parts that are labels, or other small records."""


Settle = Callable[[Sequence[NDArray[np.intp]]], bytes]
"""Takes, for each part, the numbers that its items had, in the order that they have got."""


@dataclass(frozen=True)
class Input:
    """What goes into an archive."""

    collection: Content
    parts: list[tuple[Items, Collection]]
    """The arrays that it is made of, in the order in which they are stored."""
    name: str
    """For error messages."""
    names: bytes = b""
    """The `N` section, for files, and the `F` section."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """The names of what of a folder was left out, by what it is."""
    bad: dict[str, str] = field(default_factory=dict)
    """The files that were left out since they cannot be used, and why."""
    listing: Listing | None = None
    kept: Kept | None = None
    """Of files that come back as files."""
    settle: Settle | None = None
    """What `names` is, when the order of the items of each part is known, if it is not before."""
    bonds: Bonds = Bonds()
    labels: bytes = b""
    """The `L` section, if the items have labels."""
    disk: int | None = None
    """Bytes that the files have on disk, of pictures whose order does not matter, and of a TIFF
    file on its own.
    """
    stored: dict[str, Held] = field(default_factory=dict)
    """Files that are held bit for bit, by the reason, of other inputs than folders."""

    def close(self) -> None:
        if self.kept is not None:
            self.kept.notes.close()

    def check_output(self, destination: object) -> None:
        """Raises InputError if the output is one of the files that are read."""
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
    with suppress(OSError):  # of a link that leads nowhere
        return path.samefile(file)
    return False


@dataclass(frozen=True)
class Asked:
    """How a source is to be seen."""

    given: Model | None = None
    """The model that was asked for, if one was."""
    effort: Effort = "auto"
    skip_bad: bool = False
    """Leave out files that cannot be read, or not be held."""
    tile: int | None = None
    """Rows and columns of a piece at most."""
    stack: bool | None = None
    """Whether arrays are stacks; None: a trial tells."""
    dtype: DTypeLike | None = None
    shape: Sequence[int] | None = None
    """Of images that come one after another."""
    unordered: bool = False
    """Whether the order of items does not matter."""
    labels: str | None = None
    """The name of the array of labels; of a folder "folders"."""
    keep_names: bool = False
    """Whether files whose order does not matter keep their names."""
    keeping: Keeping | None = None
    """None: pictures are their pixels alone, in the colours that they show."""

    @property
    def endings(self) -> frozenset[str] | None:
        """Of the names of the files that are taken of a folder; None: all are."""
        if self.keeping is None or self.unordered:
            return PICTURES
        return None if self.keeping.others else PICTURES | OTHER_PICTURES

    def knows(self, shape: Shape) -> bool:
        """Whether there is a model of just these items, which then stay whole and together."""
        return any_fits(self.given, shape)

    def seen(self, part: Collection, items: Items) -> Collection:
        """The array as a stack, if it is one, and cut into pieces."""
        if self.stack is not False and stackable(part):
            trial = self.stack is None and not self.knows(part.item_shape)
            if self.stack or (trial and is_stack(part, items, self.given, self.effort)):
                part = as_stack(part)
        return self.cut(part)

    def cut(self, part: Collection) -> Collection:
        known = part.axes != VARIED and self.knows(part.item_shape)
        known &= self.given is None or not self.given.wants_small
        return part if known else replace(part, cut=cut_for(part, self.tile))
