"""Parse the items of a command: numbers, ranges, names, folders and patterns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING

import click

from bitsback.cli import figures
from bitsback.errors import InputError
from bitsback.io.names import printable

if TYPE_CHECKING:
    from bitsback.archive.archive import Archive

_SHOWN = 3  # names in an error
_COMPARED = 10_000  # names that a mistyped one is compared with


def item_range(text: str, length: int) -> range:
    """The items that `text` names in an archive of `length` items. Raises UsageError for a text of
    another form, InputError for a number that no item has.
    """
    start, colon, stop = text.partition(":")
    try:
        if colon:
            return range(length)[slice(int(start) if start else None, int(stop) if stop else None)]
        number = int(text)
    except ValueError:
        raise click.UsageError(
            f"{text!r} is not an item; give a number such as 3, or a range such as 10:20"
        ) from None
    if not -length <= number < length:
        raise InputError(
            f"there is no item {number}: the archive has {figures.count(length, 'item')}, counted"
            " from 0"
        )
    return range(number % length, number % length + 1)


def file_numbers(archive: Archive, texts: Sequence[str]) -> list[int]:
    """The numbers of files, each once. Links and empty folders are numbered after all files. Each
    text is a name, or otherwise a number, a range, a name as `list` shows it, a folder or a
    pattern. Raises InputError, UsageError.
    """
    numbers: list[int] = []
    names = archive.reader.entry_names
    for text in texts:
        named = archive.reader.files.number(text)
        if named is not None:
            numbers.append(named)
        elif (text.removeprefix("-")[:1].isdecimal() and _is_range(text)) or text.startswith(":"):
            numbers += item_range(text, len(archive))
        else:
            found = list(_matching(names, text))
            if not found and "\\" in text:
                found = _escaped(archive, text)
            if not found:
                raise InputError(f"{archive.name}: {_nothing(names, text)}")
            numbers += found
    return list(dict.fromkeys(numbers))


def _escaped(archive: Archive, text: str) -> list[int]:
    """The numbers of files by names as `list` shows them, where control characters are escaped.
    Raises InputError if several files are shown by the same name.
    """
    shown = list(map(printable, archive.reader.entry_names))
    found = [number for number, name in enumerate(shown) if name == text]
    if len(found) > 1:
        raise InputError(
            f"{archive.name}: {figures.count(len(found), 'file')} are shown as {text}; give one by"
            f" its number in the list: {', '.join(map(str, found[:_SHOWN]))}"
        )
    return found or list(_matching(shown, text))


def _is_range(text: str) -> bool:
    return all(part.removeprefix("-").isdecimal() or not part for part in text.split(":"))


def _matching(names: Sequence[str], pattern: str) -> Iterator[int]:
    """The numbers of the files in a folder of this name, and of those whose own name, or a
    folder's, matches the pattern. As with tar and unzip, `*` also stands for `/`.
    """
    pattern = pattern.removeprefix("./").rstrip("/")
    inside, deep = pattern + "/", pattern + "/*"
    for number, name in enumerate(names):
        if name.startswith(inside) or fnmatchcase(name, pattern) or fnmatchcase(name, deep):
            yield number


def _nothing(names: Sequence[str], text: str) -> str:
    """The error for a text that matches no name: a similar name, or the first names."""
    near = get_close_matches(text, names, 1) if len(names) <= _COMPARED else []
    if near:
        dashed = " (after --)" * near[0].startswith("-")
        return f"there is no {text!r} in it; did you mean {near[0]!r}{dashed}?"
    shown = ", ".join(map(repr, islice(names, _SHOWN)))
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"there is no {text!r} in it; it has {shown}{more}; 'bitsback list' shows all"
