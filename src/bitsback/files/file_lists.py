"""List and name the files of a folder, or of a list of paths."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from bitsback.errors import InputError
from bitsback.files.formats import PICTURES
from bitsback.format.entries import Folder, Link, parents, target_fault
from bitsback.format.file_stats import bounded_time
from bitsback.io.file_io import Location, reading
from bitsback.io.names import UNFINISHED, check, ending_of, printable
from bitsback.io.remote.files import files_in
from bitsback.io.remote.url import Url

HIDDEN, LINKS, OUTSIDE, MASKED = (
    "hidden files",
    "links to files, as the files",
    "links that lead out of the folder, which come back with --links only",
    "files and folders without their setuid, setgid and sticky bits",
)
"""The kinds of files and links that are stored, but may be unexpected."""
JUNK, UNFINISHED_FILES, LINKS_TO_FOLDERS, BROKEN_LINKS, SPECIAL, EMPTY = (
    "Thumbs.db and .DS_Store",
    "files that bitsback left unfinished",
    "links to folders",
    "links that lead nowhere",
    "pipes and devices",
    "empty folders",
)
"""The kinds of files and folders that are always left out."""
_JUNK = frozenset(["thumbs.db", ".ds_store"])


@dataclass(frozen=True)
class Listing:
    """The files of a folder, or of a list, in order."""

    root: Path | Url
    """The folder to which names are relative."""
    names: list[str]
    """The names of the files, with `/` between folders."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """The names of left-out files and folders, by kind."""
    noted: dict[str, list[str]] = field(default_factory=dict)
    """The names of stored files that may be unexpected, by kind: HIDDEN, LINKS, OUTSIDE, MASKED."""
    bad: dict[str, str] = field(default_factory=dict)
    """Left-out files with unsupported names, left-out unreadable folders, and the reasons."""

    urls: dict[str, Url] = field(default_factory=dict)
    """The URLs of files by their names."""
    folders: Sequence[Folder] = ()
    links: Sequence[Link] = ()

    def path(self, name: str) -> Path | Url:
        return self.root / name if isinstance(self.root, Path) else self.urls[name]


def list_folder(
    root: Path | Url,
    skip_bad: bool = False,
    endings: frozenset[str] | None = PICTURES,
    follow: bool = False,
) -> Listing:
    """The files of a folder and its subfolders, by name.

    endings: list only files whose names have these endings, in lower case. None lists all files,
    including hidden ones. follow: list the targets of links to files, instead of the links. Links
    to folders are never followed. The listing names left-out files.

    Raises InputError if there are no files, or, unless `skip_bad`, if a file has a bad name.
    """
    found = _FolderContent(endings, follow)
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
    links: list[Link] = []
    folders: list[Folder] = []

    def keep(kept: list[Any], entry: Any, name: str, target: str = "x") -> None:
        try:
            check(name, f"{root}/{name}")
            if (fault := target_fault(target)) is not None:
                raise InputError(f"{printable(f'{root}/{name}')}: {fault}; replace the link")
            kept.append(entry)
        except InputError as error:
            if not skip_bad:
                raise
            bad[printable(name)] = str(error)

    for name in sorted(found.names, key=os.fsencode):
        keep(names, name, name)
    for link in sorted(found.links, key=lambda link: os.fsencode(link.name)):
        keep(links, link, link.name, link.target)
    inside = parents([*names, *(link.name for link in links)])
    for folder in sorted(found.folders, key=lambda folder: os.fsencode(folder.name)):
        if endings is None or folder.name in inside:
            keep(folders, folder, folder.name)
    if not names:
        left_out = "; ".join(f"{kind}: {len(each)}" for kind, each in found.skipped.items())
        left_out = f" (left out: {left_out})" if left_out else ""
        if endings is None:
            raise InputError(f"{root}: has no files{left_out}")
        raise InputError(
            f"{root}: has no pictures{left_out}; they end in {' '.join(sorted(endings))}"
        )
    for link in links:
        if link.outside:
            found.noted.setdefault(OUTSIDE, []).append(link.name)
    if isinstance(root, Path):
        folders.insert(0, _folder(root, ""))
    return Listing(root, names, found.skipped, found.noted, bad, urls, folders, links)


def list_files(paths: Sequence[Location]) -> Listing:
    """The pictures of a list in its order, with names relative to their common folder.

    Raises InputError if a picture is listed twice, or has a bad name.
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
    with reading(printable(os.fspath(root))):
        folders = [_folder(root / name, name) for name in sorted(parents(names))]
    return Listing(root, names, folders=folders)


def _folder(place: Path, name: str) -> Folder:
    """Raises OSError."""
    status = place.stat()
    return Folder(name, mode_of(status), bounded_time(status.st_mtime_ns))


def mode_of(status: os.stat_result) -> int | None:
    """The mode of a file or a folder; None on Windows, which has none."""
    return None if os.name == "nt" else stat.S_IMODE(status.st_mode)


def _list_urls(urls: Sequence[Url], others: int) -> Listing:
    """The files at URLs, with names relative to the common part of the URLs."""
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


class _FolderContent:
    """The content of a folder: files to store, folders, links, and left-out names."""

    def __init__(self, endings: frozenset[str] | None, follow: bool) -> None:
        self._endings, self.follow = endings, follow
        self.names: list[str] = []
        self.links: list[Link] = []
        self.folders: list[Folder] = []
        self.skipped: dict[str, list[str]] = {}
        self.noted: dict[str, list[str]] = {}

    def add_file(self, name: str, link: os.DirEntry[str] | None = None) -> None:
        """Adds a file or a link. link: the entry, if it is a link. Raises OSError."""
        base, ending = name.rsplit("/", 1)[-1], ending_of(name)
        if base.lower() in _JUNK:
            self.leave_out(JUNK, name)
        elif any(map(UNFINISHED.fullmatch, name.split("/"))):  # folders of URLs are not walked
            self.leave_out(UNFINISHED_FILES, name)
        elif not self.takes_hidden and _hidden(name):
            self.leave_out(HIDDEN, name)
        elif self._endings is not None and ending not in self._endings:
            self.leave_out(f"*{ending}" if ending else "without an ending", name)
        else:
            followed = link is not None and self.follow
            if link is None or followed:
                self.names.append(name)
            else:
                time = bounded_time(link.stat(follow_symlinks=False).st_mtime_ns)
                target = os.readlink(link.path)  # noqa: PTH115 - as it is
                self.links.append(Link(name, target, time))
            for kind in [HIDDEN] * _hidden(name) + [LINKS] * followed:
                self.noted.setdefault(kind, []).append(name)

    @property
    def takes_hidden(self) -> bool:
        return self._endings is None

    def leave_out(self, kind: str, name: str) -> None:
        self.skipped.setdefault(kind, []).append(name)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _walk(root: Path, found: _FolderContent, bad: dict[str, str] | None) -> None:
    """Walks a folder. bad: collects unreadable folders; without it each is an error."""
    folders: list[tuple[Path, str]] = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        entries = _entries(folder, None if folder == root else bad)
        if entries == [] and folder != root and not found.takes_hidden:
            found.leave_out(EMPTY, prefix)
        if entries is not None and folder != root:
            with reading(printable(os.fspath(folder))):
                found.folders.append(_folder(folder, prefix.removesuffix("/")))
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
                link = entry if entry.is_symlink() else None
                # If all files are stored, a link is stored too, whatever its target.
                kind = None if link is not None and found.takes_hidden else _left_out(entry)
                if kind is None:
                    with reading(printable(entry.path)):
                        found.add_file(name, link)
                else:
                    found.leave_out(kind, name)


def _left_out(entry: os.DirEntry[str]) -> str | None:
    """The kind of an entry that is neither a folder nor a file; None for others.

    An entry without a status may be a file, and reading it fails.
    """
    try:
        mode = os.stat(entry).st_mode  # noqa: PTH116
    except OSError as error:
        return BROKEN_LINKS if error.errno in (errno.ENOENT, errno.ELOOP) else None
    if stat.S_ISDIR(mode):
        return LINKS_TO_FOLDERS
    return None if stat.S_ISREG(mode) else SPECIAL


def _entries(folder: Path, bad: dict[str, str] | None) -> list[os.DirEntry[str]] | None:
    """The entries of a folder; None if it is unreadable, and `bad` collects that."""
    shown = printable(os.fspath(folder))
    try:
        with reading(shown), os.scandir(folder) as entries:
            return list(entries)
    except InputError as error:
        if bad is None:
            raise
        bad[shown] = str(error)
        return None
