"""Read ranges of files at URLs. From an HTTP server it never reads more than requested."""

import asyncio
import io
import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from bitsback.io.locks import Lock
from bitsback.io.range_file import range_file
from bitsback.io.remote.url import CHANGED, Description, Url, describe, differ, parent_of, protocols

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")


def fetch_http(
    fs: Any, path: str, spans: Sequence[tuple[int, int]], first: Description
) -> list[bytes]:
    """The bytes of these spans, (start, end), which are requested at the same time.

    The result for a span is empty if the server sends another span. It has one byte too many if the
    server sends more.

    fs: fsspec's filesystem for HTTP. first: the description of the file when it was opened, with
    which each response is compared. Raises OSError, and the errors of aiohttp.
    """
    from fsspec.asyn import sync

    found: list[bytes] = sync(fs.loop, _fetch_all, fs, path, spans, first)
    return found


async def _fetch_all(
    fs: Any, path: str, spans: Sequence[tuple[int, int]], first: Description
) -> list[bytes]:
    session = await fs.set_session()
    waiting = [asyncio.ensure_future(_fetch(fs, session, path, span, first)) for span in spans]
    try:
        return list(await asyncio.gather(*waiting))
    finally:
        for request in waiting:
            request.cancel()


async def _fetch(
    fs: Any, session: Any, path: str, span: tuple[int, int], first: Description
) -> bytes:
    start, end = span
    options = {**fs.kwargs}
    wanted = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
    options["headers"] = {**options.get("headers", {}), **wanted}
    async with session.get(fs.encode_url(path), **options) as response:
        if response.status == 404:
            raise FileNotFoundError(path)
        if response.status == 416:  # the file is shorter
            raise OSError(CHANGED)
        response.raise_for_status()
        sent = _sent(response)
        if differ(first, describe(response.headers, sent[2])):
            raise OSError(CHANGED)
        if sent[:2] != span:
            return b""
        return await _read(response.content, end - start)


def _sent(response: Any) -> tuple[int | None, int | None, int | None]:
    """The start and the end of a response's body in the file, and the size of the file."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status == 206 and found:
        size = None if found[3] == "*" else int(found[3])
        return int(found[1]), int(found[2]) + 1, size
    if response.status == 206:
        return None, None, None
    return 0, response.content_length, response.content_length


async def _read(body: Any, size: int) -> bytes:
    """The next `size` bytes, and one more to check that the body ends there."""
    data = bytearray()
    while len(data) <= size:
        chunk = await body.read(size + 1 - len(data))
        if not chunk:
            break
        data += chunk
    return bytes(data)


Span = tuple[int, int]
"""The start and the end of a range."""

_HEAD, _TAIL = 1 << 12, 1 << 16  # bytes that are fetched at once when a file is opened
_LEAST = 1 << 12  # bytes of a request
_GAP = 1 << 16  # unused bytes that are fetched to save a request
_WINDOW = 1 << 23  # bytes that are fetched at a time, if reads are announced
_SPANS = 256  # requests for announced reads at a time
_KEPT = 1 << 25  # bytes in the cache


class Ranges:
    """Reads anywhere in a file at a URL. Several threads and forked processes may use it."""

    def __init__(self, url: Url) -> None:
        """Fetches the first and the last bytes, with the header and the index of an archive.

        Raises OSError, and the errors of `Url.connect`.
        """
        self._url = url
        self._closed = False
        self._lock = Lock()
        self._kept: dict[int, bytes] = {}
        """The fetched bytes, the oldest first, by their offsets."""
        self._expected: deque[Span] = deque()
        if url.size is None:
            url.described = self._describe()
        assert url.described is not None and url.size is not None
        self._described: Description = url.described
        self.size = url.size
        ends = [(0, min(_HEAD, self.size)), (max(self.size - _TAIL, 0), self.size)]
        self._fetch(_merged(ends))

    def _describe(self) -> Description:
        fs, path = self._url.connect()
        with self._url.as_os_error():
            # A cached listing of the folder may be older than the file.
            fs.invalidate_cache(parent_of(fs, path))
            info = fs.info(path)
        if info.get("type") == "directory":
            raise OSError("is a folder")
        if info.get("size") is None:
            raise OSError(f"the server does not say how long it is; {self._advice}")
        return describe(info, info["size"])

    @property
    def _advice(self) -> str:
        return f"let fsspec make a copy of it, with simplecache::{self._url.name}"

    def expect(self, spans: Iterable[Span]) -> None:
        """Announces the next reads in order, (offset, size), so that some are fetched together."""
        with self._lock:
            self._expected = deque((offset, offset + size) for offset, size in spans)

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes, or as many as there are. Raises OSError."""
        if self._closed:
            raise ValueError("I/O operation on closed file.")
        span = offset, min(offset + size, self.size)
        if span[0] >= span[1]:
            return b""
        with self._lock:
            found = _part(self._kept, span)
        if found is None:
            fetched = self._fetch(_merged(self._wanted(span)))
            found = _part(fetched, span)
            assert found is not None, "it was asked for"
        return found

    def close(self) -> None:
        self._closed = True
        self._kept.clear()

    def _wanted(self, span: Span) -> list[Span]:
        """The span, and the announced ones after it."""
        start, end = span
        wanted = [(start, min(max(end, start + _LEAST), self.size))]
        with self._lock:
            if span in self._expected:
                while self._expected.popleft() != span:
                    pass
                total = end - start
                while self._expected and len(wanted) < _SPANS:
                    total += self._expected[0][1] - self._expected[0][0]
                    if total > _WINDOW:
                        break
                    wanted.append(self._expected.popleft())
        return wanted

    def _fetch(self, spans: list[Span]) -> dict[int, bytes]:
        """Fetches spans. Raises OSError, also if the file has changed since it was opened."""
        fs, path = self._url.connect()
        with self._url.as_os_error():
            if over_http := bool({"http", "https"} & set(protocols(fs))):
                found = fetch_http(fs, path, spans, self._described)
            else:
                found = _fetch_by(fs, path, spans)
        # Each HTTP response describes the file. For other filesystems a request is needed, except
        # before the first read.
        may_differ = not over_http and (self._url.was_read or len(spans) > 1)
        self._url.was_read = True
        if may_differ and differ(self._described, self._describe()):
            raise OSError(CHANGED)
        for (start, end), data in zip(spans, found, strict=True):
            if len(data) != end - start:
                came = "fewer" if len(data) < end - start else "more"
                raise OSError(
                    f"{end - start} bytes were asked for, and {came} came: it was"
                    f" changed, or its server cannot send a part of it; {self._advice}"
                )
        fetched = dict(zip((start for start, _ in spans), found, strict=True))
        with self._lock:
            self._kept |= fetched
            total = sum(map(len, self._kept.values()))
            while total > _KEPT and len(self._kept) > 1:
                total -= len(self._kept.pop(next(iter(self._kept))))
        return fetched


def _fetch_by(fs: Any, path: str, spans: list[Span]) -> list[bytes]:
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    found: list[bytes] = fs.cat_ranges([path] * len(spans), starts, ends, on_error="raise")
    for data in found:
        if isinstance(
            data, BaseException
        ):  # some filesystems return errors instead of raising them
            raise data
    return found


def _part(fetched: dict[int, bytes], span: Span) -> bytes | None:
    """The bytes of a span, if they were fetched in one request."""
    for start, data in fetched.items():
        if start <= span[0] and span[1] <= start + len(data):
            return data[span[0] - start : span[1] - start]
    return None


def _merged(spans: list[Span]) -> list[Span]:
    """The spans in order. Spans with few bytes between them are merged."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + _GAP and end - found[-1][0] <= _WINDOW:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif end > start:
            found.append((start, end))
    return found


def read_all(url: Url) -> bytes:
    """All bytes of the file at a URL. Raises OSError, and the errors of `Url.connect`."""
    ranges = Ranges(url)
    return ranges.read(0, ranges.size)


def open_url(url: Url, buffer: int = 1 << 22) -> io.BufferedReader:
    """The file at a URL, as a seekable file object. buffer: bytes of a request.

    Raises OSError, and what `Url.connect` raises.
    """
    return range_file(Ranges(url), url.name, buffer)
