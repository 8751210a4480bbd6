"""The modes of files, and the folders and links of a folder (docs/format.md, `E`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, takewhile
from typing import NamedTuple

from bitsback import raw_deflate
from bitsback.errors import ArchiveError
from bitsback.format.file_stats import pack_time, read_time
from bitsback.format.layout import ENTRIES, Cursor, section
from bitsback.io import names as naming
from bitsback.wire import varint

MODES = 0o7777
"""The bits of a mode."""
RESTORED = 0o777
"""The bits of a mode that are restored, without setuid, setgid and sticky."""
MAX_TARGET_BYTES = 4095
_AS_IS, _DEFLATE = range(2)


class Folder(NamedTuple):
    """A folder. The compressed folder itself has an empty name."""

    name: str
    mode: int | None
    time: int
    """The modification time, in ns since 1970."""


class Link(NamedTuple):
    """A symbolic link."""

    name: str
    target: str
    time: int

    @property
    def outside(self) -> bool:
        """Whether the link may lead out of the folder.

        Its target is then absolute, has `..` after another name, or has more `..` than there are
        folders above the link.
        """
        parts = [part for part in self.target.split("/") if part not in ("", ".")]
        up = len(list(takewhile(lambda part: part == "..", parts)))
        return self.target.startswith("/") or ".." in parts[up:] or up > self.name.count("/")


@dataclass(frozen=True)
class Entries:
    """The content of an `E` section."""

    modes: Sequence[int | None]
    """The mode of each file in order, including removed files; None where it is unknown."""
    folders: Sequence[Folder] = ()
    links: Sequence[Link] = ()

    def pack(self) -> bytes:
        """The `E` section."""
        parts: list[bytes] = []
        for mode, run in groupby(self.modes):
            parts += [varint(sum(1 for _ in run)), _packed_mode(mode)]
        parts.append(varint(len(self.folders)))
        time = 0
        for folder in self.folders:
            parts += [_packed_text(folder.name), _packed_mode(folder.mode)]
            parts.append(pack_time(folder.time, time))
            time = folder.time
        parts.append(varint(len(self.links)))
        time = 0
        for link in self.links:
            parts += [_packed_text(link.name), _packed_text(link.target)]
            parts.append(pack_time(link.time, time))
            time = link.time
        content = b"".join(parts)
        packed = raw_deflate.compress(content, memory=8)
        if len(packed) < len(content) <= _most_bytes(len(packed)):
            return section(ENTRIES, bytes([_DEFLATE]), packed)
        return section(ENTRIES, bytes([_AS_IS]), content)

    @classmethod
    def unpack(cls, payload: memoryview, files: int) -> Entries:
        """Reads an `E` section.

        files: the number of files, including removed files. Raises ArchiveError.
        """
        cursor = Cursor(_content(payload))
        modes: list[int | None] = []
        while len(modes) < files:
            count, mode = cursor.varint(), _read_mode(cursor)
            if not 1 <= count <= files - len(modes):
                raise ArchiveError("the modes of its files are not as many as its files")
            modes += [mode] * count
        folders, links, time = list[Folder](), list[Link](), 0
        for _ in range(cursor.varint()):
            name, mode = _read_text(cursor), _read_mode(cursor)
            time = read_time(cursor, time)
            folders.append(Folder(name, mode, time))
        time = 0
        for _ in range(cursor.varint()):
            name, target = _read_text(cursor), _read_text(cursor)
            time = read_time(cursor, time)
            links.append(Link(name, target, time))
        cursor.done()
        names = [folder.name for folder in folders], [link.name for link in links]
        if any(len(set(each)) < len(each) for each in names):
            raise ArchiveError("two of its folders, or of its links, have the same name")
        for name in chain(*names):
            reason = naming.file_fault(name) if name else None
            if reason is not None:
                raise ArchiveError(f"{naming.printable(name)!r}: {reason}")
        for link in links:
            reason = target_fault(link.target) if link.name else "it has no name"
            if reason is not None:
                raise ArchiveError(f"the link {naming.printable(link.name)!r}: {reason}")
        return cls(modes, folders, links)

    def of_files(self, numbers: Iterable[int]) -> Entries:
        """The entries with the modes of these files only."""
        return replace(self, modes=[self.modes[number] for number in numbers])

    def without(self, files: Iterable[int], names: Iterable[str]) -> Entries:
        """The entries without the modes of some files, and without some folders and links.

        names: those of the folders and links.
        """
        modes, gone = list(self.modes), set(names)
        for number in files:
            modes[number] = None
        folders = [folder for folder in self.folders if folder.name not in gone]
        return Entries(modes, folders, [link for link in self.links if link.name not in gone])

    @property
    def is_empty(self) -> bool:
        """Whether there are no folders, links and modes, so that the section is left out."""
        return not (self.folders or self.links or any(mode is not None for mode in self.modes))

    def empty_folders(self, files: Iterable[str]) -> list[str]:
        """The names of empty folders, each with a `/` at its end. files: the names of all files."""
        names = [folder.name for folder in self.folders]
        inside = parents([*files, *names, *(link.name for link in self.links)])
        return [name + "/" for name in names if name and name not in inside]


def parents(names: Iterable[str]) -> set[str]:
    """The folders of files with these names, and all folders above them."""
    found: set[str] = set()
    for name in names:
        while name := name.rpartition("/")[0]:
            if name in found:
                break
            found.add(name)
    return found


def joined(parts: Sequence[tuple[Entries | None, int]]) -> Entries | None:
    """The entries of several archives in order; None if none has entries.

    A folder that several archives have is that of the last one. The folder without a name is that
    of the first archive. parts: the entries of each archive, and its number of files, including
    removed files.
    """
    if all(entries is None for entries, _ in parts):
        return None
    modes: list[int | None] = []
    folders: dict[str, Folder] = {}
    links: list[Link] = []
    for number, (entries, files) in enumerate(parts):
        modes += [None] * files if entries is None else entries.modes
        if entries is not None:
            folders |= {each.name: each for each in entries.folders if each.name or not number}
            links += entries.links
    return Entries(modes, list(folders.values()), links)


def target_fault(target: str) -> str | None:
    """The reason why a link cannot have this target; None if it can."""
    try:
        size = len(target.encode())
    except UnicodeEncodeError:
        return "its target is not in UTF-8"
    if not 0 < size <= MAX_TARGET_BYTES:
        return f"its target has {size} bytes, and not 1 to {MAX_TARGET_BYTES}"
    return "its target has a zero byte" if "\0" in target else None


def _most_bytes(packed: int) -> int:
    """The greatest size of the content that readers accept in `packed` compressed bytes."""
    return (1 << 16) + (packed << 5)


def _content(payload: memoryview) -> bytes:
    cursor = Cursor(payload)
    coder, data = cursor.byte(), payload[1:]
    if coder == _AS_IS:
        return bytes(data)
    if coder != _DEFLATE:
        raise ArchiveError("its modes and links are coded in a way that needs a newer bitsback")
    content, ended = raw_deflate.decompress(data, _most_bytes(len(data)) + 1)
    if not ended or len(content) > _most_bytes(len(data)):
        raise ArchiveError("its modes and links have the wrong length")
    return content


def _packed_mode(mode: int | None) -> bytes:
    return varint(0 if mode is None else 1 + mode)


def _read_mode(cursor: Cursor) -> int | None:
    mode = cursor.varint() - 1
    if mode > MODES:
        raise ArchiveError(f"{mode:#o} is not the mode of a file")
    return None if mode < 0 else mode


def _packed_text(text: str) -> bytes:
    data = text.encode()
    return varint(len(data)) + data


def _read_text(cursor: Cursor) -> str:
    try:
        return cursor.take(cursor.varint()).decode()
    except UnicodeDecodeError:
        raise ArchiveError("the name of a folder or a link, or its target, is not UTF-8") from None
