"""General compressors of Python's library and of packages, which see the bytes of all images as one
stream.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import platform
import zlib
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

from bitsback_lab.peers.measure import Peer

_EXTREME = 9 | lzma.PRESET_EXTREME


def standard_peers() -> list[Peer]:
    """The compressors of Python, each at its strongest setting. Python does not tell the versions
    of libbz2 and liblzma.
    """
    python = f"Python {platform.python_version()}"
    xz = Peer("xz -9e", "stream", partial(lzma.compress, preset=_EXTREME), lzma.decompress,
              version=python)  # fmt: skip
    return [
        Peer("gzip -9", "stream", partial(gzip.compress, compresslevel=9, mtime=0), gzip.decompress,
             version=f"zlib {zlib.ZLIB_RUNTIME_VERSION}"),
        Peer("bz2 -9", "stream", partial(bz2.compress, compresslevel=9), bz2.decompress,
             version=python),
        xz,
        replace(xz, unit="shuffled"),
    ]  # fmt: skip


def brotli_peers() -> list[Peer]:
    """Raises ImportError if the package is missing, like the next function."""
    version = f"brotli {import_module('brotli').__version__}"
    return [Peer("brotli 11", "stream", _encode_brotli, _decode_brotli, version=version, slow=True)]


def zstandard_peers() -> list[Peer]:
    zstandard: Any = import_module("zstandard")
    library = ".".join(map(str, zstandard.ZSTD_VERSION))
    version = f"zstandard {zstandard.__version__}, zstd {library}"
    zstd = Peer("zstd -22", "stream", _encode_zstandard, _decode_zstandard, version=version)
    return [zstd, replace(zstd, unit="shuffled")]


def _encode_brotli(data: bytes) -> bytes:
    packed: bytes = import_module("brotli").compress(data, quality=11, lgwin=24)
    return packed


def _decode_brotli(data: bytes) -> bytes:
    restored: bytes = import_module("brotli").decompress(data)
    return restored


def _encode_zstandard(data: bytes) -> bytes:
    packed: bytes = import_module("zstandard").ZstdCompressor(level=22).compress(data)
    return packed


def _decode_zstandard(data: bytes) -> bytes:
    restored: bytes = import_module("zstandard").ZstdDecompressor().decompress(data)
    return restored
