"""`bitsback view`: show an archive in the browser."""

from __future__ import annotations

import re
import sys
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import click

from bitsback.cli import complete, figures, options
from bitsback.errors import InputError
from bitsback.io.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_PART = 1 << 20  # bytes that are sent at a time
_DIGITS = 19  # of a place; longer numbers are cut, and still beyond every file


@click.command(short_help="Show an archive in the browser.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@options.model_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port to serve at.  [default: a free one]",
)
@click.option("--no-browser", is_flag=True, help="Print the address and do not open a browser.")
@options.traceback_option
def command(archive: str, model: str | None, port: int, no_browser: bool) -> None:
    """Show the archive X.bb in the browser: thumbnails, pictures at full size, slices of stacks,
    and window and level for 16-bit pictures. The page can save pictures as PNG or .npy.

    The command serves the page and the archive to this computer only, until Ctrl-C. The page
    decodes and checks the blocks of visible pictures.

    \b
      bitsback view scans.bb
      bitsback view scans.bb --no-browser --port 8000
    """
    path = Path(archive)
    if not path.is_file():
        raise InputError(f"{archive}: there is no such file")
    with Server(path, model, port) as server:
        address = server.address()
        figures.say(f"{archive} is at {address} until Ctrl-C", err=True)
        if no_browser:
            click.echo(address)
        else:
            webbrowser.open(address)
        server.serve_forever()


class Server(ThreadingHTTPServer):
    """Serves the page at `/`, the archive at `/archive/NAME`, and models at `/models/IDENTITY`."""

    daemon_threads = True

    def __init__(self, archive: Path, model: str | None = None, port: int = 0) -> None:
        self.archive = archive
        self.name = printable(archive.name)
        """The name of the archive in its address, which is in UTF-8."""
        self.page = (resources.files("bitsback") / "viewer.html").read_bytes()
        self.own_model = None if model is None else Path(model).read_bytes()
        super().__init__(("127.0.0.1", port), _Handler)

    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/#archive/{quote(self.name)}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of browsers that leave before the end of an answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def models(self) -> Iterator[tuple[bytes, bytes]]:
        """The identity and the file of each model that there is."""
        from bitsback.models import bundled, file

        if self.own_model is not None:
            yield file.identity(*file.read(self.own_model)), self.own_model
        for name in bundled.names():
            yield bundled.identity(name), bundled.content(name)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of requests."""

    def _answer(self, with_content: bool) -> None:
        # A name of another site that leads here must not read the archive.
        host = self.headers.get("Host", "").partition(":")[0]
        path = unquote(self.path.partition("?")[0])
        if host not in ("127.0.0.1", "localhost"):
            self._send(HTTPStatus.FORBIDDEN, b"", "text/plain", with_content)
        elif path == "/":
            self._send(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8", with_content)
        elif path == f"/archive/{self.server.name}":
            try:
                stream = self.server.archive.open("rb")
            except OSError:  # it was moved meanwhile
                self._send(HTTPStatus.NOT_FOUND, b"", "text/plain", with_content)
                return
            with stream:
                self._send_range(stream, with_content)
        elif path.startswith("/models/") and (found := self._model(path.removeprefix("/models/"))):
            self._send(HTTPStatus.OK, found, "application/octet-stream", with_content)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"", "text/plain", with_content)

    def _model(self, text: str) -> bytes | None:
        if not re.fullmatch("[0-9a-f]{32}", text):
            return None
        prefix = bytes.fromhex(text)
        return next((data for own, data in self.server.models() if own.startswith(prefix)), None)

    def _send(self, status: HTTPStatus, content: bytes, kind: str, with_content: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def _send_range(self, stream: BinaryIO, with_content: bool) -> None:
        size = stream.seek(0, 2)
        start, end = 0, size
        found = re.fullmatch("bytes=([0-9]+)-([0-9]*)", self.headers.get("Range", ""))
        if found:
            start = _place(found[1])
            end = min(size, _place(found[2]) + 1) if found[2] else size
            if start >= end:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if found else HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(end - start))
        self.send_header("Accept-Ranges", "bytes")
        if found:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        stream.seek(start)
        while with_content and start < end:
            part = stream.read(min(_PART, end - start))
            if not part:
                self.close_connection = True  # the file has become shorter
                return
            self.wfile.write(part)
            start += len(part)


def _place(digits: str) -> int:
    """A place in a file, from any number of digits."""
    return int(digits.lstrip("0")[:_DIGITS] or "0")
