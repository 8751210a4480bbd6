"""A file at a URL that is replaced while it is read, and a server that sends other bytes than
requested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fsspec
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.io.remote.files import files_in
from bitsback.io.remote.ranges import Ranges
from bitsback.io.remote.url import Url, describe, differ

from .conftest import Web

CHANGED = r"x\.bb.* was changed while it was read; open it again"


@pytest.fixture(scope="session")
def replaced(noise: NDArray[np.int64]) -> bytes:
    """An archive of other values, with the same length and block lengths as that of the noise."""
    fs = fsspec.filesystem("memory")
    bitsback.compress(noise ^ 1, "memory://other.bb", block=20, model="fast", force=True)
    data: bytes = fs.cat("/other.bb")
    return data


MARKS = {
    "ETag": ('"one"', '"two"'),
    "Last-Modified": ("Mon, 02 Nov 2026 10:00:00 GMT", "Mon, 02 Nov 2026 10:00:01 GMT"),
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("read", [lambda archive: archive[200], lambda archive: archive.verify()])
def test_what_a_server_has_replaced_is_not_mixed(
    web: Web, packed: bytes, replaced: bytes, mark: str, read: Callable[[bitsback.Archive], Any]
) -> None:
    assert len(packed) == len(replaced)
    before, after = MARKS[mark]
    web.marks = {mark: before}
    with bitsback.open(web.url("x.bb")) as archive:
        archive[100]
        web.files["x.bb"], web.marks = replaced, {mark: after}
        with pytest.raises(bitsback.InputError, match=CHANGED):
            read(archive)
    with bitsback.open(web.url("x.bb")) as archive:
        assert archive.verify() == []


def test_one_of_another_length_is_seen_without_marks(web: Web, packed: bytes) -> None:
    for other in (packed + bytes(10), packed[:-10], b""):
        web.files["x.bb"] = packed
        with bitsback.open(web.url("x.bb")) as archive:
            web.files["x.bb"] = other
            with pytest.raises(bitsback.InputError, match=CHANGED):
                archive[200]


@pytest.mark.parametrize("command", [bitsback.decompress, "merge"])
def test_commands_name_what_was_changed(
    web: Web, packed: bytes, replaced: bytes, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.marks = {"ETag": '"one"'}
    fetch = Ranges._fetch

    def fetch_and_replace(self: Ranges, spans: list[tuple[int, int]]) -> dict[int, bytes]:
        found = fetch(self, spans)
        web.files["x.bb"], web.marks = replaced, {"ETag": '"two"'}
        return found

    monkeypatch.setattr(Ranges, "_fetch", fetch_and_replace)
    with pytest.raises(bitsback.InputError, match=CHANGED):
        if command == "merge":
            bitsback.merge([web.url("x.bb")], "memory://out.bb")
        else:
            command(web.url("x.bb"))
    assert not fsspec.filesystem("memory").exists("/out.bb")


def test_other_filesystems_are_asked(s3: dict[str, Any], packed: bytes, replaced: bytes) -> None:
    """Data without a version mark are checked by a second look at the file's description."""
    places: tuple[tuple[str, dict[str, Any]], ...] = ("memory://x.bb", {}), ("s3://bucket/x.bb", s3)
    for url, options in places:
        fs, path = fsspec.url_to_fs(url, **options)
        fs.pipe(path, packed)
        with bitsback.open(url, storage_options=options) as archive:
            archive[100]
            fs.pipe(path, replaced)
            with pytest.raises(bitsback.InputError, match=CHANGED):
                archive[200]


def test_a_picture_of_a_folder_is_as_it_was_listed(memory: Any) -> None:
    memory.pipe("/in/a", bytes(200_000))
    memory.pipe("/in/b", b"b")
    files = files_in(Url("memory://in"))
    memory.pipe("/in/a", b"1" * 200_000)
    with pytest.raises(OSError, match="was changed"):
        Ranges(files["a"])
    assert Ranges(files["b"]).read(0, 9) == b"b"


@pytest.mark.parametrize("ranges", [True, False])
def test_no_more_is_read_than_was_asked_for(web: Web, ranges: bool) -> None:
    """The response is a body of 4 GB without a length, for a range or the whole file."""
    resource = pytest.importorskip("resource", reason="Windows does not tell of memory so")
    file = Ranges(Url(web.url("x.bb")))
    web.ranges, web.surplus, web.sent = ranges, 1 << 32, 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(OSError, match=r"cannot send a part of it; let fsspec make a copy"):
        file.read(1 << 20, 100_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 16  # KiB
    assert web.sent < 1 << 26, "what the sockets hold"


def test_the_surest_mark_that_both_have_decides() -> None:
    one = describe({"ETag": "a", "LastModified": 1}, 5)
    assert not differ(one, describe({"ETag": "a", "LastModified": 2}, 5))
    assert differ(one, describe({"ETag": "b", "LastModified": 1}, 5))
    assert differ(one, describe({"ETag": "a"}, 6))
    assert differ(one, describe({"LastModified": 2}, None))
    assert not differ(one, describe({}, None))
