"""Public data sets from a folder and from mirrors on this machine, some of which serve something
else.
"""

import gzip
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from bitsback.errors import InputError
from bitsback_train import downloads
from bitsback_train.downloads import TEST_IMAGES, TRAIN_IMAGES
from bitsback_train.job.one_shape import read_public

pytest.importorskip("pooch")


def idx(count: int) -> bytes:
    images = np.random.default_rng(count).integers(0, 256, (count, 8, 8), dtype=np.uint8)
    return gzip.compress(struct.pack(">IIII", 0x803, count, 8, 8) + images.tobytes(), mtime=0)


FILES = {TRAIN_IMAGES: idx(120), TEST_IMAGES: idx(30)}


class Mirrors(BaseHTTPRequestHandler):
    """Faulty mirrors; the first part of the path names the fault."""

    def do_GET(self) -> None:
        _, kind, file = self.path.split("/")
        if kind == "missing":
            self.send_error(404)
            return
        data = FILES[file]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(
            {"good": data, "truncated": data[: len(data) // 2], "wrong": data[::-1]}[kind]
        )

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a local server with small files in place of MNIST."""
    sums = {file: hashlib.sha256(data).hexdigest() for file, data in FILES.items()}
    monkeypatch.setitem(downloads.SETS, "mnist", replace(downloads.SETS["mnist"], sha256=sums))
    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirrors) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_files_come_from_the_first_mirror_that_has_them(server: str, tmp_path: Path) -> None:
    mirrors = [f"{server}/{kind}/" for kind in ("missing", "truncated", "wrong", "good")]
    folder = downloads.download("mnist", mirrors, tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    images = read_public("mnist", folder, 1)
    assert images.count == 150 and images.held_out[0].shape == (30, 8, 8, 1)


def test_what_was_downloaded_is_kept(server: str, tmp_path: Path) -> None:
    downloads.download("mnist", [f"{server}/good/"], tmp_path)
    downloads.download("mnist", [f"{server}/missing/"], tmp_path)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("truncated", "broke off|not the file"),
        ("wrong", "not the file it should be"),
        ("missing", "404"),
    ],
)
def test_a_bad_mirror_leaves_nothing_behind(
    server: str, tmp_path: Path, kind: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        downloads.download("mnist", [f"{server}/{kind}/"], tmp_path)
    assert "--data" in str(caught.value) and "BITSBACK_DATA" in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_that_was_damaged_later_is_fetched_again(server: str, tmp_path: Path) -> None:
    folder = downloads.download("mnist", [f"{server}/good/"], tmp_path)
    (folder / TEST_IMAGES).write_bytes(b"damaged")
    downloads.download("mnist", [f"{server}/good/"], tmp_path)
    assert (folder / TEST_IMAGES).read_bytes() == FILES[TEST_IMAGES]


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, server: str) -> None:
    with pytest.raises(InputError, match=r"no connection.*--data DIR or BITSBACK_DATA"):
        downloads.download("mnist", ["http://127.0.0.1:9/"], tmp_path)


@pytest.mark.parametrize("under", [".", "mnist"])
def test_a_folder_that_was_named_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, under: str
) -> None:
    place = tmp_path / under
    place.mkdir(exist_ok=True)
    for file, data in FILES.items():
        (place / file).write_bytes(data)
    assert downloads.find("mnist", str(tmp_path)) == place
    monkeypatch.setenv(downloads.ENVIRONMENT, str(tmp_path))
    assert downloads.find("mnist", None) == place
    with pytest.raises(InputError, match="has no train-images"):
        downloads.find("mnist", str(tmp_path.parent))
