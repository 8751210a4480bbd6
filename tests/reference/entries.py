"""Modes, folders and links of an archive of a folder (docs/format.md, `E`)."""

from dataclasses import dataclass

from .fields import Reader, inflate, require
from .labels import is_unfinished


@dataclass
class Folder:
    name: str
    mode: int | None
    time: int


@dataclass
class Link:
    name: str
    target: str
    time: int

    @property
    def leads_out(self) -> bool:
        parts = [part for part in self.target.split("/") if part not in ("", ".")]
        downward = parts.copy()
        while downward[:1] == [".."]:
            downward.pop(0)
        above = len(parts) - len(downward)
        too_far = above > self.name.count("/")
        return self.target[0] == "/" or ".." in downward or too_far


def read_entries(payload: bytes, files: int) -> tuple[list[int | None], list[Folder], list[Link]]:
    """The mode of each file, the folders, and the links."""
    require(payload[:1] in (b"\0", b"\1"), "a coder of the list")
    content = payload[1:]
    if payload[0] == 1:
        content = inflate(content, 2**16 + 2**5 * len(content))
    reader = Reader(content)
    modes: list[int | None] = []
    while len(modes) < files:
        count, mode = reader.varint(), read_mode(reader)
        require(1 <= count <= files - len(modes), "a run has files")
        modes += [mode] * count
    folders, links, time = list[Folder](), list[Link](), 0
    for _ in range(reader.varint()):
        name, mode = read_text(reader), read_mode(reader)
        require(name == "" or is_name(name), "a name of a folder")
        require(not is_unfinished(name), "no folder of unfinished files")
        time = read_time(reader, time)
        folders.append(Folder(name, mode, time))
    time = 0
    for _ in range(reader.varint()):
        name, target = read_text(reader), read_text(reader)
        require(is_name(name), "a name of a link")
        require(not is_unfinished(name), "no link of unfinished files")
        require(1 <= len(target.encode()) <= 4095 and "\0" not in target, "a target")
        time = read_time(reader, time)
        links.append(Link(name, target, time))
    reader.done()
    require(len({folder.name for folder in folders}) == len(folders), "folders of different names")
    require(len({link.name for link in links}) == len(links), "links of different names")
    return modes, folders, links


def check_entries(
    names: list[str], folders: list[Folder], links: list[Link], outside: bool
) -> None:
    """Checks that files of these names, folders and links can be restored. outside: whether links
    may lead out.
    """
    leaves = [*names, *(link.name for link in links)]
    places = [*leaves, *(folder.name for folder in folders if folder.name)]
    require(len(set(places)) == len(places), "no two of one name")
    for place in places:
        above = place
        while "/" in above:
            above = above.rpartition("/")[0]
            require(above not in leaves, "nothing below a file or a link")
    require(outside or not any(link.leads_out for link in links), "no link that leads out")


def is_name(name: str) -> bool:
    parts = name.split("/")
    fits = len(name.encode()) <= 1024 and all(len(part.encode()) <= 255 for part in parts)
    return fits and "\0" not in name and all(part not in ("", ".", "..") for part in parts)


def read_mode(reader: Reader) -> int | None:
    mode = reader.varint()
    require(mode <= 2**12, "a mode of 12 bits")
    return mode - 1 if mode else None


def read_text(reader: Reader) -> str:
    try:
        return reader.take(reader.varint()).decode()
    except UnicodeDecodeError:
        require(False, "UTF-8")
        raise


def read_time(reader: Reader, before: int) -> int:
    change = reader.varint()
    time = before + (-(change + 1) // 2 if change % 2 else change // 2)
    return (time + 2**63) % 2**64 - 2**63
