"""Measure a compressor in a process of its own, which knows its peak memory and may crash."""

from __future__ import annotations

import json
import os
import pickle
import platform
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import BitsbackError
from bitsback_lab.peers.measure import Measurement, Peer, measure
from bitsback_lab.peers.units import Pictures

LEAST_SECONDS = 0.2
"""The time for which each direction is repeated."""


class PeerFailed(BitsbackError):
    """A compressor raised an error, crashed, or did not restore the images."""


def measure_apart(peer: Peer, images: Pictures) -> Measurement:
    """The result of `measure` for the peer in a new process. Raises PeerFailed."""
    with tempfile.TemporaryDirectory() as folder:
        _save(images, Path(folder, "images"))
        process = subprocess.Popen(
            [sys.executable, "-m", "bitsback_lab.bench.process", folder],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            # so that an interrupt reaches it and its programs only through this process
            start_new_session=True,
            env={**os.environ, "TMPDIR": folder},  # so that nothing is left behind
        )  # fmt: skip
        try:
            _, errors = process.communicate(pickle.dumps(peer))
        except BaseException:
            _end(process)
            raise
        answer = Path(folder, "answer.json")
        if not answer.exists():
            last = errors.decode(errors="replace").strip().splitlines()[-1:]
            raise PeerFailed(
                f"{peer.title}: "
                + _ending(process.returncode)
                + "".join(f": {line}" for line in last)
            )
        found = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in found:
        raise PeerFailed(f"{peer.title}: {found['error']}")
    day = datetime.now(UTC).date().isoformat()
    return replace(Measurement(**found), processor=processor(), date=day)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its children."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"exited with {code}"


def _save(images: Pictures, path: Path) -> None:
    """Images of several shapes as an npz file of an array each."""
    if isinstance(images, list):
        np.savez(path.with_suffix(".npz"), *images)
    else:
        np.save(path.with_suffix(".npy"), images)


def _load(path: Path) -> Pictures:
    if path.with_suffix(".npy").exists():
        images: NDArray[Any] = np.load(path.with_suffix(".npy"))
        return images
    with np.load(path.with_suffix(".npz")) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays.files))]


def _answer(folder: Path) -> None:
    """The part of the new process: it reads a peer from standard input, and writes the measurement,
    or the reason why there is none, to a file.
    """
    try:
        peer = pickle.load(sys.stdin.buffer)
        images = _load(folder / "images")
        found = asdict(measure(peer, images, LEAST_SECONDS))
    except Exception as error:  # a compressor may raise any error
        found = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
    (folder / "answer.json").write_text(json.dumps(found), encoding="utf-8")


def processor() -> str:
    """The processor's model name, where the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(": ")[2]
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    _answer(Path(sys.argv[1]))
