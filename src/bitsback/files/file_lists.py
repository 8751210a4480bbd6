"""Lists the files of a folder, or of a list of paths, and names them."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from bitsback.errors import InputError
from bitsback.files.formats import PICTURES
from bitsback.io.file_io import Location, reading
from bitsback.io.names import UNFINISHED, check, ending_of, printable
from bitsback.io.remote.files import files_in
from bitsback.io.remote.url import Url

HIDDEN, LINKS = "hidden files", "links to files, as the files"
"""Kinds of files that are kept, which may be unexpected."""
JUNK, UNFINISHED_FILES, LINKS_TO_FOLDERS, BROKEN_LINKS, SPECIAL, EMPTY = (
    "Thumbs.db and .DS_Store",
    "files that bitsback left unfinished",
    "links to folders",
    "links that lead nowhere",
    "pipes and devices",
    "empty folders",
)
"""Kinds of what is left out of every archive."""
_JUNK = frozenset(["thumbs.db", ".ds_store"])


@dataclass(frozen=True)
class Listing:
    """The files of pictures, in order."""

    root: Path | Url
    """The folder to which names are relative."""
    names: list[str]
    """`/` between folders."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """The names of what is left out, by kind."""
    noted: dict[str, list[str]] = field(default_factory=dict)
    """Names of kept files that may be unexpected: HIDDEN, LINKS."""
    bad: dict[str, str] = field(default_factory=dict)
    """The files with unsupported names and the unreadable folders that are left out of a folder,
    and the reasons.
    """

    urls: dict[str, Url] = field(default_factory=dict)
    """The URLs of files by their names."""

    def path(self, name: str) -> Path | Url:
        return self.root / name if isinstance(self.root, Path) else self.urls[name]


def list_folder(
    root: Path | Url, skip_bad: bool = False, endings: frozenset[str] | None = PICTURES
) -> Listing:
    """The files of a folder and its subfolders whose names have these endings, by name, or all
    files. Raises InputError if there are none, or, unless `skip_bad`, if one has a bad name.

    endings: in lower case; None for all files, including hidden ones. Links to files are followed,
    links to folders are not. The listing names what is left out.
    """
    found = _Found(endings)
    bad: dict[str, str] = {}
    urls: dict[str, Url] = {}
    if isinstance(root, Url):
        with reading(root.name):
            urls = files_in(root)
        for name in urls:
            found.add_file(name)
    else:
        _walk(root, found, bad if skip_bad else None)
    names: list[str] = []
    for name in sorted(found.names, key=os.fsencode):
        try:
            check(name, f"{root}/{name}")
            names.append(name)
        except InputError as error:
            if not skip_bad:
                raise
            bad[printable(name)] = str(error)
    if not names:
        left_out = "; ".join(f"{kind}: {len(each)}" for kind, each in found.skipped.items())
        left_out = f" (left out: {left_out})" if left_out else ""
        if endings is None:
            raise InputError(f"{root}: has no files{left_out}")
        raise InputError(
            f"{root}: has no pictures{left_out}; they end in {' '.join(sorted(endings))}"
        )
    return Listing(root, names, found.skipped, found.noted, bad, urls)


def list_files(paths: Sequence[Location]) -> Listing:
    """The pictures of a list, in its order, named relative to their common folder.

    Raises InputError if one occurs twice, or has a bad name.
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
    """The same for URLs, whose names follow their common part."""
    if others:
        raise InputError("some of the files are at URLs and some are not; give one kind of them")
    parents = [url.name.rpartition("/")[0].split("/") for url in urls]
    levels = takewhile(lambda level: len(set(level)) == 1, zip(*parents, strict=False))
    shared = [level[0] for level in levels]
    if len(shared) < 2:  # the number of parts of "s3://"
        raise InputError("the files are of several protocols; compress those of each on their own")
    root = "/".join(shared)
    named = {url.name[len(root) + 1 :]: url for url in urls}
    for name, url in named.items():
        check(name, url.name)
    if len(named) < len(urls):
        raise InputError(f"{root}: one of the files is given twice")
    return Listing(Url(root), list(named), urls=named)


class _Found:
    """The names of the kept files of a folder, and of what is left out."""

    def __init__(self, endings: frozenset[str] | None) -> None:
        self._endings = endings
        self.names: list[str] = []
        self.skipped: dict[str, list[str]] = {}
        self.noted: dict[str, list[str]] = {}

    def add_file(self, name: str, link: bool = False) -> None:
        base, ending = name.rsplit("/", 1)[-1], ending_of(name)
        if base.lower() in _JUNK:
            self.leave_out(JUNK, name)
        elif UNFINISHED.fullmatch(base):
            self.leave_out(UNFINISHED_FILES, name)
        elif not self.takes_hidden and _hidden(name):
            self.leave_out(HIDDEN, name)
        elif self._endings is not None and ending not in self._endings:
            self.leave_out(f"*{ending}" if ending else "without an ending", name)
        else:
            self.names.append(name)
            for kind in [HIDDEN] * _hidden(name) + [LINKS] * link:
                self.noted.setdefault(kind, []).append(name)

    @property
    def takes_hidden(self) -> bool:
        return self._endings is None

    def leave_out(self, kind: str, name: str) -> None:
        self.skipped.setdefault(kind, []).append(name)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _walk(root: Path, found: _Found, bad: dict[str, str] | None) -> None:
    """bad: collects unreadable folders; None makes each an error."""
    folders: list[tuple[Path, str]] = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        entries = _entries(folder, None if folder == root else bad)
        if entries == [] and folder != root:
            found.leave_out(EMPTY, prefix)
        for entry in entries or ():
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if UNFINISHED.fullmatch(entry.name):
                    found.leave_out(UNFINISHED_FILES, name + "/")
                elif not found.takes_hidden and _hidden(name):
                    found.leave_out(HIDDEN, name + "/")
                else:
                    folders.append((Path(entry.path), name + "/"))
            else:
                kind = _left_out(entry)
                if kind is None:
                    found.add_file(name, entry.is_symlink())
                else:
                    found.leave_out(kind, name)


def _left_out(entry: os.DirEntry[str]) -> str | None:
    """The kind of an entry that is neither a folder nor a file. An entry without a status may be a
    file; reading it will fail.
    """
    try:
        mode = os.stat(entry).st_mode  # noqa: PTH116
    except OSError as error:
        return BROKEN_LINKS if error.errno in (errno.ENOENT, errno.ELOOP) else None
    if stat.S_ISDIR(mode):
        return LINKS_TO_FOLDERS
    return None if stat.S_ISREG(mode) else SPECIAL


def _entries(folder: Path, bad: dict[str, str] | None) -> list[os.DirEntry[str]] | None:
    """The entries; None if the folder is unreadable, which `bad` collects."""
    shown = printable(os.fspath(folder))
    try:
        with reading(shown), os.scandir(folder) as entries:
            return list(entries)
    except InputError as error:
        if bad is None:
            raise
        bad[shown] = str(error)
        return None
