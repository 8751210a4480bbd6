"""Recognise URLs, connect to fsspec's filesystems, and detect changes of files."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bitsback.errors import BitsbackError, InputError, MissingExtra

CHANGED = "was changed while it was read; open it again"

_SUMS = ("ETag", "etag", "generation", "md5Hash", "Content-MD5", "Digest", "sha", "version_id")
_TIMES = ("Last-Modified", "LastModified", "last_modified", "updated", "mtime", "modified")

_MARKS = (*_SUMS, *_TIMES, "modificationTime", "modify", "created")
"""The marks of a file's content from HTTP servers and filesystems of fsspec, the surest first."""

Description = Mapping[str, Any]
"""The description of a file: its "size" in bytes, and marks of its content.

Unknown entries are None or missing.
"""


def describe(info: Mapping[str, Any], size: int | None) -> Description:
    """The description from the `info` of fsspec, or from the headers of a response."""
    marks = {mark: info.get(mark) for mark in _MARKS}
    return {"size": size} | {
        # A listing and `info` may give the same time in different types.
        mark: value.timestamp() if isinstance(value, datetime) else value
        for mark, value in marks.items()
    }


def differ(first: Description, now: Description) -> bool:
    """Whether two descriptions have different contents, by size and the first mark of both."""
    known = [key for key in ("size", *_MARKS) if None not in (first.get(key), now.get(key))]
    return any(first[key] != now[key] for key in known[: 2 if "size" in known else 1])


Options = Mapping[str, Any]
"""Storage options: arguments of fsspec's filesystems, or of those of a protocol, {"s3": {...}}."""

# A single letter is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::.*://)", re.DOTALL)
_LOCAL = re.compile(r"(file|local)://", re.IGNORECASE)
_DRIVE = re.compile(r"/[A-Za-z]:")
_USER = re.compile(r"(?<=://)[^/@]*@")
_QUERY = re.compile(r"\?.*?(?=::|$)", re.DOTALL)
_EXTRA = ".[remote]"
_IN_EXTRA = ("fsspec", "aiohttp", "s3fs")


def is_url(path: object) -> bool:
    """Whether this is a URL, `s3://bucket/x.bb`, or a chain of URLs, and not the path of a file."""
    return isinstance(path, str) and _URL.match(path) is not None


class Url:
    """A file or a folder at a URL.

    `name` is the URL without possible secrets: the user, and the query. Several threads may use it,
    and forked processes, each of which connects again.

    >>> Url("https://me:secret@example.org/scans.bb?signature=12").name
    'https://example.org/scans.bb'
    """

    def __init__(
        self, text: str, options: Options | None = None, protocol: str | None = None
    ) -> None:
        """protocol: of the filesystem with these options, if the text is a path in it."""
        self.text, self.options, self._protocol = text, dict(options or {}), protocol
        self.name = _QUERY.sub("", _USER.sub("", text))
        self.described: Description | None = None
        """The description from its folder, or from its first opening."""
        self.was_read = False
        """Whether a part of it has arrived, which others must match."""
        self._parent: tuple[Url, str] | None = None
        self._connected: tuple[int, Any, str] | None = None

    def child(self, path: str, name: str, info: Mapping[str, Any]) -> "Url":
        """A file in the folder at this URL. path: its path in the filesystem. name: in the folder.
        info: its description by fsspec.
        """
        child = Url(f"{self.name.rstrip('/')}/{name}", self.options)
        child.described, child._parent = describe(info, info["size"]), (self, path)
        return child

    @property
    def size(self) -> int | None:
        """Its bytes, if it has a description."""
        return None if self.described is None else self.described["size"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and (self.text, self._protocol) == (
            other.text,
            other._protocol,
        )

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Url({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        assert self._parent is None, "only archives are pickled"
        return Url, (self.text, self.options, self._protocol)

    @property
    def base(self) -> str:
        """The last part of its path."""
        return self.name.split("::")[0].rstrip("/").rsplit("/", 1)[-1]

    def connect(self) -> tuple[Any, str]:
        """The filesystem, and the path in it. Raises MissingExtra, InputError, OSError."""
        connected = self._connected
        if connected is None or connected[0] != os.getpid():
            self._connected = connected = (os.getpid(), *self._connect())
        return connected[1:]

    def _connect(self) -> tuple[Any, str]:
        if self._parent is not None:
            folder, path = self._parent
            return folder.connect()[0], path
        try:
            import fsspec
            from fsspec.core import url_to_fs
            from fsspec.registry import available_protocols
        except ImportError:
            raise MissingExtra("fsspec", _EXTRA) from None
        if self._protocol is not None:
            with self.as_os_error():
                return fsspec.filesystem(self._protocol, **self.options), self.text
        parts = [part.split("://") for part in self.text.split("::")]
        used = {part[0] for part in parts if len(part) > 1 or part[0] in available_protocols()}
        others = set(available_protocols()) - used
        options = {
            key: value
            for key, value in self.options.items()
            if not (key in others and isinstance(value, Mapping))
        }
        try:
            with self.as_os_error():
                fs, path = url_to_fs(self.text, **options)
        except OSError as error:
            self._explain(error.__cause__, used)
            raise
        return fs, path

    def _explain(self, cause: BaseException | None, used: set[str]) -> None:
        """Raises a better error for a failure to make a filesystem."""
        from fsspec.registry import available_protocols, known_implementations

        for protocol in sorted(used):
            if protocol not in available_protocols():
                raise InputError(
                    f"{self.name}: fsspec knows no protocol {protocol!r}; install the package that"
                    " brings it"
                )
        if isinstance(cause, ImportError):
            missing = getattr(cause.__cause__, "name", None)
            packages = {
                known_implementations[protocol]["class"].partition(".")[0]
                for protocol in used & set(known_implementations)
            }
            package = missing or ", ".join(sorted(packages - {"fsspec"}))
            if package in _IN_EXTRA:
                raise MissingExtra(package, _EXTRA)
            raise MissingExtra(package, package)

    @contextmanager
    def as_os_error(self) -> Iterator[None]:
        """Turns errors of filesystems into an OSError with one line and without secrets."""
        try:
            yield
        except BitsbackError:
            raise
        except Exception as error:
            raise OSError(self._text_of(error)) from error

    def _text_of(self, error: BaseException) -> str:
        cause = error.__cause__
        status = getattr(cause, "status", None)
        if isinstance(status, int) and status != 404:
            return f"the server answers {status} {getattr(cause, 'message', '')}".strip()
        if isinstance(error, FileNotFoundError) and not isinstance(cause, TypeError):
            if not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError):
                return "there is no such file or folder"
            error = cause  # such as the error of an unknown server
        if isinstance(cause, TypeError):
            error = cause
        if isinstance(error, TypeError) and "unexpected keyword" in str(error):
            option = str(error).split("keyword argument")[-1].strip()
            return (
                f"its filesystem has no storage option {option}; options of one protocol are given"
                " as s3.KEY=VALUE ({'s3': {...}})"
            )
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return " ".join(str(text).replace(self.text, self.name).split())


def located(path: Any, options: Options | None = None) -> Any:
    """A Url for a URL, a path for a local file, and anything else unchanged."""
    if not is_url(path):
        return path
    if _LOCAL.match(path) and "::" not in path:
        return _local_path(path)
    return Url(path, options)


def _local_path(url: str) -> Path:
    path = url.split("://", 1)[1]
    return Path(path.removeprefix("/") if _DRIVE.match(path) else path)


def check_options(options: Options | None, *places: object) -> None:
    """Raises InputError if there are options, but no URL for them."""
    each = [one for place in places for one in (place if isinstance(place, list) else [place])]
    if options and not any(isinstance(one, Url) for one in each):
        raise InputError("storage options are for URLs, as s3://bucket/x.bb, and none was given")


def parent_of(fs: Any, path: str) -> str:
    """The folder of a path in a filesystem of fsspec."""
    return path.rpartition("/")[0] or str(fs.root_marker)


def protocols(fs: Any) -> tuple[str, ...]:
    """The names that a filesystem has."""
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def changed(url: Url) -> int | None:
    """The modification time in ns since 1970; None if the filesystem does not tell."""
    fs, path = url.connect()
    with suppress(Exception):  # filesystems may raise any error
        return as_nanoseconds(fs.modified(path))
    return None


def as_nanoseconds(time: datetime) -> int:
    """The ns since 1970, without the rounding of a float. Times without a zone are in UTC."""
    return (time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH) // _MICROSECOND * 1000


def as_datetime(time: int) -> datetime:
    """The date and time of ns since 1970. Raises OverflowError for times beyond the calendar."""
    return _EPOCH + timedelta(microseconds=time // 1000)


def set_changed(fs: Any, path: str, time: int) -> None:
    """Sets the modification time if the filesystem can; object stores have the time of writing."""
    names = protocols(fs)
    with suppress(Exception):  # an error is ignored, as on a disk, since the content is right
        if "sftp" in names:
            fs.ftp.utime(path, (time / 1e9, time / 1e9))
        elif "memory" in names:
            fs.store[path].modified = as_datetime(time)
