"""Rates, ratios, the model's size, and the figures that are measured for each compressor."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.errors import InputError
from bitsback_lab.bench import comparison, peer_cache
from bitsback_lab.bench.comparison import Lineup, Row, best_layouts, compare, plan
from bitsback_lab.bench.itself import ours
from bitsback_lab.bench.process import PeerFailed
from bitsback_lab.bench.subject import Data
from bitsback_lab.peers.measure import Measurement, Peer
from bitsback_lab.peers.units import Images, layouts, pack, plain, same, shuffle, units
from plane_models import only_one_shape

FAST = Peer("zlib", "stream", zlib.compress, zlib.decompress, version="zlib 1")
SLOW = replace(FAST, name="slow", slow=True)
LOSSY = Peer("lossy", "stream", bytes, lambda data: b"", version="1")


def found(bytes_: int, pixels: int = 8000) -> Measurement:
    return Measurement("x", "stream", 10, pixels, bytes_, encode_seconds=0.5, decode_seconds=0.25)


def of(images: Images) -> Data:
    return Data("some", images, len(images))


def test_rate_ratio_and_speed() -> None:
    row = Row(found(500), raw_bytes=1000)
    assert row.measured.rate == 0.5
    assert row.ratio == 2
    assert row.measured.encode_speed == 0.016
    assert row.measured.decode_speed == 0.032


def test_with_the_model() -> None:
    row = Row(found(500), raw_bytes=1000, ours=True, model_bytes=1500)
    assert row.bytes_with_model == 2000
    assert (row.rate_with_model, row.ratio_with_model) == (2.0, 0.5)
    assert (row.measured.rate, row.ratio) == (0.5, 2)


def test_of_several_layouts_the_best_counts() -> None:
    rows = [
        Row(replace(found(size), name=name, unit=unit), 1000)
        for name, unit, size in (
            ("a", "mosaic", 90), ("a", "strip", 80), ("a", "mosaics", 95), ("a", "each", 99),
            ("b", "mosaics", 70), ("b", "stream", 85), ("b", "shuffled", 60),
        )
    ]  # fmt: skip
    kept = [(row.measured.name, row.measured.unit) for row in best_layouts(rows)]
    expected = [("b", "shuffled"), ("b", "mosaics"), ("a", "strip"), ("b", "stream"), ("a", "each")]
    assert kept == expected


def test_how_images_become_files() -> None:
    images = np.arange(2500 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(-1, 28, 28)
    assert layouts(images) == {"archive", "stream", "each", "mosaic", "mosaics", "strip"}
    first, second = units(images, "mosaics")
    assert first.shape == (45 * 28, 45 * 28)
    assert np.array_equal(first[:28, 28:56], images[1])
    assert np.array_equal(second[:28, :28], images[2000])
    assert units(images, "strip")[0].shape == (2500 * 28, 28)
    large = np.zeros((9, 1000, 600), np.uint8)
    assert [unit.shape for unit in units(large, "mosaics")] == [(2000, 1800), (1000, 1800)]
    assert "mosaics" not in layouts(large[:6])
    assert layouts(large[:1]) == layouts(list(large)) == {"archive", "stream", "each"}
    assert "shuffled" in layouts(large.astype(np.int16))


def test_what_came_back_is_compared() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    colour = np.stack([grey] * 3, axis=2)
    opaque = np.concatenate([colour, np.full((3, 4, 1), 255, np.uint8)], axis=2)
    assert same(grey, colour) and same(grey, opaque) and same(opaque, colour)
    assert same(grey > 3, (grey > 3) * np.uint8(255))
    assert same([grey, colour], [grey, colour])
    assert not same([grey, colour], [grey])
    assert not same(grey, grey[:2]) and not same(grey, colour + 1) and not same(grey, b"")
    assert not same(opaque - 1, colour)
    deep = grey.astype(np.uint16) + 250
    assert not same(deep, deep.astype(np.uint8))


def test_signed_elements_are_moved_and_narrowed() -> None:
    assert plain(np.array([-5, 250], np.int16)).tolist() == [0, 255]
    assert plain(np.array([-5, 250], np.int16)).dtype == np.uint8
    assert plain(np.array([-32768, 32767], np.int16)).tolist() == [0, 65535]
    assert plain(np.array([3, 300], np.uint16)).dtype == np.uint16
    assert shuffle(np.array([[[-1, 258]]], np.int16)) == bytes([0, 3, 0, 1])


def test_images_of_several_shapes_come_back(digits: NDArray[np.bool_]) -> None:
    colour = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    for images in ([digits[0], colour], [colour, colour.astype(np.int16)[..., 0] - 7]):
        for one in ours(images):
            assert same(images, one.peer.decode(one.peer.encode(images)))


def test_what_one_file_holds(digits: NDArray[np.bool_]) -> None:
    assert units(digits, "stream") == [np.packbits(digits).tobytes()]
    assert [unit.shape for unit in units(digits, "each")] == [(28, 28)] * 40
    assert [unit.shape for unit in units(digits, "mosaic")] == [(6 * 28, 7 * 28)]
    assert units(digits, "archive")[0] is digits
    assert len(pack(digits)) == digits.size // 8
    assert len(pack(digits.astype(np.uint8))) == digits.size


def test_the_model_adds_what_an_archive_with_it_has_more(digits: NDArray[np.bool_]) -> None:
    for one in ours(digits):
        archives = [io.BytesIO(), io.BytesIO()]
        for archive, embed in zip(archives, ("never", "always"), strict=True):
            bitsback.compress(digits, archive, model=one.model, embed=embed)
        without, with_model = (archive.tell() for archive in archives)
        added = one.model_bytes()
        assert added is not None and added <= with_model - without <= added + 9
        assert len(one.peer.encode(digits)) == without
        assert np.array_equal(one.peer.decode(one.peer.encode(digits)), digits)


def test_every_model_that_fits_is_measured(digits: NDArray[np.bool_]) -> None:
    names = {one.peer.name for one in ours(digits)}
    assert {"bitsback mnist-binary", "bitsback mnist-binary-paper"} <= names
    grey = {one.peer.name for one in ours(digits * np.uint8(200) + np.arange(28, dtype=np.uint8))}
    assert {"bitsback mnist", "bitsback mnist-paper"} <= grey
    alone = ("universal", "universal-16", "universal-fast")
    counted = ("universal-mixed", "universal-deep", "graphics", "graphics-grey")
    of_any_size = {f"bitsback {name}" for name in (*alone, *counted)}
    assert names & grey == of_any_size


def test_a_given_model_comes_first_and_once(digits: NDArray[np.bool_]) -> None:
    given = bitsback.load_model("mnist-binary-paper")
    names = [one.peer.name for one in ours(digits, [given])]
    assert names[0] == "bitsback mnist-binary-paper"
    assert len(names) == len(set(names)) == len(ours(digits))


def test_without_a_model_the_archive_is_still_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    only_one_shape(monkeypatch)
    images = np.zeros((5, 9, 9), np.uint8)
    (one,) = ours(images)
    assert (one.peer.name, one.model_bytes()) == ("bitsback, no model", None)
    assert np.array_equal(one.peer.decode(one.peer.encode(images)), images)


def test_the_smallest_comes_first_and_who_fails_is_named(
    digits: NDArray[np.bool_], calls: list[str]
) -> None:
    wanted = Lineup(ours(digits), [FAST, LOSSY], ["brotli is missing"])
    made = compare(of(digits), wanted)
    sizes = [row.measured.bytes for row in made.rows]
    assert sizes == sorted(sizes)
    assert made.failed == ["lossy, stream: lossy (stream) did not restore the images"]
    assert made.missing == ["brotli is missing"]
    assert len(made.rows) == len(wanted.ours) + 1


def test_if_all_fail_that_is_an_error(digits: NDArray[np.bool_], calls: list[str]) -> None:
    with pytest.raises(PeerFailed, match="lossy"):
        compare(of(digits), Lineup([], [LOSSY], []))


def test_progress_names_the_next(digits: NDArray[np.bool_], calls: list[str]) -> None:
    seen: list[tuple[int, int, str]] = []
    compare(of(digits), Lineup([], [FAST, SLOW], []), progress=lambda *state: seen.append(state))
    assert seen == [(0, 2, "zlib, stream"), (1, 2, "slow, stream"), (2, 2, "")]


def test_others_are_measured_once_and_ours_each_time(
    digits: NDArray[np.bool_], calls: list[str]
) -> None:
    wanted = Lineup(ours(digits)[:1], [FAST, SLOW], [])
    compare(of(digits), wanted)
    calls.clear()
    again = compare(of(digits), wanted)
    assert calls == ["bitsback mnist-binary, archive"]
    assert {row.measured.name: row.measured.cached for row in again.rows} == {
        "bitsback mnist-binary": False,
        "zlib": True,
        "slow": True,
    }
    calls.clear()
    compare(of(digits), wanted, remeasure=True)
    assert len(calls) == 3


def test_from_another_processor_only_slow_ones_are_taken(
    digits: NDArray[np.bool_], calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Lineup([], [FAST, SLOW], [])
    compare(of(digits), wanted)
    calls.clear()
    monkeypatch.setattr(comparison, "processor", lambda: "another")
    compare(of(digits), wanted)
    assert calls == ["zlib, stream"]


def test_what_is_asked_for(digits: NDArray[np.bool_], monkeypatch: pytest.MonkeyPatch) -> None:
    bilevel = replace(FAST, name="bilevel", two_levels_only=True)
    monkeypatch.setattr(
        comparison, "all_peers", lambda: ([SLOW, FAST, bilevel], ["zpaq is missing"])
    )
    every = plan(digits, [])
    assert [peer.name for peer in every.peers] == ["zlib", "bilevel", "slow"]
    assert every.missing == ["zpaq is missing"]
    assert [peer.name for peer in plan(digits * np.uint8(3), []).peers] == ["zlib", "slow"]
    assert [peer.name for peer in plan(digits, [], quick=True).peers] == ["zlib", "bilevel"]
    some = plan(digits, [], ["ZLIB", "paper"])
    assert [peer.name for peer in some.peers] == ["zlib"]
    assert [one.peer.name for one in some.ours] == ["bitsback mnist-binary-paper"]
    assert some.missing == []
    with pytest.raises(InputError, match=r"no codec 'zpaq'.*zlib, stream.*zpaq is missing"):
        plan(digits, [], ["zpaq"])
    with pytest.raises(InputError, match="--quick"):
        plan(digits, [], ["slow"], quick=True)


def test_the_digest_is_that_of_the_cache(digits: NDArray[np.bool_], calls: list[str]) -> None:
    assert compare(of(digits), Lineup([], [FAST], [])).digest == peer_cache.digest(digits)
