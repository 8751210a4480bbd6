"""Which compressors there are, and that each does what it says."""

from __future__ import annotations

import pickle
import shutil
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback.peers import programs, streams
from bitsback.peers.catalogue import all_peers, optional_peers, standard_peers
from bitsback.peers.measure import Peer, measure

PEERS, MISSING = all_peers()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.title)
def test_a_peer_restores_bilevel_and_grey_images_and_has_a_version(
    peer: Peer, digits: NDArray[np.bool_]
) -> None:
    grey = (digits[:5] * np.uint8(190)) + np.arange(28, dtype=np.uint8)
    for images in (digits[:5],) if peer.two_levels_only else (digits[:5], grey):
        assert measure(peer, images).bytes > 0
    assert peer.version
    assert pickle.loads(pickle.dumps(peer)) is not None


def test_no_two_are_alike() -> None:
    assert len({(peer.name, peer.unit) for peer in PEERS}) == len(PEERS)


def test_all_are_the_standard_and_the_optional_ones() -> None:
    optional, missing = optional_peers()
    assert [peer.title for peer in PEERS] == [peer.title for peer in (*standard_peers(), *optional)]
    assert missing == MISSING


def test_one_that_is_absent_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        if name in ("brotli", "zstandard", "imagecodecs"):
            raise ImportError(name)
        return import_module(name)

    for module in ("bitsback.peers.streams", "bitsback.peers.jpegs"):
        monkeypatch.setattr(f"{module}.import_module", absent)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    found, missing = optional_peers()
    assert found == []
    assert len(missing) == 5
    for name, line in zip(
        ("brotli", "zstandard", "imagecodecs", "zpaq", "JBIG2"), missing, strict=True
    ):
        assert line.startswith(name)
        assert "\n" not in line
    assert all("pip install 'bitsback[peers]'" in line for line in missing[:3])


def test_a_program_that_fails_says_why(folder: Any) -> None:
    with pytest.raises(OSError, match=r"python.* exited with 3: so it is"):
        programs._run(
            shutil.which("python3") or "python",
            "-c",
            "import sys; print('so it is', file=sys.stderr); sys.exit(3)",
        )


def test_jbig2_refuses_grey_images() -> None:
    with pytest.raises(ValueError, match="two levels"):
        programs._encode_jbig2(np.zeros((4, 4), np.uint8))


def test_streams_are_the_same_bytes_each_time() -> None:
    for peer in streams.standard_peers():
        assert peer.encode(b"abc" * 100) == peer.encode(b"abc" * 100)
