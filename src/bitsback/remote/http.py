"""Parts of a file on a server of HTTP, of which no more is read than was asked for."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from bitsback.remote.version import CHANGED, Description, describe, differ

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def fetch(fs: Any, path: str, spans: Sequence[tuple[int, int]], first: Description) -> list[bytes]:
    """The bytes of these spans, (start, end), which are asked for at the same time; nothing of
    a span where the server sends another one, and a byte too many where it sends more.

    fs: fsspec's filesystem for HTTP. first: how the file was described when it was opened, with
    which each response is compared. Raises OSError, and what aiohttp raises.
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
    asked = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
    options["headers"] = {**options.get("headers", {}), **asked}
    async with session.get(fs.encode_url(path), **options) as response:
        if response.status == 404:
            raise FileNotFoundError(path)
        if response.status == 416:  # it ends before
            raise OSError(CHANGED)
        response.raise_for_status()
        sent = _sent(response)
        if differ(first, describe(response.headers, sent[2])):
            raise OSError(CHANGED)
        if sent[:2] != span:
            return b""
        return await _read(response.content, end - start)


def _sent(response: Any) -> tuple[int | None, int | None, int | None]:
    """Where the body of a response begins and ends in the file, and the size of the file."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status == 206 and found:
        size = None if found[3] == "*" else int(found[3])
        return int(found[1]), int(found[2]) + 1, size
    if response.status == 206:
        return None, None, None
    return 0, response.content_length, response.content_length


async def _read(body: Any, size: int) -> bytes:
    """As many bytes, and one more to see whether the body ends there."""
    data = bytearray()
    while len(data) <= size:
        piece = await body.read(size + 1 - len(data))
        if not piece:
            break
        data += piece
    return bytes(data)
