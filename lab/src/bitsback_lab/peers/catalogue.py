"""The list of lossless compressors that `bitsback train` and the lab compare with."""

from __future__ import annotations

from bitsback_lab.peers import image_codecs, programs, streams
from bitsback_lab.peers.measure import Peer

_PACKAGE = "is not installed; pip install '.[peers]'"

_OPTIONAL = (
    (streams.brotli_peers, f"brotli {_PACKAGE}"),
    (streams.zstandard_peers, f"zstandard {_PACKAGE}"),
    (image_codecs.jpeg_peers, f"imagecodecs (JPEG XL, JPEG-LS, JPEG 2000) {_PACKAGE}"),
    (image_codecs.tomoz_peers, "tomoz is not installed; pip install tomoz"),
    (
        programs.zpaq_peers,
        "zpaq is not installed; it is a program: apt-get install zpaq, brew install zpaq",
    ),
    (programs.jbig2_peers, "JBIG2 needs the programs jbig2 (jbig2enc) and jbig2dec"),
    (programs.jbig1_peers, "JBIG1 needs the programs pbmtojbg and jbgtopbm (jbigkit)"),
)


def standard_peers() -> list[Peer]:
    """The compressors of Python's standard library and Pillow, each at its strongest useful
    setting.
    """
    return streams.standard_peers() + image_codecs.pillow_peers()


def optional_peers() -> tuple[list[Peer], list[str]]:
    """The optional compressors that are installed, and a line about each one that is not."""
    found: list[Peer] = []
    missing: list[str] = []
    for make, absent in _OPTIONAL:
        try:
            found += make()
        except ImportError:
            missing.append(absent)
    return found, missing


def all_peers() -> tuple[list[Peer], list[str]]:
    """All available peers, and a line about each missing one."""
    found, missing = optional_peers()
    return standard_peers() + found, missing
