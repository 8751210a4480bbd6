"""The demo's data, peers, figure and table."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from bitsback_lab import demo
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from bitsback_lab.paper.figure1 import SCALE, Sample, draw_bits, samples
from bitsback_lab.peers.catalogue import standard_peers
from bitsback_lab.peers.measure import Peer, measure
from bitsback_lab.peers.units import mosaic


def test_the_images_are_those_that_were_published() -> None:
    images = mnist_test_images()
    assert images.shape == (10_000, 28, 28)
    assert images.dtype == np.uint8
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    assert digest == "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"


def test_binarisation_is_fixed() -> None:
    """Every published rate is of exactly these pixels."""
    images = binarised_mnist_test_images()
    assert (
        hashlib.sha256(np.packbits(images).tobytes()).hexdigest()
        == "e57c29358f8feb9d94da931970e5d4412a2ac9422f0a8515278b558a6d213cf7"
    )


@pytest.mark.parametrize("peer", standard_peers(), ids=lambda peer: f"{peer.name} {peer.unit}")
@pytest.mark.parametrize("levels", [2, 256])
def test_every_peer_restores_the_images(peer: Peer, levels: int) -> None:
    bilevel = levels == 2 or peer.two_levels_only
    images = (binarised_mnist_test_images() if bilevel else mnist_test_images())[:7]
    measured = measure(peer, images)
    assert measured.pixels == images.size
    assert 0 < measured.bytes < 2 * images.size


def test_a_peer_that_loses_a_pixel_is_caught() -> None:
    bad = Peer("bad", "stream", lambda data: data, lambda data: data[:-1] + b"\0")
    with pytest.raises(ValueError, match="bad"):
        measure(bad, np.ones((2, 4, 4), np.uint8))


def test_mosaic_tiles_row_by_row() -> None:
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1) + np.zeros((1, 2, 3), np.uint8)
    tiles = mosaic(images)
    assert tiles.shape == (4, 9)
    assert tiles[::2, ::3].tolist() == [[0, 1, 2], [3, 4, 0]]


def test_the_figure_shows_every_bit_once() -> None:
    images = np.zeros((30, 28, 28), bool)
    picture = np.asarray(draw_bits(images, [Sample("all ones", b"\xff" * 1000, 1000, 0.5)]))
    images[0, 0, 0] = True
    with_pixel = np.asarray(draw_bits(images, [Sample("all ones", b"\xff" * 1000, 1000, 0.5)]))
    without_bit = np.asarray(
        draw_bits(images, [Sample("all ones", b"\x7f" + b"\xff" * 1000, 1000, 0.5)])
    )
    assert np.sum(picture != with_pixel) == SCALE**2
    assert np.sum(with_pixel != without_bit) == SCALE**2


def test_the_figure_counts_what_thirty_images_take() -> None:
    images = binarised_mnist_test_images()[:60]
    archive = bytes(range(200))
    ours = samples(images, archive)[-1]
    assert (ours.name, ours.bits, ours.rate) == ("bitsback", 800, 1600 / images.size)


def test_the_demo_prints_a_table_and_writes_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = binarised_mnist_test_images()[:200]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "binarised_mnist_test_images", lambda: few)
    lines: list[str] = []
    demo.run(Path("made"), lines.append)
    text = "\n".join(lines)
    for name in ("bitsback", "gzip -9", "bz2 -9", "xz -9e", "PNG", "WebP", "mnist-binary-paper"):
        assert name in text
    assert max(map(len, lines)) <= 110
    assert sorted(path.name for path in Path("made").iterdir()) == ["figure1.png", "mnist-test.bb"]
