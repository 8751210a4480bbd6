"""Compressors that are programs on the PATH. Their files go through a temporary folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitsback_lab.peers.measure import Peer
from bitsback_lab.peers.units import Picture


def zpaq_peers() -> list[Peer]:
    """Raises ImportError if the program is missing, like the next function."""
    version = _version("zpaq", r"v(\S+)")
    return [
        Peer("zpaq -m5", "stream", _encode_zpaq, _decode_zpaq, version=f"zpaq {version}", slow=True)
    ]


def jbig2_peers() -> list[Peer]:
    version = f"jbig2enc {_version('jbig2', r'jbig2enc (.+)', '--version')}, "
    version += f"jbig2dec {_version('jbig2dec', r'jbig2dec (.+)', '--version')}"
    return _bilevel("JBIG2 generic", _encode_jbig2, _decode_jbig2, version)


def jbig1_peers() -> list[Peer]:
    version = _version("pbmtojbg", r"converter (\S+)", "-h")
    _version("jbgtopbm", r"converter (\S+)", "-h")
    return _bilevel("JBIG1", _encode_jbig1, _decode_jbig1, f"jbigkit {version}")


def _bilevel(
    name: str,
    encode: Callable[[Picture], bytes],
    decode: Callable[[bytes], NDArray[np.bool_]],
    version: str,
) -> list[Peer]:
    """A mosaic, and a file for each image, which takes a process for each."""
    mosaic = Peer(name, "mosaic", encode, decode, two_levels_only=True, version=version)
    return [mosaic, replace(mosaic, unit="each", slow=True)]


def _version(program: str, pattern: str, *arguments: str) -> str:
    """The version that the program prints, on either stream, since most of these do not exit with
    0. Raises ImportError.
    """
    if shutil.which(program) is None:
        raise ImportError(program)
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "of unknown version"


def _run(*command: str | Path) -> bytes:
    """Its standard output. Raises OSError with its last message."""
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        messages = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(
            f"{command[0]} exited with {done.returncode}"
            + (f": {messages[-1]}" if messages else "")
        )
    return done.stdout


def _encode_zpaq(data: bytes) -> bytes:
    """An archive of one file. It includes a time, which does not change its size."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "images"), Path(folder, "images.zpaq")
        source.write_bytes(data)
        _run("zpaq", "add", target, source, "-to", "images", "-method", "5", "-threads", "1")
        return target.read_bytes()


def _decode_zpaq(data: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "images.zpaq"), Path(folder, "restored")
        source.write_bytes(data)
        _run("zpaq", "extract", source, "images", "-to", target, "-threads", "1")
        return target.read_bytes()


def _encode_jbig2(picture: Picture) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.pbm")
        path.write_bytes(_pbm(picture))
        return _run("jbig2", path)


def _decode_jbig2(data: bytes) -> NDArray[np.bool_]:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "picture.jb2"), Path(folder, "picture.pbm")
        source.write_bytes(data)
        _run("jbig2dec", "-t", "pbm", "-o", target, source)
        return _from_pbm(target.read_bytes())


def _encode_jbig1(picture: Picture) -> bytes:
    """One layer, since layers of half the size make a file larger."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.pbm")
        path.write_bytes(_pbm(picture))
        return _run("pbmtojbg", "-q", path)


def _decode_jbig1(data: bytes) -> NDArray[np.bool_]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.jbg")
        path.write_bytes(data)
        return _from_pbm(_run("jbgtopbm", path))


def _pbm(picture: Picture) -> bytes:
    if picture.dtype != np.bool_:
        raise ValueError("JBIG codes two levels only")
    height, width = picture.shape
    return b"P4\n%d %d\n" % (width, height) + np.packbits(picture, axis=1).tobytes()


def _from_pbm(data: bytes) -> NDArray[np.bool_]:
    """Reads a PBM file, since Pillow refuses pictures of very many pixels."""
    found = re.match(rb"P4\s+(\d+)\s+(\d+)\s", data)
    if found is None:
        raise ValueError("it is no PBM file")
    width, height = map(int, found.groups())
    rows = np.frombuffer(data, np.uint8, offset=found.end()).reshape(height, -1)
    return np.unpackbits(rows, axis=1, count=width).view(np.bool_)
