"""The list of compressors, and that each works as described."""

from __future__ import annotations

import pickle
import shutil
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from bitsback_lab.peers import image_codecs, programs, streams
from bitsback_lab.peers.catalogue import all_peers, optional_peers, standard_peers
from bitsback_lab.peers.measure import Peer, measure
from bitsback_lab.peers.units import Pictures

PEERS, MISSING = all_peers()


RNG = np.random.default_rng(0)
DEEP = RNG.integers(40, 3000, (3, 20, 30), np.uint16)
COLOUR = RNG.integers(0, 256, (3, 20, 30, 4), np.uint8)
SOME: dict[str, Pictures] = {
    "bilevel": COLOUR[..., 0] > 99,
    "grey": COLOUR[..., 0],
    "grey with alpha": np.ascontiguousarray(COLOUR[..., :2]),
    "RGB": np.ascontiguousarray(COLOUR[..., :3]),
    "RGBA": COLOUR,
    "opaque RGBA": COLOUR | np.array([0, 0, 0, 255], np.uint8),
    "five planes": np.concatenate([COLOUR, COLOUR[..., :1]], axis=3),
    "16 bits": DEEP,
    "all 16 bits": (DEEP * np.uint16(21)),
    "signed": DEEP.astype(np.int16) - np.int16(1000),
    "signed bytes": COLOUR[..., 0].view(np.int8),
    "RGB of 16 bits": np.stack([DEEP, DEEP // 2, DEEP // 3], axis=3),
    "one": COLOUR[:1],
    "mixed": [COLOUR[0], COLOUR[1, :5, :7, 0], COLOUR[2, ..., :2] > 99, DEEP[0]],
    "mixed bilevel": [COLOUR[0, ..., 0] > 99, COLOUR[1, :9, :7, 0] > 99],
}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.title)
def test_a_peer_restores_what_it_takes_and_has_a_version(peer: Peer) -> None:
    taken = {name: images for name, images in SOME.items() if peer.takes(images)}
    if not peer.two_levels_only and peer.unit not in ("shuffled", "mosaics"):
        assert {"bilevel", "grey", "grey with alpha", "RGB", "RGBA", "five planes"} <= set(taken)
        assert ("RGB of 16 bits" in taken) == (peer.most_bits == 16)
    few = {"bilevel", "mixed"} if peer.unit == "stream" else set(taken)  # bytes are bytes
    for name in few & set(taken):
        assert measure(peer, taken[name]).bytes > 0
    assert peer.version
    assert pickle.loads(pickle.dumps(peer)) is not None


def test_who_takes_what() -> None:
    titles = {name: {peer.title for peer in PEERS if peer.takes(SOME[name])} for name in SOME}
    if shutil.which("jbig2") and shutil.which("jbig2dec"):  # programs that a machine may not have
        assert "JBIG2 generic, each" in titles["mixed bilevel"] & titles["bilevel"]
    assert "CCITT G4, each" in titles["bilevel"]
    assert not {"JBIG2 generic, each", "CCITT G4, each"} & titles["mixed"]
    assert "xz -9e, shuffled" in titles["16 bits"] & titles["mixed"]
    assert "xz -9e, shuffled" not in titles["RGB"]
    assert "WebP m6, each" in titles["RGB"] - titles["mixed"] - titles["signed"]
    for name in ("one", "mixed", "mixed bilevel"):
        assert not any("mosaic" in title for title in titles[name])


def test_no_two_are_alike() -> None:
    assert len({(peer.name, peer.unit) for peer in PEERS}) == len(PEERS)


def test_all_are_the_standard_and_the_optional_ones() -> None:
    optional, missing = optional_peers()
    assert [peer.title for peer in PEERS] == [peer.title for peer in (*standard_peers(), *optional)]
    assert missing == MISSING


def test_one_that_is_absent_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        if name in ("brotli", "zstandard", "imagecodecs", "tomoz"):
            raise ImportError(name)
        return import_module(name)

    for module in ("bitsback_lab.peers.streams", "bitsback_lab.peers.image_codecs"):
        monkeypatch.setattr(f"{module}.import_module", absent)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    found, missing = optional_peers()
    assert found == []
    names = ("brotli", "zstandard", "imagecodecs", "tomoz", "zpaq", "JBIG2", "JBIG1")
    for name, line in zip(names, missing, strict=True):
        assert line.startswith(name)
        assert "\n" not in line
    assert all("pip install '.[peers]'" in line for line in missing[:3])


def test_a_program_that_fails_says_why(folder: Any) -> None:
    with pytest.raises(OSError, match=r"python.* exited with 3: so it is"):
        programs._run(
            shutil.which("python3") or "python",
            "-c",
            "import sys; print('so it is', file=sys.stderr); sys.exit(3)",
        )


def test_bilevel_codecs_refuse_grey_images() -> None:
    for encode in (programs._encode_jbig2, programs._encode_jbig1, image_codecs.encode_fax):
        with pytest.raises(ValueError, match="two levels"):
            encode(np.zeros((4, 4), np.uint8))


def test_streams_are_the_same_bytes_each_time() -> None:
    for peer in streams.standard_peers():
        assert peer.encode(b"abc" * 100) == peer.encode(b"abc" * 100)
