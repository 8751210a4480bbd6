"""List folders at URLs, write one file, and write many files to a folder.

A file appears when it is complete.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

from bitsback.errors import InputError
from bitsback.io.locks import Lock
from bitsback.io.remote.url import Url, parent_of, protocols, set_changed


def is_folder(url: Url) -> bool:
    """Whether there is a folder at the URL. HTTP has no folders.

    Raises OSError, and the errors of `Url.connect`.
    """
    fs, path = url.connect()
    with url.as_os_error():
        if {"http", "https"} & set(protocols(fs)):
            return False
        fs.invalidate_cache(parent_of(fs, path))
        return bool(fs.info(path)["type"] == "directory")


def exists(url: Url) -> bool:
    """Whether there is a file that could be replaced. HTTP, which is read-only, has none.

    Raises OSError, and the errors of `Url.connect`.
    """
    fs, path = url.connect()
    with url.as_os_error():
        fs.invalidate_cache(parent_of(fs, path))
        return not {"http", "https"} & set(protocols(fs)) and bool(fs.exists(path))


def files_in(url: Url) -> dict[str, Url]:
    """All files in the folder and its subfolders, by their names, with `/` between folders.

    Raises OSError, and the errors of `Url.connect`.
    """
    fs, path = url.connect()
    with url.as_os_error():
        fs.invalidate_cache(path)
        found = fs.find(path, detail=True)
    start = len(path.rstrip("/")) + 1 if path.strip("/") else len(path)
    return {
        (name := place[start:]): url.child(place, name, info)
        for place, info in found.items()
        if info["type"] != "directory"  # S3 lists some folders
    }


def matching(url: Url) -> list[Url]:
    """The files whose URLs match a pattern with `*`, sorted by the numbers in them.

    A URL without `*` is returned itself. Raises InputError if no file matches.
    """
    if "*" not in url.name:
        return [url]
    try:
        fs, path = url.connect()
        with url.as_os_error():
            fs.invalidate_cache(path.partition("*")[0].rpartition("/")[0])
            found = fs.glob(path, detail=True)
    except OSError as error:
        raise InputError(f"{url.name}: cannot be listed: {error}") from error
    start = len(path.partition("*")[0].rpartition("/")[0]) + 1
    folder = Url(url.text.partition("*")[0].rpartition("/")[0], url.options)
    if not found:
        raise InputError(f"{url.name}: there is no file of such a name")
    return [
        folder.child(place, place[start:], found[place]) for place in sorted(found, key=_by_number)
    ]


def _by_number(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(int(part) if part.isdecimal() else -1, part) for part in parts]


class Uploads:
    """Writes files to a folder at a URL, each immediately. Several threads may use it.

    Names have `/` between folders.
    """

    def __init__(self, url: Url, force: bool) -> None:
        """Raises OSError, and the errors of `Url.connect`."""
        self.names: list[str] = []
        """The names of the written files."""
        self._url, self._force = url, force
        self._fs, self._path = url.connect()
        self._lock = Lock()
        self._there: set[str] = set()
        try:
            self._there = set(files_in(url))
        except OSError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise  # the writer must know whether the file exists

    def check(self, names: Iterable[str]) -> None:
        """Raises InputError if there is a file of such a name that must not be replaced."""
        for name in names:
            if name in self._there and not self._force:
                raise InputError(
                    f"{self._url.name}/{name}: exists already; name another folder, or use --force"
                    " (force=True)"
                )

    @contextmanager
    def open(
        self,
        name: str,
        stamp: tuple[int | None, int | None] = (None, None),
        check: Callable[[BinaryIO], None] | None = None,
    ) -> Iterator[BinaryIO]:
        """A file to write to, in memory until the body ends. Raises InputError as `write` does."""
        file = io.BytesIO()
        yield file
        self.write(name, file.getvalue(), stamp, check)

    def write(
        self,
        name: str,
        data: bytes,
        stamp: tuple[int | None, int | None] = (None, None),
        check: Callable[[BinaryIO], None] | None = None,
    ) -> None:
        """Writes a file.

        stamp: the mode, which is ignored, and the modification time, if the filesystem can set it.
        check: reads the file first, and raises an error for any fault. Raises InputError if the
        file cannot be written, or if it exists and must not be replaced.
        """
        self.check([name])
        if check is not None:
            check(io.BytesIO(data))
        with self._lock:
            self.names.append(name)
        try:
            with self._url.as_os_error():
                self._put(self._place(name), data)
            if stamp[1] is not None:
                set_changed(self._fs, self._place(name), stamp[1])
        except OSError as error:
            raise InputError(f"{self._url.name}/{name}: cannot be written: {error}") from error

    def add_entries(self, folders: Iterable[Any], links: Iterable[Any]) -> list[str]:
        """The names of the folders and links that cannot be made.

        At a URL these are all, except folders with files.
        """
        empty = (each.name for each in folders if each.name)
        there = [name + "/" for name in self.names]
        unmade = [f"{name}/" for name in empty if not any(f.startswith(f"{name}/") for f in there)]
        return unmade + [link.name for link in links]

    def _put(self, place: str, data: bytes) -> None:
        try:
            self._fs.pipe_file(place, data)
        except FileNotFoundError:  # the filesystem has real folders
            self._fs.makedirs(parent_of(self._fs, place), exist_ok=True)
            self._fs.pipe_file(place, data)

    def remove_new(self) -> None:
        """Removes the written files that did not exist before."""
        for name in self.names:
            if name not in self._there:
                with suppress(Exception):  # the others can still be removed
                    self._fs.rm_file(self._place(name))

    def _place(self, name: str) -> str:
        return f"{self._path.rstrip('/')}/{name}"


@contextmanager
def writing(url: Url, force: bool) -> Iterator[BinaryIO]:
    """A writer for the file, which does not seek. Large files are uploaded in parts.

    The file appears when the body ends. If the body raises, the upload is cancelled, and nothing
    stays. Raises InputError if the file exists, unless `force`; OSError, and the errors of
    `Url.connect`.
    """
    there = exists(url)
    if there and not force:
        raise InputError(
            f"{url.name}: exists already; name another output, or use --force (force=True) to"
            " replace it"
        )
    fs, path = url.connect()
    if "memory" in protocols(fs):  # its files are visible while they are written
        file: Any = io.BytesIO()
        yield cast(BinaryIO, file)
        with url.as_os_error():
            fs.pipe_file(path, file.getvalue())
        return
    with url.as_os_error():
        try:
            file = fs.open(path, "wb", autocommit=False)
        except NotImplementedError:
            raise OSError("this protocol can only be read; write it elsewhere") from None
    try:
        yield cast(BinaryIO, _Translated(file, url))
        with url.as_os_error():
            file.close()
            if not getattr(file, "autocommit", True):
                file.commit()
            fs.invalidate_cache(parent_of(fs, path))
    except BaseException:
        _give_up(fs, path, file, there)
        raise


def _give_up(fs: Any, path: str, file: Any, there: bool) -> None:
    """Cancels a write, so that no file becomes visible."""
    from fsspec.spec import AbstractBufferedFile

    # The first error matters more than any error of cleaning up.
    unseen = False
    with suppress(Exception):
        file.discard()
        unseen = type(file).discard is not AbstractBufferedFile.discard  # the default does nothing
    with suppress(Exception):
        file.closed = True  # or it would be completed when it is deleted
    with suppress(Exception):
        if not (unseen or there) and fs.exists(path):
            fs.rm_file(path)


class _Translated(io.RawIOBase):
    """A file whose errors are OSErrors."""

    def __init__(self, file: Any, url: Url) -> None:
        self._file, self._url = file, url
        self.name = url.name

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        with self._url.as_os_error():
            self._file.write(data)
        return len(data)
