"""Find out whether a file is coded by its JPEG streams (docs/jpeg-format.md)."""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from bitsback.coding.streams import BEGIN, JpegStream, find_streams
from bitsback.files import formats

_log = logging.getLogger(__name__)
MOST_BYTES = 1 << 25
"""The most bytes of such a file, which is in memory whole, with its coefficients beside it."""
_LOOK = 1 << 16


@dataclass(frozen=True)
class JpegStreams:
    """The JPEG streams in a file."""

    streams: list[JpegStream]
    size: int
    """Of the file."""
    large: bool = False
    """Whether it is a JPEG file that is too large."""

    @property
    def coded(self) -> bool:
        """Whether some of them can be coded."""
        return any(stream.reason is None for stream in self.streams)

    @property
    def reason(self) -> str | None:
        """Why none is coded, of a file that has little else."""
        if self.large:
            return f"JPEG: it has more than {MOST_BYTES >> 20} MB"
        largest = max(self.streams, key=lambda stream: stream.length, default=None)
        if largest is None or 2 * sum(stream.length for stream in self.streams) < self.size:
            return None
        return f"JPEG: {largest.reason}"

    def log(self, name: str) -> None:
        """Tells of them. name: of the file."""
        kinds = Counter((stream.kind, stream.reason) for stream in self.streams)
        for (kind, reason), count in kinds.items():
            what = "coded" if reason is None else f"stored verbatim: {reason}"
            _log.info("%s: %d JPEG stream%s, %s, %s", name, count, "s" * (count != 1), kind, what)


def streams_in(file: BinaryIO, size: int) -> JpegStreams:
    """The JPEG streams in a file of so many bytes; none of one that is too large."""
    file.seek(0)
    if size > MOST_BYTES:
        return JpegStreams([], size, formats.JPEG.starts(file.read(formats.START)))
    if not _may_have_streams(file):
        return JpegStreams([], size)
    file.seek(0)
    return JpegStreams(find_streams(np.frombuffer(file.read(size), np.uint8)), size)


def _may_have_streams(file: BinaryIO) -> bool:
    """Whether the first bytes of a JPEG stream are in a file."""
    tail = b""
    while chunk := file.read(_LOOK):
        if BEGIN in tail + chunk:
            return True
        tail = chunk[1 - len(BEGIN) :]
    return False
