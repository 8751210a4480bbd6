"""Folders and lists of pictures: which files are meant, and what they are called."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.images.bands.bands import Bands, Rows, joined
from bitsback.images.bands.picture import named, pixel_bands
from bitsback.images.file_io import Location, name_of, open_regular, reading
from bitsback.images.names import check, printable
from bitsback.images.notes import samples_of
from bitsback.images.npy import Shape, stacked
from bitsback.images.pictures import opened, reading_picture
from bitsback.images.restored import PICTURES, ending_of
from bitsback.remote.folder import files_in
from bitsback.remote.url import Url


class Kind(Protocol):
    """What pictures are, one after the other, as an array of all or in a row."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def shape(self) -> Shape: ...

    def shape_of(self, item: int) -> Shape: ...


@dataclass(frozen=True)
class Listing:
    """The files of pictures, in order."""

    root: Path | Url
    """What the names are relative to."""
    names: list[str]
    """`/` between folders."""
    skipped: Counter[str] = field(default_factory=Counter)
    """What else was there, by what it is."""
    bad: dict[str, str] = field(default_factory=dict)
    """The files whose names cannot be held, and the folders that cannot be read, and why; only of
    a folder, and if they are left out.
    """

    urls: dict[str, Url] = field(default_factory=dict)
    """Of the files by their names, if they are at URLs."""

    def path(self, name: str) -> Path | Url:
        return self.root / name if isinstance(self.root, Path) else self.urls[name]


def list_folder(root: Path | Url, skip_bad: bool = False, others: bool = False) -> Listing:
    """The pictures of a folder and its folders, by name, and with `others` all other files. Raises
    InputError if there are none, or, unless `skip_bad`, one has a bad name.

    Hidden files and folders, and files whose endings are not those of pictures, are left out and
    counted. A link to a file is followed, one to a folder is not.
    """
    skipped: Counter[str] = Counter()
    names: list[str] = []
    bad: dict[str, str] = {}
    urls: dict[str, Url] = {}
    if isinstance(root, Url):
        with reading(root.name):
            urls = files_in(root)
        found = _taken(urls, skipped, others)
    else:
        found = _walk(root, skipped, others, bad if skip_bad else None)
    for name in sorted(found, key=os.fsencode):
        try:
            check(name, f"{root}/{name}")
            names.append(name)
        except InputError as error:
            if not skip_bad:
                raise
            bad[printable(name)] = str(error)
    if not names:
        left_out = (
            f" ({', '.join(f'{count} {kind}' for kind, count in skipped.items())} left out)"
            if skipped
            else ""
        )
        if others:
            raise InputError(f"{root}: has no files{left_out}")
        raise InputError(
            f"{root}: has no pictures{left_out}; they end in {' '.join(sorted(PICTURES))}"
        )
    return Listing(root, names, skipped, bad, urls)


def list_files(paths: Sequence[Location]) -> Listing:
    """The pictures of a list, in its order, named relative to the folder that they share.

    Raises InputError if one is named twice, or has a bad name.
    """
    if not paths:
        raise InputError("a list of no files was given")
    urls = [path for path in paths if isinstance(path, Url)]
    if urls:
        return _list_urls(urls, len(paths) - len(urls))
    places = [path for path in paths if not isinstance(path, Url)]
    absolute = [Path(os.path.abspath(path)) for path in places]  # noqa: PTH100 - links stay as they are
    for path, given in zip(absolute, places, strict=True):
        if path.is_dir():
            raise InputError(f"{os.fspath(given)}: is a folder; give either one folder, or files")
    try:
        root = Path(os.path.commonpath([path.parent for path in absolute]))
    except ValueError:
        raise InputError(
            "the files are on several drives; compress those of each drive on their own"
        ) from None
    names = [path.relative_to(root).as_posix() for path in absolute]
    for name, given in zip(names, places, strict=True):
        check(name, os.fspath(given))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{printable(twice[0])}: is given twice")
    return Listing(root, names)


def _list_urls(urls: Sequence[Url], others: int) -> Listing:
    """The same of URLs, named by what follows the part that they share."""
    if others:
        raise InputError("some of the files are at URLs and some are not; give one kind of them")
    parents = [url.name.rpartition("/")[0].split("/") for url in urls]
    levels = takewhile(lambda level: len(set(level)) == 1, zip(*parents, strict=False))
    shared = [level[0] for level in levels]
    if len(shared) < 2:  # as many as "s3://" has
        raise InputError("the files are of several protocols; compress those of each on their own")
    root = "/".join(shared)
    named = {url.name[len(root) + 1 :]: url for url in urls}
    for name, url in named.items():
        check(name, url.name)
    if len(named) < len(urls):
        raise InputError(f"{root}: one of the files is given twice")
    return Listing(Url(root), list(named), urls=named)


class PictureItems:
    """The pictures of a list that are of one part."""

    def __init__(
        self,
        listing: Listing,
        names: Sequence[str],
        members: Sequence[int],
        kind: Kind,
        as_stored: bool = False,
    ) -> None:
        """members: the numbers of the pictures among the names. kind: what they must be. as_stored:
        whether their samples are read as they are, whatever palettes say of them.
        """
        self.name, self.dtype, self.shape = name_of(listing.root), kind.dtype, kind.shape
        self._listing, self._names, self._kind = listing, names, kind
        self._members = enumerate(members)
        self._as_stored = as_stored
        self._rows: Rows | None = None
        self._left = 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        """Pictures, of one shape."""
        return stacked([joined(self._bands(*next(self._members))) for _ in range(count)])

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        """Of a large picture no more than they are in memory, where its file allows it."""
        if self._rows is None:
            number, member = next(self._members)
            self._rows, self._left = (
                Rows(self._bands(number, member)),
                self._kind.shape_of(number)[0],
            )
        taken = self._rows.take(count)
        self._left -= count
        if not self._left:
            self._rows = None
        return taken

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return None

    def finish(self) -> None:
        pass

    def _bands(self, number: int, member: int) -> Iterator[NDArray[Any]]:
        """The bands of a picture. Raises InputError, naming it."""
        path = self._listing.path(self._names[member])
        with ExitStack() as stack:
            with reading_picture(name_of(path)):
                picture = self._picture(stack, path)
                if (picture.dtype, picture.shape) != (self.dtype, self._kind.shape_of(number)):
                    raise InputError(
                        f"{printable(name_of(path))}: was changed while it was read; try again"
                    )
            yield from named(picture, name_of(path))

    def _picture(self, stack: ExitStack, path: Path | Url) -> Bands:
        if not self._as_stored:
            return pixel_bands(stack.enter_context(opened(path, whole=True)), name_of(path))
        found = samples_of(stack.enter_context(open_regular(path, True)))
        if found is None:
            raise InputError(f"{printable(name_of(path))}: is no picture that is coded any more")
        return found


def _taken(names: Iterable[str], skipped: Counter[str], others: bool) -> Iterator[str]:
    """Those that are names of pictures, or with `others` of any files."""
    for name in names:
        if any(part.startswith(".") for part in name.split("/")):
            skipped["hidden"] += 1
        elif not others and ending_of(name) not in PICTURES:
            skipped[_kind(name)] += 1
        else:
            yield name


def _kind(name: str) -> str:
    return f"*{ending_of(name)}" if ending_of(name) else "without an ending"


def _walk(
    root: Path, skipped: Counter[str], others: bool, bad: dict[str, str] | None
) -> Iterator[str]:
    """bad: takes the folders that cannot be read; None: each is an error."""
    folders: list[tuple[Path, str]] = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        for entry in _entries(folder, None if folder == root else bad):
            name = prefix + entry.name
            if entry.name.startswith("."):
                skipped["hidden"] += 1
            elif entry.is_dir(follow_symlinks=False):
                folders.append((Path(entry.path), name + "/"))
            elif os.path.isdir(entry):  # noqa: PTH112 - which a link to itself does not stop
                skipped["links to folders"] += 1
            elif not others and ending_of(name) not in PICTURES:
                skipped[_kind(name)] += 1
            elif entry.is_symlink() or entry.is_file():
                yield name  # a link that leads nowhere is an error when it is read
            else:
                skipped["pipes or devices"] += 1


def _entries(folder: Path, bad: dict[str, str] | None) -> Iterator[os.DirEntry[str]]:
    shown = printable(os.fspath(folder))
    try:
        with reading(shown), os.scandir(folder) as entries:
            yield from entries
    except InputError as error:
        if bad is None:
            raise
        bad[shown] = str(error)
