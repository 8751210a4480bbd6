"""A bucket and an HTTP server on this machine, with archives on them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fsspec
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback

COUNT, BLOCK = 400, 20


@pytest.fixture(scope="session")
def noise() -> NDArray[np.int64]:
    """int64 [400, 45, 25]: 9,000 incompressible bytes each."""
    return np.random.default_rng(7).integers(-(1 << 63), 1 << 63, (COUNT, 45, 25), np.int64)


@pytest.fixture(scope="session")
def packed(noise: NDArray[np.int64]) -> bytes:
    """The archive of the noise: 20 blocks of 180,000 bytes."""
    with fsspec.open("memory://packed.bb", "wb") as file:
        bitsback.compress(noise, file, block=BLOCK, model="fast")
    data: bytes = fsspec.filesystem("memory").cat("/packed.bb")
    return data


@dataclass
class Web:
    """An HTTP server with its files and a record of its requests."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    spans: list[tuple[int, int]] = field(default_factory=list)
    """The ranges of bytes that were fetched."""
    ranges: bool = True
    """Whether it supports range requests."""
    marks: dict[str, str] = field(default_factory=dict)
    """Headers of each response, such as an ETag."""
    surplus: int = 0
    """Bytes that it sends after those that were asked for, without saying how many come."""
    sent: int = 0
    """Bytes of response bodies that the client has received."""

    def url(self, name: str) -> str:
        return f"http://{self.address}/{name}"

    @property
    def fetched(self) -> int:
        return sum(end - start for start, end in self.spans)


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def web(server: ThreadingHTTPServer, packed: bytes) -> Web:
    """An HTTP server with x.bb, the archive of the noise."""
    web = Web(f"127.0.0.1:{server.server_port}", {"x.bb": packed})
    server.web = web  # type: ignore[attr-defined]
    return web


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        name = self.path.strip("/").split("?")[0]
        if name == "secret":
            return self.send_error(403)
        if name not in web.files:
            return self.send_error(404)
        data = web.files[name]
        start, end = 0, len(data)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and web.ranges:
            start, end = int(wanted[1]), int(wanted[2]) + 1 if wanted[2] else end
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        else:
            self.send_response(200)
        for name, mark in web.marks.items():
            self.send_header(name, mark)
        if not web.surplus:
            self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if body:
            web.spans.append((start, end))
            self._write(data[start:end], web)
        return None

    def _write(self, part: bytes, web: Web) -> None:
        with suppress(ConnectionError):  # a client that has enough disconnects
            self.wfile.write(part)
            web.sent += len(part)
            for _ in range(0, web.surplus, 1 << 16):
                web.sent += self.wfile.write(bytes(1 << 16))

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def s3(s3_server: dict[str, Any]) -> dict[str, Any]:
    """An S3 server with an empty bucket named `bucket`."""
    fs = fsspec.filesystem("s3", **s3_server)
    if fs.exists("bucket"):
        fs.rm("bucket", recursive=True)
    fs.mkdir("bucket")
    return s3_server


@pytest.fixture(autouse=True)
def memory() -> Iterator[Any]:
    """fsspec's in-memory filesystem, emptied."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    return fs
