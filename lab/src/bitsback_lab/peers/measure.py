"""Measure a compressor: sizes, times and peak memory, behind one interface for all of them."""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitsback_lab.peers.units import (
    Pictures,
    Unit,
    dtypes,
    elements,
    layouts,
    same,
    two_levels,
    units,
)

_STATUS = Path("/proc/self/status")


def peak_memory() -> int | None:
    """The largest resident size of this process and of the programs that it ran, in bytes; None if
    unknown.

    The resource usage of Linux includes the size of the parent process before this program started,
    so on Linux the size is read from /proc. For a program that was run, the usage is at least the
    size of this process.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.MULTILINE)
        own = int(found[1]) * 1024 if found else 0
    else:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(own, programs) or None


@dataclass(frozen=True)
class Peer:
    """A compressor, with its effort in its name. The unit determines the arguments and results of
    its functions (`units.py`).

    It is measured in a process of its own, so its functions must be picklable: functions of a
    module, or `functools.partial` of them.
    """

    name: str
    unit: Unit
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    two_levels_only: bool = False
    most_bits: int = 16
    """The bits of an element."""
    version: str = ""
    """The version of the package and the library that do the work: the same version makes the same
    bytes.
    """
    slow: bool = False
    """Whether it takes more than a few seconds for ten million pixels."""

    @property
    def title(self) -> str:
        return f"{self.name}, {self.unit}"

    def takes(self, images: Pictures) -> bool:
        """Whether it can code such images in this unit."""
        return (
            self.unit in layouts(images)
            and (two_levels(images) or not self.two_levels_only)
            and all(8 * dtype.itemsize <= self.most_bits for dtype in dtypes(images))
        )


@dataclass(frozen=True)
class Measurement:
    """The result of a compressor on some images, all of which it restored.

    A pixel has one channel here: one of RGB counts three times. Speeds are in 10^6 of these per
    second: MB/s if each counts as a byte, whatever its number of levels.
    """

    name: str
    unit: str
    images: int
    pixels: int
    """The pixels of all images together, all channels counted."""
    bytes: int
    encode_seconds: float
    decode_seconds: float
    memory_bytes: int | None = None
    """The peak resident size of the process that did both, or of a program that it ran if that was
    larger, including interpreter, libraries, images and files. None if it was not a process of its
    own, or if the system does not tell.
    """
    memory_before_bytes: int | None = None
    """The peak of that process before it began: interpreter and images, without the compressor's
    libraries.
    """
    version: str = ""
    processor: str = ""
    date: str = ""
    """The processor's name, and the day of the measurement (ISO 8601)."""
    cached: bool = False
    """Whether it was measured at another time."""

    @property
    def rate(self) -> float:
        """Bits per pixel and channel."""
        return 8 * self.bytes / self.pixels

    @property
    def encode_speed(self) -> float:
        return self.pixels / self.encode_seconds / 1e6

    @property
    def decode_speed(self) -> float:
        return self.pixels / self.decode_seconds / 1e6


def measure(peer: Peer, images: Pictures, least_seconds: float = 0.0) -> Measurement:
    """Encode and decode `images` here, and time both. Raises ValueError if a pixel comes back
    wrong.

    The first image is coded once before the clock starts, to load libraries and models. Both
    directions are repeated for at least `least_seconds` each; the medians count. Tiling, packing
    and their inverses count as the user's work and are not timed.
    """
    before = peak_memory()
    parts = units(images, peer.unit)
    first = units(images[:1], peer.unit)[0]
    peer.decode(peer.encode(first))
    encode_seconds, files = _timed(lambda: [peer.encode(part) for part in parts], least_seconds)
    decode_seconds, restored = _timed(lambda: [peer.decode(file) for file in files], least_seconds)
    peak = peak_memory()
    if not all(map(same, parts, restored)):
        raise ValueError(f"{peer.name} ({peer.unit}) did not restore the images")
    size = sum(map(len, files))
    return Measurement(
        peer.name,
        peer.unit,
        len(images),
        elements(images),
        size,
        encode_seconds,
        decode_seconds,
        peak,
        before,
        peer.version,
    )


def _timed(work: Callable[[], list[Any]], least_seconds: float) -> tuple[float, list[Any]]:
    """The median time of one run, and the result of the last one."""
    seconds: list[float] = []
    begin = end = time.perf_counter()
    while not seconds or end - begin < least_seconds:
        start = time.perf_counter()
        made = work()
        end = time.perf_counter()
        seconds.append(end - start)
    return statistics.median(seconds), made
