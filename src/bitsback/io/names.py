"""Check the names of files in a collection.

They are relative, with `/` between folders, and can be restored safely on any system.
"""

import re
import unicodedata
from collections.abc import Iterable

from bitsback.errors import InputError

MAX_BYTES = 1024
MAX_PART_BYTES = 255
"""The greatest number of bytes that file systems allow between two `/`."""

UNFINISHED = re.compile(r"\.bitsback-[0-9a-f]{12}\.tmp")
"""The names of the hidden files and folders in which results are made."""

_WINDOWS_RESERVED = frozenset(
    [
        "CON",
        "PRN",
        "AUX",
        "NUL",
        *(kind + digit for kind in ("COM", "LPT") for digit in "123456789¹²³"),
    ]
)


def fault(name: str) -> str | None:
    """The reason why a file in a collection cannot have this name; None if it can."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not in UTF-8"
    if size > MAX_BYTES:
        return f"its name has {size} bytes, more than the {MAX_BYTES} that are supported"
    if name.startswith("/"):
        return "its name begins at the root of the file system"
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        return "its name leads out of the folder, or nowhere"
    if any(map(UNFINISHED.fullmatch, parts)):
        return "its name is one of those of unfinished files of bitsback"
    return None


def file_fault(name: str) -> str | None:
    """The reason why no system can restore a file with this name; None if it can be restored."""
    longest = max(len(part.encode(errors="surrogatepass")) for part in name.split("/"))
    if longest > MAX_PART_BYTES:
        return f"a part of this has {longest} bytes, more than the {MAX_PART_BYTES} of file systems"
    return fault(name)


def windows_fault(name: str) -> str | None:
    """The reason why Windows cannot have a file of this name, or would put it elsewhere.

    None if there is no reason.
    """
    for part in name.split("/"):
        if part.split(".")[0].rstrip(" ").upper() in _WINDOWS_RESERVED:
            return f"Windows reserves the name {part!r}"
        if part[-1:] in (".", " ") or any(char < " " or char in '<>:"\\|?*' for char in part):
            return f"Windows can have no file {part!r}"
    return None


def check(name: str, where: str) -> None:
    """Raises InputError for a name that a collection cannot have. where: the file, for messages."""
    reason = fault(name)
    if reason is not None:
        raise InputError(f"{printable(where)}: {reason}; rename it")


def first_clash(names: Iterable[str]) -> str | None:
    """The first name that equals an earlier name on macOS or Windows; None without one.

    Names are equal there if they differ only in case and Unicode composition.
    """
    folded_names: set[str] = set()
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if folded in folded_names:
            return name
        folded_names.add(folded)
    return None


def printable(name: str) -> str:
    """The name without control characters, and without characters that UTF-8 cannot encode."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def ending_of(name: str) -> str:
    """The ending of a name, such as ".png", in small letters, or "" if it has none."""
    base = name.rsplit("/", 1)[-1]
    dot = base.rfind(".")
    return base[dot:].lower() if dot > 0 else ""
