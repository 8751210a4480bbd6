"""Whether a file at a URL is still the one that was opened."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

CHANGED = "was changed while it was read; open it again"

_SUMS = ("ETag", "etag", "generation", "md5Hash", "Content-MD5", "Digest", "sha", "version_id")
_TIMES = ("Last-Modified", "LastModified", "last_modified", "updated", "mtime", "modified")

_MARKS = (*_SUMS, *_TIMES, "modificationTime", "modify", "created")
"""What servers of HTTP, and filesystems of fsspec, say of a file's content, the surest first."""

Description = Mapping[str, Any]
"""Of a file: its "size" in bytes, and marks of its content; None, or left out, if not known."""


def describe(of: Mapping[str, Any], size: int | None) -> Description:
    """From what `info` of fsspec says of a file, or from the headers of a response."""
    marks = {mark: of.get(mark) for mark in _MARKS}
    return {"size": size} | {
        # A listing and `info` may tell of the same time in different types.
        mark: value.timestamp() if isinstance(value, datetime) else value
        for mark, value in marks.items()
    }


def differ(first: Description, now: Description) -> bool:
    """Whether two descriptions are of different contents, by the size, and the first mark that both
    have.
    """
    known = [key for key in ("size", *_MARKS) if None not in (first.get(key), now.get(key))]
    return any(first[key] != now[key] for key in known[: 2 if "size" in known else 1])
