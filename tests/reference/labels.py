"""Names of files, pictures without names and their classes, and labels (docs/format.md, `N`, `U`,
`L`).
"""

import re

import numpy as np

from .blocks import decode_adaptive
from .fields import Reader, require


def read_names(reader: Reader, count: int, removed: bool = False) -> list[str]:
    """Each by what it shares with the one before it. removed: whether they may be empty."""
    names, before = [], b""
    left = 2**16 + 2**5 * len(reader.data)
    for _ in range(count):
        start, end, size = reader.varint(), reader.varint(), reader.varint()
        require(start + end <= len(before), "shared bytes are there")
        before = before[:start] + reader.take(size) + before[len(before) - end :]
        left -= len(before)
        require(left >= 0, "names that are not too long for their bytes")
        name = before.decode()
        require(len(before) <= 1024 and "\0" not in name, "a name is not too long")
        require(
            all(part not in ("", ".", "..") for part in name.split("/")) or (removed and not name),
            "a name leads into the folder",
        )
        require(not is_unfinished(name), "no name of unfinished files")
        names.append(name)
    return names


def is_unfinished(name: str) -> bool:
    """Whether a part of the name is one of those of unfinished files."""
    return re.search(r"(^|/)\.bitsback-[0-9a-f]{12}\.tmp(/|$)", name) is not None


def read_unnamed(payload: bytes, files: int) -> tuple[list[str], list[str], list[int]]:
    """The names of `files` pictures, the names of the classes, and the class of each picture; the
    last two are empty without classes.
    """
    reader = Reader(payload)
    count = reader.varint()
    require(count <= 2**16, "not too many classes")
    classes = read_names(reader, count)
    require(classes == sorted(set(classes)), "classes ascend")
    for name in classes:
        parts = name.split("/")
        require(len(name.encode()) <= 992, "room for a number")
        require(all(len(part.encode()) <= 255 for part in parts), "parts that are not too long")
        require(
            not any(re.fullmatch(r"[0-9]+\.png", part) for part in parts), "no class is a number"
        )
    labels: list[int] = []
    if count:
        dtype = np.dtype("|u1" if count <= 256 else "<u2")
        content = decode_adaptive(payload[reader.at :], files, dtype.itemsize)
        labels = np.frombuffer(content, dtype).tolist()
        require(max(labels, default=0) < count, "a class that there is")
    else:
        reader.done()
    digits = len(str(max(files - 1, 0)))
    names = [f"{number:0{digits}}.png" for number in range(files)]
    if count:
        names = [f"{classes[c]}/{name}" for c, name in zip(labels, names, strict=True)]
    return names, classes, labels


def read_pairs(payload: bytes) -> tuple[int, int] | None:
    """The parts of an npz file that are items and labels; None for pictures in folders."""
    reader = Reader(payload)
    kind = reader.byte()
    require(kind <= 1, "a kind of labels of the list")
    pairs = (reader.varint(), reader.varint()) if kind == 0 else None
    reader.done()
    return pairs
