"""The cache of measurements: hits, misses, and its place."""

from __future__ import annotations

import json
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback_lab.bench import peer_cache
from bitsback_lab.bench.peer_cache import digest, measured
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from bitsback_lab.peers.measure import Peer

PEER = Peer("zlib", "stream", zlib.compress, zlib.decompress, version="zlib 1")

FASHION_MNIST = "9204961ca6c3afca6fe7b184ca3cfe26238f9b4751fa1ea443ae7ad2e646016e"
"""The digest of its test images."""


def test_the_digest_is_of_shape_dtype_and_bytes() -> None:
    zeros = np.zeros((2, 3, 4), np.uint8)
    others = (zeros.reshape(2, 4, 3), zeros.astype(bool), zeros + np.uint8(1), zeros[:1])
    assert len({digest(zeros), *map(digest, others)}) == 5
    assert digest(zeros) == digest(np.asfortranarray(zeros))


def test_the_second_time_it_is_looked_up(digits: NDArray[np.bool_], calls: list[str]) -> None:
    first = measured(PEER, digits)
    second = measured(PEER, digits)
    assert calls == ["zlib, stream"]
    assert (first.cached, second.cached) == (False, True)
    assert (first.bytes, first.rate, first.processor, first.date) == (
        second.bytes, second.rate, second.processor, second.date,
    )  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"unit": "each"}, {"version": "zlib 2"}], ids=str
)
def test_another_codec_unit_or_version_is_not_found(
    digits: NDArray[np.bool_], calls: list[str], change: dict[str, Any]
) -> None:
    measured(PEER, digits)
    assert peer_cache.look_up(PEER, digest(digits)) is not None
    assert peer_cache.look_up(replace(PEER, **change), digest(digits)) is None


def test_other_data_is_measured(digits: NDArray[np.bool_], calls: list[str]) -> None:
    measured(PEER, digits)
    measured(PEER, digits[:10])
    assert len(calls) == 2


def test_remeasure_measures_and_keeps(digits: NDArray[np.bool_], calls: list[str]) -> None:
    measured(PEER, digits)
    assert not measured(PEER, digits, remeasure=True).cached
    assert len(calls) == 2
    assert measured(PEER, digits).cached
    (file,) = peer_cache.folder().iterdir()
    assert len(json.loads(file.read_text())[digest(digits)]) == 1


def test_the_users_own_come_before_those_that_ship(
    digits: NDArray[np.bool_], calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = measured(PEER, digits)
    shipped = peer_cache.add({}, replace(own, processor="theirs"), digest(digits))
    monkeypatch.setattr(peer_cache, "shipped", lambda: shipped)
    assert measured(PEER, digits).processor == own.processor
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.cwd() / "empty"))
    assert measured(PEER, digits).processor == "theirs"
    assert len(calls) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a": 3}', '{"a": [{"name": "x", "colour": 3}]}', "\xff"]
)
def test_a_damaged_file_is_as_good_as_none(
    digits: NDArray[np.bool_], calls: list[str], text: str
) -> None:
    measured(PEER, digits)
    (file,) = peer_cache.folder().iterdir()
    file.write_text(text.replace('"a"', f'"{digest(digits)}"'), encoding="latin-1")
    assert not measured(PEER, digits).cached
    assert measured(PEER, digits).cached


def test_a_cache_that_cannot_be_written_is_done_without(
    digits: NDArray[np.bool_], calls: list[str]
) -> None:
    Path("cache").write_text("in the way")
    assert measured(PEER, digits).bytes == measured(PEER, digits).bytes
    assert len(calls) == 2


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("/some/where").absolute()))
    assert peer_cache.folder() == Path("/some/where").absolute() / "bitsback" / "bench"
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the standard says to ignore it
    for platform, expected in (("linux", "/home/me/.cache"), ("darwin", "/home/me/Library/Caches")):
        monkeypatch.setattr(sys, "platform", platform)
        assert peer_cache.folder() == Path(expected, "bitsback", "bench")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert peer_cache.folder() == Path("/local/bitsback/bench")


def test_what_ships_is_of_the_public_test_sets() -> None:
    shipped = peer_cache.shipped()
    known = {
        digest(binarised_mnist_test_images()): "bilevel",
        digest(mnist_test_images()): "grey",
        FASHION_MNIST: "grey",
    }
    assert set(shipped) == set(known)
    for data, measurements in shipped.items():
        assert len({(found.name, found.unit) for found in measurements}) == len(measurements)
        for found in measurements:
            assert (found.images, found.pixels) == (10_000, 7_840_000)
            assert found.version and found.processor and found.date
            assert not found.cached
            assert 0.15 < found.rate < (3 if known[data] == "bilevel" else 6)
            assert min(found.encode_seconds, found.decode_seconds) > 0


def test_what_ships_agrees_with_what_was_measured_by_others() -> None:
    """The shipped rates agree with earlier ones from another program and other package versions."""
    shipped = peer_cache.shipped()[digest(binarised_mnist_test_images())]
    rates = {(found.name, found.unit): found.rate for found in shipped}
    expected = {
        ("gzip -9", "stream"): 0.328, ("bz2 -9", "stream"): 0.250, ("xz -9e", "stream"): 0.278,
        ("zpaq -m5", "stream"): 0.210, ("JPEG XL e10", "mosaic"): 0.203,
        ("JBIG2 generic", "mosaic"): 0.1948,
        ("PNG", "each"): 1.370, ("WebP m6", "each"): 0.842,
    }  # fmt: skip
    assert {key: rates[key] for key in expected} == pytest.approx(expected, rel=0.01)


def test_what_is_written_can_be_read(
    calls: list[str], digits: NDArray[np.bool_], folder: Path
) -> None:
    found = measured(PEER, digits)
    results = peer_cache.add(peer_cache.add({}, found, "b"), replace(found, unit="each"), "a")
    peer_cache.write(folder / "results.json", results)
    text = (folder / "results.json").read_text()
    again = peer_cache.parse(text)
    peer_cache.write(folder / "results.json", again)
    assert (folder / "results.json").read_text() == text
    assert again["b"][0].bytes == found.bytes
    peer_cache.write(folder / "results.json", {})
    assert peer_cache.parse((folder / "results.json").read_text()) == {}
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["results.json"]
