"""The server of `bitsback view` answers any request, and is silent about clients that leave."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bitsback.cli.commands.view import Server
from waiting import PATIENCE, until

CONTENT = bytes(range(256)) * (1 << 16)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of 16 MiB, which no socket has room for."""
    (tmp_path / "x.bb").write_bytes(CONTENT)
    with Server(tmp_path / "x.bb") as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def answer(server: Server, asked: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
    connection.request("GET", "/archive/x.bb", headers={"Range": asked})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def test_ranges(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    assert answer(server, "bytes=0-0") == (206, b"\0")
    assert answer(server, "bytes=5-7") == (206, b"\5\6\7")
    assert answer(server, f"bytes={len(CONTENT) - 2}-") == (206, b"\xfe\xff")
    assert answer(server, f"bytes={'0' * 5000}5-{'9' * 5000}") == (206, CONTENT[5:])
    for start in (str(len(CONTENT)), "1" * 19, "9" * 5000):
        assert answer(server, f"bytes={start}-") == (416, b"")
    for asked in ("bytes=-5", "bytes=²-", "bytes=", "items=0-1", "bytes=0-1,3-4"):
        assert answer(server, asked.encode().decode("latin-1")) == (200, CONTENT)
    assert capfd.readouterr() == ("", "")


def test_a_client_that_leaves(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    for request in (b"GET /archive/x.bb HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /arch"):
        threads = threading.active_count()
        client = socket.create_connection(("127.0.0.1", server.server_port), PATIENCE)
        client.sendall(request)
        until(lambda: threading.active_count() > threads)  # noqa: B023
        if request.endswith(b"\r\n\r\n"):
            client.recv(1000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        client.close()
        until(lambda: threading.active_count() == threads)  # noqa: B023
    assert answer(server, "bytes=1-1") == (206, b"\1")
    assert capfd.readouterr() == ("", "")


def test_an_archive_that_is_gone(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    server.archive.unlink()
    assert answer(server, "bytes=1-1")[0] == 404
    assert capfd.readouterr() == ("", "")
