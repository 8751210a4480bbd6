"""Decide whether a file is coded by its JPEG streams (docs/jpeg-format.md)."""

import logging
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

import numpy as np

from bitsback import tables
from bitsback.coding.streams import BEGIN, MOST_BEFORE, NO_TABLE, JpegStream, find_streams
from bitsback.files import formats
from bitsback.summary import NO_PICTURE

_log = logging.getLogger(__name__)
MOST_BYTES = 1 << 25
"""The greatest size of a file that is loaded into memory, together with its coefficients."""
_LOOK, _CHUNK, _BEGINNING = 1 << 16, 1 << 20, 1 << 21
_MOST_OF_TABLES = 1 << 12
_TABLES = [bytes([marker]) for marker in (0xC4, 0xDB, 0xDD, 0xEE, 0xFE)]
"""The markers of segments in a stream that has only tables."""


@dataclass(frozen=True)
class JpegStreams:
    """The JPEG streams in a file, or at the beginning of a large file.

    Large files are coded in parts.
    """

    streams: list[JpegStream]
    tables: bytes
    """Streams with only tables that parts of the file need.

    They come from a large file. Or they are the tables of the standard, which frames of Motion JPEG
    leave out.
    """
    size: int
    """The bytes of the file, or of its examined beginning."""
    large: bool = False

    @property
    def coded(self) -> bool:
        """Whether any of the streams can be coded."""
        return any(stream.reason is None for stream in self.streams)

    @property
    def reason(self) -> str | None:
        """The reason why no stream is coded, for a file that has little else."""
        largest = max(self.streams, key=lambda stream: stream.length, default=None)
        if largest is None or 2 * sum(stream.length for stream in self.streams) < self.size:
            return None
        return f"JPEG: {largest.reason}"

    def log(self, name: str) -> None:
        """Logs the streams. name: the name of the file."""
        kinds = Counter((stream.kind, stream.reason) for stream in self.streams)
        for (kind, reason), count in kinds.items():
            what = "coded" if reason is None else f"stored verbatim: {reason}"
            streams = f"{count:,} JPEG stream{'s' * (count != 1)}{' at its beginning' * self.large}"
            _log.info("%s: %s, %s, %s", name, streams, kind, what)


def joined_reason(streams: JpegStreams, reason: str) -> str:
    """The reason to store a file verbatim, with the reason of its JPEG streams."""
    alone = reason in (formats.JPEG.label, NO_PICTURE)
    if alone and streams.reason is not None:
        return streams.reason
    return "; ".join(filter(None, (reason, streams.reason)))


def streams_in(file: BinaryIO, size: int) -> JpegStreams:
    """The JPEG streams in a file of `size` bytes."""
    if size > MOST_BYTES:
        return _at_beginning(file)
    if not _may_have_streams(file):
        return JpegStreams([], b"", size)
    file.seek(0)
    content = file.read(size)
    return JpegStreams(*_find(content), size)


def _at_beginning(file: BinaryIO) -> JpegStreams:
    """The JPEG streams at the beginning of a large file."""
    file.seek(0)
    content = file.read(_BEGINNING)
    own = _tables_in(file) if formats.TIFF.starts(content[: formats.START]) else b""
    streams, before = _find(content, own)
    if formats.JPEG.starts(content[: formats.START]):  # a part of a picture cannot be coded
        reason = f"it has more than {MOST_BYTES >> 20} MB"
        streams = [replace(stream, reason=reason) for stream in streams[:1]]
    return JpegStreams(streams, before, len(content), True)


def _find(content: bytes, before: bytes = b"") -> tuple[list[JpegStream], bytes]:
    """The JPEG streams in the content of a file, and the tables that have to precede it."""
    streams = find_streams(np.frombuffer(before + content, np.uint8))
    if before or all(stream.reason != NO_TABLE for stream in streams):
        return streams, before
    header = tables.jpeg_header()
    standard = header[header.index(b"\xff\xc4") : header.index(b"\xff\xda")]
    return _find(content, b"\xff\xd8" + standard + b"\xff\xd9")


def _may_have_streams(file: BinaryIO) -> bool:
    """Whether a file contains the first bytes of a JPEG stream."""
    file.seek(0)
    tail = b""
    while chunk := file.read(_LOOK):
        if BEGIN in tail + chunk:
            return True
        tail = chunk[1 - len(BEGIN) :]
    return False


def _tables_in(file: BinaryIO) -> bytes:
    """Distinct streams with only tables in a file, up to a limit."""
    found: dict[bytes, None] = {}
    file.seek(0)
    tail = b""
    while chunk := file.read(_CHUNK):
        window = tail + chunk
        at = window.find(BEGIN)
        while at >= 0:
            found[_tables_at(window[at : at + _MOST_OF_TABLES])] = None
            at = window.find(BEGIN, at + 1)
        tail = window[-_MOST_OF_TABLES:]
    found.pop(b"", None)
    return b"".join(islice(found, MOST_BEFORE // _MOST_OF_TABLES))


def _tables_at(stream: bytes) -> bytes:
    """The stream with only tables at the start of `stream`; empty if there is none."""
    end = 2
    while stream[end : end + 1] == b"\xff" and stream[end + 1 : end + 2] in _TABLES:
        end += 2 + int.from_bytes(stream[end + 2 : end + 4], "big")
    return stream[: end + 2] if end > 2 and stream[end : end + 2] == b"\xff\xd9" else b""
