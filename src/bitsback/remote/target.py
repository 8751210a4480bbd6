"""A file at a URL, written as a stream: it is there when it is whole, or not at all."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

from bitsback.errors import InputError
from bitsback.remote.url import Url, protocols


@contextmanager
def writing(url: Url, force: bool) -> Iterator[BinaryIO]:
    """What to write the file to, which never seeks. Large ones are uploaded in parts.

    The file appears when the body ends; if the body raises, the upload is given up, and nothing is
    left of it. Raises InputError if there is a file already, unless `force`; OSError, and what
    `Url.connect` raises.
    """
    fs, path = url.connect()
    with url.as_os_error():
        fs.invalidate_cache(fs._parent(path))
        # HTTP, which cannot be written to, would fetch it.
        there = not {"http", "https"} & set(protocols(fs)) and fs.exists(path)
    if there and not force:
        raise InputError(
            f"{url.name}: exists already; name another output, or use --force (force=True) to"
            " replace it"
        )
    if "memory" in protocols(fs):  # whose files are seen while they are written
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
            fs.invalidate_cache(fs._parent(path))
    except BaseException:
        _give_up(fs, path, file, there)
        raise


def _give_up(fs: Any, path: str, file: Any, there: bool) -> None:
    """Ends a write so that nothing of it is seen."""
    from fsspec.spec import AbstractBufferedFile

    # Whatever else goes wrong now is less to know than what went wrong before.
    unseen = False
    with suppress(Exception):
        file.discard()
        unseen = type(file).discard is not AbstractBufferedFile.discard  # which does nothing
    with suppress(Exception):
        file.closed = True  # or it would be completed when it is forgotten
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
