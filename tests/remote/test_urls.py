"""Recognising URLs, and the errors for those that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bitsback
from bitsback.io.remote.files import matching
from bitsback.io.remote.ranges import _sent
from bitsback.io.remote.url import Url, is_url, located

from .conftest import Web


@pytest.mark.parametrize(
    "text", ["s3://b/x.bb", "memory://x", "https://h/x", "zip://a::s3://b/c", "simplecache::s3://b"]
)
def test_urls(text: str) -> None:
    assert is_url(text)


@pytest.mark.parametrize(
    "path", ["x.bb", "/x/y.bb", "C:\\x.bb", "C:/x.bb", "C://x.bb", "a::b", "-", "", Path("s3://b")]
)
def test_paths(path: str) -> None:
    assert not is_url(path)
    assert located(path) is path


def test_files_of_this_machine_are_no_urls_to_us() -> None:
    assert located("file:///a/b c%20.bb") == Path("/a/b c%20.bb")
    assert located("local://a.bb") == Path("a.bb")
    assert located("file:///C:/a.bb") == Path("C:/a.bb")


def test_messages_hold_no_secrets(web: Web) -> None:
    url = f"http://me:secret@{web.address}/none.bb?signature=secret"
    with pytest.raises(bitsback.InputError) as error:
        bitsback.open(url)
    assert "secret" not in str(error.value) and f"http://{web.address}/none.bb" in str(error.value)
    assert "secret" not in repr(Url("simplecache::" + url + "&more=secret"))


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("http://SERVER/none.bb", {}, "none.bb: cannot be read: there is no such file"),
        ("http://SERVER/secret", {}, "secret: cannot be read: the server answers 403"),
        ("http://127.0.0.1:1/x.bb", {}, "x.bb: cannot be read: .*127.0.0.1"),
        ("memory://none.bb", {}, "none.bb: cannot be read: there is no such file"),
        ("nothing://x.bb", {}, "fsspec knows no protocol 'nothing'"),
        ("http://SERVER/x.bb", {"anon": True}, "no storage option 'anon'"),
        ("x.bb", {"anon": True}, "storage options are for URLs"),
    ],
)
def test_what_cannot_be_read(web: Web, url: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(bitsback.InputError, match=message):
        bitsback.open(url.replace("SERVER", web.address), storage_options=options)


def test_s3_that_has_no_such_file(s3: dict[str, Any]) -> None:
    for url in ("s3://bucket/none.bb", "s3://no-bucket/none.bb"):
        with pytest.raises(bitsback.InputError, match=r"none\.bb: cannot be read: there is no"):
            bitsback.open(url, storage_options=s3)
    with pytest.raises(bitsback.InputError, match="is a folder"):
        bitsback.open("s3://bucket", storage_options=s3)


def test_options_for_each_protocol(s3: dict[str, Any], memory: Any) -> None:
    options = {"s3": s3, "http": {"encoded": True}}
    bitsback.compress(np.arange(9), "s3://bucket/x.bb", storage_options=options)
    bitsback.decompress("s3://bucket/x.bb", "memory://x.npy", storage_options=options)
    assert memory.exists("/x.npy")


WITHOUT = """
import sys, pathlib
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import bitsback, numpy
bitsback.compress(numpy.arange(5), "x.bb")
assert len(bitsback.open(pathlib.Path("x.bb"))) == len(bitsback.open("file://./x.bb")) == 5
assert "fsspec" not in sys.modules
try:
    bitsback.open({url!r})
except bitsback.MissingExtra as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("absent", "url", "message"),
    [
        (
            ["fsspec"],
            "s3://b/x.bb",
            "package fsspec: install it with  pip install '.[remote]'",
        ),
        (["s3fs"], "s3://b/x.bb", "package s3fs: install it with  pip install '.[remote]'"),
        (["aiohttp"], "https://h/x.bb", "package aiohttp: install it with  pip install '.[rem"),
        (["gcsfs"], "gs://b/x.bb", "package gcsfs: install it with  pip install 'gcsfs'"),
    ],
)
def test_files_need_no_fsspec_and_urls_name_what_they_need(
    tmp_path: Path, absent: list[str], url: str, message: str
) -> None:
    code = WITHOUT.format(absent=absent, url=url)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert message in done.stdout, done.stderr


def test_files_in_the_order_of_numbers_in_their_names(memory: Any) -> None:
    """A superscript is no number, though Python calls it a digit."""
    for name in ("10.png", "9.png", "1²2.png", "²"):
        memory.pipe(f"/scans/{name}", b"")
    found = [url.name.rpartition("/")[2] for url in matching(Url("memory://scans/*"))]
    assert found == ["1²2.png", "9.png", "10.png", "²"]


def test_a_server_that_sends_any_number() -> None:
    for digits, sent in (("7", (7, 8, 7)), ("9" * 5000, (None, None, None))):
        header = f"bytes {digits}-{digits}/{digits}"
        response = SimpleNamespace(status=206, headers={"Content-Range": header})
        assert _sent(response) == sent
