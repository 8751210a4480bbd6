"""Names of files in a collection: relative, with `/` between folders, and safe to restore on any
system.
"""

import re
import unicodedata
from collections.abc import Iterable

from bitsback.errors import InputError

MAX_BYTES = 1024
MAX_PART_BYTES = 255
"""The most bytes that file systems allow between two `/`."""

UNFINISHED = re.compile(r"\.bitsback-[0-9a-f]{12}\.tmp")
"""The names of hidden files and folders in which results are made."""

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
    """The reason why a name cannot be that of a file in a collection; None if it can."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not in UTF-8"
    if size > MAX_BYTES:
        return f"its name has {size} bytes, more than the {MAX_BYTES} that are supported"
    if name.startswith("/"):
        return "its name begins at the root of the file system"
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        return "its name leads out of the folder, or nowhere"
    return None


def file_fault(name: str) -> str | None:
    """The reason why a file cannot be restored under a name on any system; None if it can."""
    longest = max(len(part.encode(errors="surrogatepass")) for part in name.split("/"))
    if longest > MAX_PART_BYTES:
        return f"a part of this has {longest} bytes, more than the {MAX_PART_BYTES} of file systems"
    return fault(name)


def windows_fault(name: str) -> str | None:
    """The reason why Windows cannot have a file of this name, or would put it elsewhere; None if it
    can.
    """
    for part in name.split("/"):
        if part.split(".")[0].rstrip(" ").upper() in _WINDOWS_RESERVED:
            return f"Windows reserves the name {part!r}"
        if part[-1:] in (".", " ") or any(char < " " or char in '<>:"\\|?*' for char in part):
            return f"Windows can have no file {part!r}"
    return None


def check(name: str, where: str) -> None:
    """Raises InputError, which calls the file `where`, for a name that a collection cannot have."""
    reason = fault(name)
    if reason is not None:
        raise InputError(f"{printable(where)}: {reason}; rename it")


def first_clash(names: Iterable[str]) -> str | None:
    """The first name that macOS or Windows would take for an earlier one: equal except for case and
    Unicode composition.
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
